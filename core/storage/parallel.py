"""Work on many items with a few threads, in order, holding only a few of them at a time."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

WORKERS = 2
"""Pillow, zlib and hashlib release the interpreter's lock, so two threads fill two cores."""
LOOK_AHEAD = 16


def in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield `function(item)` for each item, in the items' order; at most LOOK_AHEAD results wait at a time.

    `items` is advanced in the caller's thread. When the caller stops early, or anything raises, what has not begun is
    dropped and what has begun is waited for.
    """
    waiting: deque = deque()
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="images")
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= LOOK_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
