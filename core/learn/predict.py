"""Predict with trained runs, for one image as a person draws it or for many, and with ImageNet's classes."""

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

BATCH = 32  # Keras keeps the output of every layer until a call ends: a gigabyte for 100 images in a large network
KEPT_BYTES = 600_000_000  # of weights; a loaded network takes about twice as much memory
KEPT_FOR_SKETCHES = 4

ModelId = tuple[str, int]
"""The key of a run, and when its model was saved."""
_loaded: OrderedDict[ModelId, tuple[Callable, int]] = OrderedDict()  # with bytes; the least recently used first
_sketched: OrderedDict[ModelId, None] = OrderedDict()  # those that classified a sketch last
_lock = threading.Lock()


def predict(keys: Sequence[str], rgb: np.ndarray) -> dict[str, tuple[np.ndarray, float]]:
    """Classify an image with several finished runs.

    Each run preprocesses the image as its training did.

    Args:
        keys: The keys of the runs.
        rgb: (height, width, 3) uint8.

    Returns:
        {key: (probabilities, (classes,) float32, and the milliseconds it took, without loading the model)}.

    Raises:
        UserError: A run is unknown or unfinished.
    """
    return {key: predict_one(key, rgb) for key in keys}


def predict_one(key: str, rgb: np.ndarray) -> tuple[np.ndarray, float]:
    """Classify an image, (height, width, 3) uint8 RGB, with one finished run, as `predict` does."""
    load(key)
    start = time.perf_counter()
    [probabilities] = predict_many(key, [rgb])
    return probabilities, 1000 * (time.perf_counter() - start)


def sketch(key: str, rgb: np.ndarray) -> tuple[np.ndarray, float]:
    """Classify an image that is being drawn, as `predict_one` does; the model stays loaded whatever others ask for."""
    with _lock:
        _sketched[_model_id(runs.find(key))] = None
        _sketched.move_to_end(_model_id(runs.find(key)))
        if len(_sketched) > KEPT_FOR_SKETCHES:
            _sketched.popitem(last=False)
    return predict_one(key, rgb)


def predict_many(key: str, pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Classify images of any sizes, (height, width, 3) uint8 RGB, with one finished run: (n, classes) float32."""
    run = runs.find(key)
    config, strategy = run.config, STRATEGIES[run.config.strategy]
    prepared = [images.network_input(rgb, config.kind, config.image_size, strategy.channels) for rgb in pictures]
    return in_batches(_model(run), from_array(np.stack(prepared)), len(prepared))


def in_batches(model: Callable, load: Loader, n: int, check: Callable[[], None] = lambda: None) -> np.ndarray:
    """Predict in batches.

    Args:
        model: Takes inputs and returns probabilities.
        load: Gives the inputs.
        n: How many there are.
        check: Called between batches; may raise to stop.

    Returns:
        Probabilities, (n, classes) float32.
    """
    batches = []
    for start in range(0, n, BATCH):
        check()
        batches.append(np.asarray(model(tf.constant(load(np.arange(start, min(start + BATCH, n)), 0)))))
    probabilities = np.concatenate(batches)
    # A single sigmoid unit gives the probability of the second of two classes.
    return np.hstack([1 - probabilities, probabilities]) if probabilities.shape[1] == 1 else probabilities


def load(key: str) -> None:
    """Load a finished run and predict once, so that the next prediction is quick."""
    _model(runs.find(key))


def imagenet(rgb: np.ndarray, top: int = 5) -> list[tuple[str, float]]:
    """Classify an image with EfficientNet-Lite0 as it was trained on ImageNet.

    Args:
        rgb: (height, width, 3) uint8.
        top: How many of the 1000 labels to return.

    Returns:
        The most probable labels with their probabilities, in descending order.

    Raises:
        UserError: The weights are missing.
    """
    pixels = images.network_input(rgb, "photo", 224, 3)
    [probabilities] = np.asarray(_imagenet()(tf.constant(pixels[np.newaxis])))
    likeliest = np.argsort(-probabilities)[:top]
    return [(backbones.imagenet_labels()[index], float(probabilities[index])) for index in likeliest]


@functools.cache
def _imagenet() -> Callable:
    return _as_graph(backbones.imagenet_classifier(weights.find("efficientnet_lite0").path))


def _model(run: runs.Run) -> Callable:
    """Load a run's model as a function, once; others are unloaded to make room."""
    name = _model_id(run)
    with _lock:
        if name not in _loaded:
            model = checkpoints.read_model(run.folder / "model.keras", compile=False)
            _loaded[name] = _as_graph(model), sum(weight.nbytes for weight in model.get_weights())
        _loaded.move_to_end(name)
        for left in to_unload({known: size for known, (_model, size) in _loaded.items()}, _sketched):
            del _loaded[left]
        return _loaded[name][0]


def _model_id(run: runs.Run) -> ModelId:
    """Identify a run's model: a run that was deleted and trained again has the same key."""
    if run.state != "done":
        raise UserError("Run {key} is {state}, so it cannot predict yet. Train it first.", key=run.key, state=run.state)
    path = run.folder / "model.keras"
    if not path.exists():
        raise UserError("The model of run {key} is missing. Delete the run, then train again.", key=run.key)
    return run.key, path.stat().st_mtime_ns


def to_unload(sizes: Mapping[ModelId, int], sketched: Container[ModelId], most: int = KEPT_BYTES) -> list[ModelId]:
    """Choose the models to unload. Those of sketches go last, and the one used last never goes.

    Args:
        sizes: The bytes of each loaded model, the least recently used first.
        sketched: The models that sketches use.
        most: How many bytes may stay.
    """
    going, left = [], sum(sizes.values())
    for name in sorted(list(sizes)[:-1], key=lambda name: name in sketched):
        if left > most:
            going.append(name)
            left -= sizes[name]
    return going


def _as_graph(model: keras.Model) -> Callable:
    """Freeze a model into a graph of constants, which is faster than calling it, and run it once."""
    shape = model.input_shape[1:]
    graph = inference_graph.freeze(lambda x: model(x, training=False), [None, *shape])
    graph(tf.zeros([1, *shape], tf.uint8))
    return lambda x: graph(x)[0]
