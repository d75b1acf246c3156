"""Everything that needs TensorFlow and Keras: for workers and the command line, never for the server."""

import gc
import importlib
from contextlib import nullcontext

from core import logs, settings
from core.learn.quiet import quietly

# Read when TensorFlow is imported, which happens after this.
settings.set_defaults(
    {
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "0" if logs.is_verbose() else "2",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # several processes share a GPU
    }
)

# Garbage collection would take more than a third of this import, and afterwards 0.2 s each time for the 670,000 objects
# that come with TensorFlow and stay.
gc.disable()
try:
    with nullcontext() if logs.is_verbose() else quietly():
        importlib.import_module("keras")
        importlib.import_module("tensorflow").config.list_physical_devices()  # asks for a driver, which may be missing
finally:
    gc.enable()
gc.freeze()
