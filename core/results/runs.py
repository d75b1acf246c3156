"""Runs: the folder of one TrainConfig under `weights/runs/KEY/`, the cache that answers a second question at once.

run.json         what was asked: configuration, data set's name, classes, when
status.json      queued | running | done | failed | cancelled; "done" is written last of all files
progress.json    the heartbeat of a running job
history.json     one list per curve, one number per finished epoch
manifest.json    the data set's manifest as it was: later edits do not change what this run learns from
images/          the data set's live images, linked, until it is done; built-in data sets keep theirs
cancel           present while a person wishes a running job to stop
lock             held by the process that trains it
evaluation.json  accuracy and confusion per split; predictions_SPLIT.npz beside it
model.keras      the best epoch
checkpoint/      the last finished epoch with its optimizer, while not done (core.learn.checkpoints)

The folder appears whole, and goes whole; a job whose folder is deleted does not bring it back.
"""

import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.config import KEY_LENGTH, TrainConfig
from core.data import datasets, manifest
from core.data.splits import SPLITS
from core.errors import UserError
from core.results import material
from core.results.metrics import Scores
from core.storage import workspace
from core.storage.job_folder import JobFolder, JobProgress, JobStatus
from core.storage.locks import lock
from core.storage.typed import typed

STAGES = ("waiting", "starting", "reading", "describing", "measuring", "training", "evaluating")
KEY = re.compile(rf"[0-9a-f]{{{KEY_LENGTH}}}")
QUESTION = {"config", "dataset", "classes", "created"}  # what run.json holds
FRESH_S = 0.1  # a file written no longer ago than this may be replaced within the same tick of the clock


@dataclass(frozen=True, kw_only=True)
class Run(JobStatus):
    """A snapshot of one run.

    Attributes:
        key: The key of its configuration.
        config: What was asked for.
        dataset: The name that the data set had then.
        classes: Its classes, in the order of the probabilities.
        created: When it was asked for, in seconds since 1970.
        accuracy: On the validation set, once the run is done.
    """

    key: str
    config: TrainConfig
    dataset: str
    classes: tuple[str, ...]
    created: float
    accuracy: float | None = None

    @property
    def folder(self) -> Path:
        return folder(self.key)


class Unreadable(NamedTuple):
    """A run's folder from which no Run can be read, and why."""

    key: str
    error: UserError


@dataclass(frozen=True)
class Progress(JobProgress):
    """What a training is doing.

    Attributes:
        stage: One of STAGES.
        epoch: The epoch under way, from 1; 0 before the first.
        step: The step under way in this stage, of `steps`.
        loss: The loss of the epoch so far, on the training set.
        accuracy: The accuracy of the epoch so far, on the training set.
        eta_s: Seconds until the stage ends.
        dtype: The dtype policy in which the network trains.
        process: The worker's process number.
    """

    stage: str = "waiting"
    epoch: int = 0
    epochs: int = 0
    step: int = 0
    steps: int = 0
    loss: float | None = None
    accuracy: float | None = None
    images_per_second: float | None = None
    eta_s: float | None = None
    device: str = ""
    dtype: str = ""
    process: int = 0


def folder(key: str) -> Path:
    return workspace.runs() / key


def job(key: str) -> JobFolder:
    """The folder of a run, as that of a job."""
    return JobFolder(folder(key))


def create(config: TrainConfig, dataset: manifest.Dataset) -> Run:
    """Write the question down, once, with all that answering it takes; asking again returns the run there is.

    Raises UserError when the data set cannot be trained on: too few classes or images. Also when it has changed since
    `dataset` was read, or when the run there is cannot be read.
    """
    path = folder(config.key)
    with _creating():
        for leftover in workspace.runs().glob(".writing-*"):  # of a process that was killed here, or while it deleted
            shutil.rmtree(leftover, ignore_errors=True)
        if not path.exists():
            datasets.check_trainable(dataset)
            asked = {
                "config": config.to_json(), "dataset": dataset.name, "classes": list(dataset.live_classes),
                "created": time.time(),
            }  # fmt: skip
            with workspace.replacing(path) as whole:
                whole.mkdir()
                material.keep(dataset, whole)
                workspace.write_json(whole / "run.json", asked)
    return find(config.key)


@contextmanager
def _creating() -> Iterator[None]:
    """One at a time: identical data sets ask for the same run."""
    guard = workspace.runs() / ".lock"
    with workspace.saving(guard):
        workspace.runs().mkdir(parents=True, exist_ok=True)
        guard.touch()
    descriptor = lock(guard, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


def dataset_of(run: Run) -> material.Material:
    """The data set as it was when the run was asked for. UserError when that cannot be read."""
    return material.load(run.folder, run.dataset)


def find(key: str) -> Run:
    """The run whose key is, or uniquely starts with, `key`; UserError when there is none, or it cannot be read."""
    if not re.fullmatch(rf"[0-9a-f]{{1,{KEY_LENGTH}}}", key):
        raise UserError("'{key}' is not a run's key. 'runs' lists the keys.", key=key)
    found = _all(key)
    if len(found) != 1:
        raise UserError(
            "{count} runs have a key that starts with '{key}'. Give the whole key; 'runs' lists them.",
            count=len(found), key=key,
        )  # fmt: skip
    if isinstance(found[0], Unreadable):
        raise UserError(
            "Run {key} cannot be read. {reason} Delete it on the Train page, then train again.",
            key=found[0].key, reason=str(found[0].error),
        )  # fmt: skip
    return found[0]


def every() -> list[Run]:
    """All runs that can be read, newest question first."""
    found = [run for run in _all() if isinstance(run, Run)]
    return sorted(found, key=lambda run: run.created, reverse=True)


def queue() -> list[Run]:
    """The training that is running, then those that wait, in their order."""
    return sorted((run for run in every() if run.live), key=lambda run: (run.state != "running", run.changed))


def unreadable() -> list[Unreadable]:
    """The runs that `every` leaves out because their files are damaged or of a later version."""
    return [run for run in _all() if isinstance(run, Unreadable)]


def _all(start: str = "") -> list[Run | Unreadable]:
    """What is in the folders of all runs whose keys begin with `start`, by key."""
    base = str(workspace.runs())
    if len(start) == KEY_LENGTH:
        keys = [start]
    else:
        keys = sorted(key for key in _listed(base) if key.startswith(start) and KEY.fullmatch(key))
    return [found for key in keys if (found := _read(f"{base}/{key}")) is not None]


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


Stamp = tuple[tuple[int, int, int] | None, ...]
_seen: dict[str, tuple[Stamp, Run | Unreadable]] = {}  # by folder: what was read, and the stamps of its files


def _read(path: str) -> Run | Unreadable | None:
    """What is in a run's folder, parsed again only when its files were replaced; None when it is deleted."""
    stamp = _stamp(f"{path}/run.json"), _stamp(f"{path}/status.json")
    known = _seen.get(path)
    if known and known[0] == stamp:
        return known[1]
    found: Run | Unreadable
    try:
        found = _parsed(Path(path))
    except FileNotFoundError:
        _seen.pop(path, None)
        return Unreadable(Path(path).name, UserError("Its run.json is missing.")) if os.path.isdir(path) else None
    except UserError as error:
        found = Unreadable(Path(path).name, error)
    newest = max(part[0] for part in stamp if part)
    if time.time_ns() - newest > 1e9 * FRESH_S:
        _seen[path] = stamp, found
    return found


def _stamp(path: str) -> tuple[int, int, int] | None:
    """Changes whenever a file is replaced; None where there is none."""
    try:
        stat = os.stat(path)
    except FileNotFoundError:
        return None
    return stat.st_mtime_ns, stat.st_ino, stat.st_size


def _parsed(path: Path) -> Run:
    with workspace.reading(path / "run.json"):
        asked = json.loads((path / "run.json").read_text("utf-8"))
        if asked.keys() != QUESTION:
            raise KeyError(*asked.keys() ^ QUESTION)
        asked |= {"key": path.name, "config": TrainConfig.from_json(asked["config"])}
        waiting = JobStatus("queued", typed(Run, asked).created)
        datetime.fromtimestamp(waiting.changed)  # a moment that can be shown
    return JobFolder(path).status(Run, waiting, **asked)


def progress(key: str) -> Progress:
    """Read the last heartbeat; one that cannot be read counts as none."""
    found = job(key).progress(Progress, STAGES)
    try:
        timedelta(seconds=found.eta_s or 0)
    except OverflowError:
        return Progress()
    return found


def history(key: str) -> dict[str, list[float]]:
    """Curves by name (loss, accuracy, val_loss, val_accuracy, seconds), one number per finished epoch.

    UserError when the file is damaged.
    """
    path = folder(key) / "history.json"
    with workspace.reading(path):
        return curves(workspace.read_json(path, {}))


def curves(value: Any) -> dict[str, list[float]]:
    """`value`, which came from a file, when it is what `history` returns; ValueError or another when it is not."""
    lengths = {len([float(number) for number in numbers]) for numbers in value.values()}
    if len(lengths) > 1:
        raise ValueError("the curves have different lengths")
    return value


def evaluation(key: str) -> dict[str, dict]:
    """By split: accuracy with its 95% interval, number of images, confusion matrix (rows: truth).

    UserError when the file of a run that is done is missing or damaged.
    """
    run, path = find(key), folder(key) / "evaluation.json"
    with workspace.reading(path):
        found = workspace.read_json(path, {})
        for split, scores in found.items():
            typed(Scores, scores)
            if split not in SPLITS or np.array(scores["confusion"], int).shape != (len(run.classes),) * 2:
                raise ValueError(f"{split}: {len(scores['confusion'])} classes")
    if run.state == "done" and "validation" not in found:
        raise UserError("The results of run {key} are missing. Delete the run, then train again.", key=run.key)
    return found


def delete(key: str) -> None:
    """Forget a finished, failed, cancelled or unreadable run and its files."""
    if key not in [run.key for run in unreadable()]:
        run = find(key)
        if run.live:
            raise UserError("Run {key} is still {state}. Cancel it first.", key=run.key, state=run.state)
        key = run.key
    # Out of the lists at once and whole, so that a kill leaves no half of a run; this works on a full disk too.
    going = workspace.runs() / f".writing-{key}"
    shutil.rmtree(going, ignore_errors=True)
    os.replace(folder(key), going)
    shutil.rmtree(going, ignore_errors=True)
    _seen.pop(str(folder(key)), None)
