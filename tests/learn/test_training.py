import gc
import json

import keras
import numpy as np
import pytest

from core.catalog.backbones import BACKBONES
from core.catalog.strategies import STRATEGIES
from core.config import make_config
from core.data import datasets, edits
from core.data.synthetic_shapes import generate
from core.jobs import runner
from core.learn import predict, training
from core.results import runs
from core.storage.job_folder import JobFolder
from tests.learn.pretrained import cancelled_after


@pytest.fixture
def shapes():
    """Three classes of twelve drawings."""
    datasets.create("hands", "drawing")
    drawn = list(generate(12, 3))
    for label in ("circle", "rectangle", "triangle"):
        edits.add_images("hands", label, [(f"{n}", image) for n, (name, image) in enumerate(drawn) if name == label])
    return datasets.load("hands")


def new_run(dataset, strategy="shapes_cnn", **knobs):
    config = make_config(dataset, strategy, {"epochs": 4, "batch_size": 8} | knobs)
    return runs.create(config, dataset)


# Those with a pretrained network are tried on all of them in test_every_network; here one for each thing that learns.
TRIED = [row.name for row in STRATEGIES.values() if row.network] + ["bottleneck", "fine_tuning"]


@pytest.mark.slow
@pytest.mark.parametrize("strategy", TRIED)
def test_strategies_of_each_kind_train_save_and_predict(shapes, strategy):
    defaults = STRATEGIES[strategy].defaults
    smallest = {"image_size": BACKBONES[defaults["backbone"]].smallest_size} if "backbone" in defaults else {}
    run = new_run(shapes, strategy, epochs=2, **smallest)
    training.train(run.key)
    done = runs.find(run.key)
    assert done.state == "done", (done.message, done.values)
    probabilities = predict.predict_many(run.key, [np.full((50, 60, 3), 255, np.uint8)] * 3)
    assert probabilities.shape == (3, 3)
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-4)
    assert set(runs.evaluation(run.key)) == {"validation", "test"}
    assert not (run.folder / "checkpoint").exists()
    saved = np.load(run.folder / "predictions_test.npz")
    assert len(saved["labels"]) == len(shapes.live("test"))


def test_two_classes_get_one_unit_and_two_probabilities(shapes):
    dataset = edits.delete_class("hands", "circle")
    run = new_run(dataset, epochs=1)
    training.train(run.key)
    assert keras.models.load_model(run.folder / "model.keras").output_shape == (None, 1)
    [probabilities] = predict.predict_many(run.key, [np.zeros((20, 20, 3), np.uint8)])
    assert probabilities.shape == (2,)
    assert probabilities.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("strategy", "knobs", "stop"),
    [("shapes_cnn", {"seed": 1}, 2), ("small_cnn", {"image_size": 32, "progressive_resizing": 0.5}, 3)],
    ids=["one size", "smaller images first"],
)
def test_a_cancelled_training_goes_on_where_it_stopped(shapes, monkeypatch, strategy, knobs, stop):
    straight = new_run(shapes, strategy, **knobs)
    training.train(straight.key)
    expected = runs.history(straight.key)
    # The same training, under the same key, once more, but interrupted.
    runs.delete(straight.key)
    run = new_run(shapes, strategy, **knobs)
    with monkeypatch.context() as patch:
        patch.setattr(JobFolder, "cancel_requested", cancelled_after(stop))
        patch.setattr(runner, "REPORT_EVERY_S", 0)  # on a fast machine an epoch is over before the next look
        training.train(run.key)
    assert runs.find(run.key).state == "cancelled"
    assert [path.name for path in sorted((run.folder / "checkpoint").glob("epoch*"))] == [f"epoch-{stop:04d}.keras"]
    training.train(run.key)
    resumed = runs.history(run.key)
    assert runs.find(run.key).state == "done"
    for curve in ("loss", "val_loss"):
        # The optimizer's state and the order of images carried over: only rounding may differ.
        assert resumed[curve] == pytest.approx(expected[curve], rel=0.01)
    side, channels = run.config.image_size, STRATEGIES[strategy].channels
    assert keras.models.load_model(run.folder / "model.keras").input_shape == (None, side, side, channels)


def test_curves_ahead_of_the_checkpoint_are_cut_back(shapes, monkeypatch):
    run = new_run(shapes)
    with monkeypatch.context() as patch:
        patch.setattr(JobFolder, "cancel_requested", cancelled_after(2))
        patch.setattr(runner, "REPORT_EVERY_S", 0)  # on a fast machine an epoch is over before the next look
        training.train(run.key)
    history = runs.history(run.key)
    (run.folder / "history.json").write_text(json.dumps({name: [*values, 9.0] for name, values in history.items()}))
    training.train(run.key)
    assert len(runs.history(run.key)["loss"]) == 4
    assert 9.0 not in runs.history(run.key)["loss"]


def test_patience_stops_and_the_best_epoch_is_kept(shapes, monkeypatch):
    scores = iter([0.5, 0.9, 0.8, 0.8, 0.7, 0.6])
    run = new_run(shapes, epochs=50, patience=3)
    original = training.TrainingCallback.on_epoch_end

    def scripted(self, epoch, logs=None):
        original(self, epoch, {**logs, "val_accuracy": next(scores), "val_loss": 1.0})

    monkeypatch.setattr(training.TrainingCallback, "on_epoch_end", scripted)
    training.train(run.key)
    assert runs.history(run.key)["val_accuracy"] == [0.5, 0.9, 0.8, 0.8, 0.7]


def test_patience_begins_with_images_of_full_size(shapes):
    config = make_config(shapes, "small_cnn", {"epochs": 10, "progressive_resizing": 0.4, "patience": 3})
    falling = {"val_accuracy": [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2], "val_loss": [1.0] * 8}

    def after(epochs: int) -> bool:
        return training._is_finished({name: values[:epochs] for name, values in falling.items()}, config)

    assert [after(epochs) for epochs in range(9)] == [False] * 7 + [True] * 2


def test_epochs_with_smaller_images_count_for_less_on_the_way(shapes):
    config = make_config(shapes, "small_cnn", {"image_size": 150, "epochs": 10, "progressive_resizing": 0.4})
    assert [training._cost(config, epochs) for epochs in (0, 2, 4, 5, 10)] == [0, 200, 400, 550, 1300]


def test_equal_accuracy_is_decided_by_the_loss():
    assert training.best_epoch({"val_accuracy": [0.9, 0.9, 0.8], "val_loss": [0.5, 0.4, 0.1]}) == 1


def test_a_fault_is_recorded_and_raised(shapes, monkeypatch):
    run = new_run(shapes)
    monkeypatch.setattr(training, "_train", lambda run, report: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        training.train(run.key)
    failed = runs.find(run.key)
    assert failed.state == "failed"
    assert "ZeroDivisionError" in failed.message.format(**failed.values)


def test_a_run_of_another_version_is_read_but_not_trained(shapes, monkeypatch):
    with monkeypatch.context() as other:
        other.setattr("core.config.RECIPE_VERSION", 2)
        run = new_run(shapes)
    assert run.config.recipe_version == 2
    training.train(run.key)
    failed = runs.find(run.key)
    assert failed.state == "failed"
    assert "another version of Handful" in failed.message


def test_a_finished_run_of_an_earlier_version_predicts(shapes, monkeypatch):
    run = new_run(shapes, epochs=1)
    training.train(run.key)
    monkeypatch.setattr("core.config.RECIPE_VERSION", 2)
    monkeypatch.setattr(training, "RECIPE_VERSION", 2)
    assert run.key in [found.key for found in runs.every()]
    assert new_run(shapes, epochs=1).key != run.key
    training.train(run.key)
    assert runs.find(run.key).state == "done"
    assert predict.predict_many(run.key, [np.zeros((20, 20, 3), np.uint8)]).shape == (1, 3)


def test_a_finished_run_is_not_trained_again(shapes, monkeypatch):
    run = new_run(shapes, epochs=1)
    training.train(run.key)
    monkeypatch.setattr(training, "_train", lambda run, report: pytest.fail("trained again"))
    training.train(run.key)


def test_one_result_for_one_image_alone_or_among_others(shapes):
    run = new_run(shapes, epochs=1)
    training.train(run.key)
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (40, 40, 3), np.uint8) for _ in range(5)]
    together = predict.predict_many(run.key, pictures)
    alone = np.stack([predict.predict_many(run.key, [picture])[0] for picture in pictures])
    assert alone == pytest.approx(together, abs=1e-5)


def test_garbage_is_looked_for_again_once_tensorflow_is_there():
    assert gc.isenabled()
    assert gc.get_freeze_count() > 100_000  # what came with it is left alone
