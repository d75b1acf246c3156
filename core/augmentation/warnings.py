"""Measure where an augmentation can spoil an image or its label, and warn people of it."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from core.augmentation import transforms
from core.augmentation.transforms import Draw
from core.data.manifest import Note
from core.i18n import N_

MUCH_LOST = 0.25  # a variant that loses a larger share of the content no longer shows what it is
OFTEN = 0.05  # a share of the draws
FALSE_INK = 0.02  # a share of the dark
FEW = 40  # draws are enough to find false ink
FEWEST_PIXELS = 16
LONGEST_SHAPE = 3  # times as wide as high, or the reverse
GRID = 48  # the resolution at which content is located
NOTICEABLE = 0.1  # a share of the images of a class


class FlipEffect(NamedTuple):
    """How well a network recognizes flipped images of a class.

    Attributes:
        label: The class.
        n: The number of images.
        accuracy: The accuracy on the images as they are, 0..1.
        accuracy_flipped: The accuracy on the flipped images, 0..1.
        changed: How many images are classified correctly either as they are or flipped, but not both.
        predicted: The class that most flipped images are mistaken for.
    """

    label: str
    n: int
    accuracy: float
    accuracy_flipped: float
    changed: int
    predicted: str


def of_image(rgb: np.ndarray, size: tuple[int, int], kind: str, transparent: bool = False) -> list[Note]:
    """Warn of an image before it is augmented.

    Args:
        rgb: (h, w, 3) uint8.
        size: The width and height of its file, which may be larger.
        kind: "photo" or "drawing".
        transparent: Whether the file has an alpha channel.
    """
    width, height = size
    notes = []
    if min(height, width) < FEWEST_PIXELS:
        text = N_("The image is only {width} x {height} pixels, so there is hardly anything to see. Use a larger one.")
        notes.append(Note(text, {"width": width, "height": height}))
    if kind == "photo" and max(height, width) > LONGEST_SHAPE * min(height, width):
        text = N_(
            "The image is {width} x {height} pixels, so it is badly distorted when resized to a square. Crop it first."
        )
        notes.append(Note(text, {"width": width, "height": height}))
    if transparent:
        text = N_("Transparent parts of the image are laid on white, or on black where the image itself is white.")
        notes.append(Note(text, {}))
    if kind == "photo" and np.ptp(rgb, axis=2).max() == 0:
        notes.append(Note(N_("The image has no color: the network sees three equal channels."), {}))
    if rgb.max() == 1:
        text = N_(
            "The brightest pixel is 1 of 255: the image was probably saved after rescaling by 1/255. Models here "
            "rescale their input themselves, and rescaling twice leaves nothing to see. Use the image with values "
            "from 0 to 255."
        )
        notes.append(Note(text, {}))
    return notes


def content(image: np.ndarray, kind: str) -> np.ndarray:
    """Locate the content of an image: a drawing's ink, or what differs from the color of a photo's border.

    Args:
        image: (h, w, channels) uint8.
        kind: "photo" or "drawing".

    Returns:
        Weights of sum 1, or all 0 where there is no content: (h', w') float32 with at most GRID on a side.
    """
    pixels = image.astype(np.float32)
    if kind == "drawing":
        weights = transforms.PAPER - pixels.min(axis=2)
    else:
        border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        weights = np.maximum(np.abs(pixels - np.median(border, axis=0)).max(axis=2) - 32, 0)
    height, width = weights.shape
    weights = cv2.resize(weights, (min(GRID, width), min(GRID, height)), interpolation=cv2.INTER_AREA)
    return weights / max(float(weights.sum()), 1e-6)


def lost(weights: np.ndarray, drawn: Draw) -> np.ndarray:
    """Compute the share of the content that each of n draws moves out of the frame.

    Args:
        weights: Where the content is, (h, w) of sum 1.
        drawn: n draws.

    Returns:
        (n,) 0..1.
    """
    height, width = weights.shape
    y, x = np.nonzero(weights)
    forward = np.linalg.inv(transforms.matrices(drawn, height, width))
    moved = forward[:, :2] @ np.stack([x, y, np.ones_like(x)])  # (n, 2, pixels)
    outside = (np.abs(moved[:, 0] - (width - 1) / 2) > width / 2) | (
        np.abs(moved[:, 1] - (height - 1) / 2) > height / 2
    )
    return outside @ weights[y, x]


def false_ink(image: np.ndarray, drawn: Draw, mode: str, value: int) -> float:
    """Compute the share of the dark in a drawing's variants that comes from the fill, 0..1."""
    images = np.broadcast_to(image, (len(drawn.rotation), *image.shape))
    ink = transforms.PAPER - transforms.apply(images, drawn, mode, value).astype(np.float32).min(axis=3)
    outside = [
        transforms.is_outside(*transforms.source_positions(m, *ink.shape[1:]))
        for m in transforms.matrices(drawn, *ink.shape[1:])
    ]
    return float(ink[np.stack(outside)].sum() / max(float(ink.sum()), 1e-6))


def of_draws(image: np.ndarray, drawn: Draw, kind: str, mode: str, value: int) -> list[Note]:
    """Warn of what goes wrong with an image, (h, w, channels) uint8, in these draws and with this fill."""
    notes = []
    shares = lost(content(image, kind), drawn)
    often = float((shares > MUCH_LOST).mean())
    if often > OFTEN:
        text = {
            "drawing": N_(
                "{often:.0%} of the variants push more than a quarter of the ink out of the frame, the worst one "
                "{worst:.0%}. Lower the shifts or the zoom."
            ),
            "photo": N_(
                "{often:.0%} of the variants push more than a quarter of the foreground (what differs from the "
                "border's color) out of the frame, the worst one {worst:.0%}. Lower the shifts or the zoom."
            ),
        }[kind]
        notes.append(Note(text, {"often": often, "worst": float(shares.max())}))
    if kind == "drawing" and (mode, value) != ("constant", transforms.PAPER):
        few = Draw(**{name: values[:FEW] for name, values in vars(drawn).items()})
        share = false_ink(image, few, mode, value)
        if share > FALSE_INK:
            text = N_(
                "{share:.0%} of the dark pixels in these variants are not ink: the fill mode painted them. Choose "
                "“Automatic”, which fills with white."
            )
            notes.append(Note(text, {"share": share}))
    return notes


def flip_effects(classes: Sequence[str], truth: np.ndarray, plain: np.ndarray, flipped: np.ndarray) -> list[FlipEffect]:
    """Compare for each class the predictions for images as they are and flipped.

    Args:
        classes: The names of the classes.
        truth: The index of each image's class, (n,).
        plain: The predicted index for each image, (n,).
        flipped: The predicted index for each flipped image, (n,).
    """
    rows = []
    for index, label in enumerate(classes):
        own = truth == index
        wrong = flipped[own & (flipped != index)]
        predicted = classes[int(np.bincount(wrong).argmax())] if len(wrong) else ""
        if own.any():
            right, right_flipped = plain[own] == index, flipped[own] == index
            changed = int((right != right_flipped).sum())
            rows.append(
                FlipEffect(label, len(right), float(right.mean()), float(right_flipped.mean()), changed, predicted)
            )
    return rows


def is_confused(row: FlipEffect) -> bool:
    """Whether flipping costs a class accuracy: a tenth of its images, and more than by chance (McNemar's test)."""
    fewer = (row.accuracy - row.accuracy_flipped) * row.n
    return fewer >= NOTICEABLE * row.n and fewer > 1.96 * math.sqrt(row.changed)
