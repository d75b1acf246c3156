"""Build pretrained networks as Keras models that take images as they are stored, 0..255, and preprocess them.

Preprocessing uses Keras' own layers only, so that a saved or exported model needs no code of Handful's.
"""

import functools
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
from keras import layers

from core.catalog.backbones import BACKBONES, Backbone
from core.errors import UserError

LABELS = Path(__file__).with_name("imagenet_labels.txt")


def build(backbone: Backbone, size: int, weights: Path | None = None, channels: int = 3) -> keras.Model:
    """Build the convolutional part: images (n, size, size, channels) 0..255 -> features (n, h, w, c).

    Args:
        backbone: The network.
        size: The width and height of images, in pixels.
        weights: A file that `core.catalog.weights.find` found. Without one the weights are random, and follow
            `keras.utils.set_random_seed`.
        channels: 3 for RGB, 1 for gray.

    Raises:
        UserError: The images are too small for the network, or the file has other weights.
    """
    if size < backbone.smallest_size:
        raise UserError(
            "{title} needs images of at least {smallest} px; got {size}. Choose a larger image size.",
            title=backbone.title,
            smallest=backbone.smallest_size,
            size=size,
        )
    model = _network(backbone, keras.Input((size, size, channels)), weights, include_top=False)
    if weights and backbone.preprocessing == "caffe":
        # These weights were trained on BGR. Reversing the channels of the first kernel saves reversing every image.
        kernel = next(layer for layer in model.layers if isinstance(layer, layers.Conv2D)).kernel
        kernel.assign(keras.ops.flip(kernel, axis=2))
    return model


def split(model: keras.Model, backbone: Backbone) -> tuple[keras.Model, keras.Model]:
    """Split a network into two models that share its layers.

    Args:
        model: What `build` returned.
        backbone: The network.

    Returns:
        images -> activations, and the last block: activations -> features. `block(frozen(images))` is `model(images)`.
        Where several tensors enter the last block, the activations are their concatenation along the channels.
    """
    side, *names = backbone.cut.split()
    cut = [model.get_layer(name).output if side == "after" else model.get_layer(name).input for name in names]
    joined = cut[0] if len(cut) == 1 else layers.Concatenate(name="entering")(cut)
    frozen = keras.Model(model.input, joined, name=f"{backbone.name}_frozen")
    if len(cut) == 1:
        return frozen, keras.Model(joined, model.output, name=f"{backbone.name}_last_block")
    activations = keras.Input(joined.shape[1:], dtype=joined.dtype)
    ends = np.cumsum([tensor.shape[-1] for tensor in cut]).tolist()
    parts = [activations[..., end - tensor.shape[-1] : end] for tensor, end in zip(cut, ends, strict=True)]
    features = keras.Model(cut, model.output)(parts)
    return frozen, keras.Model(activations, features, name=f"{backbone.name}_last_block")


def imagenet_classifier(weights: Path) -> keras.Model:
    """Build all of EfficientNet-Lite0: images (n, 224, 224, 3) 0..255 -> probabilities (n, 1000).

    The classes are those of `imagenet_labels`.

    Raises:
        UserError: The file does not have its weights.
    """
    backbone = BACKBONES["efficientnet_lite0"]
    return _network(backbone, keras.Input((224, 224, 3)), weights, include_top=True)


@functools.cache
def imagenet_labels() -> tuple[str, ...]:
    """List the English names of ImageNet's 1000 classes, in the order of WordNet numbers. Two names come twice."""
    lines = LABELS.read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if not line.startswith("#"))


def _network(backbone: Backbone, inputs: keras.KerasTensor, weights: Path | None, include_top: bool) -> keras.Model:
    module, function = backbone.builder.split(":")
    builder = getattr(importlib.import_module(module), function)
    rgb = layers.Concatenate()([inputs] * 3) if inputs.shape[-1] == 1 else inputs
    preprocessed = _preprocessed(rgb, backbone.preprocessing)
    with _only_weights_of(backbone, weights):
        model = builder(include_top=include_top, weights=weights and str(weights), input_tensor=preprocessed)
    return keras.Model(inputs, model.output, name=backbone.name)


@contextmanager
def _only_weights_of(backbone: Backbone, weights: Path | None) -> Iterator[None]:
    try:
        yield
    except (ValueError, OSError, KeyError) as error:
        if weights is None:
            raise
        raise UserError(
            "'{path}' is damaged, or does not hold the weights of {title} that are known as {file}. Put that file in "
            "its place.",
            path=weights,
            title=backbone.title,
            file=backbone.weights_file,
        ) from error


def _preprocessed(rgb: keras.KerasTensor, preprocessing: str) -> keras.KerasTensor:
    """Scale RGB 0..255 as the network was trained with it, always in float32: in bfloat16, 123.68 is 123.5.

    "caffe", "tf" and "torch" are the modes of `keras.applications.imagenet_utils.preprocess_input`, except that
    "caffe" keeps the channels in the order RGB.
    """
    match preprocessing:
        case "lite":
            layer = layers.Rescaling(1 / 128, offset=-127 / 128, dtype="float32", name="prepare")
        case "tf":
            layer = layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="prepare")
        case "torch":
            mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
            layer = layers.Normalization(
                mean=255 * mean, variance=(255 * deviation) ** 2, dtype="float32", name="prepare"
            )
        case "caffe":
            layer = layers.Normalization(
                mean=[123.68, 116.779, 103.939], variance=[1, 1, 1], dtype="float32", name="prepare"
            )
    return layer(rgb)
