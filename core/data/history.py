"""What an edit of a data set leaves behind: the manifests before it, and the way back to them.

Before an edit the manifest is kept under `history/`; the new one says what the edit did. Nothing else changes, because
images are stored by content: those that no kept manifest names any more are removed.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from core.data import datasets, manifest
from core.data.manifest import Dataset, Note, clean_name, locked
from core.errors import UserError
from core.i18n import N_
from core.storage import workspace

KEEP_EDITS = 20
_REPAIRED = Note(N_("a change that can no longer be read"), {})


def can_undo(name: str) -> Note | None:
    """What `undo` would take back, or None."""
    dataset = datasets.load(name)
    return dataset.edit if _history(dataset.folder) else None


def undo(name: str) -> Note:
    """Take back the last edit and tell which it was. KEEP_EDITS can be taken back, one after another.

    A data set whose manifest is damaged becomes what it was before the last edit that can be read.
    """
    name = clean_name(name)
    with locked(name), workspace.saving(workspace.datasets() / name):
        folder, images, undone = workspace.datasets() / name, set(), _REPAIRED
        try:
            dataset = datasets.load(name)
            images, undone = {e.image for e in dataset.entries}, dataset.edit
        except datasets.Damaged:
            pass
        history = _history(folder)
        while history and _images(history[-1]) is None:
            history.pop().unlink()
        if not history:
            raise UserError("There is nothing to undo in '{name}'.", name=name)
        os.replace(history[-1], folder / "manifest.json")
        _purge(folder, images)
    return undone


def edit(name: str, change: Callable[[Dataset], tuple[Dataset, Note]]) -> Dataset:
    """Run one edit: change(before) gives the data set after it, and what `undo` calls it.

    A change that changes nothing is not remembered.
    """
    name = clean_name(name)
    with locked(name), workspace.saving(workspace.datasets() / name):
        before = datasets.load(name)
        check_editable(before)
        after, note = change(before)
        if after == before:
            return before
        try:
            _remember(before.folder)
            manifest.write(replace(after, edit=note), before.folder)
        except UserError:  # the disk refuses: new images have no place there
            _purge(before.folder, {e.image for e in after.entries})
            raise
        _forget(before.folder)
    return datasets.load(name)


def check_editable(dataset: Dataset) -> None:
    """UserError where the data set is built in."""
    if dataset.read_only:
        raise UserError("'{name}' is built in and cannot be changed. Make a copy and change that.", name=dataset.name)


def _history(folder: Path) -> list[Path]:
    """The manifests before the last edits, oldest first."""
    kept = sorted(path for path in (folder / "history").glob("*.json") if path.stem.isdecimal())
    # Stopped between remembering and writing: the newest is what is there now.
    if kept and kept[-1].samefile(folder / "manifest.json"):
        kept.pop().unlink()
    return kept


def _remember(folder: Path) -> None:
    kept = _history(folder)
    number = int(kept[-1].stem) + 1 if kept else 1
    with workspace.saving(folder):
        (folder / "history").mkdir(exist_ok=True)
        os.link(folder / "manifest.json", folder / "history" / f"{number:08}.json")


def _forget(folder: Path) -> None:
    for old in _history(folder)[:-KEEP_EDITS]:
        images = _images(old)
        old.unlink()
        _purge(folder, images or set())


def _purge(folder: Path, images: set[str]) -> None:
    """Remove those of the images that no kept manifest names; none where a manifest cannot be read, and might."""
    for kept in (folder / "manifest.json", *_history(folder)):
        named = _images(kept) if images else None
        if named is None:
            return
        images = images - named
    for image in images:
        (folder / "images" / image).unlink(missing_ok=True)


def _images(path: Path) -> set[str] | None:
    """The images that a manifest names; None where it cannot be read."""
    try:
        return {entry.image for entry in manifest.read(path, "").entries}
    except UserError:
        return None
