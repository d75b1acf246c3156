"""Probabilities from trained runs, for one image as a person draws it, or for many."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from core.data import images
from core.errors import UserError
from core.learn import graphs
from core.learn.feed import Read
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
    return in_batches(_model(run), lambda rows, number: np.stack(prepared)[rows], len(prepared))


def in_batches(model: Callable, read: Read, n: int, check: Callable[[], None] = lambda: None) -> np.ndarray:
    """What `model` makes of the rows 0..n-1 that `read` gives: (n, classes) float32 probabilities.

    `check` is called between batches and may raise.
    """
    answers = []
    for start in range(0, n, BATCH):
        check()
        answers.append(np.asarray(model(tf.constant(read(np.arange(start, min(start + BATCH, n)), 0)))))
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
    """The model as a graph of constants: faster than calling the Keras model."""
    model = keras.models.load_model(path, compile=False)
    graph = graphs.frozen(lambda x: model(x, training=False), [None, *model.input_shape[1:]])
    return lambda x: graph(x)[0]
