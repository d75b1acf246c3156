"""Changes inside a data set: each one atomic, remembered, and undone by `core.data.history.undo`, also later."""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core.data import datasets, folder_layout
from core.data.decoding import normalise
from core.data.history import check_editable, edit
from core.data.ink import looks_like_drawing
from core.data.manifest import Dataset, Duplicate, Entry, ImportReport, Note, Skipped, clean_label, clean_name
from core.data.normalize import Stored
from core.data.splits import SPLITS, assign
from core.errors import UserError
from core.i18n import N_
from core.storage import workspace
from core.storage.parallel import in_threads


def add_class(name: str, label: str) -> Dataset:
    """Add an empty class."""
    label = clean_label(label)

    def change(before: Dataset) -> tuple[Dataset, Note]:
        if label in before.classes:
            raise UserError("There is already a class '{label}'. Choose another name.", label=label)
        _check_spelling(before.classes, label)
        return _with(before, classes={*before.classes, label}), Note(N_("added the class '{label}'"), {"label": label})

    return edit(name, change)


def rename_class(name: str, label: str, new_label: str) -> Dataset:
    """Rename a class. UserError where the new name is taken: merging is what `move_images` does."""
    new_label = clean_label(new_label)

    def change(before: Dataset) -> tuple[Dataset, Note]:
        _check_class(before, label)
        others = {*before.classes} - {label}
        if new_label in others:
            raise UserError(
                "There is already a class '{label}'. To merge the two, move the images there instead.", label=new_label
            )
        _check_spelling(others, new_label)
        entries = [replace(e, label=new_label) if e.label == label else e for e in before.entries]
        note = Note(N_("renamed the class '{old}' to '{new}'"), {"old": label, "new": new_label})
        return _with(before, entries, {*others, new_label}), note

    return edit(name, change)


def delete_class(name: str, label: str) -> Dataset:
    """Delete a class and its images."""

    def change(before: Dataset) -> tuple[Dataset, Note]:
        _check_class(before, label)
        entries = [e for e in before.entries if e.label != label]
        note = Note(N_("deleted the class '{label}'"), {"label": label})
        return _with(before, entries, {*before.classes} - {label}), note

    return edit(name, change)


class NewImage(NamedTuple):
    """An image on its way into a data set; without a split it goes where one is missing."""

    label: str
    source: str
    content: bytes | np.ndarray
    split: str | None = None


def add_images(name: str, label: str, images: Iterable[tuple[str, bytes | np.ndarray]]) -> ImportReport:
    """Add images, as (source name, file content or array), to a class, which is made where it does not exist."""
    label = clean_label(label)
    return add_pictures(name, (NewImage(label, source, image) for source, image in images))


def add_pictures(name: str, pictures: Iterable[NewImage]) -> ImportReport:
    """Add images to their classes, which are made where they do not exist, in one edit.

    Each goes to the split it names, else to the one that misses it most; none moves. What is not an image, or is in its
    class already, is left out and reported. `pictures` is read one by one.
    """
    check_editable(datasets.load(name))
    with workspace.temporary_beside(workspace.datasets() / clean_name(name)) as staged:
        skipped: list[Skipped] = []
        arrived: list[tuple[NewImage, str, bool]] = []
        for result in in_threads(lambda picture: _stage(picture, staged), pictures):
            skipped.append(result) if isinstance(result, Skipped) else arrived.append(result)
        classes = {picture.label for picture, *_ in arrived}
        duplicates: list[Duplicate] = []
        added: list[Entry] = []

        def change(before: Dataset) -> tuple[Dataset, Note]:
            for label in classes:
                _check_spelling({*before.classes, *classes}, label)
            names = {e.content: e.image for e in before.entries}
            sources = {(e.label, e.content): e.source for e in before.entries}
            new: dict[tuple[str, str], tuple[NewImage, str]] = {}
            for picture, image, _ in arrived:
                place = (picture.label, image.partition(".")[0])
                if place in sources:
                    duplicates.append(Duplicate(picture.source, sources[place]))
                    continue
                sources[place] = picture.source
                new[place] = (picture, names.get(place[1], image))
            if not new:
                return before, Note("", {})
            said = [(*place, picture.split) for place, (picture, _) in new.items() if picture.split]
            split_of = assign(new, [*said, *((e.label, e.content, e.split) for e in before.entries)])
            for (label, content), (picture, image) in new.items():
                added.append(Entry(image, label, split_of[content], picture.source))
                with suppress(FileNotFoundError):  # kept under the name that the data set has for this content
                    os.replace(staged / image, before.image_path(added[-1]))
            kind = before.kind or ("drawing" if 2 * sum(drawn for *_, drawn in arrived) > len(arrived) else "photo")
            one, many = N_("added an image to '{label}'"), N_("added {count} images to '{label}'")
            note = _counted(len(added), one, many, label=", ".join(sorted({entry.label for entry in added})[:3]))
            return replace(_with(before, [*before.entries, *added], {*before.classes, *classes}), kind=kind), note

        edit(name, change)
    return ImportReport(clean_name(name), len(added), tuple(skipped), tuple(duplicates))


def move_images(name: str, images: Iterable[str | Entry], label: str) -> Dataset:
    """Move images to a class, which is made where it does not exist. They keep their split.

    In all verbs an image is named by its file name, which means it in every class it is in, or by its Entry.
    """
    label = clean_label(label)

    def change(before: Dataset) -> tuple[Dataset, Note]:
        _check_spelling(before.classes, label)
        chosen = _chosen(before, images)
        there = {e.image for e in before.entries if e.label == label}
        entries = []
        for entry in before.entries:
            if entry in chosen and entry.label != label:
                if entry.image in there:
                    continue
                there.add(entry.image)
                entry = replace(entry, label=label)
            entries.append(entry)
        note = _counted(
            len(chosen), N_("moved an image to '{label}'"), N_("moved {count} images to '{label}'"), label=label
        )
        return _with(before, entries, {*before.classes, label}), note

    return edit(name, change)


def delete_images(name: str, images: Iterable[str | Entry]) -> Dataset:
    """Delete images. Their classes stay, even when nothing is left in them."""

    def change(before: Dataset) -> tuple[Dataset, Note]:
        chosen = _chosen(before, images)
        note = _counted(len(chosen), N_("deleted an image"), N_("deleted {count} images"))
        return _with(before, [e for e in before.entries if e not in chosen]), note

    return edit(name, change)


def exclude_images(name: str, images: Iterable[str | Entry], excluded: bool = True) -> Dataset:
    """Keep images out of training and examining without deleting them, or let them in again."""

    def change(before: Dataset) -> tuple[Dataset, Note]:
        chosen = _chosen(before, images)
        if excluded:
            note = _counted(len(chosen), N_("excluded an image"), N_("excluded {count} images"))
        else:
            note = _counted(len(chosen), N_("included an image again"), N_("included {count} images again"))
        entries = [replace(e, excluded=excluded) if e in chosen else e for e in before.entries]
        return _with(before, entries), note

    return edit(name, change)


def move_split(name: str, images: Iterable[str | Entry], split: str) -> Dataset:
    """Move images to another split, in every class they are in: a content never lies in two splits."""
    if split not in SPLITS:
        raise UserError("There is no split {split!r}. Use train, validation or test.", split=split)

    def change(before: Dataset) -> tuple[Dataset, Note]:
        contents = {e.content for e in _chosen(before, images)}
        entries = [replace(e, split=split) if e.content in contents else e for e in before.entries]
        note = _counted(
            len(contents),
            N_("moved an image to the split '{split}'"),
            N_("moved {count} images to the split '{split}'"),
            split=split,
        )
        return _with(before, entries), note

    return edit(name, change)


def set_kind(name: str, kind: str) -> Dataset:
    """Say that the data set holds photos or drawings, which decides how its images are prepared."""
    datasets.check_kind(kind)
    note = Note(N_("changed the kind to '{kind}'"), {"kind": kind})
    return edit(name, lambda before: (replace(before, kind=kind), note))


def _with(before: Dataset, entries: Iterable[Entry] | None = None, classes: Iterable[str] | None = None) -> Dataset:
    return replace(
        before,
        entries=before.entries if entries is None else tuple(entries),
        classes=before.classes if classes is None else tuple(sorted(classes)),
    )


def _counted(count: int, one: str, many: str, **values: str) -> Note:
    return Note(one if count == 1 else many, {"count": count, **values})


def _stage(picture: NewImage, folder: Path) -> Skipped | tuple[NewImage, str, bool]:
    try:
        stored: Stored = normalise(picture.content)
    except UserError as error:
        return Skipped(picture.source, *folder_layout.unreadable(picture.source, error))
    stored.write(folder)
    return picture._replace(content=b""), stored.image, looks_like_drawing(stored.rgb)


def _chosen(dataset: Dataset, images: Iterable[str | Entry]) -> set[Entry]:
    named: dict[str, list[Entry]] = {}
    for entry in dataset.entries:
        named.setdefault(entry.image, []).append(entry)
    chosen: set[Entry] = set()
    for image in images:
        entries = named.get(image if isinstance(image, str) else image.image, [])
        if isinstance(image, Entry):
            entries = [e for e in entries if e.label == image.label]
        if not entries:
            image = image if isinstance(image, str) else image.source
            raise UserError(
                "The data set '{name}' has no image '{image}' there. It was changed in the meantime: reload it.",
                name=dataset.name, image=image,
            )  # fmt: skip
        chosen.update(entries)
    return chosen


def _check_class(dataset: Dataset, label: str) -> None:
    if label not in dataset.classes:
        raise UserError(
            "'{name}' has no class '{label}'. It has: {classes}.",
            name=dataset.name, label=label, classes=", ".join(dataset.classes),
        )  # fmt: skip


def _check_spelling(classes: Iterable[str], label: str) -> None:
    for other in classes:
        if other != label and other.casefold() == label.casefold():
            raise UserError(
                "There is already a class '{other}', which differs from '{label}' in upper and lower case only. Use "
                "one spelling.",
                other=other, label=label,
            )  # fmt: skip
