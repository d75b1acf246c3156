"""`core.augmentation.transforms.apply` on a GPU: the same draws, applied to a whole batch at once where faster.

Positions and weights are exact here and in 32nds of a pixel there, so that a level may differ by one or two of 255.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from core.augmentation import transforms
from core.augmentation.transforms import Draw
from core.config import TrainConfig
from core.learn import devices


def fastest(config: TrainConfig, batch_size: int, check: Callable[[], None]) -> transforms.Transform:
    """What augments batches of this size fastest here: without a GPU `augment.apply`, else what a measurement says.

    The processor prepares a batch while the GPU learns from the one before. `check()` may raise to stop.
    """
    if not devices.gpus() or config.augmentation.changes_nothing:
        return transforms.apply
    size, places = config.image_size, {"processor": transforms.apply, "GPU": apply}
    noise = np.random.default_rng(0).integers(0, 256, (batch_size, size, size, 3), np.uint8)
    drawn = transforms.draw(config.augmentation, [(number,) for number in range(batch_size)])
    fill = transforms.fill(config.augmentation, config.kind)

    def rate(place: str) -> float:
        return batch_size * devices.steps_per_second(lambda: places[place](noise, drawn, *fill), check)

    return places[devices.fastest(f"augmentation {size}px batch {batch_size}", rate, tuple(places))]


def apply(images: np.ndarray, drawn: Draw, mode: str, value: int) -> np.ndarray:
    """Transform a batch, bilinearly: (n, height, width, channels) uint8 and n draws -> the same shape, uint8.

    `mode` and `value` as `augment.fill` gives them.
    """
    matrices = transforms.matrices(drawn, *images.shape[1:3])[:, :2].astype(np.float32)
    shift, factor = (numbers.astype(np.float32)[:, np.newaxis] for numbers in (drawn.channel_shift, drawn.brightness))
    return _changed(images, matrices, shift, factor, np.float32(value), mode).numpy()


@tf.function(reduce_retracing=True)
def _changed(
    images: tf.Tensor, matrices: tf.Tensor, shift: tf.Tensor, factor: tf.Tensor, value: tf.Tensor, mode: str
) -> tf.Tensor:
    height, width = tf.shape(images)[1], tf.shape(images)[2]
    x, y = _places(matrices, height, width)
    moved = _sampled(images, _inside(x, width, mode), _inside(y, height, mode))
    if mode == "constant":
        outside = (_beyond(x, width) > transforms.ROUNDING) | (_beyond(y, height) > transforms.ROUNDING)
        moved = tf.where(outside[..., tf.newaxis], value, moved)
    levels = tf.reshape(tf.round(moved), [tf.shape(images)[0], -1])
    low, high = (reduce(levels, axis=1, keepdims=True) for reduce in (tf.reduce_min, tf.reduce_max))
    shifted = tf.where(shift == 0, levels, tf.round(tf.clip_by_value(levels + shift, low, high)))
    return tf.cast(tf.reshape(tf.clip_by_value(shifted * factor, 0, 255), tf.shape(images)), tf.uint8)


def _places(matrices: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where each output pixel's value lies in the input: x and y, (n, height, width) float32, in pixels."""
    across = tf.cast(tf.range(width), tf.float32)
    down = tf.cast(tf.range(height), tf.float32)[:, tf.newaxis]
    a, b, c = (part[..., tf.newaxis, tf.newaxis] for part in tf.unstack(matrices, axis=2))  # (n, 2, 1, 1) each
    x, y = tf.unstack(a * across + b * down + c, axis=1)
    return x, y


def _beyond(place: tf.Tensor, side: tf.Tensor) -> tf.Tensor:
    """How far places are outside the image, in pixels from its last pixels' centres; negative inside."""
    half = (tf.cast(side, tf.float32) - 1) / 2
    return tf.abs(place - half) - half


def _inside(place: tf.Tensor, side: tf.Tensor, mode: str) -> tf.Tensor:
    """The place in the image that stands for one outside, by SciPy's borders."""
    last, length = tf.cast(side - 1, tf.float32), tf.cast(side, tf.float32)
    if mode == "wrap":  # its last pixel lies upon its first
        place = tf.where(_beyond(place, side) > 0, tf.math.floormod(place, tf.maximum(last, 1)), place)
    elif mode == "reflect":
        turned = tf.math.floormod(place + 0.5, 2 * length)
        place = tf.minimum(turned, 2 * length - turned) - 0.5
    return tf.clip_by_value(place, 0, last)


def _sampled(images: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Bilinear values at places inside the images, (n, height, width, channels) float32."""
    left, top = tf.floor(x), tf.floor(y)
    right_share, bottom_share = (x - left)[..., tf.newaxis], (y - top)[..., tf.newaxis]
    shape = tf.shape(images)
    columns = [tf.minimum(tf.cast(left, tf.int32) + step, shape[2] - 1) for step in (0, 1)]
    rows = [tf.minimum(tf.cast(top, tf.int32) + step, shape[1] - 1) for step in (0, 1)]

    # Floats, and one index: for neither bytes nor pairs of indices is there a kernel that is fast on a GPU.
    pixels = tf.reshape(tf.cast(images, tf.float32), [shape[0], shape[1] * shape[2], shape[3]])

    def at(row: tf.Tensor, column: tf.Tensor) -> tf.Tensor:
        return tf.gather(pixels, row * shape[2] + column, batch_dims=1)

    upper, lower = (at(row, columns[0]) * (1 - right_share) + at(row, columns[1]) * right_share for row in rows)
    return upper * (1 - bottom_share) + lower * bottom_share
