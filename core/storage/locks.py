"""Locks between processes: on a file, released by the kernel when their holder ends, however it ends."""

import fcntl
import os
from pathlib import Path


def lock(path: Path, how: int) -> int:
    """Lock a file; closing the file descriptor that is returned unlocks it.

    `how`: fcntl.LOCK_SH or LOCK_EX, with LOCK_NB for one that does not wait. Raises FileNotFoundError where there is no
    such file, or where it was deleted while this waited; BlockingIOError where another holder is in the way.
    """
    descriptor = os.open(path, os.O_RDWR)  # network file systems lock only what may be written
    try:
        fcntl.flock(descriptor, how)
        if not os.path.samestat(os.fstat(descriptor), os.stat(path)):
            raise FileNotFoundError(path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
