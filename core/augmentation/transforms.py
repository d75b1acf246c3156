"""Random variants of training images: drawn in one function, applied in another, as one affine transform an image.

The meaning of each parameter, and the order in which they compose (rotation, shift, shear, zoom, channel shift, flips,
brightness), is that of Keras' `ImageDataGenerator.apply_transform` (keras.src.legacy.preprocessing.image), which
transforms one image at a time. Its shear has been in degrees since 2018; ours is too. docs/augmentation.md lists what
differs. The server's preview and a worker's training both call `variants`, with seeds from `seed`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from core.config import Augmentation

PAPER = 255
_BORDERS = {
    "nearest": cv2.BORDER_REPLICATE,
    "reflect": cv2.BORDER_REFLECT,
    "constant": cv2.BORDER_REPLICATE,  # OpenCV's own means something else than SciPy's, and so Keras': see `apply`
}
ROUNDING = 1e-3  # pixels: what is this little outside the image counts as its edge


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
    brightness: np.ndarray  # factors
    channel_shift: np.ndarray  # levels of 255


def still(n: int) -> Draw:
    """n draws that change nothing; `dataclasses.replace` sets single parameters."""
    zero, one, no = np.zeros(n), np.ones(n), np.zeros(n, bool)
    return Draw(zero, zero, zero, zero, one, one, no, no, one, zero)


def seed(content: str, run_seed: int, number: int) -> tuple[int, int, int]:
    """The seed of an image's `number`-th variant, by its content's hash: no image's variant depends on the others."""
    return int(content[:12], 16), run_seed, number


def draw(augmentation: Augmentation, seeds: Sequence[tuple[int, ...]]) -> Draw:
    """Draw parameters for one image for each of the n seeds, alike wherever and beside whatever else it is drawn.

    Every parameter uses up the same random numbers whatever the ranges are, so changing one knob leaves the others'
    draws as they were.
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
    """n draws in which the knob `name` goes from the least to the most it draws at `reach`, and nothing else moves.

    A flip has two draws, off and on, whatever n.
    """
    if name.endswith("_flip"):
        return replace(still(2), **{name: np.array([False, True])})
    steps = np.linspace(-reach, reach, n)
    if name == "zoom":
        return replace(still(n), width_zoom=1 + steps, height_zoom=1 + steps)
    return replace(still(n), **{name: 1 + steps if name == "brightness" else steps})


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
    """What lies outside the image: a fill mode of Keras, and the level of "constant", 0..255.

    "auto" is Keras' default for photos, which repeats the edge, and white paper for drawings.
    """
    if augmentation.fill_mode == "auto":
        return ("constant", PAPER) if kind == "drawing" else ("nearest", 0)
    return augmentation.fill_mode, augmentation.fill_value


def apply(images: np.ndarray, drawn: Draw, mode: str, value: int) -> np.ndarray:
    """Transform a batch, bilinearly: (n, height, width, channels) uint8 and n draws -> the same shape, uint8.

    `mode` and `value` as `fill` gives them.
    """
    changed = np.empty(images.shape, np.uint8)
    height, width = images.shape[1:3]
    transforms = matrices(drawn, height, width)
    for image, transform, target in zip(images, transforms, changed, strict=True):
        if mode == "wrap":
            x, y = places(transform, height, width)
            cv2.remap(image, _wrapped(x, width), _wrapped(y, height), cv2.INTER_LINEAR, dst=target)
            continue
        cv2.warpAffine(
            image, transform[:2], (width, height), dst=target, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=_BORDERS[mode],
        )  # fmt: skip
        if mode == "constant":
            target[is_outside(*places(transform, height, width))] = value
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
    """Draw and apply: (n, height, width, channels) uint8 and n seeds -> the same shape, uint8."""
    if augmentation.changes_nothing:
        return images
    return apply(images, draw(augmentation, seeds), *fill(augmentation, kind))


def shrunk(images: np.ndarray, size: int) -> np.ndarray:
    """(n, height, width, channels) uint8 -> (n, size, size, channels) uint8, bilinearly; as they are if that wide."""
    if images.shape[2] == size:
        return images
    return np.stack([cv2.resize(image, (size, size)) for image in images]).reshape(len(images), size, size, -1)


def places(transform: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each output pixel's value lies in the input: x and y, (height, width) float32, in pixels."""
    across, down = np.arange(width), np.arange(height)
    x, y = (
        (a * across + c).astype(np.float32) + (b * down).astype(np.float32)[:, np.newaxis] for a, b, c in transform[:2]
    )
    return x, y


def is_outside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Which places of (height, width) lie outside the image, (height, width) bool; up to its last pixels' centres."""
    height, width = x.shape
    return (np.abs(x - (width - 1) / 2) > (width - 1) / 2 + ROUNDING) | (
        np.abs(y - (height - 1) / 2) > (height - 1) / 2 + ROUNDING
    )


def _wrapped(place: np.ndarray, side: int) -> np.ndarray:
    """SciPy's "wrap", whose period is one pixel less than the side: its last pixel lies upon its first."""
    period = max(side - 1, 1)
    return np.where((place < 0) | (place > side - 1), place % period, place) if side > 1 else np.zeros_like(place)


def _levels(image: np.ndarray, shift: float, factor: float) -> np.ndarray:
    """The level that each of the 256 levels of (h, w, c) uint8 becomes: (256,) uint8.

    As in Keras, a shift is clipped to the image's own darkest and lightest level, and brightness truncates.
    """
    low, high, _, _ = cv2.minMaxLoc(image.reshape(len(image), -1))
    shifted = np.rint(np.clip(np.arange(256) + shift, low, high)) if shift else np.arange(256)
    return np.clip(shifted * factor, 0, 255).astype(np.uint8)
