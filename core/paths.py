"""The one place that knows where files live, and how they are replaced without ever being half-written."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


def pretrained() -> Path:
    """ImageNet weights: laid here by hand, or downloaded."""
    return home() / "weights" / "pretrained"


def compute_choices() -> Path:
    """What the compute-dtype probe measured on this installation."""
    return home() / "weights" / "compute.json"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary file or folder name beside `path`; on success it becomes `path`, on failure nothing is left.

    A file replaces an older file. A folder never replaces one: whoever finished first wins, which is right for caches
    whose name says what they contain.
    """
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
    """The value in `path`, or `default` where the file does not exist."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return default
