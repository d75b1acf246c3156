"""Do the work of a job in its folder, and tell there how it is getting on and how it ended."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Generic, TypeVar

from core.errors import UserError
from core.storage import workspace
from core.storage.job_folder import BROKEN, Gone, JobFolder, JobProgress

REPORT_EVERY_S = 0.2  # progress is written, and a request to stop noticed, at most this often

P = TypeVar("P", bound=JobProgress)


class Cancelled(Exception):
    """A person asked the job to stop."""


class Reporter(Generic[P]):
    """Writes the heartbeat of a job, and stops the job when a person asks for it."""

    def __init__(self, job: JobFolder, progress: P):
        self.job, self.progress, self.written = job, progress, 0.0

    def update(self, **fields: Any) -> None:
        """Change fields of the progress.

        Raises:
            Cancelled: A person asked the job to stop.
            Gone: The folder was deleted; another job may have its name by now.
        """
        self.progress = replace(self.progress, **fields)
        if self.due:
            if self.job.cancel_requested:
                raise Cancelled
            if not self.job.held:
                raise Gone
            self.job.write_progress(self.progress)
            self.written = time.time()

    @property
    def due(self) -> bool:
        """Whether the next update will be written."""
        return time.time() - self.written >= REPORT_EVERY_S

    def stage(self, stage: str, **fields: Any) -> None:
        """Enter a stage; written at once."""
        self.written = 0.0
        self.update(stage=stage, **fields)


def run_job(job: JobFolder, work: Callable[[], dict], seconds: float = 0.0) -> None:
    """Do the work of a job whose lock is held, and record in its status how it ended.

    Args:
        job: The job's folder.
        work: Does the work, and returns further fields of the status "done".
        seconds: Time that was spent on the job before.

    Raises:
        Gone: The folder was deleted meanwhile.
        Exception: A bug, which is recorded for the person who waits as well.
    """
    started = time.time()

    def end(state: str, **fields: object) -> None:
        job.set_state(state, seconds=seconds + time.time() - started, **fields)

    try:
        job.reserve()
        job.set_state("running", seconds=seconds)
        with workspace.saving(job.path):
            results = work()
        end("done", **results)
    except Cancelled:
        end("cancelled")
    except Gone:
        raise
    except UserError as error:
        end("failed", message=error.template, values=error.values)
    except Exception as error:
        end("failed", message=BROKEN, values={"error": f"{type(error).__name__}: {error}"})
        raise
