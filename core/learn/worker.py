"""What a Dask worker does around a job: get ready before the first one, and let predictions go first."""

import importlib
import os
import threading

NICENESS = 15


def warm_up(resource: str) -> None:
    """Import TensorFlow and start its threads, so that the first job finds them ready."""
    if resource == "train":
        _yield_to_others()
    tensorflow = importlib.import_module("tensorflow")
    tensorflow.constant(0)
    importlib.import_module("core.learn.training" if resource == "train" else "core.learn.predict")


def train(key: str) -> None:
    """Train a run at low priority: a live sketch on the same machine must not wait for it."""
    _yield_to_others()
    importlib.import_module("core.learn.training").train(key)


def _yield_to_others() -> None:
    # On Linux a priority belongs to a thread; TensorFlow's threads inherit it from the one that starts them.
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
