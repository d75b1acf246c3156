"""Probabilities from trained runs, for one image as a person draws it, or for many; and what ImageNet's classes say."""

import functools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Container, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from core.catalog import weights
from core.catalog.strategies import STRATEGIES
from core.data import images
from core.errors import UserError
from core.learn import backbones, checkpoints, inference_graph
from core.learn.batches import Loader, from_array
from core.results import runs

BATCH = 32  # Keras holds every layer's output until a call ends: a gigabyte for 100 images in a large network
KEPT_BYTES = 600_000_000  # of weights; a loaded network takes about twice as much memory
KEPT_FOR_SKETCHES = 4

Name = tuple[str, int]
_loaded: OrderedDict[Name, tuple[Callable, int]] = OrderedDict()  # with its bytes, the least recently used first
_sketched: OrderedDict[Name, None] = OrderedDict()  # those that answered a sketch last
_lock = threading.Lock()


def predict(keys: Sequence[str], rgb: np.ndarray) -> dict[str, tuple[np.ndarray, float]]:
    """One image, (height, width, 3) uint8 RGB, through several finished runs: {key: ((classes,) float32, ms)}.

    Each run prepares the image the way its training did. The milliseconds are the run's own, without loading it. Raises
    UserError for an unknown or unfinished run.
    """
    return {key: predict_one(key, rgb) for key in keys}


def predict_one(key: str, rgb: np.ndarray) -> tuple[np.ndarray, float]:
    """One image, (height, width, 3) uint8 RGB, through one finished run, as `predict` returns it."""
    load(key)
    start = time.perf_counter()
    [probabilities] = predict_many(key, [rgb])
    return probabilities, 1000 * (time.perf_counter() - start)


def sketch(key: str, rgb: np.ndarray) -> tuple[np.ndarray, float]:
    """As `predict_one`, for a picture that is being drawn: the run's model stays loaded whatever others ask for."""
    with _lock:
        _sketched[_name(runs.find(key))] = None
        _sketched.move_to_end(_name(runs.find(key)))
        if len(_sketched) > KEPT_FOR_SKETCHES:
            _sketched.popitem(last=False)
    return predict_one(key, rgb)


def predict_many(key: str, pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Images of any sizes, (height, width, 3) uint8 RGB, through one finished run: (n, classes) float32."""
    run = runs.find(key)
    config, strategy = run.config, STRATEGIES[run.config.strategy]
    prepared = [images.network_input(rgb, config.kind, config.image_size, strategy.channels) for rgb in pictures]
    return in_batches(_model(run), from_array(np.stack(prepared)), len(prepared))


def in_batches(model: Callable, read: Loader, n: int, check: Callable[[], None] = lambda: None) -> np.ndarray:
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
    _model(runs.find(key))


def imagenet(rgb: np.ndarray, top: int = 5) -> list[tuple[str, float]]:
    """What EfficientNet-Lite0 as it came from ImageNet sees in (height, width, 3) uint8 RGB.

    Returns the `top` likeliest of its 1000 labels with their probabilities, the likeliest first. Raises UserError when
    its weights are missing.
    """
    pixels = images.network_input(rgb, "photo", 224, 3)
    [probabilities] = np.asarray(_imagenet()(tf.constant(pixels[np.newaxis])))
    likeliest = np.argsort(-probabilities)[:top]
    return [(backbones.imagenet_labels()[index], float(probabilities[index])) for index in likeliest]


@functools.cache
def _imagenet() -> Callable:
    return _as_graph(backbones.imagenet_classifier(weights.find("efficientnet_lite0").path))


def _model(run: runs.Run) -> Callable:
    """The run's network as a function, loaded once; others make room for it."""
    name = _name(run)
    with _lock:
        if name not in _loaded:
            model = checkpoints.read_model(run.folder / "model.keras", compile=False)
            _loaded[name] = _as_graph(model), sum(weight.nbytes for weight in model.get_weights())
        _loaded.move_to_end(name)
        for left in to_unload({known: size for known, (_model, size) in _loaded.items()}, _sketched):
            del _loaded[left]
        return _loaded[name][0]


def _name(run: runs.Run) -> Name:
    """What tells a run's model apart from that of a run of the same key that was deleted and trained again."""
    if run.state != "done":
        raise UserError("Run {key} is {state}, so it cannot predict yet. Train it first.", key=run.key, state=run.state)
    path = run.folder / "model.keras"
    if not path.exists():
        raise UserError("The model of run {key} is missing. Delete the run, then train again.", key=run.key)
    return run.key, path.stat().st_mtime_ns


def to_unload(sizes: Mapping[Name, int], sketched: Container[Name], most: int = KEPT_BYTES) -> list[Name]:
    """Which models must go so that `most` bytes are left, of {name: bytes}, the least recently used first.

    Those of sketches go last, and the one that was just used never goes.
    """
    going, left = [], sum(sizes.values())
    for name in sorted(list(sizes)[:-1], key=lambda name: name in sketched):
        if left > most:
            going.append(name)
            left -= sizes[name]
    return going


def _as_graph(model: keras.Model) -> Callable:
    """The model as a graph of constants, which is faster than calling it, and has answered once already."""
    shape = model.input_shape[1:]
    graph = inference_graph.freeze(lambda x: model(x, training=False), [None, *shape])
    graph(tf.zeros([1, *shape], tf.uint8))
    return lambda x: graph(x)[0]
