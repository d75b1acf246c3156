"""Everything that needs TensorFlow and Keras: for workers and the command line, never for the server."""

import gc
import importlib
import os

from core.learn.quiet import quietly

# TensorFlow reads these when it is imported below.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # several processes share a GPU

# Garbage collection would take more than a third of this import, and afterwards 0.2 s each time for the 670,000 objects
# that come with TensorFlow and stay.
gc.disable()
try:
    with quietly():
        importlib.import_module("keras")
        importlib.import_module("tensorflow").config.list_physical_devices()  # asks for a driver, which may be missing
finally:
    gc.enable()
gc.freeze()
