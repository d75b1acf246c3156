"""Decoded images as memory-mapped arrays: decoded once for each way of preparing them, whoever asks."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from core.catalog.versions import INPUT_VERSION
from core.data import images
from core.data.manifest import Dataset, Entry
from core.errors import UserError
from core.storage import disk_cache, workspace
from core.storage.parallel import in_threads

BUDGET_BYTES = 8 * 1024**3
"""What all cached arrays together may take on disk; those not used for longest go first."""


def decoded(
    dataset: Dataset,
    prepare: str,
    size: int,
    channels: int,
    split: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[np.ndarray, np.ndarray, tuple[Entry, ...]]:
    """The live images of a split (None: of all) as a network reads them, by `images.network_input`.

    Returns images (n, size, size, channels) uint8, a read-only memory map; labels (n,) int64, indices into
    `dataset.live_classes`; and the n entries in the same order. on_progress(done, total) is called while images are
    decoded, and may raise to stop: nothing half-written stays. UserError where an image cannot be decoded.
    """
    entries = dataset.live(split)
    labels = np.array([dataset.live_classes.index(e.label) for e in entries], dtype=np.int64)
    shape = (len(entries), size, size, channels)
    if not entries:
        return np.empty(shape, np.uint8), labels, entries
    path = workspace.array_cache() / f"{_key(entries, prepare, size, channels)}.npy"
    while (array := _mapped(path, shape)) is None:  # never made, damaged, or deleted just now
        with workspace.replacing(path) as temporary:
            _fill(temporary, shape, [dataset.image_path(e) for e in entries], prepare, on_progress)
        disk_cache.keep_budget(list(workspace.array_cache().glob("*.npy")), BUDGET_BYTES, in_use=(path,))
    return array, labels, entries


def _mapped(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """A cached array, memory-mapped and touched; None where it is not there or damaged."""
    try:
        with workspace.reading(path):
            array = np.load(path, mmap_mode="r")
            if array.shape != shape or array.dtype != np.uint8:
                raise ValueError(f"{array.shape} {array.dtype}")
            os.utime(path)
            return array
    except FileNotFoundError:
        return None
    except UserError:
        path.unlink(missing_ok=True)
        return None


def prepared(source: Path | bytes, prepare: str, size: int, channels: int) -> np.ndarray:
    """One image file as a network reads it, (size, size, channels) uint8. UserError where it cannot be decoded."""
    # A drawing's ink is looked for in every pixel; a photo is made smaller anyway.
    at_least = size if prepare == "photo" else None
    return images.network_input(images.decode(source, at_least), prepare, size, channels)


def _key(entries: tuple[Entry, ...], prepare: str, size: int, channels: int) -> str:
    parts = [INPUT_VERSION, prepare, size, channels, *(e.content for e in entries)]
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:32]


def _fill(
    path: Path,
    shape: tuple[int, int, int, int],
    files: list[Path],
    prepare: str,
    on_progress: Callable[[int, int], None] | None,
) -> None:
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    with path.open("r+b") as file:  # on a full disk an error now, instead of a process killed while it writes
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    _, size, _, channels = shape

    def decode(row: int) -> None:
        array[row] = prepared(files[row], prepare, size, channels)

    # Cropping to the ink is many small steps that hold the interpreter's lock: threads would only wait for each other.
    run = map if prepare == "drawing" else in_threads
    for done, _ in enumerate(run(decode, range(len(files))), 1):
        if on_progress:
            on_progress(done, len(files))
    array.flush()
