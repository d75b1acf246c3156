"""Random variants of training images: drawn in one function, applied in another, as one affine transform an image.

The meaning of each parameter, and the order in which they compose (rotation, shift, shear, zoom, then flips), is that
of Keras' `ImageDataGenerator` (keras.src.legacy.preprocessing.image, apply_affine_transform), which
transforms one image at a time. Its shear has been in degrees since 2018; ours is too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from core.config import Augmentation

UNCHANGED = Augmentation()


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


def draw(augmentation: Augmentation, seeds: Sequence[tuple[int, ...]]) -> Draw:
    """Draw parameters for one image for each of the n seeds, alike wherever and beside whatever else it is drawn.

    Every parameter uses up the same random numbers whatever the ranges are, so changing one knob leaves the others'
    draws as they were.
    """
    chance = np.array([np.random.default_rng(seed).random(8) for seed in seeds]).reshape(-1, 8).T
    spread = 2 * chance[:6] - 1
    return Draw(
        rotation=spread[0] * augmentation.rotation,
        width_shift=spread[1] * augmentation.width_shift,
        height_shift=spread[2] * augmentation.height_shift,
        shear=spread[3] * augmentation.shear,
        width_zoom=1 + spread[4] * augmentation.zoom,
        height_zoom=1 + spread[5] * augmentation.zoom,
        horizontal_flip=(chance[6] < 0.5) & augmentation.horizontal_flip,
        vertical_flip=(chance[7] < 0.5) & augmentation.vertical_flip,
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


def variants(
    images: np.ndarray, augmentation: Augmentation, prepare: str, seeds: Sequence[tuple[int, ...]]
) -> np.ndarray:
    """Draw and apply: (n, height, width, channels) uint8 and n seeds -> the same shape, uint8."""
    if augmentation == UNCHANGED:
        return images
    return apply(images, matrices(draw(augmentation, seeds), *images.shape[1:3]), prepare)


def apply(images: np.ndarray, transforms: np.ndarray, prepare: str) -> np.ndarray:
    """Transform a batch, bilinearly: (n, height, width, channels) uint8 and (n, 3, 3) -> the same shape, uint8.

    What lies outside a photo repeats its edge, Keras' default; outside a drawing there is white paper.
    """
    height, width = images.shape[1:3]
    border = cv2.BORDER_CONSTANT if prepare == "drawing" else cv2.BORDER_REPLICATE
    changed = np.empty_like(images)
    for image, transform, target in zip(images, transforms, changed, strict=True):
        cv2.warpAffine(
            image, transform[:2], (width, height), dst=target, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=border, borderValue=(255,) * images.shape[3],
        )  # fmt: skip
    return changed
