"""Keep TensorFlow's start-up messages about drivers, processors and libraries off the console.

Its native code writes them to file descriptor 2, some before any of its settings takes effect.
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

STARTUP_MESSAGES = re.compile(
    rb"All log messages before absl::InitializeLog|cudart_stub|cuda_platform|cuda_diagnostics|Unable to register"
    rb"|computation placer already registered|oneDNN custom operations|cpu_feature_guard|TF-TRT Warning"
    rb"|binary is optimized to use available CPU|To enable the following instructions|Skipping registering GPU devices"
    rb"|Could not find cuda drivers|Cannot dlopen some GPU libraries|NUMA node"
)


@contextmanager
def quietly() -> Iterator[None]:
    """Hold back standard error, and write all of it but the start-up messages at the end, also after an exception."""
    sys.stderr.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(real, 2)
            os.close(real)
            kept.seek(0)
            os.write(2, without_startup_messages(kept.read()))


def without_startup_messages(text: bytes) -> bytes:
    """Remove the lines of TensorFlow's start-up messages."""
    return b"".join(line for line in text.splitlines(keepends=True) if not STARTUP_MESSAGES.search(line))
