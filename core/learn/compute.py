"""Which number format trains a network fastest on this machine: measured once, remembered, shown.

On processors with bfloat16 instructions mixed precision is up to five times faster for dense convolutions and slower
for depthwise ones, so nothing but a measurement decides.
"""

import os
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from core import paths
from core.learn import networks
from core.strategies import Strategy

MEASURE_S = 0.4
WORTH_MEASURING_PX = 64  # networks on smaller images train in seconds: measuring would take longer than it saves
MIN_STEPS = 3


def device() -> str:
    """What training runs on, in words: the GPUs' names, or the processor with its number of threads."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        names = [tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus]
        return ", ".join(names)
    return f"CPU, {len(os.sched_getaffinity(0))} cores"


def network(strategy: Strategy, size: int, classes: int, dtype: str = "float32") -> keras.Model:
    """A strategy's network with fresh weights under a dtype policy ("float32", "mixed_bfloat16", ...)."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        return getattr(networks, strategy.network)(size, strategy.channels, classes)
    finally:
        keras.config.set_dtype_policy(before)


def trainable(strategy: Strategy, size: int, classes: int, learning_rate: float, dtype: str) -> keras.Model:
    """The same, compiled with the strategy's optimizer and the loss that fits the number of classes."""
    model = network(strategy, size, classes, dtype)
    optimizer = keras.optimizers.get({"class_name": strategy.optimizer, "config": {"learning_rate": learning_rate}})
    loss = "binary_crossentropy" if classes == 2 else "sparse_categorical_crossentropy"
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


def fastest_dtype(strategy: Strategy, size: int, batch_size: int, check: Callable[[], None]) -> str:
    """The dtype policy with the most images per second in a short training on noise, remembered for this machine;
    float32 where the images are small.

    `check()` is called between steps and may raise to stop.
    """
    if size < WORTH_MEASURING_PX:
        return "float32"
    machine = f"{device()}, TensorFlow {tf.__version__}"
    name = f"{strategy.network} {size}px batch {batch_size}"
    remembered = paths.read_json(paths.compute_choices(), {})
    if name not in remembered.get(machine, {}):
        candidates = ["float32", "mixed_bfloat16"]
        if tf.config.list_physical_devices("GPU"):
            candidates.append("mixed_float16")
        rates = {dtype: _rate(strategy, size, batch_size, dtype, check) for dtype in candidates}
        remembered.setdefault(machine, {})[name] = {dtype: round(rate, 1) for dtype, rate in rates.items()}
        paths.write_json(paths.compute_choices(), remembered)
    rates = remembered[machine][name]
    return max(rates, key=rates.get)


def _rate(strategy: Strategy, size: int, batch_size: int, dtype: str, check: Callable[[], None]) -> float:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (batch_size, size, size, strategy.channels), np.uint8)
    y = rng.integers(0, 2, batch_size)
    model = trainable(strategy, size, 2, 0.001, dtype)
    model.train_on_batch(x, y)  # the first step compiles
    steps, start = 0, time.perf_counter()
    while steps < MIN_STEPS or time.perf_counter() - start < MEASURE_S:
        check()
        model.train_on_batch(x, y)
        steps += 1
    return steps * batch_size / (time.perf_counter() - start)
