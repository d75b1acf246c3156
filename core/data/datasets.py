"""Data sets as wholes: list, load, create, copy, delete, restore, and whether one can be trained on.

Changes inside a data set are in `core.data.edits`, the way in and out as zips and folders in `core.data.importing`.
"""

import os
import shutil
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from core import paths
from core.data import builtin, manifest
from core.data.manifest import KINDS, Dataset, clean_name, locked
from core.errors import UserError

FEWEST_IMAGES = 5
"""Images a class needs to be trained on: with fewer, validation and test would have none of it."""
KEEP_DELETED = 10
_LEFTOVERS = (".writing-*", ".adding-*")
_DAY = 24 * 60 * 60


def list_names() -> list[str]:
    """The names of all data sets: the built-in ones first, whether on disk yet or not, then the others sorted."""
    folder = paths.datasets()
    names = [p.parent.name for p in folder.glob("*/manifest.json") if not p.parent.name.startswith(".")]
    return [*builtin.NAMES, *sorted(set(names) - set(builtin.NAMES), key=str.casefold)]


def load(name: str) -> Dataset:
    """The data set as it is now. Makes a built-in one that is not there yet (seconds). UserError if there is none."""
    name = clean_name(name)
    if name in builtin.NAMES:
        builtin.ensure(name)
    try:
        return manifest.read(paths.datasets() / name / "manifest.json", name)
    except FileNotFoundError as error:
        raise UserError(
            "There is no data set '{name}'. Choose one of these: {names}.", name=name, names=", ".join(list_names())
        ) from error


def create(name: str, kind: str | None = None) -> Dataset:
    """Make an empty data set. Without a kind it takes the kind of the first images it gets."""
    check_kind(kind)
    name = check_free(name)
    with locked(name), paths.replacing(paths.datasets() / name) as folder:
        check_free(name)
        (folder / "images").mkdir(parents=True)
        manifest.write(Dataset(name, kind, False, (), ()), folder)
    return load(name)


def copy(name: str, new_name: str) -> Dataset:
    """Copy a data set, without its history. The copy can be edited, also where the original is built in."""
    name, new_name = load(name).name, check_free(new_name)
    # Always in the same order, so that two copies never wait for each other.
    first, second = sorted([name, new_name])
    with locked(first), locked(second), paths.replacing(paths.datasets() / new_name) as folder:
        check_free(new_name)
        original = load(name)
        (folder / "images").mkdir(parents=True)
        for image in {entry.image for entry in original.entries}:
            _link(original.folder / "images" / image, folder / "images" / image)
        manifest.write(replace(original, name=new_name, read_only=False, edit=None, built=None), folder)
    return load(new_name)


def delete(name: str) -> None:
    """Delete a data set. `restore` brings it back, until one of the same name or KEEP_DELETED others are deleted."""
    name = load(name).name
    if name in builtin.NAMES:
        raise UserError("'{name}' is built in and cannot be deleted. Choose a data set of your own.", name=name)
    bin_folder = paths.datasets() / ".deleted"
    bin_folder.mkdir(exist_ok=True)
    with locked(name):
        shutil.rmtree(bin_folder / name, ignore_errors=True)
        os.replace(load(name).folder, bin_folder / name)
        os.utime(bin_folder / name)
    for old in list_deleted()[KEEP_DELETED:]:
        shutil.rmtree(bin_folder / old, ignore_errors=True)


def list_deleted() -> list[str]:
    """The names of the deleted data sets that `restore` can bring back, newest first."""
    found = (paths.datasets() / ".deleted").glob("*/manifest.json")
    folders = sorted((p.parent for p in found), key=lambda folder: folder.stat().st_mtime, reverse=True)
    return [folder.name for folder in folders]


def restore(name: str) -> Dataset:
    """Bring back the data set of this name that was deleted last."""
    name = clean_name(name)
    with locked(name):
        if name not in list_deleted():
            raise UserError("There is no deleted data set '{name}' to bring back.", name=name)
        check_free(name)
        os.replace(paths.datasets() / ".deleted" / name, paths.datasets() / name)
    return load(name)


def purge() -> None:
    """Free the disk: drop the deleted data sets for good, and what interrupted imports left more than a day ago."""
    shutil.rmtree(paths.datasets() / ".deleted", ignore_errors=True)
    for pattern in _LEFTOVERS:
        for folder in paths.datasets().glob(pattern):
            with suppress(FileNotFoundError):
                if time.time() - folder.stat().st_mtime > _DAY:
                    shutil.rmtree(folder, ignore_errors=True)


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
