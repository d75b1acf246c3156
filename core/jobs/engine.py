"""Submit, follow, cancel and predict on the workers; nothing here imports TensorFlow."""

from __future__ import annotations

import importlib
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.checks import store
from core.config import TrainConfig
from core.data import datasets
from core.data.manifest import Dataset
from core.errors import UserError
from core.jobs.cluster import LocalCluster, RemoteCluster, make_room_if_grown
from core.jobs.tasks import LACKING, Job, epochs, found, is_under_way
from core.results import claims, runs

if TYPE_CHECKING:  # importing it takes half a second, which the server's first page need not wait for
    from distributed import Future

BUILTIN_SET, BUILTIN_STRATEGY = "shapes", "shapes_cnn"
PREDICT_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20
MOST_RUNS = 12  # that one question goes to
SKETCH, SEVERAL, MANY = 100, 50, 0  # Dask's priorities, higher first: an image for one run, for several, many images
LOOK_EVERY_S = 1.0
PICK_UP_EVERY_S = 20.0


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
    try:
        return getattr(importlib.import_module(module), function)(*arguments)
    finally:
        make_room_if_grown()


def _result(future: Future, deadline: float) -> object:
    try:
        return future.result(timeout=max(0.01, deadline - time.monotonic()))
    except UserError as error:
        return error


class Engine:
    """The connection to the workers; one for each server process."""

    def __init__(self):
        address = os.environ.get("DASK_SCHEDULER_ADDRESS")
        self._cluster = RemoteCluster(address) if address else LocalCluster()
        self._client = self._cluster.client
        self._claimant = claims.Claimant()
        self._trainings: dict[str, Job] = {}  # by the run's key
        self._checks: dict[str, Job] = {}  # by the data set's name
        self._lock = threading.Lock()  # of the two; nobody waits for a worker while holding it
        self._closing = threading.Event()
        self._loaded = ""  # the run that the prediction worker was asked to load last
        self._greeted: dict[str, str] = {}
        self._watcher = threading.Thread(target=self._watch, name="handful-watch", daemon=True)
        self._watcher.start()

    @property
    def open(self) -> bool:
        """False once the connection is lost for good: another engine is needed."""
        return self._client.status != "closed" and not self._closing.is_set()

    def troubles(self) -> list[UserError]:
        """What keeps the workers from working at the moment."""
        return list({str(error): error for error in self._cluster.troubles().values()}.values())

    def _submit(self, resource: str, name: str, *arguments: object, **options: object) -> Future:
        return self._client.submit(call, name, *arguments, resources={resource: 1}, pure=False, **options)

    def _send(self, resource: str, name: str, *arguments: object, **options: object) -> Future:
        """Submit what goes on even when nobody holds its future, or this process ends."""
        from distributed import fire_and_forget

        future = self._submit(resource, name, *arguments, **options)
        fire_and_forget(future)
        return future

    def warm_up(self) -> None:
        """Have the workers make the built-in drawings and import TensorFlow; returns with the drawings, in seconds.

        UserError where the workers cannot import Handful.
        """
        self._send("predict", "core.learn.worker:warm_up_prediction")
        drawings = self._submit("train", "core.learn.worker:make_builtin", BUILTIN_SET)
        self._send("train", "core.learn.worker:warm_up_training")
        try:
            drawings.result()
        except ImportError as error:
            raise UserError(LACKING, error=error) from error

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
            run, earlier = runs.find(key), self._trainings.get(key)
            runs.withdraw_cancel(key)
            if run.live and (is_under_way(earlier) or self._claimant.elsewhere(run.folder)):
                return
            self._claimant.claim(run.folder)
            runs.set_state(key, "queued", seconds=run.seconds)
            # Each asking has a key of its own, for Dask would answer an old one with what came of it. Without the last
            # option Dask may turn round the order of what is submitted within a tenth of a second.
            future = self._send("train", "core.learn.worker:train", key, fifo_timeout="0 ms")
            self._trainings[key] = Job(future, epochs(key))
        future.add_done_callback(lambda _future: self._guarded(self._end_training, key))

    def _end_training(self, key: str) -> None:
        """Take note of the end of a run's task. A training writes its own end; here is what becomes of it otherwise."""
        with self._lock:
            job = self._trainings.get(key)
            if job is None or not job.future.done():
                return
            run = found(key)
            live = run is not None and run.live
            # Dask blames a worker's death on all that wait for it, too.
            again = live and job.was_killed and (run.state == "queued" or epochs(key) > job.epochs)
            if live and job.future.status == "error" and not again:
                runs.set_state(key, "failed", seconds=run.seconds, **job.reason())
                live = False
            if run is not None and not live:
                self._claimant.release(run.folder)
            del self._trainings[key]  # a finished task whose future is held would be done again when its worker dies
        if again:
            self._start(key)
        elif run is not None:
            self.load(key)

    def load(self, key: str) -> None:
        """Have the prediction worker load a run that is done: its first prediction is as fast as the others."""
        if runs.find(key).state == "done":
            self._loaded = key
            self._send("predict", "core.learn.predict:load", key)

    def cancel(self, key: str) -> None:
        """Stop a waiting or running training; what it learned up to its last finished epoch stays."""
        run = runs.find(key)
        if not run.live:
            return
        runs.wish_cancel(key)
        if run.state == "queued":
            self._withdraw(self._trainings, key)
            runs.set_state(key, "cancelled", seconds=run.seconds)
        elif key not in self._trainings and not self._claimant.elsewhere(run.folder) and not runs.held(key):
            runs.set_state(key, "cancelled", seconds=run.seconds)  # whoever trained it was killed

    def _withdraw(self, jobs: dict[str, Job], name: str) -> None:
        with self._lock:
            job = jobs.pop(name, None)
        if job is not None:
            job.future.cancel()

    def check(self, name: str) -> None:
        """Check a data set, or share the check under way. Its status and report are in `core.checks.store`."""
        name = datasets.load(name).name
        with self._lock:
            folder, live, earlier = store.prepare(name), store.status(name).live, self._checks.get(name)
            store.withdraw_cancel(name)
            if live and (is_under_way(earlier) or self._claimant.elsewhere(folder)):
                return
            self._claimant.claim(folder)
            store.set_state(name, "queued")
            future = self._send("train", "core.learn.worker:check", name, fifo_timeout="0 ms")
            self._checks[name] = Job(future, 0)
        future.add_done_callback(lambda _future: self._guarded(self._end_check, name))

    def _end_check(self, name: str) -> None:
        with self._lock:
            job = self._checks.get(name)
            if job is None or not job.future.done():
                return
            status = store.status(name)
            again = status.state == "queued" and job.was_killed
            if status.live and job.future.status == "error" and not again:
                reason = job.reason()
                store.set_state(name, "failed", reason["message"], reason["values"])
            self._claimant.release(store.folder(name))
            del self._checks[name]
        if again:
            self.check(name)

    def cancel_check(self, name: str) -> None:
        """Stop a waiting or running check of a data set; what it has measured and saved stays."""
        state = store.status(name).state
        if state not in store.LIVE_STATES:
            return
        store.wish_cancel(name)
        folder = store.folder(name)
        if state == "queued":
            self._withdraw(self._checks, name)
            store.set_state(name, "cancelled")
        elif name not in self._checks and not self._claimant.elsewhere(folder) and not store.held(name):
            store.set_state(name, "cancelled")  # whoever checked it was killed

    def stop_check(self, name: str) -> None:
        """Cancel the check of a data set, and wait for its end. UserError when that takes too long."""
        self.cancel_check(name)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while store.held(name):
            if time.monotonic() > deadline:
                raise UserError("The check of '{name}' has not stopped yet. Try again in some seconds.", name=name)
            time.sleep(0.1)

    def predict(self, keys: Sequence[str], rgb: np.ndarray) -> list[Prediction | UserError]:
        """One image, (height, width, 3) uint8 RGB, through at most MOST_RUNS finished runs, in the order of `keys`.

        In the place of a run that cannot predict, because its model is damaged for example, stands why. Raises
        UserError where none can, and, here as in the next two, where the worker does not answer in time.
        """
        if len(keys) > MOST_RUNS:
            raise UserError(
                "One image goes to {most} networks at once, not to {n}. Choose fewer.", most=MOST_RUNS, n=len(keys)
            )
        start = time.perf_counter()
        # Each run is a task of its own, so that somebody's sketch gets in between.
        function, priority = ("sketch", SKETCH) if len(keys) == 1 else ("predict_one", SEVERAL)
        answers = self._ask(priority, *((function, key, rgb) for key in keys))
        milliseconds = 1000 * (time.perf_counter() - start)
        return [
            answer
            if isinstance(answer, UserError)
            else Prediction(key, runs.find(key).classes, tuple(answer[0].tolist()), milliseconds, answer[1])
            for key, answer in zip(keys, answers, strict=True)
        ]

    def predict_many(self, key: str, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Images of any sizes, (height, width, 3) uint8 RGB, through one finished run: (n, classes) float32."""
        return self._ask(MANY, ("predict_many", key, list(pictures)))[0]

    def imagenet(self, rgb: np.ndarray) -> list[tuple[str, float]]:
        """The five ImageNet labels likeliest to the pretrained network itself, with their probabilities."""
        return self._ask(SEVERAL, ("imagenet", rgb))[0]

    def _ask(self, priority: int, *questions: tuple) -> list:
        """What functions of `core.learn.predict` return, each given as (name, argument, ...).

        In the place of one that raised a UserError stands the error; where all did, the first is raised.
        """
        from distributed import CancelledError, KilledWorker

        self._refuse_in_vain()
        futures = [
            self._submit("predict", f"core.learn.predict:{function}", *arguments, priority=priority)
            for function, *arguments in questions
        ]
        deadline = time.monotonic() + PREDICT_TIMEOUT_S
        try:
            answers = [_result(future, deadline) for future in futures]
        except TimeoutError:
            raise UserError(
                "No answer from the prediction worker within {seconds} s. It may still be starting: try again.",
                seconds=PREDICT_TIMEOUT_S,
            ) from None
        except (KilledWorker, CancelledError) as error:
            raise UserError("The prediction worker was lost before it answered. Try again in some seconds.") from error
        except ImportError as error:
            raise UserError(LACKING, error=error) from error
        if all(isinstance(answer, UserError) for answer in answers):
            raise answers[0]
        return answers

    def _refuse_in_vain(self) -> None:
        """Raise what is wrong with a cluster that does not mend itself, instead of waiting for it."""
        error = self._cluster.troubles().get("predict")
        if error is not None and isinstance(self._cluster, RemoteCluster):
            raise error

    def queue(self) -> list[runs.Run]:
        """What runs now, then what waits, in its order."""
        live = [run for run in runs.every() if run.live]
        return sorted(live, key=lambda run: (run.state != "running", run.changed))

    def resume_interrupted(self) -> list[runs.Run]:
        """Go on with what a killed server left queued or running; returns the trainings in the queue's order.

        What another living server or a command line is at stays theirs.
        """
        for name in datasets.list_names():  # checks first: they are quick, and what they measured is kept
            if store.status(name).live:
                self._guarded(self.check, name)
        interrupted = [run for run in self.queue() if not self._claimant.elsewhere(run.folder)]
        for run in interrupted:
            self._guarded(self._start, run.key)
        return interrupted

    def _watch(self) -> None:
        picked_up = time.monotonic()
        while self.open:
            self._guarded(self._cluster.tend)
            self._guarded(self._greet)
            for end, jobs in ((self._end_training, self._trainings), (self._end_check, self._checks)):
                for name in list(jobs):  # what could not be written at once, on a full disk
                    self._guarded(end, name)
            if time.monotonic() - picked_up > PICK_UP_EVERY_S:
                self._guarded(self._pick_up)
                picked_up = time.monotonic()
            self._cluster.wait(LOOK_EVERY_S)
        self._claimant.close()

    def _greet(self) -> None:
        """Have a worker that took another one's place get ready."""
        for resource, name in self._cluster.names().items():
            before, self._greeted[resource] = self._greeted.get(resource, name), name
            if before == name:
                continue
            if resource == "train":
                self._send("train", "core.learn.worker:warm_up_training")
            else:
                self._send("predict", "core.learn.worker:warm_up_prediction")
                if self._loaded:
                    self._send("predict", "core.learn.predict:load", self._loaded)

    def _pick_up(self) -> None:
        """Hand over again what this server answers for and the scheduler has lost."""
        for run in self.queue():
            is_old = time.time() - run.changed > PICK_UP_EVERY_S
            if is_old and run.key not in self._trainings and self._claimant.holds(run.folder):
                self._guarded(self._start, run.key)

    def _guarded(self, function: Callable, *arguments: object) -> None:
        """Call it; where that fails, the log says so, and what does not depend on it goes on."""
        try:
            function(*arguments)
        except Exception:
            if not self._closing.is_set():
                logging.getLogger(__name__).exception("%s%r failed", function.__name__, arguments)

    def close(self) -> None:
        """Stop the workers that were started here."""
        self._closing.set()
        self._watcher.join()
        self._cluster.close()
