"""Random variants of training images: drawn in one function, applied in another, as one projective transform a batch.

The meaning of each parameter, and the order in which they compose (rotation, shift, shear, zoom, then flips), is that
of Keras' `ImageDataGenerator` (keras.src.legacy.preprocessing.image, apply_affine_transform), which
transforms one image at a time. Its shear has been in degrees since 2018; ours is too.
"""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from core.config import Augmentation


@dataclass(frozen=True)
class Draw:
    """What was drawn for each of n images: arrays of shape (n,)."""

    rotation: np.ndarray  # degrees
    width_shift: np.ndarray  # shares of the width
    height_shift: np.ndarray  # shares of the height
    shear: np.ndarray  # degrees
    width_zoom: np.ndarray  # factors; below 1 enlarges, as in Keras
    height_zoom: np.ndarray
    horizontal_flip: np.ndarray  # bool
    vertical_flip: np.ndarray  # bool


def draw(augmentation: Augmentation, n: int, rng: np.random.Generator) -> Draw:
    """Draw parameters for `n` images. Every parameter uses up the same random numbers whatever the ranges are, so
    changing one knob leaves the others' draws as they were."""

    def within(limit: float) -> np.ndarray:
        return rng.uniform(-1, 1, n) * limit

    return Draw(
        rotation=within(augmentation.rotation),
        width_shift=within(augmentation.width_shift),
        height_shift=within(augmentation.height_shift),
        shear=within(augmentation.shear),
        width_zoom=1 + within(augmentation.zoom),
        height_zoom=1 + within(augmentation.zoom),
        horizontal_flip=(rng.random(n) < 0.5) & augmentation.horizontal_flip,
        vertical_flip=(rng.random(n) < 0.5) & augmentation.vertical_flip,
    )


def matrices(drawn: Draw, height: int, width: int) -> np.ndarray:
    """Compose a Draw into (n, 3, 3) float64 matrices from output to input pixels, as (x, y, 1) columns."""
    n = len(drawn.rotation)

    def stack(*rows: tuple) -> np.ndarray:
        columns = [np.broadcast_to(np.asarray(value, float), (n,)) for row in rows for value in row]
        return np.stack(columns, -1).reshape(n, 3, 3)

    theta, phi = np.deg2rad(drawn.rotation), np.deg2rad(drawn.shear)
    cos, sin = np.cos(theta), np.sin(theta)
    rotate = stack((cos, -sin, 0), (sin, cos, 0), (0, 0, 1))
    shift = stack((1, 0, drawn.width_shift * width), (0, 1, drawn.height_shift * height), (0, 0, 1))
    shear = stack((1, -np.sin(phi), 0), (0, np.cos(phi), 0), (0, 0, 1))
    zoom = stack((drawn.width_zoom, 0, 0), (0, drawn.height_zoom, 0), (0, 0, 1))
    flip = stack(
        (np.where(drawn.horizontal_flip, -1, 1), 0, 0), (0, np.where(drawn.vertical_flip, -1, 1), 0), (0, 0, 1)
    )
    x, y = (width - 1) / 2, (height - 1) / 2
    to_centre, back = stack((1, 0, -x), (0, 1, -y), (0, 0, 1)), stack((1, 0, x), (0, 1, y), (0, 0, 1))
    return back @ rotate @ shift @ shear @ zoom @ flip @ to_centre


def apply(images: np.ndarray, transforms: np.ndarray, prepare: str) -> np.ndarray:
    """Transform a batch, bilinearly: (n, height, width, channels) uint8 and (n, 3, 3) -> the same shape, uint8.

    What lies outside a photo repeats its edge, Keras' default; outside a drawing there is white paper.
    """
    with tf.device("CPU"):
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=transforms.reshape(-1, 9)[:, :8].astype(np.float32),
            output_shape=images.shape[1:3],
            interpolation="BILINEAR",
            fill_mode="CONSTANT" if prepare == "drawing" else "NEAREST",
            fill_value=255.0,
        ).numpy()
