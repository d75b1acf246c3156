"""VGG16 on 2,000 + 800 photos: Handful's strategies beside the tutorials' scripts, in one run.

There are two figures for an epoch of ours: the whole time from pressing Train to done over the number of epochs, with
views, head, evaluation and all; and the median epoch of `fit`, validation included, once the views are kept. The
scripts' is one epoch of `fit`, which for fine-tuning leaves out their features and their head.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import machine

if TYPE_CHECKING:
    from core.config import TrainConfig

PEERS = {"bottleneck": "bottleneck", "feature_extraction": "extraction", "fine_tuning": "tuning"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=machine.SHARED / "cats_vs_dogs")
    parser.add_argument("--weights", type=Path, default=machine.SHARED.parent / "weights" / "vgg16_notop_standin.h5")
    parser.add_argument("--strategies", nargs="+", choices=list(PEERS), default=list(PEERS))
    options = parser.parse_args()
    print(machine.describe(), flush=True)

    command = [sys.executable, "-m", "benchmarks.tutorial_vgg16", str(options.data), str(options.weights), "--parts"]
    command += [PEERS[name] for name in options.strategies]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    peers = {line["part"]: line for line in map(json.loads, filter(lambda x: x.startswith("{"), output.splitlines()))}
    for peer in peers.values():
        print("tutorial ", json.dumps(peer), flush=True)

    with machine.fresh_home():
        ours(options.data, options.weights, options.strategies, peers)


def ours(data: Path, weights_file: Path, strategies: list[str], peers: dict[str, dict]) -> None:
    from core import paths, weights
    from core.backbones import BACKBONES
    from core.config import make_config
    from core.data import importing
    from core.learn import features, lessons, training
    from core.results import runs

    paths.pretrained().mkdir(parents=True)
    shutil.copy(weights_file, paths.pretrained() / BACKBONES["vgg16"].weights_file)
    weights.accept("vgg16")
    dataset = importing.folder_as_dataset(data)

    config = make_config(dataset.fingerprint, dataset.kind, "bottleneck", {"backbone": "vgg16"})
    frozen, images = features.Frozen(config, lambda: None), 0
    pictures = [lessons.pictures(config, dataset, split, lambda **values: None)[0] for split in ("train", "validation")]
    dtype, start = frozen.dtype, time.perf_counter()
    for part in pictures:
        frozen.read(part, [features.View()], "features", lambda done, total: None)
        images += len(part.contents)
    rate, script = images / (time.perf_counter() - start), peers["bottleneck"]["images_per_second"]
    print(f"features  {rate:.1f} images/s ({dtype}): {rate / script:.1f} times")
    work, limit = operations(config) / 1e9, convolutions(dtype) / 1e9
    print(
        f"          {work * rate:.0f} GFLOP/s of the {limit:.0f} that one large convolution alone reaches in {dtype}: "
        f"{limit / work / script:.1f} times the script would be all of that",
        flush=True,
    )

    for name in strategies:
        run = runs.create(make_config(dataset.fingerprint, dataset.kind, name, {"backbone": "vgg16"}), dataset)
        start = time.perf_counter()
        training.train(run.key)
        seconds, history = time.perf_counter() - start, runs.history(run.key)["seconds"]
        epochs, epoch = len(history), statistics.median(history)
        scores = runs.evaluation(run.key)
        peer = peers[PEERS[name]]
        whole = "" if name == "bottleneck" else f": {peer['seconds'] * epochs / seconds:.1f} times the script's epoch"
        alone = "" if name == "bottleneck" else f": {peer['seconds'] / epoch:.1f} times"
        print(
            f"{name}: validation {scores['validation']['accuracy']:.3f}, test {scores['test']['accuracy']:.3f} "
            f"(script: {peer['last']:.3f} at its last epoch); {seconds:.0f} s for {epochs} epochs, "
            f"{seconds / epochs:.1f} s each{whole}; once the views are kept {epoch:.1f} s{alone}",
            flush=True,
        )


def operations(config: TrainConfig) -> float:
    """Floating-point operations of the network's convolutions for one image, a multiplication and an addition each."""
    from core.learn import features

    layers = features.network(config.backbone, config.weights, config.image_size).layers
    kernels = [layer for layer in layers if hasattr(layer, "kernel")]
    return sum(2 * math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:3]) for layer in kernels)


def convolutions(dtype: str) -> float:
    """Floating-point operations a second of one large convolution alone, shaped like those of VGG16's block 4."""
    import tensorflow as tf

    from core.learn import compute

    shapes = (64, 18, 18, 512), (3, 3, 512, 512)
    images, kernel = (tf.cast(tf.random.normal(shape), dtype.removeprefix("mixed_")) for shape in shapes)
    convolved = tf.function(lambda: tf.nn.conv2d(images, kernel, 1, "SAME")[0, 0, 0, 0])
    once = 2 * math.prod(kernel.shape) * math.prod(images.shape[:3])
    return once * compute.steps_per_second(lambda: convolved().numpy(), lambda: None)


if __name__ == "__main__":
    main()
