"""Pretrained networks that stay as they are, images a second: Keras' `predict`, and graphs in each number format.

Graphs come twice: with batch normalisation as Keras has it, and folded into the convolutions. Weights are random, which
takes the same time.
"""

import argparse
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from benchmarks import machine
from core.catalog.backbones import BACKBONES, Backbone
from core.learn import backbones, devices, inference_graph, quantized

BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", choices=list(BACKBONES), default=list(BACKBONES))
    options = parser.parse_args()
    print(machine.describe(), flush=True)
    for name in options.networks:
        print(name, f"{BACKBONES[name].image_size} px", flush=True)
        measure(BACKBONES[name])


def measure(backbone: Backbone) -> None:
    size = backbone.image_size
    images = np.random.default_rng(0).integers(0, 256, (BATCH, size, size, 3), np.uint8)
    plain = backbones.build(backbone, size)
    once = tell("Keras' predict", lambda: plain.predict(images, BATCH, verbose=0))
    for dtype in devices.dtypes():
        with devices.policy(dtype):
            model = backbones.build(backbone, size)
            folded = inference_graph.fold_normalization(model)
        tell(f"{dtype} graph", graph(model, images), once)
        if folded is not model:
            tell(f"{dtype} graph, folded", graph(folded, images), once)
    if backbone.chain and quantized.available():
        tell("int8 graph", graph(quantized.outputs(plain, [plain.layers[-1].name]), images), once)
    devices.free_memory()


def graph(network: Callable, images: np.ndarray) -> Callable[[], np.ndarray]:
    def run(shown: tf.Tensor) -> list[tf.Tensor]:
        return [tf.cast(output, tf.float16) for output in keras.tree.flatten(network(shown))]

    frozen = inference_graph.freeze(run, [None, *images.shape[1:]])
    return lambda: frozen(tf.constant(images))[0].numpy()


def tell(what: str, step: Callable[[], object], once: float = 0) -> float:
    rate = BATCH * devices.steps_per_second(step, lambda: None)
    print(f"  {what:30} {rate:7.1f} images/s", f"{rate / once:.1f} times" if once else "", flush=True)
    return rate


if __name__ == "__main__":
    main()
