"""How long the pages take with many runs on disk: seconds of the processor for a script run, per page.

    python -m benchmarks.many_runs [--runs 1500]

The runs are made in a home of their own, under a temporary folder: finished ones of one small data set, a few failed.
"""

import argparse
import os
import tempfile
import time
from types import SimpleNamespace

import numpy as np
from streamlit.testing.v1 import AppTest

from core.config import make_config
from core.data import builtin, datasets, edits
from core.data.manifest import Dataset
from core.jobs import service
from core.results import runs
from core.results.runs import Progress
from core.storage import job_folder, workspace

PAGES = ("Data", "Train", "Predict", "Augment")


def pets() -> Dataset:
    """Two classes of five pictures of noise."""
    datasets.create("pets", "photo")
    rng = np.random.default_rng(0)
    for label in ("cats", "dogs"):
        pictures = [(f"{n}", rng.integers(0, 256, (32, 32, 3), np.uint8)) for n in range(5)]
        edits.add_images("pets", label, pictures)
    return datasets.load("pets")


def make(dataset: Dataset, n: int) -> None:
    """Runs as a training leaves them, but for the model and the predictions."""
    scores = {"accuracy": 0.9, "low": 0.6, "high": 1.0, "n": 2, "confusion": [[1, 0], [0, 1]]}
    for seed in range(n):
        run = runs.create(make_config(dataset, "small_cnn", {"seed": seed}), dataset)
        workspace.write_json(run.folder / "history.json", {"loss": [0.7, 0.4], "val_loss": [0.6, 0.5]})
        workspace.write_json(run.folder / "evaluation.json", {"validation": scores, "test": scores})
        runs.job(run.key).write_progress(Progress("evaluating", 0.97))
        if seed % 10:
            runs.job(run.key).set_state("done", seconds=12.0, accuracy=0.9)
        else:
            runs.job(run.key).set_state("failed", message=job_folder.WORKER_LOST)


def seconds(page: str) -> tuple[float, float]:
    """Of the first and the second script run of a page."""
    app = AppTest.from_file(workspace.ROOT / "streamlit_app.py", default_timeout=600)
    file = next(workspace.ROOT.glob(f"pages/*_{page}.py"))
    app.switch_page(f"pages/{file.name}")
    app.query_params["dataset"] = "pets"
    taken = []
    for _ in range(2):
        start = time.process_time()
        app.run()
        taken.append(time.process_time() - start)
    assert not app.exception, app.exception
    return taken[0], taken[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["HANDFUL_HOME"] = home
        builtin.SHAPES_PER_CLASS = {"train": 4, "validation": 1, "test": 1}
        service.engine = lambda: SimpleNamespace(queue=lambda: [run for run in runs.every() if run.live])
        dataset = pets()
        few = {page: seconds(page) for page in PAGES}
        start = time.process_time()
        make(dataset, options.runs)
        print(f"{options.runs} runs made in {time.process_time() - start:.1f} s")
        start = time.process_time()
        runs.every()
        read = time.process_time()
        runs.every()
        print(f"listed in {read - start:.2f} s, again in {time.process_time() - read:.3f} s, of the processor")
        for page in PAGES:
            first, again = seconds(page)
            print(f"{page:8} {again:5.2f} s with them (first {first:.2f} s), {few[page][1]:.2f} s without")


if __name__ == "__main__":
    main()
