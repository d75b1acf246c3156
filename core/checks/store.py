"""What is kept of a data set's checks, in its folder under `checks/`; every file is replaced atomically.

A check whose data set is deleted meanwhile does not bring the folder back. What is damaged, checking again makes good.

report.json    the last report; its fingerprint tells whether it is about the data set as it is now
fine.json      keys of the cases of which a person said "I looked, it is fine"
measures.npz   the measures of every image, by content
status.json    queued | running | done | failed | cancelled
progress.json  the heartbeat of a running check
cancel         present while a person wishes a running check to stop
lock           held by the process that checks
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from core.checks.measures import MEASURES, VERSION
from core.checks.report import CheckReport
from core.checks.sources import Source
from core.data.manifest import Dataset, locked
from core.errors import UserError
from core.i18n import N_
from core.storage import workspace
from core.storage.job_folder import Gone, JobFolder, JobProgress, JobStatus

STAGES = ("", "measuring", "comparing", "describing", "judging")

DAMAGED = N_("The results of the last check cannot be read: {reason} Check again.")


@dataclass(frozen=True)
class Progress(JobProgress):
    """What a check is doing: `stage` is one of STAGES, and `done` of `total` images of it are done."""

    done: int = 0
    total: int = 0


def folder(name: str) -> Path:
    return workspace.datasets() / name / "checks"


def _made(name: str) -> JobFolder:
    """The folder of a data set's checks, for those who write there. Gone when the data set was deleted."""
    try:
        folder(name).mkdir(exist_ok=True)  # without its parent, which would look like a data set
    except FileNotFoundError as error:
        raise Gone from error
    return job(name)


def last(name: str) -> CheckReport | None:
    """The last report, of the data set as it was then. UserError when it cannot be read."""
    path = folder(name) / "report.json"
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return _parsed(path, stat.st_mtime_ns, stat.st_ino, stat.st_size)


@lru_cache(maxsize=8)
def _parsed(path: Path, *_stamp: int) -> CheckReport:
    with _told(path):
        return CheckReport.from_json(workspace.read_json(path))


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        with workspace.reading(path):
            yield
    except UserError as error:
        raise UserError(DAMAGED, reason=str(error)) from error


def latest(dataset: Dataset) -> CheckReport | None:
    """The last report, if it is about the data set as it is now. UserError when it cannot be read."""
    report = last(dataset.name)
    return report if report and report.fingerprint == dataset.fingerprint else None


def save(name: str, report: CheckReport) -> None:
    _made(name).write_json("report.json", report.to_json())


def measures(name: str, kind: str) -> dict[str, np.ndarray]:
    """The measures of images that were taken before as of this kind, by content; a damaged file counts as none."""
    path = folder(name) / "measures.npz"
    if not path.exists():
        return {}
    try:
        with workspace.reading(path), np.load(path) as kept:
            if kept["version"] != VERSION or kept["kind"] != kind or kept["rows"].dtype != MEASURES:
                return {}
            return dict(zip(kept["contents"].tolist(), kept["rows"], strict=True))
    except UserError:
        return {}


def save_measures(name: str, source: Source, known: Mapping[str, np.ndarray]) -> None:
    """Keep what is known of a data set's images, MEASURES by content; what cannot be read is tried again."""
    contents = sorted({item.entry.content for item in source.items} & known.keys())
    rows = np.zeros(len(contents), MEASURES)
    for place, content in enumerate(contents):
        rows[place] = known[content]
    with _made(name).replacing("measures.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, version=VERSION, kind=source.kind, contents=np.array(contents, str), rows=rows)


def fine(name: str) -> frozenset[str]:
    """Keys of the cases that a person looked at and found fine. UserError when the file is damaged."""
    path = folder(name) / "fine.json"
    with _told(path):
        keys = workspace.read_json(path, [])
        if not isinstance(keys, list):
            raise TypeError(f"{keys!r} is no list"[:100])
        return frozenset(map(str, keys))


def set_fine(name: str, keys: Iterable[str], is_fine: bool = True) -> None:
    """Remember that cases are fine, by their keys (`Finding.keys()`), or forget it again.

    UserError when the data set was deleted meanwhile.
    """
    with locked(name):
        known = fine(name) | set(keys) if is_fine else fine(name) - set(keys)
        try:
            _made(name).write_json("fine.json", sorted(known))
        except Gone as error:
            raise UserError("The data set '{name}' was deleted in the meantime.", name=name) from error


def prepare(name: str) -> JobFolder:
    """The folder of a data set's checks, freed of what cannot be read: the coming check makes it good.

    What cannot be read is named by `last`, `fine` and `status` until then. Gone when the data set was deleted.
    """
    made = _made(name)
    for file, read in (("fine.json", fine), ("report.json", last)):
        try:
            read(name)
        except UserError:
            (made.path / file).unlink(missing_ok=True)
    return made


def job(name: str) -> JobFolder:
    """The folder of a data set's checks, as that of a job."""
    return JobFolder(folder(name))


def status(name: str) -> JobStatus:
    """Read the state of a data set's check; one that cannot be read counts as failed."""
    try:
        with _told(folder(name) / "status.json"):
            return job(name).status(JobStatus)
    except UserError as error:
        return JobStatus("failed", message=error.template, values=error.values)


def progress(name: str) -> Progress:
    """Read the last heartbeat of a data set's check; one that cannot be read counts as none."""
    return job(name).progress(Progress, STAGES)
