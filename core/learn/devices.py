"""Devices, dtype policies, and measurements of which is fastest here.

On processors with bfloat16 instructions mixed precision is up to five times faster for dense convolutions and slower
for depthwise ones, so a measurement decides. It is made once and remembered.
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
    """Describe what training runs on: the names of the GPUs, or the processor with its number of threads."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        names = [tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus]
        return ", ".join(names)
    return f"CPU, {len(os.sched_getaffinity(0))} cores"


def gpus() -> list[str]:
    """List the names of all GPUs; they share each batch of a training."""
    return [gpu.name for gpu in tf.config.list_logical_devices("GPU")]


def scope() -> AbstractContextManager:
    """Have the models that are built or loaded inside train on all `gpus` at once, where there are several."""
    devices = gpus()
    return tf.distribute.MirroredStrategy(devices).scope() if len(devices) > 1 else nullcontext()


@contextmanager
def policy(dtype: str) -> Iterator[None]:
    """Have the networks that are built inside compute in a dtype policy of Keras ("float32", "mixed_bfloat16", ...)."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def fastest(name: str, rate: Callable[[str], float], candidates: Sequence[str] = ()) -> str:
    """Find the candidate with the highest rate.

    Args:
        name: The name under which the rates on this machine are remembered.
        rate: Measures a candidate, in images per second.
        candidates: The candidates; by default `dtypes`.
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
    """Get the JSON object `value[name]`; an empty one, which leads to a measurement, where it is missing or damaged."""
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def dtypes() -> list[str]:
    """List the dtype policies that make sense on this machine."""
    half = ["mixed_float16"] if gpus() else []
    return ["float32", "mixed_bfloat16", *half]


def free_memory() -> None:
    """Free the memory of networks that are no longer used: Keras keeps every graph that it has built."""
    keras.backend.clear_session()
    gc.collect()


def _machine() -> str:
    return f"{device()}, TensorFlow {tf.__version__}"


def steps_per_second(step: Callable[[], object], check: Callable[[], None]) -> float:
    """Measure how often `step` runs per second, after the first time, which compiles. `check` may raise to stop."""
    step()
    steps, start = 0, time.perf_counter()
    while steps < MIN_STEPS or time.perf_counter() - start < MEASURE_S:
        check()
        step()
        steps += 1
    return steps / (time.perf_counter() - start)


def training_rate(model: keras.Model, batch_size: int, check: Callable[[], None]) -> float:
    """Measure how many images per second a compiled model of two classes trains on, with noise."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (batch_size, *model.input_shape[1:]), np.uint8)
    y = rng.integers(0, 2, batch_size)
    return batch_size * steps_per_second(lambda: model.train_on_batch(x, y), check)
