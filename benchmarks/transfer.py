"""VGG16 on 2,000 + 800 photos: Handful's strategies beside the tutorials' scripts, in one run.

There are two figures for an epoch of ours: the whole time from pressing Train to done over the number of epochs, with
views, head, evaluation and all; and the median epoch of `fit`, validation included, once the views are kept. The
scripts' is one epoch of `fit`, which for fine-tuning leaves out their features and their head.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import machine

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
    import keras

    from core.catalog import weights
    from core.catalog.backbones import BACKBONES
    from core.config import make_config
    from core.data import importing
    from core.learn import features, predict, recipes, training
    from core.learn.batches import from_array
    from core.results import metrics, runs
    from core.storage import workspace

    workspace.pretrained().mkdir(parents=True)
    shutil.copy(weights_file, workspace.pretrained() / BACKBONES["vgg16"].weights_file)
    weights.accept("vgg16")
    dataset = importing.folder_as_dataset(data)

    config = make_config(dataset, "bottleneck", {"backbone": "vgg16"})
    frozen, images = features.FeatureExtractor(config, lambda: None), 0
    splits = [recipes.input_images(config, dataset, split, lambda **values: None) for split in ("train", "validation")]
    dtype, start = frozen.dtype, time.perf_counter()
    for pictures, _labels in splits:
        frozen.extract(pictures, [features.View()], "features", lambda done, total: None)
        images += len(pictures.contents)
    rate, script = images / (time.perf_counter() - start), peers["bottleneck"]["images_per_second"]
    print(f"features  {rate:.1f} images/s ({dtype}): {rate / script:.1f} times")
    print("          measured before:", *workspace.read_json(workspace.compute_choices()).values(), flush=True)

    for name in strategies:
        run = runs.create(make_config(dataset, name, {"backbone": "vgg16"}), dataset)
        start = time.perf_counter()
        with machine.peak_memory() as memory:
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
            f"{seconds / epochs:.1f} s each{whole}; once the views are kept {epoch:.1f} s{alone}; {memory[-1]} MiB",
            flush=True,
        )
        model, (shown, labels) = keras.models.load_model(run.folder / "model.keras", compile=False), splits[-1]
        served = metrics.evaluate(labels, predict.in_batches(model, from_array(shown.images), len(labels)))
        print(f"          validation {served['accuracy']:.3f} by the saved model, in float32", flush=True)


if __name__ == "__main__":
    main()
