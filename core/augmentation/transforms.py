"""Make random variants of training images, each by one affine transform.

Parameters are drawn in one function and applied in another. Their meaning, and the order in which they compose
(rotation, shift, shear, zoom, channel shift, flips, brightness), is that of Keras' `ImageDataGenerator.apply_transform`
(keras.src.legacy.preprocessing.image), which transforms one image at a time. Its shear has been in degrees since 2018,
as here. docs/augmentation.md lists the differences. The server's preview and a worker's training both call `variants`,
with seeds from `seed`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from core.config import Augmentation

PAPER = 255  # the level of white paper
_BORDERS = {
    "nearest": cv2.BORDER_REPLICATE,
    "reflect": cv2.BORDER_REFLECT,
    "constant": cv2.BORDER_REPLICATE,  # OpenCV's own differs from that of SciPy and Keras; `apply` fills afterwards
}
ROUNDING = 1e-3  # pixels: a position this little outside the image counts as its edge


@dataclass(frozen=True)
class Draw:
    """The parameters drawn for each of n images: arrays of shape (n,).

    Attributes:
        rotation: Degrees.
        width_shift: Shares of the width.
        height_shift: Shares of the height.
        shear: Degrees.
        width_zoom: Factors; below 1 enlarges, as in Keras.
        height_zoom: Factors.
        horizontal_flip: bool.
        vertical_flip: bool.
        brightness: Factors.
        channel_shift: Levels of 255.
    """

    rotation: np.ndarray
    width_shift: np.ndarray
    height_shift: np.ndarray
    shear: np.ndarray
    width_zoom: np.ndarray
    height_zoom: np.ndarray
    horizontal_flip: np.ndarray
    vertical_flip: np.ndarray
    brightness: np.ndarray
    channel_shift: np.ndarray


def identity(n: int) -> Draw:
    """Make n draws that change nothing; `dataclasses.replace` sets single parameters."""
    zero, one, no = np.zeros(n), np.ones(n), np.zeros(n, bool)
    return Draw(zero, zero, zero, zero, one, one, no, no, one, zero)


def seed(content: str, run_seed: int, number: int) -> tuple[int, int, int]:
    """Make the seed of one variant of an image, which depends on no other image.

    Args:
        content: The hash of the image's content.
        run_seed: The seed of the run.
        number: Which of the variants, from 0.
    """
    return int(content[:12], 16), run_seed, number


def draw(augmentation: Augmentation, seeds: Sequence[tuple[int, ...]]) -> Draw:
    """Draw the parameters of one image for each of n seeds, independent of batch and worker.

    Every parameter uses the same random numbers whatever the ranges are, so changing one range leaves the other
    parameters as they were.
    """
    chance = np.array([np.random.default_rng(seed).random(10) for seed in seeds]).reshape(-1, 10).T
    spread = 2 * chance - 1
    return Draw(
        rotation=spread[0] * augmentation.rotation,
        width_shift=spread[1] * augmentation.width_shift,
        height_shift=spread[2] * augmentation.height_shift,
        shear=spread[3] * augmentation.shear,
        width_zoom=1 + spread[4] * augmentation.zoom,
        height_zoom=1 + spread[5] * augmentation.zoom,
        horizontal_flip=(chance[6] < 0.5) & augmentation.horizontal_flip,
        vertical_flip=(chance[7] < 0.5) & augmentation.vertical_flip,
        brightness=1 + spread[8] * augmentation.brightness,
        channel_shift=spread[9] * augmentation.channel_shift,
    )


def sweep(name: str, reach: float, n: int) -> Draw:
    """Make n draws that step through the values of one hyperparameter, and change nothing else.

    Args:
        name: The hyperparameter.
        reach: Its value; the draws go from the least to the most that it allows.
        n: The number of draws; a flip always has two, off and on.
    """
    if name.endswith("_flip"):
        return replace(identity(2), **{name: np.array([False, True])})
    steps = np.linspace(-reach, reach, n)
    if name == "zoom":
        return replace(identity(n), width_zoom=1 + steps, height_zoom=1 + steps)
    return replace(identity(n), **{name: 1 + steps if name == "brightness" else steps})


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


def fill(augmentation: Augmentation, kind: str) -> tuple[str, int]:
    """Choose how to fill pixels outside a moved image.

    "auto" is Keras' default for photos, which repeats the edge, and white paper for drawings.

    Returns:
        A fill mode of Keras, and the level of "constant", 0..255.
    """
    if augmentation.fill_mode == "auto":
        return ("constant", PAPER) if kind == "drawing" else ("nearest", 0)
    return augmentation.fill_mode, augmentation.fill_value


def apply(images: np.ndarray, drawn: Draw, mode: str, value: int) -> np.ndarray:
    """Transform a batch with bilinear interpolation.

    Args:
        images: (n, height, width, channels) uint8.
        drawn: n draws.
        mode: The fill mode, as `fill` gives it.
        value: The level of the fill mode "constant", 0..255.

    Returns:
        An array of the same shape, uint8.
    """
    changed = np.empty(images.shape, np.uint8)
    height, width = images.shape[1:3]
    transforms = matrices(drawn, height, width)
    for image, transform, target in zip(images, transforms, changed, strict=True):
        if mode == "wrap":
            x, y = source_positions(transform, height, width)
            cv2.remap(image, _wrapped(x, width), _wrapped(y, height), cv2.INTER_LINEAR, dst=target)
            continue
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cv2.warpAffine(image, transform[:2], (width, height), dst=target, flags=flags, borderMode=_BORDERS[mode])
        if mode == "constant":
            target[is_outside(*source_positions(transform, height, width))] = value
    neutral = (drawn.brightness == 1) & (drawn.channel_shift == 0)
    for number in np.flatnonzero(~neutral):
        target = changed[number]
        cv2.LUT(target, _levels(target, drawn.channel_shift[number], drawn.brightness[number]), dst=target)
    return changed


def variants(
    images: np.ndarray,
    augmentation: Augmentation,
    kind: str,
    seeds: Sequence[tuple[int, ...]],
) -> np.ndarray:
    """Draw parameters and apply them: (n, height, width, channels) uint8 and n seeds -> the same shape, uint8."""
    if augmentation.changes_nothing:
        return images
    return apply(images, draw(augmentation, seeds), *fill(augmentation, kind))


def resized(images: np.ndarray, size: int) -> np.ndarray:
    """Resize a batch bilinearly, (n, height, width, channels) uint8 -> (n, size, size, channels) uint8."""
    if images.shape[2] == size:
        return images
    return np.stack([cv2.resize(image, (size, size)) for image in images]).reshape(len(images), size, size, -1)


def source_positions(transform: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Compute the position in the input of each output pixel: x and y, (height, width) float32, in pixels."""
    across, down = np.arange(width), np.arange(height)
    x, y = (
        (a * across + c).astype(np.float32) + (b * down).astype(np.float32)[:, np.newaxis] for a, b, c in transform[:2]
    )
    return x, y


def is_outside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Find positions outside the image, beyond the centers of its last pixels: (height, width) bool."""
    height, width = x.shape
    return (np.abs(x - (width - 1) / 2) > (width - 1) / 2 + ROUNDING) | (
        np.abs(y - (height - 1) / 2) > (height - 1) / 2 + ROUNDING
    )


def _wrapped(position: np.ndarray, side: int) -> np.ndarray:
    """Wrap positions as SciPy does, with a period one pixel less than the side: the last pixel lies on the first."""
    if side == 1:
        return np.zeros_like(position)
    return np.where((position < 0) | (position > side - 1), position % (side - 1), position)


def _levels(image: np.ndarray, shift: float, factor: float) -> np.ndarray:
    """Compute what each of the 256 levels of an image, (h, w, c) uint8, becomes: (256,) uint8.

    As in Keras, a shift is clipped to the image's own darkest and lightest level, and brightness truncates.
    """
    low, high, _, _ = cv2.minMaxLoc(image.reshape(len(image), -1))
    shifted = np.rint(np.clip(np.arange(256) + shift, low, high)) if shift else np.arange(256)
    return np.clip(shifted * factor, 0, 255).astype(np.uint8)
