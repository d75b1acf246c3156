"""Runs: the folder of one TrainConfig under `weights/runs/KEY/`, the cache that answers a second question at once.

run.json         what was asked: configuration, data set's name, classes, when
status.json      queued | running | done | failed | cancelled; "done" is written last of all files
progress.json    the heartbeat of a running job
history.json     one list per curve, one number per finished epoch
manifest.json    the data set's manifest as it was: later edits do not change what this run learns from
cancel           present while a person wishes a running job to stop
evaluation.json  accuracy and confusion per split; predictions_SPLIT.npz beside it
model.keras      the best epoch
checkpoint/      the last finished epoch with its optimizer, while not done
"""

import re
import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from core import paths
from core.config import KEY_LENGTH, TrainConfig
from core.data import datasets, manifest
from core.errors import UserError
from core.words import N_

STATES = ("queued", "running", "done", "failed", "cancelled")
LIVE_STATES = ("queued", "running")
STALE_AFTER_S = 20.0

BROKEN = N_("Training broke off because of a fault in Handful: {error}. The server's log has the details.")
WORKER_LOST = N_("The training process died again and again, most likely for lack of memory. Try smaller batches.")


@dataclass(frozen=True)
class Run:
    """A snapshot of one run. Times in seconds since 1970."""

    key: str
    config: TrainConfig
    dataset: str  # the name it had when asked for
    classes: tuple[str, ...]
    created: float
    state: str
    changed: float  # when `state` was written
    message: str = ""  # why it failed: a UserError's template, translated by the interface
    values: dict = field(default_factory=dict)  # the template's fields
    seconds: float = 0.0  # time spent training, over all resumptions
    accuracy: float | None = None  # on validation, once done

    @property
    def folder(self) -> Path:
        return folder(self.key)

    @property
    def live(self) -> bool:
        return self.state in LIVE_STATES


@dataclass(frozen=True)
class Progress:
    """What a worker is doing now. `share` runs from 0 to 1 over the whole job; times in seconds."""

    stage: str = "waiting"  # waiting | starting | reading | describing | measuring | training | evaluating
    share: float = 0.0
    epoch: int = 0  # the epoch under way, from 1
    epochs: int = 0
    step: int = 0
    steps: int = 0
    loss: float | None = None
    accuracy: float | None = None
    images_per_second: float | None = None
    eta_s: float | None = None
    device: str = ""
    dtype: str = ""
    process: int = 0  # the worker's process number
    updated: float = 0.0

    @property
    def stale(self) -> bool:
        """No heartbeat for a while: the worker died or is being replaced."""
        return self.updated > 0 and time.time() - self.updated > STALE_AFTER_S


def folder(key: str) -> Path:
    return paths.runs() / key


def create(config: TrainConfig, dataset: manifest.Dataset) -> Run:
    """Write the question down, once; asking again returns the run there is.

    Raises UserError when the data set cannot be trained on: too few classes or images.
    """
    path = folder(config.key)
    if not (path / "run.json").exists():
        datasets.check_trainable(dataset)
        manifest.write(dataset, path)
        asked = {
            "config": asdict(config), "dataset": dataset.name, "classes": list(dataset.live_classes),
            "created": time.time(),
        }  # fmt: skip
        paths.write_json(path / "run.json", asked)
    return find(config.key)


def dataset_of(run: Run) -> manifest.Dataset:
    """The data set as it was when the run was asked for."""
    return manifest.read(run.folder / "manifest.json", run.dataset)


def wish_cancel(key: str) -> None:
    (folder(key) / "cancel").touch()


def withdraw_cancel(key: str) -> None:
    (folder(key) / "cancel").unlink(missing_ok=True)


def cancel_wished(key: str) -> bool:
    return (folder(key) / "cancel").exists()


def find(key: str) -> Run:
    """The run whose key is, or uniquely starts with, `key`; UserError when there is none."""
    if not re.fullmatch(rf"[0-9a-f]{{1,{KEY_LENGTH}}}", key):
        raise UserError("'{key}' is not a run's key. 'runs' lists the keys.", key=key)
    matches = [p.parent for p in paths.runs().glob(f"{key}*/run.json")]
    if len(matches) != 1:
        raise UserError(
            "{count} runs have a key that starts with '{key}'. Give the whole key; 'runs' lists them.",
            count=len(matches), key=key,
        )  # fmt: skip
    return _read(matches[0])


def every() -> list[Run]:
    """All runs, newest question first."""
    found = [_read(p.parent) for p in paths.runs().glob("*/run.json")]
    return sorted(found, key=lambda run: run.created, reverse=True)


def _read(path: Path) -> Run:
    asked = paths.read_json(path / "run.json")
    status = paths.read_json(path / "status.json") or {"state": "queued", "changed": asked["created"]}
    return Run(
        key=path.name,
        config=TrainConfig.from_json(asked["config"]),
        dataset=asked["dataset"],
        classes=tuple(asked["classes"]),
        created=asked["created"],
        **status,
    )


def set_state(key: str, state: str, **more: object) -> None:
    """Record a state; `more` may hold message, values, seconds and accuracy."""
    paths.write_json(folder(key) / "status.json", {"state": state, "changed": time.time(), **more})


def progress(key: str) -> Progress:
    return Progress(**paths.read_json(folder(key) / "progress.json", {}))


def write_progress(key: str, value: Progress) -> None:
    paths.write_json(folder(key) / "progress.json", asdict(value) | {"updated": time.time()})


def history(key: str) -> dict[str, list[float]]:
    """Curves by name (loss, accuracy, val_loss, val_accuracy, seconds), one number per finished epoch."""
    return paths.read_json(folder(key) / "history.json", {})


def evaluation(key: str) -> dict[str, dict]:
    """By split: accuracy with its 95% interval, number of images, confusion matrix (rows: truth)."""
    return paths.read_json(folder(key) / "evaluation.json", {})


def delete(key: str) -> None:
    """Forget a finished, failed or cancelled run and its files."""
    run = find(key)
    if run.live:
        raise UserError("Run {key} is still {state}. Cancel it first.", key=run.key, state=run.state)
    shutil.rmtree(run.folder)
