"""Networks that do not change, as graphs of constants: the runtime fuses their layers, which is faster."""

from collections import Counter
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)


def frozen(function: Callable, shape: Sequence[int | None]) -> Callable[[tf.Tensor], list[tf.Tensor]]:
    """`function` of a uint8 tensor of `shape`, its variables turned into constants; returns a list of tensors."""
    traced = tf.function(function).get_concrete_function(tf.TensorSpec(shape, tf.uint8))
    return convert_variables_to_constants_v2(traced)


def folded(model: keras.Model) -> keras.Model:
    """The same network, its batch normalisations made part of the convolutions before them, as inference has them.

    In half precision the runtime would not fuse them.
    """
    pairs = _normalised(model)
    if not pairs:
        return model
    normalisations = {after.name for after in pairs.values()}

    def clone(layer: layers.Layer) -> layers.Layer:
        return type(layer).from_config(layer.get_config() | ({"use_bias": True} if layer.name in pairs else {}))

    def call(layer: layers.Layer, x: keras.KerasTensor, **options: object) -> keras.KerasTensor:
        return x if layer.name in normalisations else layer(x, **options)

    other = keras.models.clone_model(model, clone_function=clone, call_function=call)
    for layer in (layer for layer in model.layers if layer.weights and layer.name not in normalisations):
        weights = _folded(layer, pairs[layer.name]) if layer.name in pairs else layer.get_weights()
        other.get_layer(layer.name).set_weights(weights)
    return other


def _normalised(model: keras.Model) -> dict[str, layers.BatchNormalization]:
    """{name of a convolution: what normalises its output}, where nothing else reads that output."""
    made_by = {id(layer.output): layer for layer in model.layers if isinstance(layer, CONVOLUTIONS)}
    readers = Counter(id(tensor) for layer in model.layers for tensor in keras.tree.flatten(layer.input))
    return {
        made_by[id(layer.input)].name: layer
        for layer in model.layers
        if isinstance(layer, layers.BatchNormalization)
        and id(layer.input) in made_by and readers[id(layer.input)] == 1
        and made_by[id(layer.input)].activation is keras.activations.linear
    }  # fmt: skip


def _folded(convolution: layers.Layer, normalisation: layers.BatchNormalization) -> list[np.ndarray]:
    """The convolution's weights, a bias at their end, with what follows in them."""
    *kernels, bias = [*convolution.get_weights(), *([] if convolution.use_bias else [np.float32(0)])]
    mean, variance = (np.asarray(value) for value in (normalisation.moving_mean, normalisation.moving_variance))
    scale = (np.asarray(normalisation.gamma) if normalisation.scale else 1) / np.sqrt(variance + normalisation.epsilon)
    offset = np.asarray(normalisation.beta) if normalisation.center else 0
    kernel = kernels[-1]  # of a separable convolution the pointwise one
    by_filter = scale.reshape(kernel.shape[2:] if isinstance(convolution, layers.DepthwiseConv2D) else -1)
    return [*kernels[:-1], kernel * by_filter, (bias - mean) * scale + offset]
