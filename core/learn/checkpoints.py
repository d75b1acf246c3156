"""Save and load checkpoints in `checkpoint/` of a run's folder, so that a training can be killed at any moment.

epoch-0003.keras    the whole model with its optimizer after the third epoch
history-0003.json   the curves up to that epoch
best-0002.keras     the model as it was after the best of these epochs

An epoch counts as finished once its `epoch-*.keras` is there, which is renamed into place after all other files. Those
of earlier epochs are deleted afterwards, and leftovers are overwritten.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras

from core.errors import UserError
from core.results import runs
from core.storage import workspace
from core.storage.job_folder import JobFolder

History = dict[str, list[float]]  # one list per curve, one number per finished epoch


def best_epoch(history: History) -> int:
    """Find the index of the epoch with the highest validation accuracy, and of equals the lowest validation loss."""
    return max(
        range(len(history["val_loss"])), key=lambda i: (round(history["val_accuracy"][i], 6), -history["val_loss"][i])
    )


def save(run: runs.Run, model: keras.Model, history: History) -> None:
    """Save the model after the last epoch of `history`."""
    folder, epoch = run.folder / "checkpoint", len(history["val_loss"])
    if not folder.exists():
        with JobFolder(run.folder).replacing("checkpoint") as new:
            new.mkdir()
    kept = JobFolder(folder)
    kept.write_json(f"history-{epoch:04d}.json", history)
    best = _best(folder, history)
    with kept.replacing(f"epoch-{epoch:04d}.keras") as temporary:
        model.save(temporary)
        if best_epoch(history) == epoch - 1:
            best.unlink(missing_ok=True)
            os.link(temporary, best)
    needed = {f"history-{epoch:04d}.json", f"epoch-{epoch:04d}.keras", best.name}
    for older in folder.glob("[!.]*"):
        if older.name not in needed:
            older.unlink()


def load(run: runs.Run) -> tuple[keras.Model, History] | None:
    """Load the model after the last finished epoch and the curves up to it; None where no epoch is finished."""
    folder = run.folder / "checkpoint"
    for path in sorted(folder.glob("epoch-*.keras"), reverse=True):
        curves = folder / path.with_suffix(".json").name.replace("epoch", "history")
        if curves.exists():  # earlier versions of Handful did not keep it here
            with _discarding_damaged(curves), workspace.reading(curves):
                history = runs.curves(workspace.read_json(curves))
            return _read(path), history
    return None


def load_best(run: runs.Run, history: History) -> keras.Model:
    """Load the model after the best epoch of `history`, for inference."""
    return _read(_best(run.folder / "checkpoint", history), compile=False)


def read_model(path: Path, compile: bool = True) -> keras.Model:
    """Load a saved model. Raises UserError where the file is missing or damaged."""
    with workspace.reading(path):
        return keras.models.load_model(path, compile=compile)


def _best(folder: Path, history: History) -> Path:
    return folder / f"best-{best_epoch(history) + 1:04d}.keras"


def _read(path: Path, compile: bool = True) -> keras.Model:
    with _discarding_damaged(path):
        return read_model(path, compile)


@contextmanager
def _discarding_damaged(path: Path) -> Iterator[None]:
    """Delete a damaged checkpoint, which would stop every further attempt too."""
    try:
        yield
    except UserError as error:
        shutil.rmtree(path.parent, ignore_errors=True)
        raise UserError(
            "The checkpoint of this training is damaged ({file}) and was removed. Train again to start over.",
            file=path.name,
        ) from error
