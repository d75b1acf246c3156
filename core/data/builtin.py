"""The data sets that are always there, offline and read-only: made on first use, and again when their maker changes."""

import hashlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from core.data import manifest, synthetic_shapes
from core.data.manifest import Dataset, Entry, locked
from core.data.normalize import normalise
from core.data.splits import assign
from core.errors import UserError
from core.storage import workspace

SHAPES_PER_CLASS = {"train": 1200, "validation": 150, "test": 150}
SHAPES_SEED = 7
DIGIT_SIDE = 64


def _shapes() -> Iterator[tuple[str, np.ndarray]]:
    yield from synthetic_shapes.generate(sum(SHAPES_PER_CLASS.values()), SHAPES_SEED)


def _shapes_splits(drawings: list[tuple[str, str]]) -> list[str]:
    # In the order of drawing, class by class: one simulated hand's drawings follow each other and stay in one split.
    order = [split for split, count in SHAPES_PER_CLASS.items() for _ in range(count)]
    seen = dict.fromkeys(synthetic_shapes.CLASSES, 0)
    splits = []
    for label, _ in drawings:
        splits.append(order[seen[label]])
        seen[label] += 1
    return splits


def _digits() -> Iterator[tuple[str, np.ndarray]]:
    """scikit-learn's digits: 1,797 of 8x8 with 17 levels, light on dark (UCI, Alpaydin and Kaynak 1998)."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    for image, target in zip(digits.images, digits.target, strict=True):
        paper = Image.fromarray(np.round(255 - image * (255 / 16)).astype(np.uint8))
        # A white border keeps the ink off the edge, where the original often has it.
        sheet = Image.new("L", (10, 10), 255)
        sheet.paste(paper, (1, 1))
        yield str(target), np.array(sheet.resize((DIGIT_SIDE, DIGIT_SIDE), Image.Resampling.BICUBIC))


def _digits_splits(drawings: list[tuple[str, str]]) -> list[str]:
    split_of = assign(drawings)
    return [split_of[content] for _, content in drawings]


# name: (its drawings, their splits given [(class, content)], how many there are)
_MAKERS: dict[str, tuple[Callable, Callable, int]] = {
    "shapes": (_shapes, _shapes_splits, len(synthetic_shapes.CLASSES) * sum(SHAPES_PER_CLASS.values())),
    "digits": (_digits, _digits_splits, 1797),
}
NAMES = tuple(_MAKERS)


def ensure(name: str, on_progress: Callable[[int, int], None] | None = None) -> None:
    """Make the built-in data set unless it is there and up to date. Seconds the first time; several processes may try.

    on_progress(done, total) is called after each drawing and may raise to stop; nothing half-made stays.
    """
    folder = workspace.datasets() / name
    if _is_current(folder, name):
        return
    # A lock of its own (no data set's name has a dot): whoever holds the data set's lock may need it made.
    with locked(f"{name}.making"):
        if _is_current(folder, name):
            return
        with workspace.replacing(folder) as new:
            (new / "images").mkdir(parents=True)
            manifest.write(_make(name, new / "images", on_progress), new)
            if folder.exists():
                # Set aside beside the new one, so that both disappear together whatever happens.
                os.replace(folder, new.parent / "old")


def _is_current(folder: Path, name: str) -> bool:
    try:
        return manifest.read(folder / "manifest.json", name).built == _version(name)
    except (FileNotFoundError, UserError):  # a damaged one is made again
        return False


@cache
def _version(name: str) -> str:
    """Changes with the code and the numbers that the data set is made from."""
    sources = [inspect.getsource(module) for module in (sys.modules[__name__], synthetic_shapes)]
    return hashlib.sha256("\n".join([name, *sources]).encode()).hexdigest()[:16]


def _make(name: str, folder: Path, on_progress: Callable[[int, int], None] | None) -> Dataset:
    drawings, splits, total = _MAKERS[name]
    labels = []

    def pictures() -> Iterator[np.ndarray]:
        for label, picture in drawings():
            labels.append(label)
            yield picture

    def store(picture: np.ndarray) -> str:
        stored = normalise(picture)
        stored.write(folder)
        return stored.image

    images = []
    # One after the other: drawing holds the interpreter's lock, so threads would only wait for each other.
    for image in map(store, pictures()):
        images.append(image)
        if on_progress:
            on_progress(len(images), total)
    contents = [image.partition(".")[0] for image in images]
    entries = {}
    for number, (image, label, split) in enumerate(
        zip(images, labels, splits(list(zip(labels, contents, strict=True))), strict=True)
    ):
        # The same picture drawn twice counts once.
        entries.setdefault(image, Entry(image, label, split, f"{label} {number}"))
    return Dataset(name, "drawing", True, tuple(sorted(set(labels))), tuple(entries.values()), built=_version(name))
