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
from core.learn.features import BATCH, FeatureExtractor, InputImages, View
from core.storage.job_folder import Gone
from core.storage.parallel import in_threads

STRATEGY = "bottleneck"  # features are extracted as this strategy does, and shared with it
CHUNK = 512  # images in memory at once


def check_dataset(name: str) -> None:
    """Check a data set in its folder; its status says how the check ended.

    The report is saved twice: before the labels are checked and after. Only one process at a time checks a data set.
    The check of a data set that is deleted meanwhile just ends.
    """
    with suppress(Gone), (job := store.prepare(name)).alone():
        report = Reporter(job, store.Progress())

        def on_progress(stage: str, share: float, done: int, total: int) -> None:
            report.update(stage=stage, share=share, done=done, total=total)

        def work() -> dict:
            check_source(of_dataset(datasets.load(name)), on_progress)
            return {}

        run_job(job, work)


def check_source(source: Source, on_progress: OnProgress) -> CheckReport:
    """Check a source. The report on a data set is kept, and made again only when the data set has changed."""
    if source.dataset is None:
        return with_labels(check.check_images(source, {}, on_progress), on_progress)
    store.prepare(source.name)
    latest = store.latest(source.dataset)
    # What was left out because there are too few images stays so; weights may have come meanwhile.
    if latest is not None and all(one.note.template == TOO_FEW for one in latest.left_out):
        return latest
    known = store.measures(source.name, source.kind)
    try:
        image_checks = check.check_images(source, known, on_progress)
    finally:  # also when it is cancelled: the next check continues from there
        store.save_measures(source.name, source, known)
    store.save(source.name, image_checks.report)
    report = with_labels(image_checks, on_progress)
    store.save(source.name, report)
    return report


def with_labels(image_checks: ImageChecks, on_progress: OnProgress) -> CheckReport:
    """Add the checks that need features to a report; where the weights are missing, the report says so instead."""
    try:
        features = extract_features(image_checks, on_progress)
    except UserError as error:
        return check.without_features(image_checks, error)
    return check.check_labels(image_checks, features, on_progress)


def extract_features(image_checks: ImageChecks, on_progress: OnProgress) -> np.ndarray:
    """Extract the features of all readable images. Those of a data set are kept, and shared with its trainings.

    Returns:
        (m, d) float16, in the order of the images.

    Raises:
        UserError: The weights are missing, or no image can be read.
    """
    source = image_checks.evidence.source
    items = [source.items[index] for index in image_checks.evidence.readable]
    if not items:
        raise UserError("None of the images can be read.")

    def report(done: int = 0) -> None:
        share = COMPARED + (DESCRIBED - COMPARED) * done / max(1, len(items))
        on_progress("describing", share, done, len(items))

    config = make_config(source, STRATEGY)
    extractor = FeatureExtractor(config, report)

    def prepared(item: Item) -> np.ndarray:
        return arrays.prepared(item.read(), config.kind, config.image_size, 3)

    rows = []
    for start in range(0, len(items), CHUNK):
        report(start)
        chunk = items[start : start + CHUNK]
        images = np.stack(list(in_threads(prepared, chunk)))
        if source.dataset is None:
            rows += [extractor(images[first : first + BATCH])["features"] for first in range(0, len(chunk), BATCH)]
        else:
            known = InputImages(images, [item.entry.content for item in chunk], config.kind)
            load = extractor.extract(known, [View()], "features", lambda done, total, start=start: report(start + done))
            rows.append(load(np.arange(len(chunk)), 0))
    return np.concatenate(rows)
