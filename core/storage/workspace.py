"""The one place that knows where files live, and how they are replaced without ever being half-written."""

import errno
import fcntl
import json
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core import settings
from core.errors import UserError
from core.i18n import N_

ROOT = Path(__file__).resolve().parents[2]  # the repository, or the folder of the installed packages
TEMPORARY = ".writing-"  # how the names of temporary folders begin
LEFTOVER_AFTER_S = 60 * 60

FULL = N_("The disk is full: '{file}' could not be saved. Free some space, then try again.")
NOT_ALLOWED = N_(
    "'{file}' could not be saved: Handful may not write there. Give it permission, or let HANDFUL_HOME name another "
    "folder."
)
NO_FOLDER = N_(
    "'{file}' could not be saved: what should be a folder there is something else. Move it away, then try again."
)
REFUSALS = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EROFS: N_("The disk is read-only: '{file}' could not be saved. Make it writable, then try again."),
    errno.EACCES: NOT_ALLOWED,
    errno.EPERM: NOT_ALLOWED,
    errno.ENAMETOOLONG: N_("'{file}' could not be saved: its name is too long. Choose a shorter one."),
    errno.ENOTDIR: NO_FOLDER,
    errno.ELOOP: NO_FOLDER,
}
"""What is said of errors that are the disk's and not ours."""


def home() -> Path:
    """The folder that holds `data/` and `weights/`: `HANDFUL_HOME`, or the repository itself where that is not set.

    An installed package, which has no repository around it, uses a folder of the user's.
    UserError where `HANDFUL_HOME` is empty or names something that is not a folder. What is not there yet is made when
    something is saved.
    """
    named = settings.read().home
    if named is None:
        return ROOT if (ROOT / "pyproject.toml").exists() else Path.home() / ".local" / "share" / "handful"
    if not named.strip():
        raise UserError("HANDFUL_HOME is empty. Let it name a folder, or unset it to use Handful's own folder.")
    folder = Path(os.path.realpath(named))
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise UserError("HANDFUL_HOME names a file. Let it name a folder.")
    return folder


def check_home() -> None:
    """Make the home and its two folders where they are missing. UserError where nothing can be saved in them."""
    folders = home() / "data", home() / "weights"
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            "Handful's home cannot be used ({reason}). Make it a folder that may be written to, or let HANDFUL_HOME "
            "name another one.",
            reason=error.strerror,
        ) from error
    if not all(os.access(folder, os.W_OK | os.X_OK) for folder in folders):
        raise UserError(
            "Handful may not write into its home. Give it permission, or let HANDFUL_HOME name another folder."
        )


def datasets() -> Path:
    return home() / "data"


def array_cache() -> Path:
    """Decoded images, as memory-mapped arrays. Safe to delete at any time."""
    return home() / "data" / ".arrays"


def feature_cache() -> Path:
    """What frozen networks made of images. Safe to delete at any time."""
    return home() / "data" / ".features"


def runs() -> Path:
    return home() / "weights" / "runs"


def servers() -> Path:
    """A locked file for each living server."""
    return home() / "weights" / "servers"


def pretrained() -> Path:
    """ImageNet weights: laid here by hand, or downloaded."""
    return home() / "weights" / "pretrained"


def compute_choices() -> Path:
    """What the compute-dtype probe measured on this installation."""
    return home() / "weights" / "compute.json"


@contextmanager
def saving(path: Path) -> Iterator[None]:
    """Inside the `with`, a disk that is full or refuses to be written to becomes a UserError that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        raise UserError(REFUSALS[error.errno], file=shown(path)) from error


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Inside the `with`, whatever a damaged file or one of a later version does to its reader becomes a UserError.

    FileNotFoundError passes: a file that is not there is no damaged file.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except (
        ValueError, KeyError, IndexError, TypeError, AttributeError, ArithmeticError, RuntimeError, EOFError,
        OSError, zipfile.BadZipFile,
    ) as error:  # fmt: skip
        raise UserError(
            "'{file}' is damaged or comes from another version of Handful: {error}",
            file=shown(path), error=f"{type(error).__name__}: {error}".replace(f"{home()}{os.sep}", "")[:200],
        ) from error  # fmt: skip


def shown(path: Path) -> str:
    """A path as a visitor may see it: from the home on, which is nobody else's business."""
    return str(path.relative_to(home())) if path.is_relative_to(home()) else path.name


def make_folder(path: Path) -> None:
    """Make a folder and those above it where they are missing. UserError where the disk refuses."""
    with saving(path):
        try:
            path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, FileNotFoundError) as error:  # a file, a link to nowhere, or no place for folders
            raise NotADirectoryError(errno.ENOTDIR, error.strerror) from error


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """Give an empty folder beside `path`, for what will be saved there; afterwards it is gone. UserError as `saving`.

    It is locked until then, so that `clear_leftovers` tells it from one whose process was killed.
    """
    with saving(path):
        folder = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=path.parent))
        try:
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH)
                yield folder
            finally:
                os.close(descriptor)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def replacing(path: Path, parents: bool = True) -> Iterator[Path]:
    """Give a temporary file or folder name beside `path`; on success it becomes `path`, on failure nothing is left.

    A file replaces an older file. A folder never replaces one that has something in it: UserError where that appeared
    meanwhile, so that nobody takes for saved what is not. `parents`: whether to make the folders above where they are
    missing. UserError also where the disk is full or refuses.
    """
    if parents:
        make_folder(path.parent)
    with temporary_beside(path) as folder:
        yield folder / path.name
        try:
            os.replace(folder / path.name, path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            raise UserError(
                "'{file}' was created by somebody else at the same moment. Reload, then try again.", file=shown(path)
            ) from error


def set_aside(path: Path) -> None:
    """Move away what is at `path` and belongs to nothing, if there is something; `clear_leftovers` deletes it."""
    if os.path.lexists(path):
        with saving(path):
            os.replace(path, Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=path.parent)) / path.name)


def clear_leftovers() -> None:
    """Delete the temporary folders of processes that were killed, when they are older than LEFTOVER_AFTER_S."""
    for root in (home() / "data", home() / "weights"):
        for above in ("", "*/", "*/*/"):
            for folder in root.glob(f"{above}{TEMPORARY}*"):
                _delete_leftover(folder)


def _delete_leftover(folder: Path) -> None:
    try:
        if time.time() - folder.stat().st_mtime < LEFTOVER_AFTER_S:
            return
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # its process has just finished
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:  # its process lives
        return
    finally:
        os.close(descriptor)


def write_bytes(path: Path, content: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: object) -> None:
    write_bytes(path, json.dumps(value, ensure_ascii=False).encode())


def read_json(path: Path, default: object = None) -> Any:
    """The value in `path`, or `default` where the file does not exist. Raises ValueError where it is no JSON."""
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return default


def recall(path: Path) -> dict:
    """The JSON object in `path`, or {} where there is none or it is damaged: for what can be found out again."""
    try:
        with reading(path):
            value = read_json(path)
    except UserError:
        return {}
    return value if isinstance(value, dict) else {}
