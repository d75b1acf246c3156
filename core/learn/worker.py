"""What a Dask worker does around a job: get ready before the first one, and let predictions go first."""

import importlib
import os
import threading

from core.data import builtin

NICENESS = 15


def warm_up_training() -> None:
    """Import TensorFlow and start its threads, at low priority."""
    _yield_to_others()
    importlib.import_module("core.learn.training")
    importlib.import_module("tensorflow").constant(0)


def warm_up_prediction() -> None:
    """The same for predictions. The import itself yields to the first page; the threads it leaves do not."""

    def load() -> None:
        _yield_to_others()
        importlib.import_module("core.learn.predict")

    thread = threading.Thread(target=load)
    thread.start()
    thread.join()
    importlib.import_module("tensorflow").constant(0)


def make_builtin(name: str) -> None:
    """Make a built-in data set, at low priority."""
    _yield_to_others()
    builtin.ensure(name)


def train(key: str) -> None:
    """Train a run at low priority: a live sketch on the same machine must not wait for it."""
    _yield_to_others()
    importlib.import_module("core.learn.training").train(key)


def check(name: str) -> None:
    """Check a data set, at low priority."""
    _yield_to_others()
    importlib.import_module("core.learn.check_job").check_dataset(name)


def _yield_to_others() -> None:
    # On Linux a priority belongs to a thread; TensorFlow's threads inherit it from the one that starts them.
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
