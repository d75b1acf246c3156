"""Submit, follow, cancel and predict on the workers; nothing here imports TensorFlow."""

from __future__ import annotations

import importlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core import settings
from core.config import TrainConfig
from core.data.manifest import Dataset
from core.errors import UserError
from core.jobs.cluster import LocalCluster, RemoteCluster, make_room_if_grown
from core.jobs.kinds import KINDS, TRAINING, JobKind
from core.jobs.tasks import LACKING, Job, is_under_way
from core.results import claims, runs
from core.storage.job_folder import JobStatus

if TYPE_CHECKING:  # importing it takes half a second, which the server's first page need not wait for
    from distributed import Future

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


def _status(row: JobKind, name: str) -> JobStatus:
    """The status of a job; as if nobody had asked for it where it was deleted, or is damaged."""
    try:
        return row.status(name)
    except UserError:
        return JobStatus()


class Engine:
    """The connection to the workers; one for each server process."""

    def __init__(self) -> None:
        address = settings.read().scheduler_address
        self._cluster = RemoteCluster(address) if address else LocalCluster()
        self._client = self._cluster.client
        self._claimant = claims.Claimant()
        self._jobs: dict[tuple[str, str], Job] = {}  # by kind and name: what is waiting or running
        self._lock = threading.Lock()  # of the jobs; nobody waits for a worker while holding it
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

    def warm_up(self, dataset: str) -> None:
        """Have the workers make a built-in data set and import TensorFlow; returns with the data set, in seconds.

        UserError where the workers cannot import Handful.
        """
        self._send("predict", "core.learn.worker:warm_up_prediction")
        made = self._submit("train", "core.learn.worker:make_builtin", dataset)
        self._send("train", "core.learn.worker:warm_up_training")
        try:
            made.result()
        except ImportError as error:
            raise UserError(LACKING, error=error) from error

    def train(self, config: TrainConfig, dataset: Dataset) -> runs.Run:
        """Train, or share the training under way, or answer from the cache: the run as it is after asking.

        Raises:
            UserError: The data set cannot be trained on.
        """
        run = runs.create(config, dataset)
        if run.state != "done":
            self.submit(TRAINING, run.key)
        return runs.find(run.key)

    def submit(self, kind: str, name: str) -> None:
        """Hand a job to the workers, unless it is under way, here or elsewhere.

        Args:
            kind: One of KINDS.
            name: The key of a run, or the name of a data set to check.

        Raises:
            UserError: There can be no such job.
        """
        row = KINDS[kind]
        with self._lock:
            row.prepare(name)
            job, status, earlier = row.folder(name), row.status(name), self._jobs.get((kind, name))
            job.withdraw_cancel()
            if status.live and (is_under_way(earlier) or self._claimant.elsewhere(job.path)):
                return
            self._claimant.claim(job.path)
            job.set_state("queued", seconds=status.seconds)
            # Each asking has a key of its own, for Dask would answer an old one with what came of it. Without the last
            # option Dask may turn round the order of what is submitted within a tenth of a second.
            future = self._send(row.resource, row.function, name, fifo_timeout="0 ms")
            self._jobs[kind, name] = Job(future, row.progress(name))
        future.add_done_callback(lambda _future: self._guarded(self._ended, kind, name))

    def _ended(self, kind: str, name: str) -> None:
        """Take note of the end of a job's task. A job writes its own end; here is what becomes of it otherwise."""
        row = KINDS[kind]
        with self._lock:
            job, folder, status = self._jobs.get((kind, name)), row.folder(name), _status(row, name)
            if job is None or not job.future.done():
                return
            # Dask blames a worker's death on all that wait for it, too.
            again = status.live and job.was_killed and (status.state == "queued" or row.progress(name) > job.progress)
            if status.live and job.future.status == "error" and not again:
                folder.set_state("failed", seconds=status.seconds, **job.reason())
            if not again:
                self._claimant.release(folder.path)
            del self._jobs[kind, name]  # a finished task whose future is held would be done again when its worker dies
        if again:
            self.submit(kind, name)
        elif kind == TRAINING and _status(row, name).state == "done":
            self.load(name)

    def load(self, key: str) -> None:
        """Have the prediction worker load a run that is done: its first prediction is as fast as the others."""
        if runs.find(key).state == "done":
            self._loaded = key
            self._send("predict", "core.learn.predict:load", key)

    def cancel(self, kind: str, name: str) -> None:
        """Stop a waiting or running job; what it has saved stays, such as a training's last finished epoch.

        Raises:
            UserError: There is no such job.
        """
        row = KINDS[kind]
        job, status = row.folder(name), row.status(name)
        if not status.live:
            return
        job.request_cancel()
        if status.state == "queued":
            with self._lock:
                waiting = self._jobs.pop((kind, name), None)
            if waiting is not None:
                waiting.future.cancel()
        elif (kind, name) in self._jobs or self._claimant.elsewhere(job.path) or job.held:
            return
        job.set_state("cancelled", seconds=status.seconds)  # nobody is at work on it, or whoever was has been killed

    def stop(self, kind: str, name: str) -> None:
        """Cancel a job and wait for its end.

        Raises:
            UserError: That takes too long.
        """
        self.cancel(kind, name)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while KINDS[kind].folder(name).held:
            if time.monotonic() > deadline:
                raise UserError("The check of '{name}' has not stopped yet. Try again in a few seconds.", name=name)
            time.sleep(0.1)

    def predict(self, keys: Sequence[str], rgb: np.ndarray) -> list[Prediction | UserError]:
        """One image, (height, width, 3) uint8 RGB, through at most MOST_RUNS finished runs, in the order of `keys`.

        In the place of a run that cannot predict, because its model is damaged for example, stands why. Raises
        UserError where none can, and, here as in the next two, where the worker does not answer in time.
        """
        if len(keys) > MOST_RUNS:
            raise UserError(
                "At most {most} models can classify an image at once; got {n}. Choose fewer.",
                most=MOST_RUNS,
                n=len(keys),
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
            raise UserError("The prediction worker was lost before it answered. Try again in a few seconds.") from error
        except ImportError as error:
            raise UserError(LACKING, error=error) from error
        errors = [answer for answer in answers if isinstance(answer, UserError)]
        if len(errors) == len(answers):
            raise errors[0]
        return answers

    def _refuse_in_vain(self) -> None:
        """Raise what is wrong with a cluster that does not mend itself, instead of waiting for it."""
        error = self._cluster.troubles().get("predict")
        if error is not None and isinstance(self._cluster, RemoteCluster):
            raise error

    def resume(self) -> list[tuple[str, str]]:
        """Go on with the jobs that a killed server left waiting or running.

        What another living server or a command line is at stays theirs.

        Returns:
            The kinds and names of the jobs, in the order in which they go on.
        """
        interrupted = [
            (kind, name)
            for kind, row in KINDS.items()
            for name in row.names()
            if not self._claimant.elsewhere(row.folder(name).path)
        ]
        for kind, name in interrupted:
            self._guarded(self.submit, kind, name)
        return interrupted

    def _watch(self) -> None:
        picked_up = time.monotonic()
        while self.open:
            self._guarded(self._cluster.tend)
            self._guarded(self._greet)
            for kind, name in list(self._jobs):  # what could not be written at once, on a full disk
                self._guarded(self._ended, kind, name)
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
        for kind, row in KINDS.items():
            for name in row.names():
                is_old = time.time() - _status(row, name).changed > PICK_UP_EVERY_S
                if is_old and (kind, name) not in self._jobs and self._claimant.holds(row.folder(name).path):
                    self._guarded(self.submit, kind, name)

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
