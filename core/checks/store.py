"""What is kept of a data set's checks, in its folder under `checks/`; every file is replaced atomically.

report.json    the last report; its fingerprint tells whether it is about the data set as it is now
fine.json      keys of the cases of which a person said "I looked, it is fine"
measures.npz   the measures of every image, by content
status.json    queued | running | done | failed | cancelled
progress.json  the heartbeat of a running check
cancel         present while a person wishes a running check to stop
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core import paths
from core.checks.measures import MEASURES, VERSION
from core.checks.report import Report
from core.checks.sources import Source
from core.data.manifest import Dataset, locked

LIVE_STATES = ("queued", "running")
STALE_AFTER_S = 20.0


@dataclass(frozen=True)
class Status:
    """How a check is getting on. `share` runs from 0 to 1 over the whole check; times in seconds since 1970."""

    state: str = ""  # empty before the first check
    stage: str = ""  # measuring | comparing | describing | judging
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
    return paths.datasets() / name / "checks"


def latest(dataset: Dataset) -> Report | None:
    """The last report, if it is about the data set as it is now."""
    value = paths.read_json(folder(dataset.name) / "report.json")
    if value is None or value["fingerprint"] != dataset.fingerprint:
        return None
    return Report.from_json(value)


def save(name: str, report: Report) -> None:
    paths.write_json(folder(name) / "report.json", report.to_json())


def measures(name: str, kind: str) -> dict[str, np.ndarray]:
    """The measures of images that were taken before as of this kind, by content."""
    path = folder(name) / "measures.npz"
    if not path.exists():
        return {}
    with np.load(path) as kept:
        if kept["version"] != VERSION or kept["kind"] != kind:
            return {}
        return dict(zip(kept["contents"].tolist(), kept["rows"], strict=True))


def save_measures(name: str, source: Source, known: Mapping[str, np.ndarray]) -> None:
    """Keep what is known of a data set's images, MEASURES by content; what cannot be read is tried again."""
    contents = sorted({item.entry.content for item in source.items} & known.keys())
    rows = np.zeros(len(contents), MEASURES)
    for place, content in enumerate(contents):
        rows[place] = known[content]
    with paths.replacing(folder(name) / "measures.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, version=VERSION, kind=source.kind, contents=np.array(contents, str), rows=rows)


def fine(name: str) -> frozenset[str]:
    """Keys of the cases that a person looked at and found fine."""
    return frozenset(paths.read_json(folder(name) / "fine.json", []))


def set_fine(name: str, keys: Iterable[str], is_fine: bool = True) -> None:
    """Remember that cases are fine, by their keys (`Finding.keys()`), or forget it again."""
    with locked(name):
        known = fine(name) | set(keys) if is_fine else fine(name) - set(keys)
        paths.write_json(folder(name) / "fine.json", sorted(known))


def status(name: str) -> Status:
    progress = paths.read_json(folder(name) / "progress.json", {})
    return Status(**{**progress, **paths.read_json(folder(name) / "status.json", {})})


def set_state(name: str, state: str, message: str = "", values: dict | None = None) -> None:
    value = {"state": state, "changed": time.time(), "message": message, "values": values or {}}
    paths.write_json(folder(name) / "status.json", value)


def write_progress(name: str, stage: str, share: float, done: int, total: int) -> None:
    value = {"stage": stage, "share": share, "done": done, "total": total, "updated": time.time()}
    paths.write_json(folder(name) / "progress.json", value)


def wish_cancel(name: str) -> None:
    (folder(name) / "cancel").touch()


def withdraw_cancel(name: str) -> None:
    (folder(name) / "cancel").unlink(missing_ok=True)


def cancel_wished(name: str) -> bool:
    return (folder(name) / "cancel").exists()
