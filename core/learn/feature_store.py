"""Arrays on disk with one row for each image, found by the hash of its content, for all runs.

about.json  what the rows are; the name of the folder is its hash
rows.bin    the rows, half precision, appended
rows.json   their shape, and for each image the place of its row and a checksum of it
lock        held by the process that appends
in_use      held by all processes that read or append, so that the folder is not deleted (core.storage.disk_cache)
"""

import fcntl
import hashlib
import json
import math
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import numpy as np

from core.storage import disk_cache, workspace
from core.storage.locks import lock

SAVE_EVERY = 16  # appended batches: at most so many must be computed again after a kill


class Store:
    """The rows of one kind, which `about`, a JSON object, describes."""

    def __init__(self, about: dict):
        self.about = about
        self.folder = (
            workspace.feature_cache() / hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:24]
        )
        self._is_held = False
        self._load()

    def _load(self) -> None:
        index = workspace.recall(self.folder / "rows.json")
        if not _is_index(index):  # not there, or damaged
            index = {"shape": None, "rows": {}}
        self.shape: list[int] | None = index["shape"]
        self.rows: dict[str, list[int]] = index["rows"]  # {content: [place, checksum]}

    def held(self) -> "Store":
        """Keep the store from being deleted for as long as this object lives; returns the store."""
        while not self._is_held:
            self.folder.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # deleted just now
                disk_cache.hold(self.folder, self)
                self._is_held = True
        os.utime(self.folder)
        self._load()
        return self

    def array(self) -> np.ndarray:
        """Map all rows into memory, (n, ...) float16. Rows at the end may be incomplete and belong to no image."""
        file = self.folder / "rows.bin"
        if self.shape is None or not file.exists() or file.stat().st_size < self._row_bytes:
            return np.empty((0, *(self.shape or ())), np.float16)
        return np.memmap(file, np.float16, "r", shape=(file.stat().st_size // self._row_bytes, *self.shape))

    @property
    def _row_bytes(self) -> int:
        return 2 * math.prod(self.shape)

    def places(self, contents: Sequence[str]) -> np.ndarray:
        """Look up the place of each image's row in `array`, (n,) int64."""
        return np.array([self.rows[content][0] for content in contents], np.int64)

    def missing(self, contents: Sequence[str]) -> set[int]:
        """Find the indices of the images that have no row, or one that does not match its checksum."""
        array = self.array()

        def sound(content: str) -> bool:
            place, checksum = self.rows.get(content, (len(array), 0))
            return place < len(array) and zlib.crc32(array[place]) == checksum

        return {number for number, content in enumerate(contents) if not sound(content)}

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the lock of the store. What was appended stays, even when the work ends with an exception."""
        self.held()
        (self.folder / "lock").touch()
        descriptor = lock(self.folder / "lock", fcntl.LOCK_EX)
        try:
            self._load()
            self.appended = 0
            try:
                yield
            finally:
                self._save()
        finally:
            os.close(descriptor)

    def append(self, contents: Sequence[str], values: np.ndarray) -> None:
        """Append a row for each image, (n, ...) float16; inside `writing` only."""
        self.shape = list(values.shape[1:])
        with open(self.folder / "rows.bin", "ab") as file:
            start = -(-file.tell() // self._row_bytes)
            file.truncate(start * self._row_bytes)  # an incomplete row becomes a whole one that belongs to no image
            file.write(values.tobytes())
        for number, content in enumerate(contents):
            self.rows[content] = [start + number, zlib.crc32(np.ascontiguousarray(values[number]))]
        self.appended += 1
        if self.appended % SAVE_EVERY == 0:
            self._save()

    def _save(self) -> None:
        workspace.write_json(self.folder / "about.json", self.about)
        workspace.write_json(self.folder / "rows.json", {"shape": self.shape, "rows": self.rows})


def _is_index(value: dict) -> bool:
    rows = value.get("rows")
    if not isinstance(value.get("shape"), list | None) or not isinstance(rows, dict):
        return False
    return all(isinstance(row, list) and [*map(type, row)] == [int, int] for row in rows.values())
