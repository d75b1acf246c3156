"""What was handed to the workers, and why it failed where it could not say so itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.i18n import N_
from core.storage.job_folder import BROKEN, WORKER_LOST

if TYPE_CHECKING:  # importing it takes half a second, which the server's first page need not wait for
    from distributed import Future

LACKING = N_("The workers cannot import what they need: {error}. Start them with Handful's folder on their PYTHONPATH.")


@dataclass(frozen=True, eq=False)
class Job:
    """A job that was handed to the workers; `progress` is what was done of it by then."""

    future: Future
    progress: int

    @property
    def was_killed(self) -> bool:
        """Dask gave it up, because workers died again and again while they had it."""
        from distributed import KilledWorker

        return self.future.status == "error" and isinstance(self.future.exception(), KilledWorker)

    def reason(self) -> dict:
        """Why it failed, as a message with its values."""
        error = self.future.exception()
        if self.was_killed:
            return {"message": WORKER_LOST, "values": {}}
        if isinstance(error, ImportError):
            return {"message": LACKING, "values": {"error": str(error)}}
        return {"message": BROKEN, "values": {"error": f"{type(error).__name__}: {error}"}}


def is_under_way(job: Job | None) -> bool:
    return job is not None and not job.future.done()
