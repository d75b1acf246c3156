"""Which server answers for a waiting or running job, where several servers share one HANDFUL_HOME.

Each server keeps a lock on a file of its own for as long as it lives, and writes that file's name into the folder of
every job it takes on. The kernel releases the lock however the server ends, so a claim dies with its server.
"""

import fcntl
import os
import uuid
from pathlib import Path

from core.storage import workspace
from core.storage.job_folder import JobFolder
from core.storage.locks import lock

CLAIM = "server"  # this file in a job's folder names the server


class Claimant:
    """A server's sign of life, and the claims it makes."""

    def __init__(self) -> None:
        folder = workspace.servers()
        folder.mkdir(parents=True, exist_ok=True)
        for name in os.listdir(folder):
            if not name.startswith(".") and not _alive(name):
                (folder / name).unlink(missing_ok=True)
        self.name = uuid.uuid4().hex
        # It becomes visible only when it is locked: until then, another server would take it for a dead one's.
        with workspace.replacing(folder / self.name) as temporary:
            temporary.touch()
            self._sign = lock(temporary, fcntl.LOCK_EX)

    def claim(self, folder: Path) -> None:
        """Answer for the job in `folder` from now on."""
        with JobFolder(folder).replacing(CLAIM) as temporary:
            temporary.write_text(self.name)

    def release(self, folder: Path) -> None:
        if self.holds(folder):
            (folder / CLAIM).unlink(missing_ok=True)

    def holds(self, folder: Path) -> bool:
        return _holder(folder) == self.name

    def elsewhere(self, folder: Path) -> bool:
        """Whether another living server answers for the job in `folder`, or a command line works on it."""
        holder = _holder(folder)
        return holder != self.name and _alive(holder) if holder else JobFolder(folder).held

    def close(self) -> None:
        """Give up all claims."""
        (workspace.servers() / self.name).unlink(missing_ok=True)
        os.close(self._sign)


def _holder(folder: Path) -> str:
    try:
        return (folder / CLAIM).read_text("utf-8", "replace")
    except FileNotFoundError:
        return ""


def _alive(server: str) -> bool:
    try:
        os.close(lock(workspace.servers() / Path(server).name, fcntl.LOCK_SH | fcntl.LOCK_NB))
    except BlockingIOError:
        return True
    except (OSError, ValueError):  # there is no such file, or what was read is no name of one
        return False
    return False
