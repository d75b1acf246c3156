"""Files and folders of results that can be computed again: what they may take on disk, and what goes first."""

import fcntl
import os
import shutil
import weakref
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from core.storage.locks import lock

GUARD = "in_use"  # the file in a folder that is locked by those who hold it


def hold(folder: Path, holder: object) -> None:
    """Keep a folder from being deleted, here or in another process, for as long as `holder` lives.

    Raises FileNotFoundError where it is not there, or was deleted just now. Files need no such thing: whoever has one
    mapped keeps what is in it until they let go.
    """
    (folder / GUARD).touch()
    weakref.finalize(holder, os.close, lock(folder / GUARD, fcntl.LOCK_SH))


def keep_budget(items: Collection[Path], budget_bytes: int, in_use: Collection[Path] = ()) -> None:
    """Delete what was touched longest ago, files or folders, until the rest fits.

    What is `in_use`, and the folders that somebody holds, stay.
    """
    known = {}
    for item in items:
        with suppress(FileNotFoundError):  # another process deletes too
            known[item] = item.stat().st_mtime, size(item)
    total = sum(bytes_ for _, bytes_ in known.values())
    for item in sorted(known, key=known.__getitem__):
        if total <= budget_bytes:
            return
        if item not in in_use and _deleted(item):
            total -= known[item][1]


def size(item: Path) -> int:
    """Bytes of a file, or of all files directly in a folder. Raises FileNotFoundError where it is not there."""
    if not item.is_dir():
        return item.stat().st_size
    total = 0
    for file in item.iterdir():
        with suppress(FileNotFoundError):  # a temporary one
            total += file.stat().st_size
    return total


def _deleted(item: Path) -> bool:
    """Delete a file, or a folder unless somebody holds it; whether it is gone."""
    if not item.is_dir():
        item.unlink(missing_ok=True)
        return True
    try:
        (item / GUARD).touch()
        descriptor = lock(item / GUARD, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    shutil.rmtree(item, ignore_errors=True)
    os.close(descriptor)
    return True
