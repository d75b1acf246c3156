"""The line that says where figures were measured, and a fresh home folder to measure in."""

import os
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path

# Benchmarks and tests look here for images that have no clear licence and so are not part of the product.
SHARED = Path(os.environ.get("HANDFUL_SHARED") or Path(__file__).resolve().parents[2] / "shared") / "data"


def describe() -> str:
    """Processor, cores and the versions that matter."""
    info = Path("/proc/cpuinfo").read_text()
    model = next((line.split(": ")[1] for line in info.splitlines() if line.startswith("model name")), "unknown")
    bf16 = [flag for flag in ("amx_bf16", "avx512_bf16") if f" {flag} " in info + " "]
    versions = ", ".join(f"{name} {version(name)}" for name in ("tensorflow", "keras", "streamlit", "numpy"))
    return (
        f"{model}, {len(os.sched_getaffinity(0))} cores ({', '.join(bf16) or 'no bfloat16'}), "
        f"Python {platform.python_version()}, {versions}"
    )


def fresh_home() -> tempfile.TemporaryDirectory:
    """An empty HANDFUL_HOME for this process and those it starts."""
    folder = tempfile.TemporaryDirectory(prefix="handful-benchmark-")
    os.environ["HANDFUL_HOME"] = folder.name
    return folder


def percentile_95(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]
