"""The line that says where figures were measured, and a fresh home folder to measure in."""

import os
import platform
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

# Benchmarks and tests look here for images that have no clear licence and so are not part of the product.
SHARED = Path(os.environ.get("HANDFUL_SHARED") or Path(__file__).resolve().parents[2] / "shared") / "data"


def describe() -> str:
    """Processor, cores and the versions that matter."""
    info = Path("/proc/cpuinfo").read_text()
    model = next((line.split(": ")[1] for line in info.splitlines() if line.startswith("model name")), "unknown")
    quick = [flag for flag in ("amx_bf16", "avx512_bf16", "avx512_vnni") if flag in info.split()]
    versions = ", ".join(f"{name} {version(name)}" for name in ("tensorflow", "keras", "streamlit", "numpy"))
    return (
        f"{model}, {len(os.sched_getaffinity(0))} cores ({', '.join(quick) or 'neither bfloat16 nor VNNI'}), "
        f"Python {platform.python_version()}, {versions}"
    )


def fresh_home() -> tempfile.TemporaryDirectory:
    """An empty HANDFUL_HOME for this process and those it starts."""
    folder = tempfile.TemporaryDirectory(prefix="handful-benchmark-")
    os.environ["HANDFUL_HOME"] = folder.name
    return folder


def percentile_95(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """Gives a list whose last item, when the block ends, is the most memory this process had to itself, in MiB.

    Anonymous memory alone: pages of memory-mapped files are the system's to take back.
    """
    peak, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            lines = Path("/proc/self/status").read_text().splitlines()
            own = next(int(line.split()[1]) // 1024 for line in lines if line.startswith("RssAnon"))
            peak.append(max(peak.pop(), own))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()
