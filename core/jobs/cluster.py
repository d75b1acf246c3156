"""The workers and whether all is well with them: those beside the server, and those of a cluster that is there already.

Beside the server, Dask's scheduler runs in this process, and each worker in one of its own. Whatever ends a worker's
process, another one takes its place. Dask's own nannies cannot promise that: a `SpecCluster` closes a nanny for good
when its worker's name is missing 15 s after a death (killed again just then, say), and a nanny whose process dies while
the nanny itself starts gives up.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

from core import logs, settings
from core.errors import UserError
from core.i18n import N_

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import SpecCluster, Worker

log = logging.getLogger(__name__)

RESOURCES = ("train", "predict")
CONNECT_S = 4.0
NO_ANSWER = N_("No Dask scheduler answers at DASK_SCHEDULER_ADDRESS={address}. Start it, or unset the variable.")
LOST = N_("The Dask scheduler at {address} no longer answers. Start it again; Handful reconnects automatically.")
NO_WORKER = N_(
    "No worker at {address} has the resource {resource}=1. "
    "Start one: dask worker {address} --nthreads 1 --resources {resource}=1"
)
NO_PACKAGE = N_("The Dask worker {worker} cannot import Handful. Start it with Handful's folder on its PYTHONPATH.")
RESTARTING = {
    "train": N_("The training worker stopped and is being restarted. Training resumes automatically."),
    "predict": N_("The prediction worker stopped and is being restarted. Predictions resume in a few seconds."),
}
CANNOT_START = {
    "train": N_("The training worker failed {n} times while starting. Retrying; see the server's log."),
    "predict": N_("The prediction worker failed {n} times while starting. Retrying; see the server's log."),
}
TOLD_AFTER = 4  # failed starts
START_S = 60  # a worker that takes longer hangs
LONGEST_PAUSE_S = 5.0  # between starts that fail
LARGEST = {"train": 1_600_000_000, "predict": 3_000_000_000}
"""Resident bytes above which a worker makes room for a new one after a job: TensorFlow never gives all of it back."""
ENVIRONMENT = {  # what Dask's nannies set: TensorFlow has threads of its own, and freed memory goes back at once
    "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_TRIM_THRESHOLD_": "65536",
    "PYTHONHASHSEED": "6640",
}  # fmt: skip


class LocalCluster:
    """A scheduler and one worker for each of RESOURCES. `tend` must be called again and again."""

    def __init__(self) -> None:
        from distributed import Client

        self._dask = _scheduler()
        self.client = Client(self._dask, set_as_default=False)
        settings.set_defaults(ENVIRONMENT)
        self._posts = {resource: _Post(resource, self._dask.scheduler_address) for resource in RESOURCES}
        self.tend()

    def tend(self) -> None:
        """Start what is missing. OSError where the system gives no process."""
        scheduler: Any = self._dask.scheduler
        present = {worker.name for worker in list(scheduler.workers.values())}
        for post in self._posts.values():
            post.tend(post.name in present)

    def wait(self, seconds: float) -> None:
        """Until a worker's process ends, and `seconds` at the most."""
        sentinels = [process.sentinel for post in self._posts.values() if (process := post.running)]
        if sentinels:
            wait(sentinels, seconds)
        else:
            time.sleep(min(seconds, 0.1))

    def names(self) -> dict[str, str]:
        """{resource: the name of the worker at work}; a replacement has another name."""
        return {resource: post.name for resource, post in self._posts.items() if post.present}

    def troubles(self) -> dict[str, UserError]:
        """{resource: what is wrong with its worker}."""
        found = {}
        for resource, post in self._posts.items():
            if post.failures >= TOLD_AFTER:
                found[resource] = UserError(CANNOT_START[resource], n=post.failures)
            elif post.number > 1 and not post.present:
                found[resource] = UserError(RESTARTING[resource])
        return found

    def close(self) -> None:
        """End the workers and the scheduler."""
        for post in self._posts.values():
            if process := post.running:
                process.kill()
                process.join()
        self.client.close()
        self._dask.close()


class RemoteCluster:
    """A cluster that somebody else started and looks after."""

    def __init__(self, address: str):
        from distributed import Client

        self.address = address
        try:
            asyncio.run(asyncio.wait_for(_knock(address), CONNECT_S))  # a Client waits for ever for one who is silent
            self.client = Client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError, ImportError) as error:  # no answer, no address, another version of Dask
            raise UserError(NO_ANSWER, address=address) from error
        self._able: set[str] = set()  # addresses of workers that can import Handful
        self._troubles: dict[str, UserError] = {}

    def tend(self) -> None:
        """Look how it is; takes up to twice CONNECT_S."""
        from distributed.comm import CommClosedError

        try:
            self._troubles = self._looked()
        except (OSError, CommClosedError, TimeoutError):
            self._troubles = dict.fromkeys(RESOURCES, UserError(LOST, address=self.address))

    def _looked(self) -> dict[str, UserError]:
        if self.client.status != "running" or self.client.scheduler is None:
            raise TimeoutError
        scheduler = self.client.scheduler.identity
        workers = self.client.sync(scheduler, n_workers=-1, callback_timeout=CONNECT_S)["workers"]
        found = {}
        for resource in RESOURCES:
            fitting = [address for address, worker in workers.items() if worker["resources"].get(resource, 0) >= 1]
            if not fitting:
                found[resource] = UserError(NO_WORKER, address=self.address, resource=resource)
            for address in fitting:
                if not self._is_able(address):
                    found[resource] = UserError(NO_PACKAGE, worker=address)
        return found

    def _is_able(self, address: str) -> bool:
        if address not in self._able:
            answers = self.client.sync(
                self.client._run, importlib.util.find_spec, "core.jobs.engine", workers=[address], on_error="return",
                callback_timeout=CONNECT_S,
            )  # fmt: skip
            if not isinstance(answers.get(address), ModuleSpec):
                return False
            self._able.add(address)
        return True

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def names(self) -> dict[str, str]:
        """None: others look after these workers."""
        return {}

    def troubles(self) -> dict[str, UserError]:
        """{resource: why nothing can be done that needs it}."""
        return self._troubles

    def close(self) -> None:
        self.client.close()


async def _knock(address: str) -> None:
    """Ask the scheduler who it is. OSError or ValueError where nothing that speaks as one does answers."""
    from distributed.comm import connect

    comm = await connect(address, timeout=CONNECT_S)
    try:
        await comm.write({"op": "identity", "n_workers": 0})
        await comm.read()
    finally:
        comm.abort()


class _Post:
    """A place for one worker, and the process that fills it now."""

    def __init__(self, resource: str, address: str):
        self.resource, self.address = resource, address
        self.process: BaseProcess | None = None
        self.number = 0  # of the process, from 1
        self.present = False  # the scheduler knows the process as a worker
        self.failures = 0  # processes in a row that ended without ever being present
        self.started = self.next = 0.0  # when the process was started; when the next one may be

    @property
    def name(self) -> str:
        return f"{self.resource}-{self.number}"

    @property
    def running(self) -> BaseProcess | None:
        """The process, unless it has ended."""
        return self.process if self.process is not None and self.process.is_alive() else None

    @property
    def alive(self) -> bool:
        """Whether the process has not ended."""
        return self.running is not None

    def tend(self, present: bool) -> None:
        """Fill the place where it is empty."""
        now = time.monotonic()
        if process := self.running:
            self.present = present
            if present:
                self.failures = 0
            elif now - self.started > START_S:
                process.kill()
        elif self.process is not None:
            self.failures = 0 if self.present else self.failures + 1
            self._vacate(self.process, now)
        if self.process is None and now >= self.next:
            self._fill(now)

    def _vacate(self, ended: BaseProcess, now: float) -> None:
        log.info("worker %s ended", self.name)
        ended.close()
        self.process, self.present = None, False
        self.next = now + (min(LONGEST_PAUSE_S, 0.1 * 2**self.failures) if self.failures else 0.0)

    def _fill(self, now: float) -> None:
        self.number, self.started = self.number + 1, now
        self.process = multiprocessing.get_context("spawn").Process(
            target=serve, args=(self.address, self.resource, self.name), name=self.name, daemon=True
        )
        with _no_main_module():
            self.process.start()
        log.info("worker %s started", self.name)


@contextmanager
def _no_main_module() -> Iterator[None]:
    """A new process would run the main module again, which may be a page; by this name Python leaves it alone."""
    main = sys.modules["__main__"]
    spec = main.__spec__
    main.__spec__ = ModuleSpec("__main__", loader=None)
    try:
        yield
    finally:
        main.__spec__ = spec


def serve(address: str, resource: str, name: str) -> None:
    """Be a worker of the scheduler at `address` until one of the two ends. The main function of a worker's process."""
    logs.configure()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of Ctrl-C in a terminal: the server ends its workers itself
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    asyncio.run(_serve(address, resource, name))
    os._exit(0)  # whatever TensorFlow's threads are at


def _end_with_the_server() -> None:
    if server := multiprocessing.parent_process():
        wait([server.sentinel])
    os._exit(1)


async def _serve(address: str, resource: str, name: str) -> None:
    from distributed import Worker

    options: dict[str, Any] = {"nthreads": 1, "memory_limit": 0, "dashboard": False, "host": "127.0.0.1"}
    async with Worker(address, name=name, resources={resource: 1}, silence_logs=logging.ERROR, **options) as worker:
        _served.append((worker, LARGEST[resource]))
        await worker.finished()


_served: list[tuple[Worker, int]] = []  # one entry in a process that serves here, and its largest size


def make_room_if_grown() -> None:
    """Called on a worker at the end of a job: one that has grown too large leaves, and another one takes its place.

    Jobs that wait go on in the new one: the worker takes none from now on, and tells the scheduler that it goes.
    """
    for worker, largest in _served:
        if worker.monitor.get_process_memory() > largest:
            worker.loop.add_callback(_leave, worker)


async def _leave(worker: Worker) -> None:
    from distributed.core import Status

    worker.status = Status.paused
    while worker.state.executing:
        await asyncio.sleep(0.05)
    await worker.close_gracefully(reason="grown")


def _scheduler() -> SpecCluster:
    from distributed import Scheduler, SpecCluster

    options = {"host": "127.0.0.1", "port": 0, "dashboard": False, "dashboard_address": "127.0.0.1:0"}
    return SpecCluster(
        scheduler={"cls": Scheduler, "options": options}, workers={}, name="handful", silence_logs=logging.ERROR
    )
