"""Data sets as wholes: list, load, create, copy, delete, restore, and whether one can be trained on.

Changes inside a data set are in `core.data.edits`, the way in and out as zips and folders in `core.data.importing`.
"""

import math
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from core.data import builtin, manifest
from core.data.manifest import KINDS, Dataset, clean_name, locked
from core.errors import UserError
from core.storage import workspace

FEWEST_IMAGES = 5
"""Images a class needs to be trained on: with fewer, validation and test would have none of it."""
KEEP_DELETED = 10
KEEP_DELETED_BYTES = 2 * 1024**3
KEEP_DELETED_S = 7 * 24 * 60 * 60
"""How many deleted data sets the bin keeps, how much of the disk they may take (the newest may have more), how long."""


class Damaged(UserError):
    """A data set is there but its manifest cannot be read. It can be deleted, and perhaps undone."""


def list_names() -> list[str]:
    """The names of all data sets: the built-in ones first, whether on disk yet or not, then the others sorted.

    Damaged ones are among them, because they can be deleted; `load` tells what is wrong with them.
    """
    folder = workspace.datasets()
    names = [p.parent.name for p in folder.glob("*/manifest.json") if not p.parent.name.startswith(".")]
    return [*builtin.NAMES, *sorted(set(names) - set(builtin.NAMES), key=str.casefold)]


def load(name: str) -> Dataset:
    """The data set as it is now. Makes a built-in one that is not there yet (seconds).

    UserError if there is none; Damaged where its manifest cannot be read.
    """
    name = clean_name(name)
    if name in builtin.NAMES:
        builtin.ensure(name)
    try:
        return manifest.read(workspace.datasets() / name / "manifest.json", name)
    except FileNotFoundError as error:
        raise _unknown(name) from error
    except UserError as error:
        raise Damaged(
            "The data set '{name}' cannot be read: {reason}. Undo its last edit, or delete it.",
            name=name,
            reason=str(error),
        ) from error


def create(name: str, kind: str | None = None) -> Dataset:
    """Make an empty data set. Without a kind it takes the kind of the first images it gets."""
    check_kind(kind)
    name = check_free(name)
    with locked(name), making(name) as folder:
        manifest.write(Dataset(name, kind, False, (), ()), folder)
    return load(name)


def copy(name: str, new_name: str) -> Dataset:
    """Copy a data set, without its history. The copy can be edited, also where the original is built in."""
    name, new_name = load(name).name, check_free(new_name)
    with locked(name, new_name), making(new_name) as folder:
        original = load(name)
        for image in {entry.image for entry in original.entries}:
            _link(original.folder / "images" / image, folder / "images" / image)
        manifest.write(replace(original, name=new_name, read_only=False, edit=None, built=None), folder)
    return load(new_name)


@contextmanager
def making(name: str) -> Iterator[Path]:
    """Give a folder, with an empty folder `images` in it, that becomes the data set `name` when the `with` ends well.

    For those who hold the lock. UserError where the name is taken. A folder without a manifest, as something may leave
    that writes while a data set is deleted, is in nobody's way.
    """
    folder = workspace.datasets() / name
    with workspace.replacing(folder) as new:
        check_free(name)
        (new / "images").mkdir(parents=True)
        yield new
        workspace.set_aside(folder)


def delete(name: str) -> None:
    """Delete a data set, damaged or not. `restore` brings it back, until one of the same name is deleted or `purge`."""
    name = clean_name(name)
    if name in builtin.NAMES:
        raise UserError("'{name}' is built in and cannot be deleted. Choose a data set of your own.", name=name)
    folder = workspace.datasets() / name
    with locked(name), workspace.saving(folder):
        if name not in list_names():
            raise _unknown(name)
        _bin().mkdir(exist_ok=True)
        shutil.rmtree(_bin() / name, ignore_errors=True)
        os.replace(folder, _bin() / name)
        os.utime(_bin() / name)
    _empty_bin(math.inf)


def _bin() -> Path:
    return workspace.datasets() / ".deleted"


def list_deleted() -> list[str]:
    """The names of the deleted data sets that `restore` can bring back, newest first."""
    found = _bin().glob("*/manifest.json")
    folders = sorted((p.parent for p in found), key=lambda folder: folder.stat().st_mtime, reverse=True)
    return [folder.name for folder in folders]


def restore(name: str) -> Dataset:
    """Bring back the data set of this name that was deleted last."""
    name = clean_name(name)
    folder = workspace.datasets() / name
    with locked(name), workspace.saving(folder):
        if name not in list_deleted():
            raise UserError("There is no deleted data set '{name}' to restore.", name=name)
        check_free(name)
        workspace.set_aside(folder)
        os.replace(_bin() / name, folder)
    return load(name)


def purge(older_than_s: float = 0.0) -> None:
    """Free the disk: drop for good what was deleted longer ago than this, and what killed processes left half-written.

    Raises UserError where the disk refuses.
    """
    with workspace.saving(workspace.datasets()):
        _empty_bin(older_than_s)
        workspace.clear_leftovers()


def _empty_bin(older_than_s: float) -> None:
    """Keep the newest: at most KEEP_DELETED of them, of KEEP_DELETED_BYTES together, and none older than this."""
    size, kept = 0, set()
    for name in list_deleted()[:KEEP_DELETED]:
        size += sum(file.stat().st_size for file in (_bin() / name).rglob("*"))
        young = time.time() - (_bin() / name).stat().st_mtime < older_than_s
        if young and (not kept or size <= KEEP_DELETED_BYTES):
            kept.add(name)
    for folder in _bin().glob("*"):
        if folder.name not in kept:
            with locked(folder.name):  # nobody restores it meanwhile
                shutil.rmtree(folder, ignore_errors=True)


def _unknown(name: str) -> UserError:
    names = ", ".join(list_names())
    return UserError("There is no data set '{name}'. Choose one of these: {names}.", name=name, names=names)


def check_free(name: str) -> str:
    """The name in normal form; UserError where it is not a name or a data set has it, upper and lower case aside."""
    name = clean_name(name)
    for taken in list_names():
        if taken.casefold() == name.casefold():
            raise UserError(
                "There is already a data set '{taken}'. Choose another name, or delete that one first.", taken=taken
            )
    return name


def check_kind(kind: str | None) -> None:
    if kind is not None and kind not in KINDS:
        raise UserError(
            "A data set holds photos or drawings; {kind!r} is neither. Use 'photo' or 'drawing'.", kind=kind
        )


def check_sizes(counts: dict[str, int]) -> None:
    """UserError where the classes, {class: number of images}, are too few or one has too few images."""
    if not counts:
        raise UserError(
            "There are no images yet. Add at least two classes with {fewest} images each.", fewest=FEWEST_IMAGES
        )
    if len(counts) == 1:
        raise UserError(
            "There is only one class, '{label}'. A classifier tells classes apart: add at least one more class.",
            label=next(iter(counts)),
        )
    label, count = min(counts.items(), key=lambda item: item[1])
    if count < FEWEST_IMAGES:
        raise UserError(
            "Each class needs at least {fewest} images; '{label}' has {count}. Add {missing} more.",
            fewest=FEWEST_IMAGES,
            label=label,
            count=count,
            missing=FEWEST_IMAGES - count,
        )


def check_trainable(dataset: Dataset) -> None:
    """UserError where a training would make no sense, saying what to add. Classes without live images do not count."""
    counts = dataset.counts()
    check_sizes({label: sum(counts[label].values()) for label in dataset.live_classes})
    for label in dataset.live_classes:
        if not counts[label]["train"]:
            raise UserError(
                "The class '{label}' has no training images. Move some of its images to train.", label=label
            )
    if not dataset.live("validation"):
        raise UserError("There are no validation images. Move some images of each class to validation.")


def _link(original: Path, new: Path) -> None:
    try:
        os.link(original, new)
    except OSError:  # another device, or a file system without links
        shutil.copyfile(original, new)
