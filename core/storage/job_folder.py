"""The folder through which a job in another process tells how it is getting on.

status.json    queued | running | done | failed | cancelled, since when, and why it failed
progress.json  the heartbeat of a running job
cancel         present while a person asks the job to stop
lock           held by the process that works on it
reserve        some space on the disk, for the last status of a job that has filled it

Nothing here makes the folder: where it was deleted, together with its run or data set, it stays so.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from core.errors import UserError
from core.i18n import N_
from core.storage import workspace
from core.storage.locks import lock
from core.storage.typed import typed

LIVE_STATES = ("queued", "running")
STATES = (*LIVE_STATES, "done", "failed", "cancelled")
STALE_AFTER_S = 20.0
RESERVED_BYTES = 1 << 16

BROKEN = N_("Training stopped because of a bug in Handful: {error}. See the server's log for details.")
WORKER_LOST = N_("The training process kept dying, most likely because it ran out of memory. Try a smaller batch size.")


class Gone(Exception):
    """The folder was deleted while its job was under way: the job just ends.

    No UserError, which would be taken for something that is wrong with the images or the weights.
    """


@dataclass(frozen=True)
class JobStatus:
    """The state of a job.

    Attributes:
        state: One of STATES, or empty for a job that nobody has asked for.
        changed: When the state was written, in seconds since 1970.
        message: Why the job failed: the template of a UserError, which the interface translates.
        values: The fields of the template.
        seconds: Time spent on the job, over all resumptions.
    """

    state: str = ""
    changed: float = 0.0
    message: str = ""
    values: dict = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def live(self) -> bool:
        """Whether the job is waiting or running."""
        return self.state in LIVE_STATES


NOT_ASKED_FOR = JobStatus()


@dataclass(frozen=True)
class JobProgress:
    """What a running job is doing.

    Attributes:
        stage: The name of the stage; each kind of job has its own.
        share: How much of the whole job is done, 0..1.
        updated: The last heartbeat, in seconds since 1970.
    """

    stage: str = ""
    share: float = 0.0
    updated: float = field(default=0.0, kw_only=True)


def is_stale(status: JobStatus, progress: JobProgress) -> bool:
    """Whether a running job has had no heartbeat for a while: its worker died or is being replaced."""
    return status.state == "running" and time.time() - max(status.changed, progress.updated) > STALE_AFTER_S


S = TypeVar("S", bound=JobStatus)
P = TypeVar("P", bound=JobProgress)


@dataclass(frozen=True)
class JobFolder:
    """One job's folder. Writing raises Gone where the folder was deleted."""

    path: Path

    def set_state(self, state: str, **fields: object) -> None:
        """Record a state, with other fields of the job's status.

        A state in which a job ends can be recorded on a full disk too, in the space that `reserve` took.
        """
        if state not in LIVE_STATES:
            (self.path / "reserve").unlink(missing_ok=True)
        self.write_json("status.json", {"state": state, "changed": time.time(), **fields})

    def status(self, cls: type[S], default: JobStatus = NOT_ASKED_FOR, **known: object) -> S:
        """Read the status.

        Args:
            cls: JobStatus, or a class derived from it.
            default: The state as long as none is recorded.
            known: The fields of `cls` that come from elsewhere.

        Raises:
            UserError: The file is damaged, or comes from a later version.
        """
        path = self.path / "status.json"
        with workspace.reading(path):
            recorded = workspace.read_json(path, vars(default))
            if not isinstance(recorded, dict):
                raise TypeError(recorded)
            if not {"state", "changed"} <= recorded.keys() or recorded.keys() & known.keys():
                raise KeyError(*recorded)
            status = typed(cls, {**known, **recorded})
            if status.state not in STATES and status.state != default.state:
                raise ValueError(status.state)
            # Whatever is shown of it can be shown.
            datetime.fromtimestamp(status.changed), timedelta(seconds=status.seconds)
            UserError(status.message, **status.values)
            return status

    def write_progress(self, progress: JobProgress) -> None:
        """Record a heartbeat."""
        self.write_json("progress.json", asdict(progress) | {"updated": time.time()})

    def progress(self, cls: type[P], stages: tuple[str, ...]) -> P:
        """Read the last heartbeat as an instance of `cls`; one that is missing or damaged counts as none."""
        try:
            progress = typed(cls, workspace.recall(self.path / "progress.json"))
        except (KeyError, TypeError):
            return cls()
        return progress if progress.stage in stages and 0 <= progress.share <= 1 else cls()

    def request_cancel(self) -> None:
        """Ask the job to stop. Where its folder was deleted, it ends anyway."""
        with suppress(FileNotFoundError), workspace.saving(self.path / "cancel"):
            (self.path / "cancel").touch()

    def withdraw_cancel(self) -> None:
        """Take back a request to stop."""
        (self.path / "cancel").unlink(missing_ok=True)

    @property
    def cancel_requested(self) -> bool:
        """Whether somebody has asked the job to stop."""
        return (self.path / "cancel").exists()

    @property
    def held(self) -> bool:
        """Whether some process, of this server or another, is at work on the job at this moment."""
        try:
            os.close(lock(self.path / "lock", fcntl.LOCK_SH | fcntl.LOCK_NB))
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        return False

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the job's lock: one process at a time works on it. Raises Gone where the folder is deleted before."""
        try:
            (self.path / "lock").touch()
            descriptor = lock(self.path / "lock", fcntl.LOCK_EX)
        except FileNotFoundError as error:
            raise Gone from error
        try:
            yield
        finally:
            os.close(descriptor)

    def reserve(self) -> None:
        """Take a little space, so that a job that fills the disk can still tell how it ended."""
        with self.replacing("reserve") as temporary:
            temporary.write_bytes(os.urandom(RESERVED_BYTES))

    @contextmanager
    def replacing(self, name: str) -> Iterator[Path]:
        """Replace a file of the folder, as `workspace.replacing` does."""
        if not self.path.is_dir():
            raise Gone
        try:
            with workspace.replacing(self.path / name, parents=False) as temporary:
                yield temporary
        except FileNotFoundError as error:
            if self.path.is_dir():
                raise
            raise Gone from error

    def write_json(self, name: str, value: object) -> None:
        """Replace a file of the folder."""
        with self.replacing(name) as temporary:
            temporary.write_text(json.dumps(value, ensure_ascii=False), "utf-8")
