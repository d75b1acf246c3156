"""Which class and split a file belongs to, by the folders it lies in. Works on paths alone.

Understood, for a zip or a folder, with or without folders around everything:

    cats/1.jpg  dogs/2.jpg                      class folders
    train/cats/1.jpg  test/dogs/2.jpg           class folders inside train, validation (val, valid), test
    cat.0.jpg  dog.0.jpg                        no folders: the class is what stands before the first dot
    cats.zip: 1.jpg  dogs.zip: 2.jpg            one zip a class
    cats.zip: images/1.jpg  dogs.zip: images/2.jpg
    train.zip: cats/1.jpg  test.zip: cats/2.jpg one zip a split
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from os.path import commonpath
from typing import NamedTuple

from core.data.formats import unsupported
from core.data.manifest import SPLIT_FOLDERS, Note, Skipped, clean_label
from core.errors import UserError
from core.i18n import N_

IMAGE_SUFFIXES = {  # those of HEIC as well: many of them are JPEGs, the others are refused by what they are
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".gif", ".webp", ".bmp", ".dib", ".tif", ".tiff",
    ".avif", ".ppm", ".pgm", ".pbm", ".pnm", ".ico", ".heic", ".heif",
}  # fmt: skip
_ARCHIVE_SUFFIXES = {".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz"}
_TABLE_SUFFIXES = {".csv", ".tsv", ".xls", ".xlsx", ".ods", ".parquet"}
LONGEST_PATH = 1024  # characters; Windows stops at 260, others at 4,096 bytes
_BY_SYSTEMS = {"__macosx", "thumbs.db", "desktop.ini", "$recycle.bin", "@eadir", "lost+found"}
_NUMBERED = re.compile(r"([^.]+)\.\d+\.[^.]+")

HIDDEN = N_("A hidden file, or one created by the operating system.")
_CONTROL = N_("Its name has control characters ({characters}). Rename it.")
_TOO_LONG = N_("Its path has {length} characters; at most {limit} can be read. Make it shorter.")
_NOT_AN_IMAGE = N_("Not an image: the name ends in '{suffix}'.")
_NO_SUFFIX = N_("Not an image: the name has no extension such as .jpg or .png.")
_TABLE = N_(
    "Tables are not read, as an image's class is its folder. Put the images of each class into a folder of its own."
)
OUTSIDE = N_("It is outside the class folders, so its class is unknown.")
EMPTY = N_("An empty folder, so it is not a class.")
NO_CLASS = N_("None of the folder's files can be read as an image, so it is not a class.")


class Place(NamedTuple):
    """`split` is None where the folders do not say."""

    split: str | None
    label: str


def unwanted(path: str) -> Note | None:
    """Why a file is left out before it is opened, or None. Raises UserError for an archive inside the set."""
    parts = path.split("/")
    if any(part.startswith(".") or part.casefold() in _BY_SYSTEMS for part in parts):
        return Note(HIDDEN, {})
    if len(path) > LONGEST_PATH:
        return Note(_TOO_LONG, {"length": len(path), "limit": LONGEST_PATH})
    if controls := [f"U+{ord(c):04X}" for c in dict.fromkeys(path) if unicodedata.category(c) == "Cc"]:
        return Note(_CONTROL, {"characters": ", ".join(controls)})
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
    if suffix in _TABLE_SUFFIXES:
        return Note(_TABLE, {})
    return Note(_NOT_AN_IMAGE, {"suffix": suffix})


def unreadable(path: str, error: UserError) -> Note:
    """Why a file with an image's name could not be decoded. HEIC is known by its name, too, where nothing else is."""
    if path.lower().endswith((".heic", ".heif")) and error.template in unsupported.UNKNOWN:
        return Note(unsupported.HEIC, {})
    return Note(error.template, error.values)


def short(path: str) -> str:
    """A path as a report names it: the beginning of one that is too long to be read."""
    return path if len(path) <= LONGEST_PATH else f"{path[:100]}…"


def folder_of(path: str) -> str:
    """The name of the folder that a file lies in, which is its class as a rule; "" outside of all folders."""
    return path.rpartition("/")[0].rpartition("/")[2]


def without_images(folders: Iterable[str], paths: Iterable[str], skipped: Sequence[Skipped]) -> list[Skipped]:
    """The folders that hold no image and so are no classes, though they may be meant to be: by path, and why.

    `paths` are those of the files that may be images, `skipped` what was left out besides.
    """
    left_out = [item.name for item in skipped if item.template not in (HIDDEN, _TOO_LONG)]
    folders = [folder for folder in dict.fromkeys(folders) if unwanted(f"{folder}/x.png") is None]
    images, told = sorted(paths), sorted([*left_out, *folders])
    empty = [folder for folder in folders if not _any_inside(folder, images) and not _any_inside(folder, told)]
    spoiled = {path.rpartition("/")[0] for path in left_out} - {""}
    spoiled = sorted(folder for folder in spoiled if not _any_inside(folder, images))
    return [*(Skipped(folder, EMPTY, {}) for folder in empty), *(Skipped(folder, NO_CLASS, {}) for folder in spoiled)]


def unwrapped(paths: Sequence[str]) -> list[str]:
    """The paths without the folders that lie around everything."""
    if not paths:
        return []
    deepest = max(path.count("/") for path in paths)
    around = 0  # characters of folders to take off
    shared = commonpath([path.rpartition("/")[0] for path in (min(paths), max(paths))])
    for level, folder in enumerate(filter(None, shared.split("/")), 1):
        inside = around + len(folder) + 1
        if folder.lower() in SPLIT_FOLDERS:
            break
        if level == deepest and not _are_numbered([path[inside:] for path in paths]):
            break
        around = inside
    return [path[around:] for path in paths]


def named_by_zip(paths: Sequence[str], stem: str) -> list[str]:
    """Unwrapped paths with the zip's name on top, where it is the name of a class or a split."""
    says_split = stem.lower() in SPLIT_FOLDERS and not any(p.split("/")[0].lower() in SPLIT_FOLDERS for p in paths)
    says_class = all("/" not in path for path in paths) and not _are_numbered(paths)
    return [f"{stem}/{path}" for path in paths] if says_split or says_class else list(paths)


def named_by_zips(zips: Sequence[tuple[str, Sequence[str]]]) -> list[list[str]]:
    """The paths of several zips, given as (zip's name without .zip, unwrapped paths), each named by its zip if need be.

    Where several zips each have one and the same single folder, as cats.zip and dogs.zip with images/ in them, the
    zips' names are the classes; cats_1.zip and cats_2.zip with cats/ in them are parts of one class.
    """
    single = [_single_folder(paths) for _, paths in zips]
    named = []
    for (stem, paths), folder in zip(zips, single, strict=True):
        if folder and single.count(folder) > 1 and not _is_part(stem, folder):
            paths = [path.partition("/")[2] for path in paths]
        named.append(named_by_zip(paths, stem))
    return named


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
            "The folders {splits} are next to {others}. '{split}' is the name of a split, so it cannot be a class: "
            "rename it if it is meant as one, otherwise put all class folders inside train, validation and test.",
            splits=", ".join(sorted(splits)),
            others=", ".join(sorted(tops - splits)[:3]),
            split=min(splits),
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
                "The images are not in class folders{where}. Put the images of each class into a folder of its own, "
                "for example cats/1.jpg and dogs/1.jpg.",
                where=f" ({split_folder})" if split_folder else "",
            )
        matches = [_NUMBERED.fullmatch(path) for path in paths]
        return [clean_label(match[1]) if match else Note(OUTSIDE, {}) for match in matches]
    labels: list[str | Note] = []
    for path in paths:
        folders = path.split("/")[:-1]
        if len(folders) > 1:
            raise UserError(
                "'{path}' is nested too deeply: {levels} folders. Use class folders (cats/1.jpg), or class folders "
                "inside train, validation and test (train/cats/1.jpg).",
                path="/".join(filter(None, [split_folder, path])),
                levels=len(folders) + bool(split_folder),
            )
        labels.append(clean_label(folders[0]) if folders else Note(OUTSIDE, {}))
    return labels


def _are_numbered(names: Sequence[str]) -> bool:
    """Whether file names tell their class, as in cat.0.jpg and dog.0.jpg: at least two classes do."""
    matches = (_NUMBERED.fullmatch(name) for name in names)
    return len({match[1] for match in matches if match}) > 1


def _any_inside(folder: str, paths: Sequence[str]) -> bool:
    """Whether one of the sorted paths lies in the folder, at any depth."""
    first = bisect_left(paths, f"{folder}/")
    return first < len(paths) and paths[first].startswith(f"{folder}/")


def _single_folder(paths: Sequence[str]) -> str | None:
    """The one folder that holds all files, in lower case, unless it is a split."""
    folders = {path.rpartition("/")[0].casefold() for path in paths}
    folder = folders.pop() if len(folders) == 1 else ""
    return folder if folder and "/" not in folder and folder not in SPLIT_FOLDERS else None


def _is_part(stem: str, folder: str) -> bool:
    """Whether a zip is one of several parts of a class, or of a split, by its name: "cats-2" or "cats part 3"."""
    bare = re.sub(r"part|copy|[\W\d_]", "", stem.casefold())
    return bare == re.sub(r"[\W\d_]", "", folder) or stem.lower() in SPLIT_FOLDERS
