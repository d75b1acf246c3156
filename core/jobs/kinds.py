"""The kinds of job that workers do: a row for each."""

from collections.abc import Callable
from dataclasses import dataclass

from core.checks import store
from core.data import datasets
from core.errors import UserError
from core.results import runs
from core.storage.job_folder import JobFolder, JobStatus


@dataclass(frozen=True)
class JobKind:
    """What the engine must know of a kind of job, whose jobs have names.

    Attributes:
        function: "module:function" that a worker calls with the name.
        folder: Gives the job's folder.
        prepare: Makes the folder ready for the job. UserError where there can be no such job.
        status: Reads its status. UserError where it cannot be read.
        progress: Counts what is done of it for good: a job whose worker was killed is worth another try if this grew.
        names: Lists the jobs that are waiting or running, in their order.
        resource: Which worker does it.
    """

    function: str
    folder: Callable[[str], JobFolder]
    prepare: Callable[[str], object]
    status: Callable[[str], JobStatus]
    progress: Callable[[str], int]
    names: Callable[[], list[str]]
    resource: str = "train"


def _epochs(key: str) -> int:
    try:
        return len(runs.history(key).get("loss", ()))
    except UserError:
        return 0


TRAINING, CHECK = "training", "check"
KINDS = {
    CHECK: JobKind(
        "core.learn.worker:check",
        store.job,
        lambda name: store.prepare(datasets.load(name).name),
        store.status,
        lambda name: 0,
        lambda: [name for name in datasets.list_names() if store.status(name).live],
    ),
    TRAINING: JobKind(
        "core.learn.worker:train",
        runs.job,
        runs.find,
        runs.find,
        _epochs,
        lambda: [run.key for run in runs.queue()],
    ),
}
"""Checks come first: they are quick, and what they have measured is kept."""
