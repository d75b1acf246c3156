"""Small CNN on photos at 150x150 with shear, zoom and flip: Handful beside the tutorials' script, in one run.

Images per second count training and validation images over the whole time of `fit`; ours also over everything from
pressing Train to done: reading, measuring the compute dtype, checkpoints, evaluation. Ours twice: as it is, with
smaller images in the first epochs, and with images of full size in all.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=machine.SHARED / "cats_vs_dogs")
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()
    print(machine.describe())

    from core.config import make_config
    from core.data import importing
    from core.learn import training
    from core.results import runs

    ours = {}
    for title, changed in (("handful", {}), ("full size", {"progressive_resizing": 0})):
        with machine.fresh_home():
            dataset = importing.folder_as_dataset(options.data)
            images = options.epochs * sum(len(dataset.live(split)) for split in ("train", "validation"))
            knobs = {"epochs": options.epochs, "patience": options.epochs} | changed
            config = make_config(dataset, "small_cnn", knobs)
            run = runs.create(config, dataset)
            start = time.perf_counter()
            training.train(run.key)
            seconds = time.perf_counter() - start
            history, progress = runs.history(run.key), runs.progress(run.key)
            ours[title] = images / sum(history["seconds"]), images / seconds
            print(
                f"{title:9} fit {ours[title][0]:6.1f} images/s, press to done {ours[title][1]:6.1f} images/s "
                f"({seconds:.0f} s, {progress.dtype}, {config.small_epochs} epochs at two thirds of the size); "
                f"{said(history['val_accuracy'])}"
            )
    command = [sys.executable, "-m", "benchmarks.tutorial_small_cnn", str(options.data), str(options.epochs)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    peer = json.loads(output.splitlines()[-1])
    print(
        f"tutorial  fit {peer['images_per_second']:6.1f} images/s ({peer['seconds']:.0f} s, float32); "
        f"{said(peer['accuracy'])}"
    )
    for title, (fit, whole) in ours.items():
        print(
            f"{title:9} beside the tutorial: fit {fit / peer['images_per_second']:.1f}x, "
            f"press to done {whole / peer['images_per_second']:.1f}x"
        )


def said(accuracy: list[float]) -> str:
    return f"validation accuracy at best {max(accuracy):.3f}, at the last epoch {accuracy[-1]:.3f}"


if __name__ == "__main__":
    main()
