"""What still stands of the last check of a data set, while its findings are being mended one after the other.

After a mend the report is no longer about the data set as it is. A case whose images all are where it saw them is as
true as before and can be mended without checking anew; the others are left out and counted.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import NamedTuple

from core.checks import store
from core.checks.report import Case, CheckReport, Finding, Fix
from core.data.manifest import Dataset

Place = tuple[str, str | None, str]  # class, split, content


class OpenFindings(NamedTuple):
    """The last report of a data set, as far as it still stands."""

    report: CheckReport  # what is open: neither set fine nor touched by later changes
    fine: tuple[tuple[str, Case], ...]  # (check, case) that a person looked at and found fine
    current: bool  # whether it is about the data set as it is now
    touched: int  # cases that later changes touched


def of(dataset: Dataset) -> OpenFindings | None:
    """None where the data set was never checked. UserError when what the last check left cannot be read."""
    report = store.last(dataset.name)
    if report is None:
        return None
    current, touched = report.fingerprint == dataset.fingerprint, 0
    if not current:
        before, report = report, untouched(report, dataset)
        touched = _count(before) - _count(report)
    known = store.fine(dataset.name)
    fine = tuple(
        (finding.check, case)
        for finding in (report.findings if known else ())
        for case, key in zip(finding.cases, finding.keys(), strict=True)
        if key in known
    )
    return OpenFindings(report.without(known) if fine else report, fine, current, touched)


def untouched(report: CheckReport, dataset: Dataset) -> CheckReport:
    """The cases of an earlier report that are as true of the data set as it is now."""
    there = {(entry.label, entry.split, entry.content) for entry in dataset.live()}
    classes = frozenset(dataset.classes)
    findings = []
    for finding in report.findings:
        cases = tuple(left for case in finding.cases if (left := _left(case, there, classes)) is not None)
        if cases:
            findings.append(Finding(finding.check, finding.severity, cases))
    return replace(report, findings=tuple(findings))


def _left(case: Case, there: Collection[Place], classes: Collection[str]) -> Case | None:
    images = tuple(image for image in case.images if (image.label, image.split, image.content) in there)
    whole = len(images) == len(case.images)
    fixes = tuple(fix for fix in case.fixes if _possible(fix, whole, classes))
    # Of a class or a clue the images are examples only: such a case outlives some of them.
    images_left = whole or (case.about and images)
    if not images_left or (case.fixes and not fixes):
        return None
    return replace(case, images=images, fixes=fixes)


def _possible(fix: Fix, whole: bool, classes: Collection[str]) -> bool:
    match fix.action:
        case "merge":
            return fix.label in classes and fix.to in classes
        case "relabel":
            return whole and fix.to in classes
        case _:
            return whole


def _count(report: CheckReport) -> int:
    return sum(len(finding.cases) for finding in report.findings)
