"""What a run learns from: the data set as it was when the run was asked for, whatever becomes of it afterwards."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from core.data import manifest
from core.data.manifest import Dataset, Entry
from core.errors import UserError


@dataclass(frozen=True)
class Material(Dataset):
    """A data set as it was. Its images are the run's own until it is done, then those the data set still has."""

    own: Path = Path()

    def image_path(self, entry: Entry) -> Path:
        path = self.own / entry.image
        return path if path.exists() else super().image_path(entry)


def keep(dataset: Dataset, folder: Path) -> None:
    """Write the manifest into a run's folder and link its live images there, which takes no space.

    Images never change, so a link is as good as a copy. Those of built-in data sets do not go either and are not
    linked. UserError where an image has gone since `dataset` was read.
    """
    manifest.write(dataset, folder)
    if dataset.read_only:
        return
    images = folder / "images"
    images.mkdir()
    live = dataset.live()
    originals = dataset.image_path(live[0]).parent  # one question instead of thousands
    try:
        for image in {entry.image for entry in live}:
            _link(originals / image, images / image)
    except FileNotFoundError as error:
        raise UserError(
            "The data set '{name}' was changed or deleted at this moment. Reload it, then train.",
            name=dataset.name,
        ) from error


def _link(original: Path, new: Path) -> None:
    try:
        os.link(original, new)
    except FileNotFoundError:
        raise
    except OSError:  # another device, a file system without links, or too many links
        shutil.copyfile(original, new)


def load(folder: Path, name: str) -> Material:
    """What the run in `folder` was asked to learn from. UserError when its manifest is missing or damaged."""
    try:
        dataset = manifest.read(folder / "manifest.json", name)
    except (FileNotFoundError, UserError) as error:
        raise UserError(
            "The training data of run {key} is unknown: its manifest.json is missing or damaged. Delete the run, "
            "then train again.",
            key=folder.name,
        ) from error
    fields = {field: getattr(dataset, field) for field in Dataset.__dataclass_fields__}
    return Material(**fields, own=folder / "images")


def check(material: Material) -> None:
    """UserError where images are gone: those of a run that was asked for before runs kept their own."""
    there = {*_listed(material.own), *_listed(material.folder / "images")}
    gone = sum(entry.image not in there for entry in material.live())
    if gone:
        raise UserError(
            "{gone} of the {n} images of this training were deleted from the data set '{name}'. Bring them back with "
            "Undo, or train on the data set as it is now.",
            gone=gone, n=material.n_images, name=material.name,
        )  # fmt: skip


def _listed(folder: Path) -> list[str]:
    return os.listdir(folder) if folder.exists() else []
