"""The verb: look at a source once, and tell what was found."""

import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from core.checks import measures, similar
from core.checks.finders import Evidence
from core.checks.labels import score_labels
from core.checks.registry import CHECKS
from core.checks.report import SEVERITIES, CheckReport, Finding, SkippedCheck
from core.checks.sources import Source
from core.data import images
from core.data.manifest import Note
from core.errors import UserError
from core.i18n import N_

MEASURED, COMPARED, DESCRIBED = 0.3, 0.4, 0.9  # shares of the whole check behind us

NEAR = {
    "photo": {"radius": 0.25, "like": 0.55, "align": True},
    # Two drawings of one shape are as alike as two copies of a photo: only what is almost equal is a copy.
    "drawing": {"radius": 0.1, "like": 0.98, "align": False},
}
"""From where on two images are nearly the same (see core.checks.similar.near_pairs)."""
PICTURES_KEPT = 500  # squares of 48 KB that wait to be compared with others

OnProgress = Callable[[str, float, int, int], None]
"""on_progress(stage, share of the whole, images done, images of this stage); may raise to stop."""

NO_FEATURES = N_("No features of the images have been extracted yet.")


@dataclass(frozen=True)
class ImageChecks:
    """What `check_images` found: its evidence, and the report on it."""

    evidence: Evidence
    report: CheckReport


def check_images(source: Source, known: MutableMapping[str, np.ndarray], on_progress: OnProgress) -> ImageChecks:
    """Everything but what needs features.

    `known`: measures of images that were taken before, by content; those of a data set's other images are added to it,
    one by one, so that what was measured is not lost when `on_progress` raises.

    UserError where there are no images.
    """
    start = time.time()
    if not source.items:
        raise UserError("'{name}' has no images to check. Add some first.", name=source.name)
    rows, errors = measures.measure_all(
        source.items, source.kind, known,
        lambda done, total: on_progress("measuring", MEASURED * done / total, done, total),
    )  # fmt: skip
    exact, near = _copies(source, rows, on_progress)
    evidence = Evidence(source, rows, errors, exact, near)
    return ImageChecks(evidence, _report(evidence, start, time.time() - start))


def check_labels(earlier: ImageChecks, features: np.ndarray, on_progress: OnProgress) -> CheckReport:
    """The report with what features say: (m, d) of the m readable images, in order."""
    evidence = earlier.evidence
    labels = np.array([evidence.source.items[index].label for index in evidence.readable])
    try:
        answer = score_labels(
            features, labels, evidence.near[evidence.readable],
            lambda: on_progress("judging", DESCRIBED, len(labels), len(labels)),
        )  # fmt: skip
    except UserError as error:
        return without_features(earlier, error)
    answer = replace(answer, kept=evidence.readable[answer.kept])
    # Since the check began: extracting features, in between, is most of it.
    return _report(replace(evidence, label_scores=answer), earlier.report.created, time.time() - earlier.report.created)


def without_features(earlier: ImageChecks, error: UserError) -> CheckReport:
    """The report, saying why the checks that need features were left out."""
    left_out = tuple(SkippedCheck(one.check, Note(error.template, error.values)) for one in earlier.report.left_out)
    return replace(earlier.report, left_out=left_out, seconds=time.time() - earlier.report.created)


def _copies(source: Source, rows: np.ndarray, on_progress: OnProgress) -> tuple[np.ndarray, np.ndarray]:
    """Numbers (n,) int that are equal for exact copies, and for copies of any kind."""
    exact = similar.exact_groups([rows["file_hash"], rows["pixel_hash"]])
    first = np.unique(exact, return_index=True)[1]
    first = first[rows["format"][first] > 0]

    @lru_cache(PICTURES_KEPT)
    def picture(place: int) -> np.ndarray | None:
        try:
            return similar.square(images.decode(source.items[first[place]].read(), similar.FINE))
        except (UserError, OSError):  # deleted since it was measured
            return None

    pairs, *_ = similar.near_pairs(
        rows["thumb"][first], **NEAR[source.kind], larger=picture,
        on_progress=lambda done, total: on_progress(
            "comparing", MEASURED + (COMPARED - MEASURED) * done / total, done, total
        ),
    )  # fmt: skip
    return exact, similar.components(exact[first[pairs]], exact.max() + 1)[exact]


def _report(evidence: Evidence, created: float, seconds: float) -> CheckReport:
    findings, left_out = [], []
    for check in CHECKS.values():
        if evidence.source.kind not in check.kinds:
            continue
        if check.needs_features and evidence.label_scores is None:
            left_out.append(SkippedCheck(check.name, Note(NO_FEATURES, {})))
        elif cases := tuple(check.find(evidence, check.limits)):
            findings.append(Finding(check.name, check.severity, cases))
    # Within a severity the registry's order.
    findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    source = evidence.source
    return CheckReport(
        source.name, source.fingerprint, source.kind, len(source.items), tuple(findings), tuple(left_out), created,
        seconds,
    )  # fmt: skip
