"""How strategies that use a pretrained network learn: what is kept, shared, computed live, refused and resumed."""

import subprocess
import sys

import numpy as np
import pytest

from core import config
from core.catalog import weights
from core.catalog.backbones import BACKBONES
from core.data import datasets, edits
from core.jobs import runner
from core.learn import backbones, devices, features, networks, recipes, training
from core.learn.batches import Batches
from core.results import runs
from core.storage.job_folder import JobFolder
from tests.learn.pretrained import asked, backbone_of, cancelled_after, taught


def test_kept_activations_are_those_of_the_live_network(pets, random_weights):
    settings = asked(pets, "fine_tuning", "efficientnet_lite0")
    frozen = features.FeatureExtractor(settings, lambda: None)
    pictures, _ = recipes.input_images(settings, pets, "train", lambda **values: None)
    rows = np.arange(len(pictures.contents))
    view = features.View(settings.augmentation, 0, 1)
    kept = frozen.extract(pictures, [features.View(), view], "block", lambda done, total: None)
    images = pictures.view(rows, view)
    below, _ = backbones.split(backbone_of(settings), BACKBONES["efficientnet_lite0"])
    live = np.asarray(below(images.astype(np.float32), training=False))
    assert np.abs(kept(rows, 1) - live).max() <= 2e-3 * np.abs(live).max()
    assert not np.array_equal(kept(rows, 0), kept(rows, 1))
    assert np.array_equal(kept(rows, 2), kept(rows, 0))  # the views come round again


def test_without_room_the_block_is_computed_live_and_gives_the_same(pets, random_weights, monkeypatch):
    settings = asked(pets, "fine_tuning", "efficientnet_lite0")
    pictures, _ = recipes.input_images(settings, pets, "train", lambda **values: None)
    views, rows = [features.View(settings.augmentation, 0, 0)], np.array([3, 1])
    with monkeypatch.context() as patch:
        patch.setattr(features, "BUDGET_BYTES", 1000)
        live = features.FeatureExtractor(settings, lambda: None).extract(
            pictures, views, "block", lambda done, total: None
        )(rows, 0)
    kept = features.FeatureExtractor(settings, lambda: None).extract(
        pictures, views, "block", lambda done, total: None
    )(rows, 0)
    assert np.abs(live.astype(float) - kept).max() <= 2e-3 * np.abs(kept).max()


def test_an_edited_data_set_computes_only_what_is_new(pets, random_weights, photo, monkeypatch):
    taught(pets, "bottleneck", "efficientnet_lite0")
    edits.add_images("pets", "dark", [("more", photo(900) // 3)])
    computed = []
    original = features.FeatureExtractor.__call__
    monkeypatch.setattr(
        features.FeatureExtractor,
        "__call__",
        lambda self, images: computed.append(len(images)) or original(self, images),
    )
    edited = datasets.load("pets")
    taught(edited, "bottleneck", "efficientnet_lite0")
    assert sum(computed) <= 3  # one new image; a new split may show two others for the first time


def test_a_second_run_on_the_same_images_computes_no_features(pets, random_weights, monkeypatch):
    taught(pets, "bottleneck", "efficientnet_lite0")
    monkeypatch.setattr(features.FeatureExtractor, "__call__", lambda self, images: pytest.fail("computed again"))
    taught(pets, "bottleneck", "efficientnet_lite0", seed=1)


def test_fine_tuning_resumes_with_the_block_it_had(pets, random_weights, monkeypatch):
    straight = taught(pets, "fine_tuning", "efficientnet_lite0", epochs=3)
    expected = runs.history(straight.key)
    runs.delete(straight.key)
    run = runs.create(straight.config, pets)
    with monkeypatch.context() as patch:
        patch.setattr(JobFolder, "cancel_requested", cancelled_after(1))
        patch.setattr(runner, "REPORT_EVERY_S", 0)
        training.train(run.key)
    assert runs.find(run.key).state == "cancelled"
    training.train(run.key)
    assert runs.history(run.key)["loss"] == pytest.approx(expected["loss"], rel=0.02)


def test_the_speed_that_stays_is_that_of_learning(pets, random_weights, monkeypatch):
    told, write = [], JobFolder.write_progress
    monkeypatch.setattr(
        JobFolder, "write_progress", lambda job, progress: told.append(progress) or write(job, progress)
    )
    monkeypatch.setattr(runner, "REPORT_EVERY_S", 0)
    run = taught(pets, "bottleneck", "efficientnet_lite0", epochs=3)
    assert {"describing", "training", "evaluating"} <= {progress.stage for progress in told}
    learning = [progress.images_per_second for progress in told if progress.stage == "training"]
    assert runs.progress(run.key).stage == "evaluating"
    assert runs.progress(run.key).images_per_second == learning[-1] > 0


def test_other_weights_than_asked_for_are_refused(pets, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setattr(config.weights, "find", lambda name: weights.Weights(tmp_path / name, "0" * 64))
        run = runs.create(asked(pets, "bottleneck", "efficientnet_lite0"), pets)
    training.train(run.key)
    failed = runs.find(run.key)
    assert failed.state == "failed"
    assert "have changed since this run was queued" in failed.message


@pytest.mark.slow
def test_two_devices_share_each_batch():
    """Two logical processors stand in for two GPUs, in a process of its own: devices are fixed once used."""
    script = """
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
from core.config import make_config
from core.data.manifest import Dataset
from core.learn import devices, recipes, networks
from core.learn.batches import Batches
devices.gpus = lambda: ["CPU:0", "CPU:1"]
rng = np.random.default_rng(0)
images, labels = rng.integers(0, 256, (20, 24, 24, 1), np.uint8), rng.integers(0, 2, 20)
with devices.scope():
    assert tf.distribute.get_strategy().num_replicas_in_sync == 2
    data = Dataset("none", "drawing", False, (), ())
    model = networks.with_fused_normalization(networks.shapes_cnn(24, 1, 2))
    model = recipes.compile_model(model, make_config(data, "shapes_cnn"), 3)
    batches = Batches(lambda rows, number: images[rows], labels, 8)
    data = {"x": batches.dataset(), "validation_data": batches.once()}
    history = model.fit(**data, steps_per_epoch=len(batches), validation_steps=len(batches), epochs=2, verbose=0)
print(len(history.history["val_loss"]), np.isfinite(history.history["loss"]).all())
"""
    output = subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert output.split() == ["2", "True"]


def test_every_view_of_an_epoch_is_shown(pets, random_weights):
    settings = asked(pets, "bottleneck_augmented", "efficientnet_lite0")
    recipe = recipes.make_recipe(settings, 2, pets, lambda **values: None)
    train = recipe.data("train")
    batches = Batches(train.load, train.labels, 8, rounds=recipe.rounds)
    assert recipe.rounds == 2
    shown = np.concatenate([images for images, _labels in batches.epoch(0)])
    assert len(np.unique(shown, axis=0)) == 2 * len(train.labels)


def test_of_a_handful_of_images_each_is_shown_several_times_an_epoch(pets, monkeypatch):
    monkeypatch.setattr(recipes, "FEWEST_STEPS", 20)
    settings = config.make_config(pets, "shapes_cnn", {})
    recipe = recipes.make_recipe(settings, 2, pets, lambda **values: None)
    train = recipe.data("train")
    batches = Batches(train.load, train.labels, settings.batch_size, 0, recipe.rounds)
    assert abs(len(batches) - 20) <= 1


def test_the_first_epochs_are_shown_smaller_whole_epochs_long(pets, monkeypatch):
    monkeypatch.setattr(recipes, "FEWEST_STEPS", 20)
    knobs = {"image_size": 48, "epochs": 4, "batch_size": 8, "progressive_resizing": 0.5}
    recipe = recipes.make_recipe(config.make_config(pets, "small_cnn", knobs), 2, pets, lambda **values: None)
    assert recipe.rounds > 1
    train = recipe.data("train")
    batches = Batches(train.load, train.labels, 8, 0, recipe.rounds, recipe.resized)
    sizes = [images.shape[1] for images, _ in batches.dataset().take(4 * len(batches))]
    assert sizes == [32] * 2 * len(batches) + [48] * 2 * len(batches)
    held_out = recipe.data("validation")
    assert held_out.load(np.arange(1), 0).shape == (1, 48, 48, 3)


def test_of_many_images_each_is_shown_once_an_epoch(pets, monkeypatch):
    monkeypatch.setattr(recipes, "FEWEST_STEPS", 1 / 8)
    settings = config.make_config(pets, "shapes_cnn", {})
    assert recipes.make_recipe(settings, 2, pets, lambda **values: None).rounds == 1


@pytest.mark.parametrize(("steps", "together"), [(1, 1), (125, 125), (1024, 512), (1030, 206), (521, 1)])
def test_steps_of_a_head_run_together_and_divide_the_epoch(pets, random_weights, steps, together):
    settings = asked(pets, "bottleneck", "efficientnet_lite0")
    assert recipes.compile_model(recipes.head_model(8, 2), settings, steps).steps_per_execution == together


@pytest.mark.parametrize("strategy", ["bottleneck", "shapes_cnn"])
def test_a_training_step_is_traced_once(pets, random_weights, strategy):
    settings = config.make_config(pets, strategy)
    model = recipes.head_model(8, 2) if strategy == "bottleneck" else networks.shapes_cnn(24, 1, 2)
    model = recipes.compile_model(model, settings, 3)
    traced, step = [], model.train_step
    model.train_step = lambda data: traced.append(1) or step(data)
    rows = np.zeros((12, *model.input_shape[1:]), np.float32)
    batches = Batches(lambda numbers, number: rows[numbers], np.arange(12) % 2, 4)
    model.fit(batches.dataset(), steps_per_epoch=3, epochs=2, shuffle=False, verbose=0)
    assert len(traced) == 1


def test_a_training_step_is_traced_once_for_all_sizes(pets):
    settings = config.make_config(pets, "small_cnn", {"image_size": 32})
    with devices.policy("mixed_bfloat16"):
        model = networks.of_any_size(networks.with_fused_normalization(networks.small_cnn(32, 3, 2)))
    model = recipes.compile_model(model, settings, 2)
    before = [variable.numpy() for variable in model.trainable_variables]
    traced, step = [], model.train_step
    model.train_step = lambda data: traced.append(1) or step(data)
    noise = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), np.uint8)
    batches = Batches(
        lambda rows, number: noise[rows, : 22 + 10 * number, : 22 + 10 * number], np.arange(8) % 2, 4, resized=True
    )
    model.fit(batches.dataset(), steps_per_epoch=2, epochs=2, shuffle=False, verbose=0)
    assert len(traced) == 1
    for variable, old in zip(model.trainable_variables, before, strict=True):
        assert np.isfinite(variable.numpy()).all()
        assert not np.array_equal(variable.numpy(), old)
