"""A training that is killed at any moment, or meets a full disk, and what becomes of it when it is asked for again."""

import errno
import json
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from core.config import make_config
from core.data import datasets, edits
from core.learn import checkpoints, devices, predict, recipes, training
from core.learn.batches import from_array
from core.results import runs
from core.storage import job_folder

WRITES = {"os.rename", "os.remove", "os.link", "open"}  # folders are only made and removed around these
VALIDATION = [0.5, 0.9, 0.7]  # accuracy by epoch: the second one is the best
BEST = 2


class Killed(BaseException):
    """The process is no more."""


class Disk:
    """Counts what is written, and fails at one write: for good, as for a process that is killed there."""

    def __init__(self):
        self.home, self.count, self.fails, self.failure = "", 0, lambda number: False, Killed
        sys.addaudithook(self.audit)  # which Python never takes away again: it does nothing while there is no home

    def audit(self, event: str, args: tuple) -> None:
        if not self.home or event not in WRITES:
            return
        if event == "open":
            path, mode, flags = args
            if not str(path).startswith(self.home) or not (set(mode or "") & set("wax+") or (flags or 0) & 3):
                return
        self.count += 1
        takes_space = event in ("open", "os.link")
        if (self.failure is Killed or takes_space) and self.fails(self.count):
            raise self.failure


DISK = Disk()


@pytest.fixture
def disk(home):
    DISK.home, DISK.count, DISK.fails, DISK.failure = str(home), 0, lambda number: False, Killed
    yield DISK
    DISK.home = ""


class Model:
    """What learns here: it knows how many epochs it has seen, and how well it does follows from that."""

    variables = ()

    def __init__(self, epochs: int = 0):
        self.epochs, self.stop_training = epochs, False

    def save(self, path: Path) -> None:
        path.write_text(str(self.epochs))

    def fit(self, _batches: object, initial_epoch: int, epochs: int, callbacks: list, **_more: object) -> None:
        [follow] = callbacks
        follow.set_model(self)
        for epoch in range(initial_epoch, epochs):
            follow.on_epoch_begin(epoch)
            self.epochs += 1
            accuracy = VALIDATION[self.epochs - 1]
            follow.on_epoch_end(epoch, {"loss": 1 / self.epochs, "val_accuracy": accuracy, "val_loss": 1 - accuracy})


@pytest.fixture
def pets(photo):
    """As few images as can be trained on."""
    datasets.create("pets", "photo")
    for label in ("bright", "dark"):
        edits.add_images("pets", label, [(f"{n}", photo(n + 9 * len(label))) for n in range(5)])
    return datasets.load("pets")


class Batches:
    def __init__(self, *_arguments: object):
        self.images = 1

    def __len__(self) -> int:
        return 1

    def dataset(self, _epoch: int) -> None: ...

    def once(self) -> None: ...


@pytest.fixture
def quick(monkeypatch):
    """Trainings with everything but Keras: files, states and the order of what happens are real."""
    data = recipes.SplitData(from_array(np.zeros((2, 1))), np.array([0, 1]))
    recipe = SimpleNamespace(
        dtype="float32",
        rounds=1,
        resized=False,
        build=Model,
        finish=lambda best: (best, lambda rows: rows),
        data=lambda split: data,
    )
    monkeypatch.setattr(recipes, "make_recipe", lambda *_: recipe)
    monkeypatch.setattr(recipes, "compile_model", lambda model, *_: model)
    monkeypatch.setattr(training, "Batches", Batches)
    monkeypatch.setattr(checkpoints.keras.models, "load_model", lambda path, **_: Model(int(path.read_text())))
    monkeypatch.setattr(predict, "in_batches", lambda model, read, n, check: check() or np.eye(2))
    monkeypatch.setattr(devices, "free_memory", lambda: None)
    monkeypatch.setattr(devices, "device", lambda: "CPU")


def config(dataset, seed=0):
    return make_config(dataset, "small_cnn", {"epochs": len(VALIDATION), "patience": 4, "seed": seed})


def trained(dataset, seed: int = 0) -> runs.Run:
    """What a visitor's Train button and a worker do."""
    run = runs.create(config(dataset, seed), dataset)
    if run.state != "done":
        runs.job(run.key).set_state("queued", seconds=run.seconds)
    training.train(run.key)
    return runs.find(run.key)


def check_whole(run: runs.Run) -> None:
    assert run.state == "done"
    assert runs.history(run.key)["val_accuracy"] == VALIDATION
    assert (run.folder / "model.keras").read_text() == str(BEST)
    assert runs.evaluation(run.key)["test"]["n"] == 2
    with np.load(run.folder / "predictions_validation.npz") as kept:
        assert kept["probabilities"].shape == (2, 2)
    assert {path.name for path in run.folder.iterdir()} == {
        "run.json", "manifest.json", "status.json", "progress.json", "history.json", "evaluation.json", "lock",
        "model.keras", "predictions_validation.npz", "predictions_test.npz",
    }  # fmt: skip


@pytest.mark.slow
def test_a_kill_at_any_write_changes_nothing_in_the_end(pets, quick, disk):
    check_whole(trained(pets))
    kill, was_killed = 0, True
    while was_killed:
        kill, disk.count, was_killed = kill + 1, 0, False
        disk.fails = lambda number, kill=kill: number >= kill
        try:
            trained(pets, seed=kill)
        except Killed:
            was_killed = True
        disk.fails = lambda number: False
        check_whole(trained(pets, seed=kill))
    assert kill > 50
    assert runs.unreadable() == []
    assert len(runs.every()) == kill + 1
    assert not list(runs.folder("").glob(".writing-*"))


def test_a_kill_is_survived_more_than_once(pets, quick, disk):
    lives, ended = 0, False
    while not ended:
        lives, disk.count = lives + 1, 0
        disk.fails = lambda number, lives=lives: number >= 10 + 2 * lives  # each lives a little longer
        with suppress(Killed):
            trained(pets)
            ended = True
    disk.fails = lambda number: False
    assert lives > 5
    check_whole(runs.find(config(pets).key))


def test_curves_and_best_epoch_come_from_the_checkpoint_alone(pets, quick, disk):
    run = runs.create(config(pets), pets)
    model, curves = Model(), {"val_accuracy": [], "val_loss": []}
    for accuracy in VALIDATION:
        model.epochs += 1
        curves["val_accuracy"].append(accuracy)
        curves["val_loss"].append(1 - accuracy)
        checkpoints.save(run, model, curves)
    (run.folder / "history.json").write_text(json.dumps({"val_loss": [9.0] * 7}))
    kept, history = checkpoints.load(run)
    assert (kept.epochs, history) == (3, curves)
    assert checkpoints.load_best(run, history).epochs == BEST
    assert {path.name for path in (run.folder / "checkpoint").iterdir()} == {
        "epoch-0003.keras", "history-0003.json", "best-0002.keras"
    }  # fmt: skip


@pytest.mark.parametrize("file", ["epoch-0001.keras", "history-0001.json", "best-0001.keras"])
def test_a_damaged_checkpoint_is_told_and_the_next_attempt_begins_anew(pets, quick, disk, file):
    run = runs.create(config(pets), pets)
    checkpoints.save(run, Model(1), {"val_accuracy": [0.5], "val_loss": [0.5]})
    (run.folder / "checkpoint" / file).unlink()  # of two names of one file, damage one
    (run.folder / "checkpoint" / file).write_text("?")
    if file.startswith("best"):
        full = {"val_accuracy": [0.9, 0.5, 0.5], "val_loss": [0.5] * 3}
        (run.folder / "checkpoint" / "epoch-0001.keras").rename(run.folder / "checkpoint" / "epoch-0003.keras")
        (run.folder / "checkpoint" / "history-0003.json").write_text(json.dumps(full))
    training.train(run.key)
    failed = runs.find(run.key)
    assert failed.state == "failed"
    assert file.partition("-")[0] in failed.message.format(**failed.values)
    check_whole(trained(pets))


def test_a_full_disk_ends_a_training_with_one_sentence_and_it_goes_on_when_there_is_room(pets, quick, disk):
    run = runs.create(config(pets), pets)
    training_began = disk.count
    training.train(run.key)
    writes = disk.count - training_began
    runs.delete(run.key)
    for full in range(3, writes - 12, 5):  # from the first state on to the last one
        run = runs.create(config(pets, seed=full), pets)
        began, reserve = disk.count, run.folder / "reserve"

        def fails(number: int, first=began + full, reserve=reserve) -> bool:
            return number >= first and reserve.exists()  # until that is given back

        disk.failure, disk.fails = OSError(errno.ENOSPC, "No space left on device"), fails
        training.train(run.key)
        disk.fails = lambda number: False
        failed = runs.find(run.key)
        assert failed.state == "failed", full
        assert "The disk is full" in failed.message, full
        training.train(run.key)
        check_whole(runs.find(run.key))


def test_a_deleted_run_stays_deleted_whatever_its_training_still_writes(pets, quick, monkeypatch):
    run = runs.create(config(pets), pets)
    original = checkpoints.save

    def deleted_meanwhile(run, model, history):
        if len(history["val_loss"]) == 2:
            runs.job(run.key).set_state("cancelled")
            runs.delete(run.key)
        original(run, model, history)

    monkeypatch.setattr(checkpoints, "save", deleted_meanwhile)
    training.train(run.key)
    assert not run.folder.exists()
    training.train(run.key)  # neither does one that comes too late
    assert not run.folder.exists()
    with pytest.raises(job_folder.Gone):
        runs.job(run.key).write_progress(runs.Progress())


def test_a_run_is_held_while_a_process_trains_it(pets, quick, monkeypatch):
    run = runs.create(config(pets), pets)
    seen = []
    monkeypatch.setattr(checkpoints, "load", lambda run: seen.append(runs.job(run.key).held))
    assert not runs.job(run.key).held
    training.train(run.key)
    assert seen == [True]
    assert not runs.job(run.key).held
