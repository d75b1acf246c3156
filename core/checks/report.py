"""A CheckReport has Findings, the worst first; a Finding has Cases; a Case has its images and what would fix it."""

import hashlib
from collections.abc import Collection
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import NamedTuple

from core.data.manifest import Note
from core.i18n import N_

SEVERITIES = ("serious", "harmful", "minor")
"""Worst first. Serious: scores or training are wrong. Harmful: the network learns worse. Minor: worth a look."""
WORTH_FIXING = ("serious", "harmful")


class CaseImage(NamedTuple):
    """An image of a case. `file`: its name in the data set; empty in a folder or zip that was never imported."""

    name: str  # what it was called where it came from
    label: str
    split: str | None
    file: str
    content: str  # a hash of what it shows, or of its path where it cannot be read


class Fix(NamedTuple):
    """One way to mend a case, on those of its images whose places are in `places`.

    action: "exclude", "relabel" (to the class `to`), "move" (to the split `to`), or "merge" (the class `place` into
    the class `to`; it has no images of its own).
    """

    action: str
    places: tuple[int, ...] = ()
    to: str = ""
    label: str = ""  # the class that is merged away


@dataclass(frozen=True)
class Case:
    """One thing that is wrong: an image, a pair or group side by side, or a class (then images are examples).

    `note` says what was measured. `fixes`: the first is the one suggested; empty where only the person can help.
    """

    images: tuple[CaseImage, ...]
    note: Note
    fixes: tuple[Fix, ...] = ()
    about: str = ""  # what it is about besides its images: a class, a clue

    def key(self, check: str) -> str:
        """Names this case of a check by contents, so that "it is fine" outlives other changes. 16 hex digits."""
        images = sorted(f"{image.label}\t{image.split}\t{image.content}" for image in self.images)
        # A class keeps its verdict when other images stand for it.
        parts = [check, self.about] if self.about else [check, *images]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Finding:
    """What one check found. Its title, why it hurts and what helps are in `CHECKS[finding.check]`."""

    check: str
    severity: str  # one of SEVERITIES
    cases: tuple[Case, ...]

    def keys(self) -> list[str]:
        return [case.key(self.check) for case in self.cases]


class SkippedCheck(NamedTuple):
    """A check that was not made, and why."""

    check: str
    note: Note


@dataclass(frozen=True)
class CheckReport:
    """What was found in a data set, folder or zip, worst first. `images`: how many were looked at."""

    source: str  # its name
    fingerprint: str  # of the data set as it was; empty where nothing was imported
    kind: str
    images: int
    findings: tuple[Finding, ...]
    left_out: tuple[SkippedCheck, ...] = ()
    created: float = 0.0  # when the check began, in seconds since 1970
    seconds: float = 0.0  # how long all of it took

    def without(self, fine: Collection[str]) -> "CheckReport":
        """The report without the cases whose keys are in `fine`: what is still open."""
        findings = []
        for finding in self.findings:
            cases = tuple(c for c, key in zip(finding.cases, finding.keys(), strict=True) if key not in fine)
            if cases:
                findings.append(Finding(finding.check, finding.severity, cases))
        return CheckReport(**{**self._fields, "findings": tuple(findings)})

    @property
    def _fields(self) -> dict:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @cached_property
    def health(self) -> Note:
        """One line for people: how many problems are worth mending before a training."""
        count = sum(finding.severity in WORTH_FIXING for finding in self.findings)
        if count == 0:
            return Note(N_("No problems to fix before training"), {})
        if count == 1:
            return Note(N_("1 problem to fix before training"), {})
        return Note(N_("{count} problems to fix before training"), {"count": count})

    def to_json(self) -> dict:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict) -> "CheckReport":
        findings = tuple(
            Finding(f["check"], f["severity"], tuple(_case(case) for case in f["cases"])) for f in value["findings"]
        )
        left_out = tuple(SkippedCheck(check, Note(*note)) for check, note in value["left_out"])
        return cls(**{**value, "findings": findings, "left_out": left_out})


def _case(value: dict) -> Case:
    return Case(
        tuple(CaseImage(*image) for image in value["images"]),
        Note(*value["note"]),
        tuple(Fix(action, tuple(places), to, label) for action, places, to, label in value["fixes"]),
        value["about"],
    )
