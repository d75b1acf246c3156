"""The ladder of strategies on photos with EfficientNet-Lite0: time and accuracy of each, in one process as a worker's.

Beforehand the cold start: a new process and an empty home, from the command to the finished bottleneck run.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import machine
from core.catalog.strategies import LADDER


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=machine.SHARED / "cats_vs_dogs")
    parser.add_argument("--strategies", nargs="+", choices=LADDER, default=LADDER)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(machine.describe(), flush=True)

    with machine.fresh_home():
        start = time.perf_counter()
        command = [sys.executable, "-m", "core", "train", "--dataset", str(options.data), "--strategy", "bottleneck"]
        subprocess.run(command, check=True, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"})
        print(
            f"cold start to finished bottleneck run, import included: {time.perf_counter() - start:.1f} s", flush=True
        )

    with machine.fresh_home():
        from core.config import make_config
        from core.data import importing
        from core.learn import training
        from core.results import runs

        dataset = importing.folder_as_dataset(options.data)
        whole = time.perf_counter()
        for name in options.strategies:
            run = runs.create(make_config(dataset, name, {"seed": options.seed}), dataset)
            start = time.perf_counter()
            with machine.peak_memory() as memory:
                training.train(run.key)
            scores = "".join(
                f", {split} {result['accuracy']:.4f} ({result['low']:.3f} to {result['high']:.3f})"
                for split, result in runs.evaluation(run.key).items()
            )
            epochs = len(runs.history(run.key)["loss"])
            seconds = time.perf_counter() - start
            print(
                f"{name}, {run.config.image_size} px: {seconds:.1f} s, {epochs} epochs{scores}; {memory[-1]} MiB",
                flush=True,
            )
        print(f"all of these: {(time.perf_counter() - whole) / 60:.1f} min")


if __name__ == "__main__":
    main()
