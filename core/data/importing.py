"""Data sets in and out: zips and folders of class folders, read one image at a time, and the zip they leave as."""

import itertools
import json
import re
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from core.data import archives, builtin, datasets, edits, folder_layout, folders, manifest
from core.data.archives import Found
from core.data.decoding import common_white, normalise
from core.data.edits import NewImage
from core.data.encodings import readable
from core.data.folder_layout import Place
from core.data.ink import looks_like_drawing
from core.data.manifest import KINDS, Dataset, Duplicate, Entry, ImportReport, Note, Skipped, clean_name, locked
from core.data.skipped import explained
from core.data.splits import LEARNING_SHARES, SPLITS, assign
from core.errors import UserError
from core.i18n import N_
from core.storage import workspace
from core.storage.parallel import in_threads

Source = str | Path | BinaryIO
_SAMPLE = 50  # images looked at to tell photos from drawings
_GUESSED = N_(
    "'{name}' does not say how its file names are encoded. They were read as {encoding}; if they look wrong, make the "
    "zip again with names in UTF-8."
)
_NOTHING_TO_LEARN_FROM = N_(
    "These classes have no training images: {classes}. Move some of their images to train, or give a class the same "
    "name in all splits."
)
_PRECEDENCE = ("test", "validation", "train")
"""Where a content was put into several splits, an examination keeps it, or it would be answered from memory."""


class Arrival(NamedTuple):
    """An image that was stored: as which file, in which class and split (None: not said), called what before."""

    image: str
    label: str
    split: str | None
    source: str

    @property
    def content(self) -> str:
        return self.image.partition(".")[0]


def import_source(
    source: Source | Iterable[Source], name: str, on_progress: Callable[[int, int], None] | None = None
) -> ImportReport:
    """Make a new data set of a folder, a zip, or several zips (paths, or open binary files with a `name`).

    `core.data.folder_layout` says which folders are understood. Splits that the folders name are kept; where there are
    train and test alone, validation is carved out of train; otherwise images are split 70/15/15. Duplicates within a
    class, and whatever is not an image, are left out and reported.

    on_progress(done, total) may raise to stop. Whatever is raised, nothing stays behind. UserError where the zip or the
    folder cannot be a data set: unsafe or damaged entries, wrong folders, one class only, fewer than 5 images a class.
    """
    name = datasets.check_free(name)
    with ExitStack() as stack:
        items, skipped, exported_kind, notes = contents(source, stack)
        folder_layout.check_spelling(place.label for place, _ in items)
        stack.enter_context(locked(name))
        folder = stack.enter_context(datasets.making(name))
        arrivals, drawn = _store(items, folder / "images", skipped, on_progress)
        labels = {place.label for place, _ in items}
        entries, duplicates = _entries(arrivals, carve=exported_kind is None)
        for unused in {a.image for a in arrivals} - {e.image for e in entries}:  # the same pixels as .png and as .jpg
            (folder / "images" / unused).unlink()
        counts = {label: sum(e.label == label for e in entries) for label in sorted(labels)}
        with explained(skipped, duplicates):
            datasets.check_sizes(counts)
        kind = exported_kind or ("drawing" if drawn > 0.5 else "photo")
        dataset = Dataset(name, kind, False, tuple(sorted(labels)), tuple(entries))
        manifest.write(dataset, folder)
    return ImportReport(name, len(entries), tuple(skipped), tuple(duplicates), (*notes, *_not_learned(dataset)))


def import_into(
    source: Source | Iterable[Source], name: str, on_progress: Callable[[int, int], None] | None = None
) -> ImportReport:
    """Add what a folder, a zip or several zips contain to a data set that exists, as one edit.

    Splits that the folders name are kept; other images go where they are missing. Skips and raises as `import_source`
    does, but any number of classes and images will do.
    """
    with ExitStack() as stack:
        items, skipped, _, notes = contents(source, stack)
        folder_layout.check_spelling(place.label for place, _ in items)

        def pictures() -> Iterator[NewImage]:
            for done, (place, found) in enumerate(items, 1):
                content = _read(found)
                if isinstance(content, Skipped):
                    skipped.append(content)
                else:
                    yield NewImage(place.label, found.path, content, place.split)
                if on_progress:
                    on_progress(done, len(items))

        report = edits.add_pictures(name, pictures())
    notes = (*notes, *_not_learned(datasets.load(name)))
    return replace(report, skipped=(*skipped, *report.skipped), notes=notes)


def folder_as_dataset(folder: Path) -> Dataset:
    """The data set with a folder's contents: an earlier import of the same, or a new one named after the folder."""
    name = re.sub(r"[^\w -]", " ", readable(Path(folder).resolve().name)).strip(" -_")[:40] or "folder"
    taken = {other.casefold() for other in datasets.list_names()}
    numbered = (f"{name} {number}" for number in itertools.count(2))
    free = next(n for n in itertools.chain([name], numbered) if n.casefold() not in taken)
    import_source(folder, free)
    new = datasets.load(free)
    for other in datasets.list_names():
        with suppress(datasets.Damaged):
            if other not in (free, *builtin.NAMES) and datasets.load(other).fingerprint == new.fingerprint:
                shutil.rmtree(new.folder)
                return datasets.load(other)
    return new


def scanned(folder: Path) -> tuple[list[tuple[Place, Found]], list[Skipped]]:
    """The files of a folder of class folders that is not imported, as for evaluating a network, and what is left out.

    UserError as in `import_source`, but any number of classes and images will do.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError("There is no folder '{path}'. Give a folder of class folders.", path=folder)
    with ExitStack() as stack:  # no zip, so nothing stays open
        inside = contents(folder, stack)
    return inside.items, inside.skipped


def scan_folder(path: Path) -> list[tuple[str, Path]]:
    """(class, file) for each file of `scanned`; splits are ignored."""
    return [(place.label, found.file) for place, found in scanned(path)[0]]


def export_zip(name: str, file: Path | BinaryIO) -> None:
    """Write a data set's live images as a zip of class folders inside train, validation and test.

    Importing it again gives the same fingerprint; the kind travels in the zip's comment. Images are packed already, so
    they are stored as they are.
    """
    with locked(clean_name(name)):  # an edit may remove images
        dataset = datasets.load(name)
        if not dataset.live():
            raise UserError("'{name}' has no images to download. Add some first.", name=dataset.name)
        if isinstance(file, Path):
            with workspace.replacing(file) as temporary, temporary.open("wb") as opened:
                _export(dataset, opened)
        else:
            _export(dataset, file)


class _Collected(NamedTuple):
    files: list[tuple[str, Found]]
    """(path as `layout.arrange` takes it, file)"""
    skipped: list[Skipped]
    kind: str | None
    """Of a zip that was exported, the data set's kind; its splits are taken as they are."""
    notes: list[Note]


class Arranged(NamedTuple):
    """What a source contains, with places. `kind`: what an exported zip tells; `notes`: what was guessed."""

    items: list[tuple[Place, Found]]
    skipped: list[Skipped]
    kind: str | None
    notes: list[Note]


def contents(source: Source | Iterable[Source], stack: ExitStack) -> Arranged:
    """The files with their places, and what is left out. Nothing is decoded.

    Zips stay open until `stack` closes. UserError where the source is not understood.
    """
    collected = _collect(_as_list(source), stack)
    skipped = list(collected.skipped)
    with explained(skipped):
        places = folder_layout.arrange([path for path, _ in collected.files])
    items = []
    for (_, found), place in zip(collected.files, places, strict=True):
        if isinstance(place, Note):
            skipped.append(Skipped(found.path, *place))
        else:
            items.append((place, found))
    return Arranged(items, skipped, collected.kind, collected.notes)


def _as_list(source: Source | Iterable[Source]) -> list[Path | BinaryIO]:
    sources = [source] if isinstance(source, str | Path) or hasattr(source, "read") else list(source)
    if not sources:
        raise UserError("There is nothing to import. Choose a zip or a folder of class folders.")
    return [Path(s) if isinstance(s, str) else s for s in sources]


def _collect(sources: list[Path | BinaryIO], stack: ExitStack) -> _Collected:
    """What the sources contain. Zips stay open until `stack` closes."""
    if len(sources) == 1 and isinstance(sources[0], Path) and sources[0].is_dir():
        folder = folders.contents(sources[0])
        paths_in = folder_layout.unwrapped([file.path for file in folder.found])
        return _Collected(list(zip(paths_in, folder.found, strict=True)), _left_out(folder), None, [])
    zips, kinds, notes = [], [], []
    for source in sources:
        name = readable(Path(source if isinstance(source, Path) else getattr(source, "name", "upload.zip")).name)
        archive = stack.enter_context(archives.open_zip(source, name))
        zips.append((name.rpartition(".")[0] or name, archives.contents(archive, name)))
        kinds.append(_exported_kind(archive.comment))
        if zips[-1][1].encoding not in ("", "utf-8"):
            notes.append(Note(_GUESSED, {"name": name, "encoding": zips[-1][1].encoding}))
    named = folder_layout.named_by_zips(
        [(stem, folder_layout.unwrapped([f.path for f in held.found])) for stem, held in zips]
    )
    files = [
        pair for (_, held), inside in zip(zips, named, strict=True) for pair in zip(inside, held.found, strict=True)
    ]
    skipped = [item for _, held in zips for item in _left_out(held)]
    return _Collected(files, skipped, kinds[0] if len(kinds) == 1 else None, notes)


def _left_out(held: archives.Contents) -> list[Skipped]:
    return held.skipped + folder_layout.without_images(held.folders, [file.path for file in held.found], held.skipped)


def _not_learned(dataset: Dataset) -> list[Note]:
    """A note where classes have images, but none to train on."""
    lacking = [label for label, splits in dataset.counts().items() if sum(splits.values()) and not splits["train"]]
    return [Note(_NOTHING_TO_LEARN_FROM, {"classes": ", ".join(lacking)})] if lacking else []


class _Waiting(NamedTuple):
    """A file that was read; `sampled`: it is looked at to tell photos from drawings."""

    place: Place
    source: str
    content: bytes | Skipped
    sampled: bool


def _store(
    items: list[tuple[Place, Found]],
    folder: Path,
    skipped: list[Skipped],
    on_progress: Callable[[int, int], None] | None,
) -> tuple[list[Arrival], float]:
    """Normalise and write every image; also the share of drawings among a sample of them."""
    every = max(1, len(items) // _SAMPLE)
    white = common_white(found for _, found in items)
    waiting = (
        _Waiting(place, found.path, _read(found), number % every == 0) for number, (place, found) in enumerate(items)
    )
    arrivals, looks = [], []
    for done, result in enumerate(in_threads(lambda one: _stored(one, folder, white), waiting), 1):
        if isinstance(result, Skipped):
            skipped.append(result)
        else:
            arrivals.append(result[0])
            looks += [result[1]] if result[1] is not None else []
        if on_progress:
            on_progress(done, len(items))
    return arrivals, sum(looks) / max(1, len(looks))


def _stored(waiting: _Waiting, folder: Path, white: int | None) -> Skipped | tuple[Arrival, bool | None]:
    """Normalise and write one image, and tell whether it looks like a drawing if it is sampled."""
    if isinstance(waiting.content, Skipped):
        return waiting.content
    try:
        stored = normalise(waiting.content, white)
    except UserError as error:
        return Skipped(waiting.source, *folder_layout.unreadable(waiting.source, error))
    stored.write(folder)
    arrival = Arrival(stored.image, waiting.place.label, waiting.place.split, waiting.source)
    return arrival, looks_like_drawing(stored.rgb) if waiting.sampled else None


def _read(found: Found) -> bytes | Skipped:
    try:
        return found.read()
    except UserError as error:
        return Skipped(found.path, error.template, error.values)
    except OSError as error:
        return Skipped(found.path, N_("It cannot be read ({reason})."), {"reason": error.strerror})


def _entries(arrivals: list[Arrival], carve: bool) -> tuple[list[Entry], list[Duplicate]]:
    """One entry for each content in a class, each content in one split. `carve`: make the splits that are missing."""
    kept: dict[tuple[str, str], Arrival] = {}
    images: dict[str, str] = {}
    split_of: dict[str, str] = {}
    duplicates = []
    # Stable: within a split, the first one to arrive is kept.
    for arrival in sorted(arrivals, key=lambda a: _PRECEDENCE.index(a.split) if a.split else 0):
        first = kept.setdefault((arrival.label, arrival.content), arrival)
        if first is not arrival:
            duplicates.append(Duplicate(arrival.source, first.source))
        images.setdefault(arrival.content, arrival.image)
        split_of.setdefault(arrival.content, arrival.split)
    splits = set(split_of.values())
    if splits == {None}:
        split_of = assign(kept)
    elif carve and splits == {"train", "test"}:
        learning = [(label, content) for label, content in kept if split_of[content] == "train"]
        split_of |= assign(learning, shares=LEARNING_SHARES)
    entries = [Entry(images[a.content], a.label, split_of[a.content], a.source) for a in kept.values()]
    return entries, duplicates


def _exported_kind(comment: bytes) -> str | None:
    try:
        kind = json.loads(comment)["handful"]["kind"]
    except (ValueError, KeyError, TypeError, RecursionError):  # "[[[[..." is nested too deep
        return None
    return kind if kind in KINDS else None


def _export(dataset: Dataset, file: BinaryIO) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.comment = json.dumps({"handful": {"kind": dataset.kind}}).encode()
        taken: set[str] = set()
        for entry in sorted(dataset.live(), key=lambda e: (SPLITS.index(e.split), e.label, e.content)):
            stem = re.sub(r"[^\w -]", "_", PurePosixPath(entry.source).stem)[:60].strip() or entry.content
            suffix = entry.image.rpartition(".")[2]
            path = f"{entry.split}/{entry.label}/{stem}.{suffix}"
            if path.casefold() in taken:
                path = f"{entry.split}/{entry.label}/{entry.content}.{suffix}"
            taken.add(path.casefold())
            # A fixed date: the same data set gives the same zip.
            archive.writestr(zipfile.ZipInfo(path), dataset.image_path(entry).read_bytes())
