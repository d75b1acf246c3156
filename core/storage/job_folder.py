"""The folder through which a job in another process, a training or a check, tells how it is getting on.

Nothing here makes the folder: where it was deleted, together with its run or data set, it stays so.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.storage import workspace
from core.storage.locks import lock

RESERVED_BYTES = 1 << 16


class Gone(Exception):
    """The folder was deleted while its job was under way: the job just ends.

    No UserError, which would be taken for something that is wrong with the images or the weights.
    """


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """`paths.replacing` for a file in the folder of a job. Raises Gone where the folder was deleted."""
    if not path.parent.is_dir():
        raise Gone
    try:
        with workspace.replacing(path, parents=False) as temporary:
            yield temporary
    except FileNotFoundError as error:
        if path.parent.is_dir():
            raise
        raise Gone from error


def write_json(path: Path, value: object) -> None:
    """Replace a file in the folder of a job. Raises Gone where the folder was deleted."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, ensure_ascii=False), "utf-8")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the job's lock: one process at a time does its work. Raises Gone where the folder is deleted before."""
    try:
        (folder / "lock").touch()
        descriptor = lock(folder / "lock", fcntl.LOCK_EX)
    except FileNotFoundError as error:
        raise Gone from error
    try:
        yield
    finally:
        os.close(descriptor)


def is_held(folder: Path) -> bool:
    """Whether some process, of this server or another, is at work on the job at this moment."""
    try:
        os.close(lock(folder / "lock", fcntl.LOCK_SH | fcntl.LOCK_NB))
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def reserve(folder: Path) -> None:
    """Take a little space, so that a job that fills the disk can still tell how it ended."""
    with replacing(folder / "reserve") as temporary:
        temporary.write_bytes(os.urandom(RESERVED_BYTES))


def write_status(folder: Path, status: dict, last: bool) -> None:
    """Replace `status.json`. The `last` state of a job gets the space that was reserved: there may be no other."""
    if last:
        (folder / "reserve").unlink(missing_ok=True)
    write_json(folder / "status.json", status)


def wish_cancel(folder: Path) -> None:
    with suppress(FileNotFoundError), workspace.saving(folder / "cancel"):  # deleted: then it ends anyway
        (folder / "cancel").touch()


def withdraw_cancel(folder: Path) -> None:
    (folder / "cancel").unlink(missing_ok=True)


def cancel_wished(folder: Path) -> bool:
    return (folder / "cancel").exists()
