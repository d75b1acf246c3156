"""Folders by strangers: what is inside, without opening anything that is no file, and without following links."""

import os
from pathlib import Path

from core.data import archives, folder_layout
from core.data.archives import Contents, Found
from core.data.encodings import readable
from core.data.manifest import Note, Skipped
from core.errors import UserError
from core.i18n import N_

_LINK = N_("A link to a folder is not followed. Put the folder itself there.")
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
            path, file = f"{inside}/{readable(entry.name)}".lstrip("/"), Path(entry.path)
            is_folder = os.path.isdir(file)  # unlike the entry's own answer, never an exception
            reason = folder_layout.unwanted(f"{path}/x.png" if is_folder else path) or _not_readable(file)
            if reason is not None:
                skipped.append(Skipped(folder_layout.short(path), *reason))
            elif is_folder:
                subfolders.append((file, path))
            else:
                found.append(Found(path, file.read_bytes, file))
                sizes.append((path, _size(file)))
        waiting += reversed(subfolders)
        folders += [path for _, path in subfolders]
    archives.check_limits(readable(folder.name), sizes)
    return Contents(found, skipped, folders, "")


def check_file(path: Path) -> None:
    """UserError for what would block or never end when it is read as a file, such as a pipe."""
    if not os.path.isdir(path) and (reason := _not_readable(path)) is not None:
        raise UserError(reason.template, **reason.values)


def _not_readable(path: Path) -> Note | None:
    """Why what lies there is neither a file nor a folder, or None."""
    if os.path.isdir(path):
        return Note(_LINK, {}) if path.is_symlink() else None
    if os.path.exists(path):
        return None if os.path.isfile(path) else Note(_NO_FILE, {})
    return Note(_BROKEN_LINK, {}) if path.is_symlink() else None


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # reading it will say why
        return 0
