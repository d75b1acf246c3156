"""The noun Dataset: named class folders of images, as a frozen snapshot, and the manifest file it is read from.

On disk: `data/NAME/manifest.json`, `data/NAME/images/HASH.png|jpg`, and `data/NAME/history/`, the manifests before
the last edits. Images are named by their content and never change, so an edit is one new manifest.
"""

import fcntl
import hashlib
import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

from core.data.splits import SPLITS
from core.errors import UserError
from core.storage import workspace
from core.storage.typed import typed

KINDS = ("photo", "drawing")
LONGEST_NAME = 60
FORMAT = 1
SPLIT_FOLDERS = {
    name + ending: split
    for split, names in {
        "train": ("train", "training"),
        "validation": ("validation", "val", "valid", "dev", "eval", "evaluation"),
        "test": ("test", "testing"),
    }.items()
    for name in names
    for ending in ("", "set", "_set", "-set", " set")
}
"""Folder names, in lower case, that mean a split and therefore cannot be classes."""
_IMAGE = re.compile(r"\w+\.(png|jpg)")
_NOT_IN_LABELS = '/\\:*?"<>|'
_JOINERS = "\u200c\u200d"  # Persian words and emoji of several parts need them
_BLANK = "\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\u034f"
"""Characters that count as letters, marks or symbols and yet show nothing."""


class Note(NamedTuple):
    """A sentence for people: an English template, which the interface translates, and its values."""

    template: str
    values: dict

    def __str__(self) -> str:
        return self.template.format(**self.values)


class Skipped(NamedTuple):
    """An item that was left out, by name, and why: a template and its values."""

    name: str
    template: str
    values: dict

    def __str__(self) -> str:
        return f"{self.name}: {self.template.format(**self.values)}"


class Duplicate(NamedTuple):
    """An item that was left out because it has the same pixels as another one of its class."""

    name: str
    same_as: str


@dataclass(frozen=True)
class ImportReport:
    """What came of adding images: how many are new in the data set, which were left out and which it had already.

    `notes` say what else should be known: names that were guessed, classes that cannot be learned.
    """

    dataset: str
    added: int
    skipped: tuple[Skipped, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One image in one class. `image`: its file name; `source`: what it was called where it came from."""

    image: str
    label: str
    split: str
    source: str
    excluded: bool = False

    @property
    def content(self) -> str:
        """The hash of its pixels, 24 hex digits."""
        return self.image.partition(".")[0]


@dataclass(frozen=True)
class Dataset:
    """A snapshot of a data set. `kind`: "photo", "drawing", or None while it has never had an image.

    `classes` are sorted and may be empty; `edit` tells what the last edit did; `built`: the generator's version, for
    built-in sets.
    """

    name: str
    kind: str | None
    read_only: bool
    classes: tuple[str, ...]
    entries: tuple[Entry, ...]
    edit: Note | None = None
    built: str | None = None

    @property
    def folder(self) -> Path:
        return workspace.datasets() / self.name

    def image_path(self, entry: Entry) -> Path:
        return self.folder / "images" / entry.image

    def live(self, split: str | None = None) -> tuple[Entry, ...]:
        """The entries that are not excluded, of one split or of all."""
        return tuple(e for e in self.entries if not e.excluded and split in (None, e.split))

    @cached_property
    def n_images(self) -> int:
        """The number of live images."""
        return len(self.live())

    @cached_property
    def live_classes(self) -> tuple[str, ...]:
        """The classes that have live images, sorted: what a network trained on this set can answer."""
        return tuple(sorted({e.label for e in self.live()}))

    def counts(self) -> dict[str, dict[str, int]]:
        """{class: {split: number of live images}} for every class and every split."""
        counts = {label: dict.fromkeys(SPLITS, 0) for label in self.classes}
        for entry in self.live():
            counts[entry.label][entry.split] += 1
        return counts

    @cached_property
    def fingerprint(self) -> str:
        """32 hex digits of what a training could notice: the kind and the live entries' class, split and content."""
        lines = sorted(f"{e.label}\t{e.split}\t{e.content}" for e in self.live())
        return hashlib.sha256("\n".join([self.kind or "", *lines]).encode()).hexdigest()[:32]


def clean_name(name: str) -> str:
    """A data set's name in normal form. UserError where it cannot be one."""
    clean = " ".join(unicodedata.normalize("NFC", name).split())
    if not clean:
        raise UserError("A data set needs a name. Give it one, for example 'pets'.")
    _check_length(clean)
    wrong = _unseen(clean) or next((c for c in clean if not (_is_letter(c) or c in " -_" + _JOINERS)), None)
    if wrong is None and not clean[0].isalnum():
        wrong = clean[0]
    if wrong is not None:
        raise UserError(
            "The data set name {name!r} cannot be used because of {character}. Begin with a letter or digit and use "
            "letters that can be seen, digits, spaces, - and _ only.",
            name=clean,
            character=_named(wrong),
        )
    return clean


def clean_label(label: str) -> str:
    """A class name in normal form. UserError where it could not be a folder's name in an exported zip."""
    clean = " ".join(unicodedata.normalize("NFC", label).split())
    if not clean:
        raise UserError("A class needs a name. Give it one, for example 'cats'.")
    _check_length(clean)
    wrong = _unseen(clean) or next((c for c in clean if c in _NOT_IN_LABELS), None)
    if wrong is None and "." in (clean[0], clean[-1]):
        wrong = "."
    if wrong is not None:
        raise UserError(
            "The class name {label!r} cannot be used because of {character}. Leave out {characters} and characters "
            "that cannot be seen, and do not begin or end with a dot.",
            label=clean,
            character=_named(wrong),
            characters=" ".join(_NOT_IN_LABELS),
        )
    if clean.lower() in SPLIT_FOLDERS:
        raise UserError(
            "'{label}' is the name of a split, so it cannot be a class. Choose another class name.", label=clean
        )
    return clean


def write(dataset: Dataset, folder: Path) -> None:
    """Write the manifest into `folder`, replacing an older one at once."""
    content = {"format": FORMAT, **{k: v for k, v in vars(dataset).items() if k in Dataset.__dataclass_fields__}}
    content["entries"] = [astuple(entry) for entry in dataset.entries]
    workspace.write_json(folder / "manifest.json", content)


def read(path: Path, name: str) -> Dataset:
    """The data set that the manifest file `path` describes, under the name `name`.

    Raises FileNotFoundError, and UserError where the file is damaged or comes from another version.
    """
    stat = path.stat()
    return _parsed(path, name, stat.st_mtime_ns, stat.st_ino, stat.st_size)


@lru_cache(maxsize=8)
def _parsed(path: Path, name: str, *_stamp: int) -> Dataset:
    with workspace.reading(path):
        content = workspace.read_json(path)
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']!r}")
        dataset = typed(
            Dataset,
            {
                "name": name,
                **{field: content[field] for field in ("kind", "read_only", "classes", "built")},
                "entries": [_entry(*values) for values in content["entries"]],
                "edit": Note(*content["edit"]) if content["edit"] else None,
            },
        )
        if dataset.kind not in (None, *KINDS):
            raise ValueError(f"kind {dataset.kind!r}")
        unknown = {entry.label for entry in dataset.entries} - set(dataset.classes)
        if unknown:
            raise ValueError(f"classes {sorted(unknown)}")
        str(dataset.edit)  # its values fit its template
        return dataset


def _entry(image: str, label: str, split: str, source: str, excluded: bool) -> Entry:
    texts = isinstance(image, str) and isinstance(label, str) and isinstance(source, str)
    if not (texts and _IMAGE.fullmatch(image) and split in SPLITS and isinstance(excluded, bool)):
        raise ValueError(f"image {image!r}")
    return Entry(image, label, split, source, excluded)


@contextmanager
def locked(*names: str) -> Iterator[None]:
    """Hold the locks of data sets: one change at a time, across threads and processes.

    Names that differ in upper and lower case only share one lock.
    """
    # In lower case a name may be too long for a file. In one order, so that no two wait for each other.
    locks = sorted({hashlib.sha256(name.casefold().encode()).hexdigest()[:32] for name in names})
    folder = workspace.datasets() / ".locks"
    workspace.make_folder(folder)
    with ExitStack() as stack:
        for lock in locks:
            with workspace.saving(workspace.datasets() / names[0]):
                file = stack.enter_context(open(folder / lock, "w"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _check_length(name: str) -> None:
    if len(name) > LONGEST_NAME or len(os.fsencode(name)) > 200:
        raise UserError(
            "The name '{start}...' has {length} characters; at most {limit} are possible. Choose a shorter one.",
            start=name[:20],
            length=len(name),
            limit=LONGEST_NAME,
        )


def _unseen(name: str) -> str | None:
    """The first character that shows nothing, such as a control character. Joiners may stand inside of words."""
    for before, c, after in zip(" " + name, name, name[1:] + " ", strict=False):
        joins = c in _JOINERS and all(_is_letter(n) or unicodedata.category(n)[0] == "S" for n in (before, after))
        if c in _BLANK or not (c.isprintable() or joins):
            return c
    return name[0] if all(unicodedata.category(c) in ("Mn", "Me", "Cf") for c in name) else None


def _is_letter(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character)[0] == "M"


def _named(character: str) -> str:
    """A character as a message shows it, with its code point where it cannot be seen."""
    if character.isprintable() and character not in _BLANK:
        return repr(character)
    name = unicodedata.name(character, "")
    return f"{character!r} (U+{ord(character):04X}{' ' + name if name else ''})"
