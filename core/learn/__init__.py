"""The only rooms that import TensorFlow and Keras; worker processes and the command line enter them."""

import os

# Read when TensorFlow is imported, which happens after this.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # several processes share a GPU
