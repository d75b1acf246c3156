"""Strategies that use a pretrained network, on every network: trained, saved, and asked in a clean process."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from core import config, weights
from core.backbones import BACKBONES
from core.config import make_config
from core.data import datasets, edits
from core.learn import backbones, compute, features, lessons, predict, training
from core.learn.feed import Feed
from core.results import runs
from core.strategies import STRATEGIES

WITH_A_BACKBONE = [row.name for row in STRATEGIES.values() if "backbone" in row.defaults]
DEFAULT = next(iter(BACKBONES))
ASK = """
import json, sys
import numpy as np
from core.learn import predict
pictures = list(np.load(sys.argv[1]))
print(json.dumps({key: predict.predict_many(key, pictures).tolist() for key in sys.argv[2:]}))
"""


@pytest.fixture
def pets(photo):
    """Two classes of eight pictures: bright and dark."""
    datasets.create("pets", "photo")
    for offset, label in ((0, "bright"), (100, "dark")):
        pictures = [photo(offset + n) // (1 if label == "bright" else 3) for n in range(8)]
        edits.add_images("pets", label, [(str(n), picture) for n, picture in enumerate(pictures)])
    return datasets.load("pets")


@pytest.fixture
def random_weights(monkeypatch, tmp_path):
    """Networks whose "ImageNet weights" are random but always the same; float32 without measuring."""

    made: dict[tuple[str, int], list[np.ndarray]] = {}

    def network(backbone, weights_hash, size):
        model = backbones.build(BACKBONES[backbone], size)
        if (backbone, size) not in made:
            made[backbone, size] = in_range(model)
        model.set_weights(made[backbone, size])
        return model

    monkeypatch.setattr(features, "network", network)
    monkeypatch.setattr(config.weights, "find", lambda name: weights.Weights(tmp_path / name, "0" * 64))
    monkeypatch.setattr(compute, "fastest", lambda name, rate: "float32")


def in_range(model: keras.Model) -> list[np.ndarray]:
    """Random weights that leave something of an image behind many layers, as Keras' own initial ones do not."""
    rng = np.random.default_rng(7)
    for kernel in (weight for weight in model.weights if len(weight.shape) == 4):
        fan_in = np.prod(kernel.shape[: 2 if "depthwise" in kernel.path else 3])
        kernel.assign(rng.normal(0, np.sqrt(2 / fan_in), kernel.shape))  # He initialisation
    normalised = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in normalised:
        layer.momentum = 0.0  # statistics from one batch of noise
    model(rng.integers(0, 256, (4, *model.input_shape[1:])).astype(np.float32), training=True)
    return model.get_weights()


def asked(dataset, strategy, backbone, **knobs):
    smallest = BACKBONES[backbone].smallest_size
    tiny = {
        "backbone": backbone, "image_size": smallest + smallest % 2,
        "epochs": 1, "batch_size": 8, "learning_rate": 0.01,
    }  # fmt: skip
    if "views" in STRATEGIES[strategy].defaults:
        tiny["views"] = 2
    knobs = tiny | knobs
    return make_config(dataset.fingerprint, dataset.kind, strategy, knobs)


def taught(dataset, strategy, backbone, **knobs):
    run = runs.create(asked(dataset, strategy, backbone, **knobs), dataset)
    training.train(run.key)
    run = runs.find(run.key)
    assert run.state == "done", (run.message, run.values)
    return run


@pytest.mark.parametrize(
    "backbone",
    [pytest.param(name, marks=() if name == DEFAULT else pytest.mark.slow) for name in BACKBONES],
)
def test_strategies_on_every_network(pets, random_weights, backbone, photo, tmp_path):
    # The strategies that teach a head differ in the views they show, and full training is any network's `fit`. So
    # beyond the first network, where all are tried, one strategy for each way of freezing has to do: it takes minutes.
    names = WITH_A_BACKBONE if backbone == DEFAULT else ("bottleneck_augmented", "fine_tuning")
    trained = {name: taught(pets, name, backbone) for name in names}
    for strategy, run in trained.items():
        frozen_has_not_moved(run, STRATEGIES[strategy].learns)

    pictures = [photo(500), photo(501)]
    np.save(tmp_path / "pictures.npy", np.stack(pictures))
    keys = [run.key for run in trained.values()]
    command = [sys.executable, "-c", ASK, str(tmp_path / "pictures.npy"), *keys]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    for key, answer in json.loads(output.splitlines()[-1]).items():
        assert np.array(answer) == pytest.approx(predict.predict_many(key, pictures), abs=1e-5)


def backbone_of(settings):
    return features.network(settings.backbone, settings.weights, settings.image_size)


def frozen_has_not_moved(run, learns):
    model = keras.models.load_model(run.folder / "model.keras", compile=False)
    below, block = backbones.split(backbone_of(run.config), BACKBONES[run.config.backbone])
    if learns == "network":
        return
    # By content: Keras numbers unnamed layers anew in each model, and a saved model may order them anew.
    after = {array.tobytes() for array in model.get_weights()}
    for layer in weighted(below) + (weighted(block) if learns == "head" else []):
        assert all(array.tobytes() in after for array in layer.get_weights()), f"{layer.name} moved"
    if learns == "block":
        still = [isinstance(layer, keras.layers.BatchNormalization) for layer in weighted(block)]
        kept = [all(array.tobytes() in after for array in layer.get_weights()) for layer in weighted(block)]
        assert all(same for same, normalises in zip(kept, still, strict=True) if normalises)
        assert not all(kept)


def weighted(model):
    """The layers with weights, those inside of models among them."""
    flat = model._flatten_layers(include_self=False)
    return [layer for layer in flat if layer.weights and not isinstance(layer, keras.Model)]


def test_kept_activations_are_those_of_the_live_network(pets, random_weights):
    settings = asked(pets, "fine_tuning", "efficientnet_lite0")
    frozen = features.Frozen(settings, lambda: None)
    pictures, _ = lessons.pictures(settings, pets, "train", lambda **values: None)
    rows = np.arange(len(pictures.contents))
    view = features.View(settings.augmentation, 0, 1)
    kept = frozen.read(pictures, [features.View(), view], "block", lambda done, total: None)
    images = pictures.seen(rows, view, settings.prepare)
    below, _ = backbones.split(backbone_of(settings), BACKBONES["efficientnet_lite0"])
    live = np.asarray(below(images.astype(np.float32), training=False))
    assert np.abs(kept(rows, 1) - live).max() <= 2e-3 * np.abs(live).max()
    assert not np.array_equal(kept(rows, 0), kept(rows, 1))
    assert np.array_equal(kept(rows, 2), kept(rows, 0))  # the views come round again


def test_without_room_the_block_is_computed_live_and_gives_the_same(pets, random_weights, monkeypatch):
    settings = asked(pets, "fine_tuning", "efficientnet_lite0")
    pictures, _ = lessons.pictures(settings, pets, "train", lambda **values: None)
    views, rows = [features.View(settings.augmentation, 0, 0)], np.array([3, 1])
    with monkeypatch.context() as patch:
        patch.setattr(features, "BUDGET_BYTES", 1000)
        live = features.Frozen(settings, lambda: None).read(pictures, views, "block", lambda done, total: None)(rows, 0)
    kept = features.Frozen(settings, lambda: None).read(pictures, views, "block", lambda done, total: None)(rows, 0)
    assert np.abs(live.astype(float) - kept).max() <= 2e-3 * np.abs(kept).max()


def test_an_edited_data_set_computes_only_what_is_new(pets, random_weights, photo, monkeypatch):
    taught(pets, "bottleneck", "efficientnet_lite0")
    edits.add_images("pets", "dark", [("more", photo(900) // 3)])
    computed = []
    original = features.Frozen.__call__
    monkeypatch.setattr(
        features.Frozen, "__call__", lambda self, images: computed.append(len(images)) or original(self, images)
    )
    edited = datasets.load("pets")
    taught(edited, "bottleneck", "efficientnet_lite0")
    assert sum(computed) <= 3  # one new image; a new split may show two others for the first time


def test_a_second_run_on_the_same_images_computes_no_features(pets, random_weights, monkeypatch):
    taught(pets, "bottleneck", "efficientnet_lite0")
    monkeypatch.setattr(features.Frozen, "__call__", lambda self, images: pytest.fail("computed again"))
    taught(pets, "bottleneck", "efficientnet_lite0", seed=1)


def test_fine_tuning_resumes_with_the_block_it_had(pets, random_weights, monkeypatch):
    straight = taught(pets, "fine_tuning", "efficientnet_lite0", epochs=3)
    expected = runs.history(straight.key)
    runs.delete(straight.key)
    run = runs.create(straight.config, pets)
    with monkeypatch.context() as patch:
        patch.setattr(runs, "cancel_wished", lambda key: len(runs.history(key).get("loss", ())) == 1)
        patch.setattr(training, "REPORT_EVERY_S", 0)
        training.train(run.key)
    assert runs.find(run.key).state == "cancelled"
    training.train(run.key)
    assert runs.history(run.key)["loss"] == pytest.approx(expected["loss"], rel=0.02)


def test_other_weights_than_asked_for_are_refused(pets, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setattr(config.weights, "find", lambda name: weights.Weights(tmp_path / name, "0" * 64))
        run = runs.create(asked(pets, "bottleneck", "efficientnet_lite0"), pets)
    training.train(run.key)
    failed = runs.find(run.key)
    assert failed.state == "failed"
    assert "not those this training was asked for" in failed.message


@pytest.mark.slow
def test_two_devices_share_each_batch():
    """Two logical processors stand in for two GPUs, in a process of its own: devices are fixed once used."""
    script = """
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
from core.config import make_config
from core.learn import compute, lessons, networks
from core.learn.feed import Feed
compute.replicas = lambda: ["CPU:0", "CPU:1"]
rng = np.random.default_rng(0)
images, labels = rng.integers(0, 256, (20, 24, 24, 1), np.uint8), rng.integers(0, 2, 20)
with compute.scope():
    assert tf.distribute.get_strategy().num_replicas_in_sync == 2
    model = lessons.compiled(networks.shapes_cnn(24, 1, 2), make_config("f", "drawing", "shapes_cnn"), 3)
    feed = Feed(lambda rows, number: images[rows], labels, 8)
    batches = {"x": feed.dataset(), "validation_data": feed.dataset()}
    history = model.fit(**batches, steps_per_epoch=len(feed), validation_steps=len(feed), epochs=2, verbose=0)
print(len(history.history["val_loss"]), np.isfinite(history.history["loss"]).all())
"""
    output = subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert output.split() == ["2", "True"]


def test_every_view_of_an_epoch_is_shown(pets, random_weights):
    settings = asked(pets, "bottleneck_augmented", "efficientnet_lite0")
    lesson = lessons.prepare(settings, 2, pets, lambda **values: None)
    train = lesson.examples("train")
    feed = Feed(train.read, train.labels, 8, rounds=lesson.rounds)
    assert lesson.rounds == 2
    shown = np.concatenate([images for images, _labels in feed.epoch(0)])
    assert len(np.unique(shown, axis=0)) == 2 * len(train.labels)
