"""The built-in shapes classifier: from pressing Train to done, and its accuracy on drawings by people it never saw.

Also on figures by another generator than its own: narrow ones, dashed ones, ones whose ends cross.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks import machine
from tests.figures import KINDS, figures

SETS = ("shapes_dollar1/train", "shapes_dollar1/test", "shapes_tykimos/hard_handwriting_shape/test",
        "shapes_tykimos/handwriting_shape/test")  # fmt: skip
FIGURES = 200  # of each kind


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=machine.SHARED)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    print(machine.describe())
    with machine.fresh_home():
        from core.config import make_config
        from core.data import datasets, images, importing
        from core.jobs import service
        from core.results import runs

        engine = service.engine()
        engine.warm_up()
        dataset = datasets.load(service.BUILTIN_SET)
        strangers = {
            name: [(label, images.decode(path)) for label, path in importing.scan_folder(options.data / name)]
            for name in SETS
        }
        narrow = figures(FIGURES, 0, (3, 6), ("plain",))
        for kind in KINDS:
            strangers[f"generated, 1:3 to 1:6, {kind}"] = [(k, rgb) for k, _, rgb in narrow if k == kind]
        strangers["generated, 1:1 to 1:6, all styles"] = [(k, rgb) for k, _, rgb in figures(FIGURES, 1, (1, 6))]
        for seed in range(options.seeds):
            config = make_config(dataset, service.BUILTIN_STRATEGY, {"seed": seed})
            pressed = time.perf_counter()
            run = engine.train(config, dataset)
            while runs.find(run.key).live:
                time.sleep(0.1)
            run = runs.find(run.key)
            print(
                f"seed {seed}: press to done {time.perf_counter() - pressed:.1f} s, "
                f"{len(runs.history(run.key)['loss'])} epochs, {runs.progress(run.key).dtype}, "
                f"validation {run.accuracy:.4f}"
            )
            for name, pictures in strangers.items():
                answers = [engine.predict([run.key], rgb)[0].probabilities for _, rgb in pictures]
                hits = sum(
                    run.classes[int(np.argmax(p))] == label for p, (label, _) in zip(answers, pictures, strict=True)
                )
                print(f"  {name}: {hits} of {len(pictures)}, {hits / len(pictures):.4f}")


if __name__ == "__main__":
    main()
