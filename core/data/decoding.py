"""Uploads are decoded in processes of their own: a file made to harm costs seconds there, and never the server.

Each process has a limit of memory and, for every image, of processor time, which the kernel enforces. It starts when it
is needed, in about a fifth of a second, goes when nobody needs it for a while, and ends with the server, however that
ends, because its input does.
"""

import os
import pickle
import resource
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core import settings
from core.data import normalize
from core.data.archives import Found
from core.data.formats import deep, png
from core.data.normalize import Stored
from core.errors import UserError
from core.storage.parallel import in_threads

PROCESSES = 2
CPU_SECONDS = 20
"""Of processor time for one image, so that a busy machine changes nothing; 64 megapixels take about 5."""
MEMORY_BYTES = 4 * 1024**3
IDLE_SECONDS = 60
_PIPE_BYTES = 1024**2  # an image in few pieces

_MAY_BE_DEEP = (".png", ".tif", ".tiff")
_TASKS = {"normalise": normalize.normalise, "judged_white": deep.judged_white}

_free: list[subprocess.Popen] = []
_slots = threading.BoundedSemaphore(PROCESSES)


class _Request(NamedTuple):
    task: str
    arguments: tuple
    cpu_seconds: float


def normalise(source: bytes | np.ndarray, white: int | None = None) -> Stored:
    """As `storing.normalise`, an image file's bytes in another process. At most PROCESSES work at a time.

    Raises UserError also where an image takes too much time or memory, or crashes its decoder.
    """
    if isinstance(source, np.ndarray):
        return normalize.normalise(source)
    return _elsewhere("normalise", source, white)


def common_white(files: Iterable[Found]) -> int | None:
    """Which sample is white in the images of a set that have more than 8 bits and do not tell: by the greatest of all.

    One that is merely dark stays dark beside the others. None where there are no such images.
    """
    deep_ones = (file for file in files if file.path.lower().endswith(_MAY_BE_DEEP))
    return max((white for white in in_threads(_judged_white, deep_ones) if white), default=None)


def _judged_white(file: Found) -> int | None:
    try:
        content = file.read()
        if png.depth(content) == 16 or not content.startswith(png.SIGNATURE):
            return _elsewhere("judged_white", content)
    except (UserError, OSError):  # said when the image itself is decoded
        pass
    return None


def _elsewhere(task: str, *arguments: object) -> object:
    with _slots:
        while True:
            process = _waiting() or _start()
            try:
                answer = _ask(process, _Request(task, arguments, CPU_SECONDS))
            except (EOFError, BrokenPipeError, pickle.UnpicklingError):
                process.stdout.close()
                if process.wait() == 0:  # it was about to go, having been idle for long
                    continue
                raise _reason(process.returncode) from None
            except BaseException:
                process.kill()  # interrupted: what it would answer later belongs to nobody
                raise
            _free.append(process)
            break
    if isinstance(answer, UserError):
        raise answer
    return answer


def _waiting() -> subprocess.Popen | None:
    """A process that lives and has nothing to do. One that was killed meanwhile is no fault of the next image."""
    while _free:
        process = _free.pop()
        if process.poll() is None:
            return process
    return None


def _start() -> subprocess.Popen:
    # Without warnings: a file can cause thousands of them.
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "core.data.decoding"],
        cwd=Path(__file__).parents[2],
        env=settings.environment(OPENBLAS_NUM_THREADS="1"),  # each thread would reserve memory
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        pipesize=_PIPE_BYTES,
        start_new_session=True,  # Ctrl-C is for the server alone
    )


def _ask(process: subprocess.Popen, request: _Request) -> object:
    with open(process.stdin.fileno(), "wb", closefd=False) as requests:
        pickle.dump(request, requests, protocol=5)
    with open(process.stdout.fileno(), "rb", closefd=False) as answers:
        return pickle.load(answers)


def _reason(code: int) -> Exception:
    if code == -signal.SIGPROF:
        return UserError(
            "The image takes too long to decode: more than {seconds} s. Open it in an image editor and save it again "
            "as JPEG or PNG.",
            seconds=CPU_SECONDS,
        )
    if code < 0:
        return UserError(
            "The image is damaged: decoding it ended with {signal}. Open it in an image editor and save it again as "
            "JPEG or PNG.",
            signal=signal.Signals(-code).name,
        )
    return RuntimeError("The process that decodes images failed; its message stands above.")


def _serve() -> None:
    """Answer requests from the standard input until it ends, or none comes for IDLE_SECONDS."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints goes elsewhere
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while select.select([sys.stdin], [], [], IDLE_SECONDS)[0]:
        try:
            request = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        signal.setitimer(signal.ITIMER_PROF, request.cpu_seconds)  # the signal's default action ends the process
        pickle.dump(_answer(request), answers, protocol=5)
        answers.flush()
        signal.setitimer(signal.ITIMER_PROF, 0)


def _answer(request: _Request) -> object:
    try:
        return _TASKS[request.task](*request.arguments)
    except UserError as error:
        return error
    except MemoryError:
        return UserError(
            "The image needs more than {limit} GB of memory to be decoded. Make it smaller first.",
            limit=MEMORY_BYTES // 1024**3,
        )


if __name__ == "__main__":
    _serve()
