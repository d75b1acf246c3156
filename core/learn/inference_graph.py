"""Freeze networks into graphs of constants, whose layers TensorFlow fuses: faster than calling the network."""

from collections import Counter
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)


def freeze(function: Callable, shape: Sequence[int | None]) -> Callable[[tf.Tensor], list[tf.Tensor]]:
    """Turn the variables of a function into constants.

    Args:
        function: Takes a uint8 tensor and returns a list of tensors.
        shape: The shape of the tensor; None where it may differ.
    """
    traced = tf.function(function).get_concrete_function(tf.TensorSpec(shape, tf.uint8))
    return convert_variables_to_constants_v2(traced)


def fold_normalization(model: keras.Model) -> keras.Model:
    """Copy a network for inference, its batch normalizations made part of the convolutions before them.

    In half precision TensorFlow would not fuse them.
    """
    pairs = _normalized_convolutions(model)
    if not pairs:
        return model
    normalizations = {after.name for after in pairs.values()}

    def clone(layer: layers.Layer) -> layers.Layer:
        return type(layer).from_config(layer.get_config() | ({"use_bias": True} if layer.name in pairs else {}))

    def call(layer: layers.Layer, x: keras.KerasTensor, **options: object) -> keras.KerasTensor:
        return x if layer.name in normalizations else layer(x, **options)

    other = keras.models.clone_model(model, clone_function=clone, call_function=call)
    for layer in (layer for layer in model.layers if layer.weights and layer.name not in normalizations):
        weights = _folded(layer, pairs[layer.name]) if layer.name in pairs else layer.get_weights()
        other.get_layer(layer.name).set_weights(weights)
    return other


def _normalized_convolutions(model: keras.Model) -> dict[str, layers.BatchNormalization]:
    """Find the convolutions whose output only a batch normalization reads: {name: the normalization}."""
    made_by = {id(layer.output): layer for layer in model.layers if isinstance(layer, CONVOLUTIONS)}
    readers = Counter(id(tensor) for layer in model.layers for tensor in keras.tree.flatten(layer.input))
    pairs = {}
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization) and readers[id(layer.input)] == 1:
            before = made_by.get(id(layer.input))
            if before is not None and before.activation is keras.activations.linear:
                pairs[before.name] = layer
    return pairs


def _folded(convolution: layers.Layer, normalization: layers.BatchNormalization) -> list[np.ndarray]:
    """Merge a normalization into the weights of the convolution before it, whose last one is a bias."""
    *kernels, bias = [*convolution.get_weights(), *([] if convolution.use_bias else [np.float32(0)])]
    mean, variance = (np.asarray(value) for value in (normalization.moving_mean, normalization.moving_variance))
    scale = (np.asarray(normalization.gamma) if normalization.scale else 1) / np.sqrt(variance + normalization.epsilon)
    offset = np.asarray(normalization.beta) if normalization.center else 0
    kernel = kernels[-1]  # of a separable convolution the pointwise one
    by_filter = scale.reshape(kernel.shape[2:] if isinstance(convolution, layers.DepthwiseConv2D) else -1)
    return [*kernels[:-1], kernel * by_filter, (bias - mean) * scale + offset]
