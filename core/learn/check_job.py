"""Check a data set with everything, its labels included: the one check that needs a network."""

from contextlib import suppress

import numpy as np

from core.checks import check, store
from core.checks.check import COMPARED, DESCRIBED, ImageChecks, OnProgress
from core.checks.labels import TOO_FEW
from core.checks.report import CheckReport
from core.checks.sources import Item, Source, of_dataset
from core.config import make_config
from core.data import arrays, datasets
from core.errors import UserError
from core.jobs.runner import Reporter, run_job
from core.learn import features
from core.storage.job_folder import Gone
from core.storage.parallel import in_threads

STRATEGY = "bottleneck"  # whose network describes the images, and whose kept features are shared
CHUNK = 512  # images in memory


def check_dataset(name: str) -> None:
    """Check a data set from its folder to its folder; its status says how it ended.

    The report is saved twice: before and after the labels. One process at a time checks a data set. The check of one
    that is deleted meanwhile just ends.
    """
    with suppress(Gone), (job := store.prepare(name)).alone():
        report = Reporter(job, store.Progress())

        def on_progress(stage: str, share: float, done: int, total: int) -> None:
            report.update(stage=stage, share=share, done=done, total=total)

        def work() -> dict:
            checked(of_dataset(datasets.load(name)), on_progress)
            return {}

        run_job(job, work)


def checked(source: Source, on_progress: OnProgress) -> CheckReport:
    """The report on a source. That on a data set is kept, and made again only when the data set has changed."""
    if source.dataset is None:
        return with_labels(check.check_images(source, {}, on_progress), on_progress)
    store.prepare(source.name)
    latest = store.latest(source.dataset)
    # What was left out for want of images stays so; weights may have come meanwhile.
    if latest is not None and all(one.note.template == TOO_FEW for one in latest.left_out):
        return latest
    known = store.measures(source.name, source.kind)
    try:
        image_checks = check.check_images(source, known, on_progress)
    finally:  # also when it is cancelled: the next check goes on from there
        store.save_measures(source.name, source, known)
    store.save(source.name, image_checks.report)
    report = with_labels(image_checks, on_progress)
    store.save(source.name, report)
    return report


def with_labels(image_checks: ImageChecks, on_progress: OnProgress) -> CheckReport:
    """The report with what a pretrained network says; where its weights are missing, it says so instead."""
    try:
        described = describe(image_checks, on_progress)
    except UserError as error:
        return check.without_features(image_checks, error)
    return check.check_labels(image_checks, described, on_progress)


def describe(image_checks: ImageChecks, on_progress: OnProgress) -> np.ndarray:
    """Features of the readable images, in their order: (m, d) float16. UserError without weights or images.

    Those of a data set are kept, and shared with its trainings.
    """
    source = image_checks.evidence.source
    items = [source.items[index] for index in image_checks.evidence.readable]
    if not items:
        raise UserError("None of the images can be read.")

    def report(done: int = 0) -> None:
        share = COMPARED + (DESCRIBED - COMPARED) * done / max(1, len(items))
        on_progress("describing", share, done, len(items))

    config = make_config(source, STRATEGY)
    frozen = features.Frozen(config, report)

    def prepared(item: Item) -> np.ndarray:
        return arrays.prepared(item.read(), config.kind, config.image_size, 3)

    rows = []
    for start in range(0, len(items), CHUNK):
        report(start)
        part = items[start : start + CHUNK]
        images = np.stack(list(in_threads(prepared, part)))
        if source.dataset is None:
            rows.append(np.concatenate([
                frozen(images[first : first + features.BATCH])["features"]
                for first in range(0, len(part), features.BATCH)
            ]))  # fmt: skip
        else:
            pictures = features.InputImages(images, [item.entry.content for item in part])
            read = frozen.read(
                pictures, [features.View()], "features", lambda done, _, start=start: report(start + done)
            )
            rows.append(read(np.arange(len(part)), 0))
    return np.concatenate(rows)
