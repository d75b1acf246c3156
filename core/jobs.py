"""Who does the work: Dask workers. Submit, follow, cancel, predict; nothing here imports TensorFlow.

`DASK_SCHEDULER_ADDRESS` names an existing cluster (its workers need the resources train=1 and predict=1 and see the
same HANDFUL_HOME). Otherwise two worker processes start beside this one: one trains, one predicts, so that a long
training never delays a live sketch.
"""

from __future__ import annotations

import functools
import importlib
import logging
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.checks import store
from core.config import TrainConfig, make_config
from core.data import datasets
from core.data.manifest import Dataset
from core.errors import UserError
from core.results import runs

if TYPE_CHECKING:  # importing it takes half a second, which the server's first page need not wait for
    from distributed import Future, SpecCluster

BUILTIN_SET, BUILTIN_STRATEGY = "shapes", "shapes_cnn"
PREDICT_TIMEOUT_S = 60


@dataclass(frozen=True)
class Prediction:
    """One run's answer to one image. `milliseconds` is the whole way there and back, shared by all runs asked;
    `own_milliseconds` is this run's part of it, preparing the image and computing."""

    key: str
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    milliseconds: float
    own_milliseconds: float


def call(name: str, *arguments: object) -> object:
    """Run "module:function". Called on a worker, where TensorFlow may be imported."""
    module, function = name.split(":")
    return getattr(importlib.import_module(module), function)(*arguments)


class Engine:
    """The connection to the workers; one for each server process."""

    def __init__(self):
        from distributed import Client

        address = os.environ.get("DASK_SCHEDULER_ADDRESS")
        self._cluster = None if address else _local_cluster()
        try:
            self._client = Client(address or self._cluster, set_as_default=False)
        except OSError as error:
            raise UserError(
                "No Dask scheduler answers at DASK_SCHEDULER_ADDRESS={address}. Start it, or unset the variable.",
                address=address,
            ) from error
        self._futures: dict[str, Future] = {}
        self._lock = threading.Lock()

    def _submit(self, resource: str, name: str, *arguments: object, **options: object) -> Future:
        return self._client.submit(call, name, *arguments, resources={resource: 1}, pure=False, **options)

    def _send(self, resource: str, name: str, *arguments: object, **options: object) -> Future:
        """Submit what goes on even when nobody holds its future, or this process ends."""
        from distributed import fire_and_forget

        future = self._submit(resource, name, *arguments, **options)
        fire_and_forget(future)
        return future

    def _wait(self, future: Future) -> None:
        from distributed import wait

        with self._client.as_current():  # Dask's `wait` knows no other client than this thread's
            wait(future)

    def warm_up(self) -> None:
        """Have the workers make the built-in drawings and import TensorFlow; returns with the drawings, in seconds."""
        self._send("predict", "core.learn.worker:warm_up_prediction")
        drawings = self._submit("train", "core.learn.worker:make_builtin", BUILTIN_SET)
        self._send("train", "core.learn.worker:warm_up_training")
        drawings.result()

    def submit(self, config: TrainConfig, dataset: Dataset) -> runs.Run:
        """Train, or share the training under way, or answer from the cache: the run as it is after asking.

        Raises UserError when the data set cannot be trained on.
        """
        run = runs.create(config, dataset)
        if run.state != "done":
            self._start(run.key)
        return runs.find(run.key)

    def _start(self, key: str) -> None:
        with self._lock:
            runs.withdraw_cancel(key)
            earlier = self._futures.get(key)
            if earlier is not None and not earlier.done():
                if runs.find(key).live:
                    return
                self._wait(earlier)  # a training writes its end just before its task ends
            if earlier is not None:
                earlier.release()  # Dask would otherwise answer with the earlier, cancelled or failed attempt
            runs.set_state(key, "queued", seconds=runs.find(key).seconds)
            # Without the last option Dask may turn round the order of what is submitted within a tenth of a second.
            future = self._send("train", "core.learn.worker:train", key, key=f"train-{key}", fifo_timeout="0 ms")
            future.add_done_callback(functools.partial(self._ended, key))
            self._futures[key] = future

    def _ended(self, key: str, future: Future) -> None:
        # A training writes its own end; only a worker that died again and again leaves its run without one.
        if future.status == "error" and runs.find(key).live:
            runs.set_state(key, "failed", message=runs.WORKER_LOST)
        self.load(key)

    def load(self, key: str) -> None:
        """Have the prediction worker load a run that is done: its first prediction is as fast as the others."""
        if runs.find(key).state == "done":
            self._send("predict", "core.learn.predict:load", key)

    def cancel(self, key: str) -> None:
        """Stop a waiting or running training; what it learned up to its last finished epoch stays."""
        run = runs.find(key)
        if not run.live:
            return
        runs.wish_cancel(key)
        if run.state == "queued" or not runs.held(key):  # or its process died, and could not even write why
            with self._lock:
                future = self._futures.pop(key, None)
            if future is not None:
                future.cancel()
            runs.set_state(key, "cancelled", seconds=run.seconds)

    def check(self, name: str) -> None:
        """Check a data set, or share the check under way. Its status and report are in `core.checks.store`."""
        dataset = datasets.load(name)
        task = f"check-{dataset.name}"
        with self._lock:
            store.folder(dataset.name).mkdir(exist_ok=True)
            store.withdraw_cancel(dataset.name)
            earlier = self._futures.get(task)
            if earlier is not None and not earlier.done():
                if store.status(dataset.name).live:
                    return
                self._wait(earlier)  # a check writes its end just before its task ends
            store.set_state(dataset.name, "queued")
            # Each asking has a key of its own, for Dask would answer an old one with what came of it.
            future = self._send("train", "core.learn.worker:check", dataset.name, fifo_timeout="0 ms")
            future.add_done_callback(functools.partial(_check_ended, dataset.name))
            self._futures[task] = future

    def cancel_check(self, name: str) -> None:
        """Stop a waiting or running check of a data set; what it has measured and saved stays."""
        state = store.status(name).state
        if state not in store.LIVE_STATES:
            return
        store.wish_cancel(name)
        if state == "queued" or not store.held(name):
            with self._lock:
                future = self._futures.pop(f"check-{name}", None)
            if future is not None:
                future.cancel()
            store.set_state(name, "cancelled")

    def predict(self, keys: Sequence[str], rgb: np.ndarray) -> list[Prediction]:
        """One image, (height, width, 3) uint8 RGB, through finished runs, in the order of `keys`; on one way for all.

        Raises UserError, here as in the next two, where a run cannot predict or the worker does not answer in time.
        """
        start = time.perf_counter()
        answers = self._ask("predict", list(keys), rgb)
        milliseconds = 1000 * (time.perf_counter() - start)
        return [
            Prediction(key, runs.find(key).classes, tuple(probabilities.tolist()), milliseconds, own)
            for key, (probabilities, own) in answers.items()
        ]

    def predict_many(self, key: str, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Images of any sizes, (height, width, 3) uint8 RGB, through one finished run: (n, classes) float32."""
        return self._ask("predict_many", key, list(pictures))

    def imagenet(self, rgb: np.ndarray) -> list[tuple[str, float]]:
        """The five ImageNet labels likeliest to the pretrained network itself, with their probabilities."""
        return self._ask("imagenet", rgb)

    def _ask(self, function: str, *arguments: object) -> object:
        future = self._submit("predict", f"core.learn.predict:{function}", *arguments, priority=100)
        try:
            return future.result(timeout=PREDICT_TIMEOUT_S)
        except TimeoutError:
            raise UserError(
                "No answer from the prediction worker within {seconds} s. It may still be starting: try again.",
                seconds=PREDICT_TIMEOUT_S,
            ) from None

    def queue(self) -> list[runs.Run]:
        """What runs now, then what waits, in its order."""
        live = [run for run in runs.every() if run.live]
        return sorted(live, key=lambda run: (run.state != "running", run.changed))

    def resume_interrupted(self) -> list[runs.Run]:
        """Go on with what a killed server left queued or running; returns the trainings in the queue's order."""
        for name in datasets.list_names():  # checks first: they are quick, and what they measured is kept
            if store.status(name).live:
                self.check(name)
        interrupted = self.queue()
        for run in interrupted:
            self._start(run.key)
        return interrupted

    def close(self) -> None:
        """Stop the workers that were started here."""
        self._client.close()
        if self._cluster:
            self._cluster.close()


def _check_ended(name: str, future: Future) -> None:
    # A check writes its own end; only a worker that died again and again leaves it without one.
    if future.status == "error" and store.status(name).live:
        store.set_state(name, "failed", runs.WORKER_LOST)


def _local_cluster() -> SpecCluster:
    from distributed import Nanny, Scheduler, SpecCluster

    def worker(resource: str) -> dict:
        options = {
            "nthreads": 1, "resources": {resource: 1}, "memory_limit": 0, "dashboard": False,
            "host": "127.0.0.1", "silence_logs": logging.ERROR,
        }  # fmt: skip
        return {"cls": Nanny, "options": options}

    scheduler = {"host": "127.0.0.1", "port": 0, "dashboard": False, "dashboard_address": "127.0.0.1:0"}
    return SpecCluster(
        workers={"train": worker("train"), "predict": worker("predict")},
        scheduler={"cls": Scheduler, "options": scheduler},
        name="handful",
        silence_logs=logging.ERROR,
    )


_engine_lock = threading.Lock()


@functools.cache
def _engine() -> Engine:
    return Engine()


def engine() -> Engine:
    """This process's engine; the first call starts it, in about a second."""
    with _engine_lock:
        return _engine()


_builtin_keys: list[str] = []  # one entry as soon as the built-in drawings exist


def builtin_run() -> runs.Run | None:
    """The built-in shapes classifier's run; None until `start_in_background` has its drawings."""
    return runs.find(_builtin_keys[0]) if _builtin_keys else None


@functools.cache
def start_in_background() -> threading.Thread:
    """Start the engine, go on with what was interrupted, and teach the built-in shapes classifier if need be."""
    thread = threading.Thread(target=_start, name="handful-start", daemon=True)
    thread.start()
    return thread


def _start() -> None:
    engine().warm_up()
    engine().resume_interrupted()
    dataset = datasets.load(BUILTIN_SET)
    run = engine().submit(make_config(dataset, BUILTIN_STRATEGY), dataset)
    _builtin_keys.append(run.key)
    engine().load(run.key)
