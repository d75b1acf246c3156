"""The only rooms that import TensorFlow and Keras; worker processes and the command line enter them."""

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

# Hundreds of thousands of objects come with TensorFlow and stay. Looking for garbage among them, again and again while
# they come and at each collection afterwards, takes more than a third of the import and a second in each training.
gc.disable()
try:
    with nullcontext() if logs.is_verbose() else quietly():
        importlib.import_module("keras")
        importlib.import_module("tensorflow").config.list_physical_devices()  # asks for a driver, which may be missing
finally:
    gc.enable()
gc.freeze()
