"""Folders of results that can be computed again: what they may take on disk, and what goes first."""

import shutil
from collections.abc import Collection
from pathlib import Path


def keep_budget(items: Collection[Path], budget_bytes: int, in_use: Collection[Path] = ()) -> None:
    """Delete the files or folders that were touched longest ago until the rest fits; what is `in_use` stays."""
    by_age = sorted(items, key=lambda item: item.stat().st_mtime)
    total = sum(map(size, by_age))
    for item in by_age:
        if total <= budget_bytes:
            return
        if item not in in_use:
            total -= size(item)
            # Whoever has it mapped keeps it until they let go.
            if item.is_dir():
                shutil.rmtree(item, ignore_errors=True)
            else:
                item.unlink(missing_ok=True)


def size(item: Path) -> int:
    """Bytes of a file, or of all files directly in a folder."""
    return sum(file.stat().st_size for file in item.iterdir()) if item.is_dir() else item.stat().st_size
