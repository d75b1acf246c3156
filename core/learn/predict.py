"""Probabilities from trained runs, for one image as a person draws it, or for many."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from core.data import images
from core.errors import UserError
from core.results import runs
from core.strategies import STRATEGIES

BATCH = 128
KEPT_MODELS = 16

_loaded: OrderedDict[tuple[str, int], Callable] = OrderedDict()
_lock = threading.Lock()


def predict(keys: Sequence[str], rgb: np.ndarray) -> dict[str, np.ndarray]:
    """One image, (height, width, 3) uint8 RGB, through several finished runs: {key: (classes,) float32}.

    Each run prepares the image the way its training did. Raises UserError for an unknown or unfinished run.
    """
    return {key: predict_many(key, [rgb])[0] for key in keys}


def predict_many(key: str, pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Images of any sizes, (height, width, 3) uint8 RGB, through one finished run: (n, classes) float32."""
    run = runs.find(key)
    config, strategy = run.config, STRATEGIES[run.config.strategy]
    prepared = [images.network_input(rgb, config.prepare, config.image_size, strategy.channels) for rgb in pictures]
    return in_batches(_model(run), np.stack(prepared))


def in_batches(model: Callable, inputs: np.ndarray, check: Callable[[], None] = lambda: None) -> np.ndarray:
    """(n, size, size, channels) uint8 -> (n, classes) float32. `check` is called between batches and may raise."""
    answers = []
    for start in range(0, len(inputs), BATCH):
        check()
        answers.append(np.asarray(model(tf.constant(inputs[start : start + BATCH]))))
    probabilities = np.concatenate(answers)
    # One sigmoid unit tells the probability of the second of two classes.
    return np.hstack([1 - probabilities, probabilities]) if probabilities.shape[1] == 1 else probabilities


def load(key: str) -> None:
    """Load a finished run and let it answer once, so that the next prediction finds everything ready."""
    predict([key], np.full((32, 32, 3), 255, np.uint8))


def _model(run: runs.Run) -> Callable:
    """The run's network as a function, loaded once; the least recently used one makes room."""
    if run.state != "done":
        raise UserError("Run {key} is {state}, so it cannot predict yet. Train it first.", key=run.key, state=run.state)
    path = run.folder / "model.keras"
    name = (run.key, path.stat().st_mtime_ns)  # a run that was deleted and trained again is another model
    with _lock:
        if name not in _loaded:
            _loaded[name] = _frozen(path)
            if len(_loaded) > KEPT_MODELS:
                _loaded.popitem(last=False)
        _loaded.move_to_end(name)
        return _loaded[name]


def _frozen(path: Path) -> Callable:
    """The model as a graph of constants, which the runtime can fuse: faster than calling the Keras model."""
    model = keras.models.load_model(path, compile=False)
    signature = tf.TensorSpec([None, *model.input_shape[1:]], tf.uint8)
    graph = convert_variables_to_constants_v2(
        tf.function(lambda x: model(x, training=False)).get_concrete_function(signature)
    )
    return lambda x: graph(x)[0]
