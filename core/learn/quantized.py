"""Run frozen networks in 8-bit integers, on processors with instructions for them: twice as fast as in bfloat16.

Post-training quantization, as in B. Jacob et al., Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference, CVPR 2018, with a scale for each filter. The ranges of activations come from two
photos that come with scikit-learn, never from the data at hand, so the features of an image depend on nothing else.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from sklearn.datasets import load_sample_images

from core import settings

DTYPE = "int8"
INSTRUCTIONS = {"avx512_vnni", "avx_vnni"}  # without them sums of products overflow
CPU = Path("/proc/cpuinfo")
MARGIN = 1.25  # room for activations that are larger than those of the two photos
LARGEST = 127  # of a weight
STEPS = 255  # of an activation, which is never negative


def available() -> bool:
    """Whether this processor has the instructions, and TensorFlow uses the library that needs them."""
    flags = CPU.read_text().split() if CPU.exists() else []
    return not INSTRUCTIONS.isdisjoint(flags) and settings.read().onednn


def outputs(model: keras.Model, names: Sequence[str]) -> Callable[[tf.Tensor], list[tf.Tensor]]:
    """Compute the outputs of some layers of a `Backbone.chain`, for `core.learn.inference_graph.freeze` to freeze.

    Returns:
        A function that takes images, (n, size, size, 3) uint8, and returns float32 tensors with a relative error of a
        few hundredths.
    """
    preprocessing, *rest = model.layers[1:]
    convolutions = [layer for layer in rest if isinstance(layer, keras.layers.Conv2D)]
    weights, peaks = _weights(preprocessing, convolutions), _peaks(model, convolutions)
    # The network pads preprocessed images with zeros, so images are padded with what preprocessing turns into zero.
    zero = tf.constant(np.rint(np.ravel(preprocessing.mean)), tf.uint8)
    borders = [side // 2 for side in convolutions[0].kernel_size]

    def run(images: tf.Tensor) -> list[tf.Tensor]:
        for axis, width in enumerate(borders, 1):
            border = zero * tf.ones_like(tf.gather(images, [0] * width, axis=axis))
            images = tf.concat([border, images, border], axis)
        x, peak, padding, computed = tf.bitcast(images, tf.quint8), float(STEPS), "VALID", {}
        for layer in rest:
            if layer.name in weights:
                kernel, scale, bias = weights[layer.name]
                x, _, _ = tf.raw_ops.QuantizedConv2DWithBiasAndReluAndRequantize(
                    input=x,
                    min_input=0.0,
                    max_input=peak,
                    filter=tf.bitcast(kernel, tf.qint8),
                    min_filter=-scale,
                    max_filter=scale,
                    bias=bias,
                    min_freezed_output=0.0,
                    max_freezed_output=peaks[layer.name],
                    out_type=tf.quint8,
                    strides=[1, 1, 1, 1],
                    padding=padding,
                )
                peak, padding = peaks[layer.name], "SAME"
            else:
                x, _, _ = tf.raw_ops.QuantizedMaxPool(
                    input=x,
                    min_input=0.0,
                    max_input=peak,
                    ksize=[1, *layer.pool_size, 1],
                    strides=[1, *layer.strides, 1],
                    padding="VALID",
                )
            computed[layer.name] = x, peak
        asked = [computed[name] for name in names]
        return [tf.cast(tf.bitcast(x, tf.uint8), tf.float32) * (peak / STEPS) for x, peak in asked]

    return run


def _weights(preprocessing: keras.layers.Normalization, convolutions: list[keras.layers.Conv2D]) -> dict[str, tuple]:
    """Quantize the convolutions.

    Returns:
        {layer: (kernel, int8; the value of its largest weight, (filters,) float32; bias, (filters,) float32)}.
    """
    quantized = {}
    for layer in convolutions:
        kernel, bias = layer.get_weights()
        if layer is convolutions[0]:  # which takes images as they are
            kernel = kernel / np.sqrt(np.reshape(preprocessing.variance, (-1, 1)))
            bias = bias - (kernel * np.reshape(preprocessing.mean, (-1, 1))).sum((0, 1, 2))
        scale = np.abs(kernel).max((0, 1, 2))
        values = np.rint(LARGEST * kernel / np.where(scale, scale, 1)).astype(np.int8)
        quantized[layer.name] = tf.constant(values), tf.constant(scale, tf.float32), tf.constant(bias, tf.float32)
    return quantized


def _peaks(model: keras.Model, convolutions: list[keras.layers.Conv2D]) -> dict[str, float]:
    """Measure the largest activation of each layer, with a margin."""
    seen = keras.Model(model.input, [keras.ops.max(layer.output) for layer in convolutions])
    peaks = np.max([seen(photo[np.newaxis]) for photo in _photos(model.input_shape[1])], axis=0)
    return {layer.name: MARGIN * float(peak) or 1.0 for layer, peak in zip(convolutions, peaks, strict=True)}


def _photos(size: int) -> np.ndarray:
    """Load a temple and a flower, whole and in quarters, (10, size, size, 3) uint8."""
    squares = []
    for photo in map(Image.fromarray, load_sample_images().images):
        left, half = (photo.width - photo.height) // 2, photo.height // 2
        boxes = [(left, 0, left + 2 * half, 2 * half)]
        boxes += [(left + x, y, left + x + half, y + half) for x in (0, half) for y in (0, half)]
        squares += [photo.resize((size, size), box=box) for box in boxes]
    return np.stack([np.asarray(square) for square in squares])
