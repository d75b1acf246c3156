"""Where and in which number format networks are computed: devices, and what is fastest by measurement.

On processors with bfloat16 instructions mixed precision is up to five times faster for dense convolutions and slower
for depthwise ones, so nothing but a measurement decides: made once, remembered, shown.
"""

import gc
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import keras
import numpy as np
import tensorflow as tf

from core.storage import workspace

MEASURE_S = 0.4
MIN_STEPS = 3


def device() -> str:
    """What training runs on, in words: the GPUs' names, or the processor with its number of threads."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        names = [tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus]
        return ", ".join(names)
    return f"CPU, {len(os.sched_getaffinity(0))} cores"


def gpus() -> list[str]:
    """The names of all GPUs; they share each batch of a training."""
    return [gpu.name for gpu in tf.config.list_logical_devices("GPU")]


def scope() -> AbstractContextManager:
    """Models made or loaded inside train on all `gpus` at once; with fewer than two, nothing special happens."""
    devices = gpus()
    return tf.distribute.MirroredStrategy(devices).scope() if len(devices) > 1 else nullcontext()


@contextmanager
def policy(dtype: str) -> Iterator[None]:
    """Networks built inside compute in `dtype`, a Keras dtype policy ("float32", "mixed_bfloat16", ...)."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def fastest(name: str, rate: Callable[[str], float], candidates: Sequence[str] = ()) -> str:
    """The candidate for which `rate(candidate)` is highest, in images a second; measured once for each `name`.

    Where no candidates are given, they are the dtype policies that make sense on this machine.
    """
    candidates = candidates or dtypes()
    rates = _object(_object(workspace.recall(workspace.compute_choices()), _machine()), name)
    if not all(isinstance(rates.get(candidate), int | float) for candidate in candidates):
        for candidate in candidates:
            rates[candidate] = round(rate(candidate), 1)
            free_memory()
        known = workspace.recall(workspace.compute_choices())
        workspace.write_json(
            workspace.compute_choices(), known | {_machine(): _object(known, _machine()) | {name: rates}}
        )
    return max(candidates, key=rates.get)


def _object(value: dict, name: str) -> dict:
    """The JSON object `value[name]`; empty where it is missing or something else: then it is measured again."""
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def dtypes() -> list[str]:
    """The dtype policies that make sense on this machine."""
    half = ["mixed_float16"] if gpus() else []
    return ["float32", "mixed_bfloat16", *half]


def free_memory() -> None:
    """Give back the memory of networks that nobody uses any more: Keras keeps every graph it has made."""
    keras.backend.clear_session()
    gc.collect()


def _machine() -> str:
    return f"{device()}, TensorFlow {tf.__version__}"


def steps_per_second(step: Callable[[], object], check: Callable[[], None]) -> float:
    """How often `step` runs in a second, after a first time, which compiles. `check` may raise to stop."""
    step()
    steps, start = 0, time.perf_counter()
    while steps < MIN_STEPS or time.perf_counter() - start < MEASURE_S:
        check()
        step()
        steps += 1
    return steps / (time.perf_counter() - start)


def training_rate(model: keras.Model, batch_size: int, check: Callable[[], None]) -> float:
    """Images a second of a compiled two-class `model` in training on noise."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (batch_size, *model.input_shape[1:]), np.uint8)
    y = rng.integers(0, 2, batch_size)
    return batch_size * steps_per_second(lambda: model.train_on_batch(x, y), check)
