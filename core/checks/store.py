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

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import numpy as np

from core.checks.measures import MEASURES, VERSION
from core.checks.report import Report
from core.checks.sources import Source
from core.data.manifest import Dataset, locked
from core.errors import UserError
from core.i18n import N_
from core.storage import job_folder, workspace
from core.storage.typed import typed

STATES = ("", "queued", "running", "done", "failed", "cancelled")
STAGES = ("", "measuring", "comparing", "describing", "judging")
LIVE_STATES = ("queued", "running")
STALE_AFTER_S = 20.0

DAMAGED = N_("What was kept of the last check cannot be read: {reason} Check again.")


@dataclass(frozen=True)
class Status:
    """How a check is getting on. `share` runs from 0 to 1 over the whole check; times in seconds since 1970."""

    state: str = ""  # one of STATES; empty before the first check
    stage: str = ""  # one of STAGES
    share: float = 0.0
    done: int = 0  # images of this stage
    total: int = 0
    changed: float = 0.0  # when the state was written
    updated: float = 0.0  # the last heartbeat
    message: str = ""  # why it failed: a template, translated by the interface
    values: dict = field(default_factory=dict)  # the template's fields

    @property
    def live(self) -> bool:
        return self.state in LIVE_STATES

    @property
    def stale(self) -> bool:
        """No heartbeat for a while: the worker died or is being replaced."""
        return self.state == "running" and time.time() - max(self.changed, self.updated) > STALE_AFTER_S


def folder(name: str) -> Path:
    return workspace.datasets() / name / "checks"


def _made(name: str) -> Path:
    """The folder of a data set's checks, for those who write there. Gone when the data set was deleted."""
    path = folder(name)
    try:
        path.mkdir(exist_ok=True)  # without its parent, which would look like a data set
    except FileNotFoundError as error:
        raise job_folder.Gone from error
    return path


def last(name: str) -> Report | None:
    """The last report, of the data set as it was then. UserError when it cannot be read."""
    path = folder(name) / "report.json"
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return _parsed(path, stat.st_mtime_ns, stat.st_ino, stat.st_size)


@lru_cache(maxsize=8)
def _parsed(path: Path, *_stamp: int) -> Report:
    with _told(path):
        return Report.from_json(workspace.read_json(path))


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        with workspace.reading(path):
            yield
    except UserError as error:
        raise UserError(DAMAGED, reason=str(error)) from error


def latest(dataset: Dataset) -> Report | None:
    """The last report, if it is about the data set as it is now. UserError when it cannot be read."""
    report = last(dataset.name)
    return report if report and report.fingerprint == dataset.fingerprint else None


def save(name: str, report: Report) -> None:
    job_folder.write_json(_made(name) / "report.json", report.to_json())


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
    with job_folder.replacing(_made(name) / "measures.npz") as temporary, temporary.open("wb") as file:
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
            job_folder.write_json(_made(name) / "fine.json", sorted(known))
        except job_folder.Gone as error:
            raise UserError("The data set '{name}' was deleted meanwhile.", name=name) from error


def prepare(name: str) -> Path:
    """The folder of a data set's checks, freed of what cannot be read: the coming check makes it good.

    What cannot be read is named by `last`, `fine` and `status` until then. Gone when the data set was deleted.
    """
    path = _made(name)
    for file, read in (("fine.json", fine), ("report.json", last)):
        try:
            read(name)
        except UserError:
            (path / file).unlink(missing_ok=True)
    return path


def status(name: str) -> Status:
    """How the check is getting on; where that cannot be read, that it failed. A damaged heartbeat counts as none."""
    progress = _progress(name)
    path = folder(name) / "status.json"
    try:
        with _told(path):
            found = typed(Status, {**progress, **workspace.read_json(path, {})})
            if found.state not in STATES:
                raise ValueError(found.state)
            datetime.fromtimestamp(found.changed), UserError(found.message, **found.values)
            return found
    except UserError as error:
        return Status("failed", message=error.template, values=error.values)


def _progress(name: str) -> dict:
    value = workspace.recall(folder(name) / "progress.json")
    try:
        found = typed(Status, value)
    except (KeyError, TypeError):
        return {}
    return value if found.stage in STAGES and 0 <= found.share <= 1 else {}


def set_state(name: str, state: str, message: str = "", values: dict | None = None) -> None:
    """Record a state. Gone when the data set was deleted.

    That in which a check ends can be recorded on a full disk too, in the space that the check had reserved.
    """
    value = {"state": state, "changed": time.time(), "message": message, "values": values or {}}
    job_folder.write_status(_made(name), value, last=state not in LIVE_STATES)


def write_progress(name: str, stage: str, share: float, done: int, total: int) -> None:
    value = {"stage": stage, "share": share, "done": done, "total": total, "updated": time.time()}
    job_folder.write_json(_made(name) / "progress.json", value)


def wish_cancel(name: str) -> None:
    job_folder.wish_cancel(folder(name))


def withdraw_cancel(name: str) -> None:
    job_folder.withdraw_cancel(folder(name))


def cancel_wished(name: str) -> bool:
    return job_folder.cancel_wished(folder(name))


def held(name: str) -> bool:
    """Whether a process, of this server or another, is checking the data set at this moment."""
    return job_folder.is_held(folder(name))
