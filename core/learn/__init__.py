"""The only rooms that import TensorFlow and Keras; worker processes and the command line enter them."""

import gc
import importlib
import os

from core.learn.quiet import quietly

# Read when TensorFlow is imported, which happens after this.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # several processes share a GPU

# Hundreds of thousands of objects come with TensorFlow and stay. Looking for garbage among them, again and again while
# they come and at each collection afterwards, takes more than a third of the import and a second in each training.
gc.disable()
try:
    with quietly():
        importlib.import_module("keras")
        importlib.import_module("tensorflow").config.list_physical_devices()  # asks for a driver, which may be missing
finally:
    gc.enable()
gc.freeze()
