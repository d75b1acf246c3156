"""Folders by strangers: what is inside, without opening anything that is no file, and without following links."""

import os
from pathlib import Path

from core.data import archives, layout
from core.data.archives import Contents, Found
from core.data.encodings import readable
from core.data.manifest import Skipped
from core.words import N_

LINK = N_("A link to a folder is not followed. Put the folder itself there.")
_NO_FILE = N_("It is a pipe, a socket or a device, not a file.")
_BROKEN_LINK = N_("It is a link to a file that is not there.")
_UNREADABLE = N_("It cannot be read ({reason}).")


def contents(folder: Path) -> Contents:
    """The files of a folder that may be images, at any depth, and what is left out.

    Names that are not UTF-8 are decoded; the files are read by their own. UserError where there are too many files.
    """
    found, skipped, folders, sizes = [], [], [], []
    waiting = [(folder, "")]
    while waiting:  # not recursive, because folders may lie deeper than Python's stack
        where, inside = waiting.pop()
        try:
            entries = sorted(os.scandir(where), key=lambda entry: entry.name)
        except OSError as error:
            skipped.append(Skipped(inside, _UNREADABLE, {"reason": error.strerror}))
            continue
        subfolders = []
        for entry in entries:
            path = f"{inside}/{readable(entry.name)}".lstrip("/")
            if entry.is_dir() and entry.is_symlink():
                skipped.append(Skipped(path, LINK, {}))
            elif entry.is_dir() and (reason := layout.unwanted(f"{path}/x.png")) is not None:
                skipped.append(Skipped(path, *reason))
            elif entry.is_dir():
                subfolders.append((Path(entry.path), path))
            elif (reason := layout.unwanted(path)) is not None:
                skipped.append(Skipped(path, *reason))
            elif not entry.is_file():
                skipped.append(Skipped(path, _BROKEN_LINK if entry.is_symlink() else _NO_FILE, {}))
            else:
                file = Path(entry.path)
                found.append(Found(path, file.read_bytes, file))
                sizes.append((path, entry.stat().st_size))
        waiting += reversed(subfolders)
        folders += [path for _, path in subfolders]
    archives.check_limits(readable(folder.name), sizes)
    return Contents(found, skipped, folders, "")
