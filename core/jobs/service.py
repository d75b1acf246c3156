"""Who does the work: Dask workers. This process's engine, how it is started, and what is wrong when it does not.

`DASK_SCHEDULER_ADDRESS` names an existing cluster (its workers need the resources train=1 and predict=1 and see the
same HANDFUL_HOME). Otherwise two worker processes start beside this one: one trains, one predicts, so that a long
training never delays a live sketch.
"""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from core import settings
from core.checks import store
from core.config import make_config
from core.data import datasets
from core.errors import UserError
from core.i18n import N_
from core.jobs.cluster import CONNECT_S, NO_ANSWER
from core.jobs.engine import Engine
from core.jobs.kinds import CHECK
from core.results import runs

BUILTIN_SET, BUILTIN_STRATEGY = "shapes", "shapes_cnn"
START_S = 60.0  # the workers beside the server; about one second, where the machine has nothing else to do
RETRY_AFTER_S = 5.0

BROKEN = N_("Starting failed because of a bug in Handful: {error}. See the server's log for details.")
GONE = N_("The built-in classifier was deleted, or its files are damaged.")
SLOW = N_("The workers have not started within {seconds} s. The machine may be very busy: try again.")


V = TypeVar("V")


class Try(threading.Thread, Generic[V]):
    """Something that may take long or fail, under way in the background."""

    def __init__(self, function: Callable[[], V], name: str, error: UserError | None = None):
        """`error`: why the try before failed, which is all that is known until this one has ended."""
        super().__init__(name=name, daemon=True)
        self._function = function
        self.value: V | None = None
        self.error = error
        self.began = time.monotonic()
        self.start()

    def run(self) -> None:
        try:
            self.value = self._function()
        except UserError as error:
            self.error = error
        except Exception as error:  # kept for the person who waits, and raised: a bug shows as a bug
            self.error = UserError(BROKEN, error=f"{type(error).__name__}: {error}")
            raise

    @property
    def failed(self) -> bool:
        return self.error is not None and not self.is_alive()


_lock = threading.Lock()  # of the two; nobody waits while holding it
_connecting: list[Try[Engine]] = []  # the last try, whose value is the engine
_starting: list[Try[None]] = []  # the last try
_builtin_keys: list[str] = []  # one entry as soon as the built-in drawings exist


def engine() -> Engine:
    """This process's engine; the first call starts it, in about a second.

    Raises UserError where no scheduler answers within a few seconds, and tries again when it is called later.
    """
    connecting = _connection()
    connecting.join(max(0.0, _deadline(connecting) - time.monotonic()))
    if connecting.value is None:
        raise connecting.error or _late()
    return connecting.value


def _address() -> str:
    return settings.read().scheduler_address


def _late() -> UserError:
    return UserError(NO_ANSWER, address=_address()) if _address() else UserError(SLOW, seconds=round(START_S))


def _deadline(connecting: Try) -> float:
    return connecting.began + (CONNECT_S if _address() else START_S)


def _connection() -> Try[Engine]:
    with _lock:
        last = _connecting[0] if _connecting else None
        lost = last is not None and last.value is not None and not last.value.open
        if last is None or lost or (last.failed and time.monotonic() - last.began > RETRY_AFTER_S):
            last = Try(Engine, "handful-connect", last.error if last else None)
            _connecting[:] = [last]
            if lost:
                _starting[:] = [Try(_start, "handful-start")]
        return last


def troubles() -> list[UserError]:
    """What keeps the workers from working at this moment, as far as is known; starts nothing and waits for nothing."""
    if not _connecting:
        return []
    connecting = _connecting[0]
    if connecting.value is not None:
        return connecting.value.troubles()
    if connecting.error is not None:
        return [connecting.error]
    return [_late()] if time.monotonic() > _deadline(connecting) else []


def connecting() -> bool:
    """Whether nobody knows yet if the cluster at DASK_SCHEDULER_ADDRESS answers."""
    return bool(_address()) and not (_connecting and _connecting[0].value is not None)


def start_in_background() -> threading.Thread:
    """Start the engine, go on with what was interrupted, and teach the built-in shapes classifier if need be.

    Once; called again, it begins anew only where that has failed or the classifier is gone.
    """
    with _lock:
        if not _starting or start_error():
            _starting[:] = [Try(_start, "handful-start")]
        return _starting[0]


def start_error() -> UserError | None:
    """Why there is no built-in classifier and none will come by itself; None while all is well or under way."""
    if not _starting or _starting[0].is_alive():
        return None
    return _starting[0].error or (None if builtin_run() else UserError(GONE))


def _start() -> None:
    running = _patiently()
    running.warm_up(BUILTIN_SET)
    running.resume()
    dataset = datasets.load(BUILTIN_SET)
    run = running.train(make_config(dataset, BUILTIN_STRATEGY), dataset)
    _builtin_keys[:] = [run.key]
    running.load(run.key)


def _patiently() -> Engine:
    while True:
        try:
            return engine()
        except UserError:  # every page shows it; whoever starts the scheduler later need not start the server again
            time.sleep(RETRY_AFTER_S)


def builtin_run() -> runs.Run | None:
    """The built-in shapes classifier's run; None until `start_in_background` has its drawings, and when it is gone."""
    try:
        return runs.find(_builtin_keys[0]) if _builtin_keys else None
    except UserError:  # deleted, or damaged
        return None


def delete_dataset(name: str) -> None:
    """Delete a data set, when its check has stopped. UserError when that takes too long."""
    if store.status(name).live:
        engine().stop(CHECK, name)
    datasets.delete(name)
