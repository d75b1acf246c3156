"""Which class and split a file belongs to, by the folders it lies in. Works on paths alone.

Understood, for a zip or a folder, with or without folders around everything:

    cats/1.jpg  dogs/2.jpg                      class folders
    train/cats/1.jpg  test/dogs/2.jpg           class folders inside train, validation (val, valid), test
    cat.0.jpg  dog.0.jpg                        no folders: the class is what stands before the first dot
    cats.zip: 1.jpg  dogs.zip: 2.jpg            one zip a class
    train.zip: cats/1.jpg  test.zip: cats/2.jpg one zip a split
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from core.data.formats import strangers
from core.data.manifest import SPLIT_FOLDERS, Note, clean_label
from core.errors import UserError
from core.words import N_

IMAGE_SUFFIXES = {  # those of HEIC as well: many of them are JPEGs, the others are refused by what they are
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".gif", ".webp", ".bmp", ".dib", ".tif", ".tiff",
    ".avif", ".ppm", ".pgm", ".pbm", ".pnm", ".ico", ".heic", ".heif",
}  # fmt: skip
_ARCHIVE_SUFFIXES = {".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz"}
_BY_SYSTEMS = {"__macosx", "thumbs.db", "desktop.ini", "$recycle.bin", "@eadir", "lost+found"}
_NUMBERED = re.compile(r"([^.]+)\.\d+\.[^.]+")

HIDDEN = N_("A hidden file, or one that the operating system made.")
_CONTROL = N_("Its name has control characters. Rename it.")
_NOT_AN_IMAGE = N_("Not an image: the name ends in '{suffix}'.")
_NO_SUFFIX = N_("Not an image: the name has no ending such as .jpg or .png.")
OUTSIDE = N_("It lies outside of the class folders, so its class is unknown.")


class Place(NamedTuple):
    """`split` is None where the folders do not say."""

    split: str | None
    label: str


def unwanted(path: str) -> Note | None:
    """Why a file is left out before it is opened, or None. Raises UserError for an archive inside the set."""
    parts = path.split("/")
    if any(part.startswith(".") or part.casefold() in _BY_SYSTEMS for part in parts):
        return Note(HIDDEN, {})
    if any(unicodedata.category(c) == "Cc" for c in path):
        return Note(_CONTROL, {})
    stem, dot, suffix = parts[-1].rpartition(".")
    suffix = f".{suffix.lower()}"
    if not dot or not stem:
        return Note(_NO_SUFFIX, {})
    if suffix in IMAGE_SUFFIXES:
        return None
    if suffix in _ARCHIVE_SUFFIXES:
        raise UserError(
            "'{path}' is an archive inside the data set. Unpack it first, and import the folder or a zip of it.",
            path=path,
        )
    return Note(_NOT_AN_IMAGE, {"suffix": suffix})


def unreadable(path: str, error: UserError) -> Note:
    """Why a file with an image's name could not be decoded. HEIC is known by its name, too, where nothing else is."""
    if path.lower().endswith((".heic", ".heif")) and error.template in strangers.UNKNOWN:
        return Note(strangers.HEIC, {})
    return Note(error.template, error.values)


def unwrapped(paths: Sequence[str]) -> list[str]:
    """The paths without the folders that lie around everything."""
    paths = list(paths)
    while paths and all("/" in path for path in paths):
        tops = {path.partition("/")[0] for path in paths}
        inner = [path.partition("/")[2] for path in paths]
        if len(tops) > 1 or next(iter(tops)).lower() in SPLIT_FOLDERS:
            break
        if not any("/" in path for path in inner) and not _are_numbered(inner):
            break
        paths = inner
    return paths


def named_by_zip(paths: Sequence[str], stem: str) -> list[str]:
    """Unwrapped paths with the zip's name on top, where it is the name of a class or a split."""
    says_split = stem.lower() in SPLIT_FOLDERS and not any(p.split("/")[0].lower() in SPLIT_FOLDERS for p in paths)
    says_class = all("/" not in path for path in paths) and not _are_numbered(paths)
    return [f"{stem}/{path}" for path in paths] if says_split or says_class else list(paths)


def arrange(paths: Sequence[str]) -> list[Place | Note]:
    """Each unwrapped path's place, or why it has none. UserError where the folders as a whole make no sense."""
    if not paths:
        raise UserError("There are no images in it. Put JPEG or PNG images into one folder for each class.")
    tops = {path.partition("/")[0] for path in paths if "/" in path}
    splits = {top for top in tops if top.lower() in SPLIT_FOLDERS}
    if not splits:
        return [place if isinstance(place, Note) else Place(None, place) for place in _labels(paths)]
    if tops != splits:
        raise UserError(
            "The folders {splits} lie beside {others}. Put all class folders inside train, validation and test, or "
            "remove those.",
            splits=", ".join(sorted(splits)),
            others=", ".join(sorted(tops - splits)[:3]),
        )
    found = {SPLIT_FOLDERS[top.lower()] for top in splits}
    if "train" not in found and len(found) > 1:
        raise UserError(
            "There are folders {splits} but no train folder. Add one with the images to learn from.",
            splits=", ".join(sorted(splits)),
        )
    places: list[Place | Note] = [Note(OUTSIDE, {})] * len(paths)
    for top in splits:
        inside = [index for index, path in enumerate(paths) if path.partition("/")[0] == top and "/" in path]
        split = SPLIT_FOLDERS[top.lower()] if len(found) > 1 else None
        for index, label in zip(inside, _labels([paths[i].partition("/")[2] for i in inside], top), strict=True):
            places[index] = label if isinstance(label, Note) else Place(split, label)
    return places


def check_spelling(labels: Iterable[str]) -> None:
    """UserError where classes differ in upper and lower case only."""
    spellings: dict[str, str] = {}
    for label in labels:
        if spellings.setdefault(label.casefold(), label) != label:
            raise UserError(
                "The class folders '{one}' and '{other}' differ in upper and lower case only. Use one spelling.",
                one=spellings[label.casefold()],
                other=label,
            )


def _labels(paths: Sequence[str], split_folder: str = "") -> list[str | Note]:
    """The class of each path inside a split's folder, or inside everything."""
    if all("/" not in path for path in paths):
        if not _are_numbered(paths):
            raise UserError(
                "The images lie in no class folder{where}. Put those of each class into a folder of its own, for "
                "example cats/1.jpg and dogs/1.jpg.",
                where=f" ({split_folder})" if split_folder else "",
            )
        matches = [_NUMBERED.fullmatch(path) for path in paths]
        return [clean_label(match[1]) if match else Note(OUTSIDE, {}) for match in matches]
    labels: list[str | Note] = []
    for path in paths:
        folders = path.split("/")[:-1]
        if len(folders) > 1:
            raise UserError(
                "'{path}' lies too deep: {levels} folders. Use class folders (cats/1.jpg), or class folders inside "
                "train, validation and test (train/cats/1.jpg).",
                path="/".join(filter(None, [split_folder, path])),
                levels=len(folders) + bool(split_folder),
            )
        labels.append(clean_label(folders[0]) if folders else Note(OUTSIDE, {}))
    return labels


def _are_numbered(names: Sequence[str]) -> bool:
    """Whether file names tell their class, as in cat.0.jpg and dog.0.jpg: at least two classes do."""
    matches = (_NUMBERED.fullmatch(name) for name in names)
    return len({match[1] for match in matches if match}) > 1
