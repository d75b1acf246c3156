"""The one place that knows where files live, and how they are replaced without ever being half-written."""

import errno
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import UserError

ROOT = Path(__file__).resolve().parent.parent


def home() -> Path:
    """The folder that holds `data/` and `weights/`: `HANDFUL_HOME`, or the repository itself."""
    return Path(os.environ.get("HANDFUL_HOME") or ROOT).resolve()


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
    """Inside the `with`, a disk that is full or must not be written to becomes a UserError that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(
                "The disk is full: '{file}' could not be saved. Free some space, then try again.", file=shown(path)
            ) from error
        if error.errno == errno.EROFS:
            raise UserError(
                "The disk is read-only: '{file}' could not be saved. Make it writable, then try again.",
                file=shown(path),
            ) from error
        raise


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


@contextmanager
def replacing(path: Path, parents: bool = True) -> Iterator[Path]:
    """Give a temporary file or folder name beside `path`; on success it becomes `path`, on failure nothing is left.

    A file replaces an older file. A folder never replaces one: whoever finished first wins, which is right for caches
    whose name says what they contain. `parents`: whether to make the folders above where they are missing. Raises
    UserError where the disk is full.
    """
    with saving(path):
        if parents:
            path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=path.parent)) / path.name
        try:
            yield temporary
            if temporary.is_dir() and path.exists():
                return
            os.replace(temporary, path)
        finally:
            shutil.rmtree(temporary.parent, ignore_errors=True)


def write_bytes(path: Path, content: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: object) -> None:
    write_bytes(path, json.dumps(value, ensure_ascii=False).encode())


def read_json(path: Path, default: object = None) -> object:
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
