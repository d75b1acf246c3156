"""Networks whose "ImageNet weights" are random, and small trainings with them."""

import functools

import keras
import numpy as np

from core.catalog.backbones import BACKBONES
from core.catalog.strategies import STRATEGIES
from core.config import make_config
from core.learn import backbones, features, training
from core.results import runs


def network(backbone: str, weights_hash: str, size: int) -> keras.Model:
    """Stands in for `features.network`: its weights are always the same, whatever hash they should have."""
    known = in_range(backbone, size)
    model = keras.models.clone_model(known)  # quicker than building it anew
    model.set_weights(known.get_weights())
    return model


@functools.lru_cache(maxsize=2)
def in_range(backbone: str, size: int) -> keras.Model:
    """Random weights that leave something of an image behind many layers, as Keras' own initial ones do not."""
    model = backbones.build(BACKBONES[backbone], size)
    rng = np.random.default_rng(7)
    for kernel in (weight for weight in model.weights if len(weight.shape) == 4):
        fan_in = np.prod(kernel.shape[: 2 if "depthwise" in kernel.path else 3])
        kernel.assign(rng.normal(0, np.sqrt(2 / fan_in), kernel.shape))  # He initialisation
    normalised = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momentum = [layer.momentum for layer in normalised]
    for layer in normalised:
        layer.momentum = 0.0  # statistics from one batch, of patches as smooth as the pictures in tests
    patches = keras.ops.image.resize(rng.integers(0, 256, (32, 8, 8, 3)).astype(np.float32), (size, size))
    model(patches, training=True)
    for layer, before in zip(normalised, momentum, strict=True):
        layer.momentum = before
    return model


def asked(dataset, strategy, backbone, **knobs):
    smallest = BACKBONES[backbone].smallest_size
    tiny = {
        "backbone": backbone, "image_size": smallest + smallest % 2,
        "epochs": 1, "batch_size": 8, "learning_rate": 0.00001,  # features of random weights are large
    }  # fmt: skip
    if "views" in STRATEGIES[strategy].defaults:
        tiny["views"] = 2
    knobs = tiny | knobs
    return make_config(dataset, strategy, knobs)


def taught(dataset, strategy, backbone, **knobs):
    run = runs.create(asked(dataset, strategy, backbone, **knobs), dataset)
    training.train(run.key)
    run = runs.find(run.key)
    assert run.state == "done", (run.message, run.values)
    return run


def backbone_of(settings):
    return features.network(settings.backbone, settings.weights, settings.image_size)


def cancelled_after(epochs):
    """Stands in for `JobFolder.cancel_requested`: somebody cancels the training once so many epochs are finished."""
    return property(lambda job: len(runs.history(job.path.name).get("loss", ())) == epochs)
