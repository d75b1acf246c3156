"""Keep TensorFlow's greetings off the console: what it has to say about drivers, processors and its own libraries.

Its native code writes them straight to file descriptor 2, some before any setting of its own is heard.
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

GREETINGS = re.compile(
    rb"All log messages before absl::InitializeLog|cudart_stub|cuda_platform|cuda_diagnostics|Unable to register"
    rb"|computation placer already registered|oneDNN custom operations|cpu_feature_guard|TF-TRT Warning"
    rb"|binary is optimized to use available CPU|To enable the following instructions|Skipping registering GPU devices"
    rb"|Could not find cuda drivers|Cannot dlopen some GPU libraries|NUMA node"
)


@contextmanager
def quietly() -> Iterator[None]:
    """Hold back what the process writes to standard error; at the end, or at an error, all but greetings is written."""
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
            os.write(2, without_greetings(kept.read()))


def without_greetings(text: bytes) -> bytes:
    return b"".join(line for line in text.splitlines(keepends=True) if not GREETINGS.search(line))
