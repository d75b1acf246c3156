"""What a Dask worker runs: jobs at low priority, so that predictions go first, and the start-up before them."""

import importlib
import os
import threading

from core.data import builtin

NICENESS = 15


def warm_up_training() -> None:
    """Import TensorFlow and start its threads, at low priority."""
    _lower_priority()
    importlib.import_module("core.learn.training")
    importlib.import_module("tensorflow").constant(0)


def warm_up_prediction() -> None:
    """Import TensorFlow at low priority, so that the first page is quick, and start its threads at normal priority."""

    def load() -> None:
        _lower_priority()
        importlib.import_module("core.learn.predict")

    thread = threading.Thread(target=load)
    thread.start()
    thread.join()
    importlib.import_module("tensorflow").constant(0)


def make_builtin(name: str) -> None:
    """Create a built-in data set, at low priority."""
    _lower_priority()
    builtin.ensure(name)


def train(key: str) -> None:
    """Train a run at low priority, so that a sketch on the same machine need not wait."""
    _lower_priority()
    importlib.import_module("core.learn.training").train(key)


def check(name: str) -> None:
    """Check a data set, at low priority."""
    _lower_priority()
    importlib.import_module("core.learn.check_job").check_dataset(name)


def _lower_priority() -> None:
    # On Linux a priority belongs to a thread; TensorFlow's threads inherit it from the one that starts them.
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
