"""Where an augmentation can break a picture or its label: measured, and told as notes for people."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from core.augmentation import transforms
from core.augmentation.transforms import Draw
from core.data.manifest import Note
from core.i18n import N_

MUCH_LOST = 0.25  # a variant that loses more of the content than this no longer shows what it is
OFTEN = 0.05
FALSE_INK = 0.02
FEW = 40  # draws are enough to find false ink
FEWEST_PIXELS = 16
LONGEST_SHAPE = 3  # times as wide as high, or the reverse
GRID = 48  # content is looked at on a grid this fine
NOTICEABLE = 0.1


class Mirrored(NamedTuple):
    """What a network says of one class's images as they are, and mirrored: shares from 0 to 1, of n images."""

    label: str
    n: int
    right: float
    right_mirrored: float
    changed: int  # images of which one of the two answers is right
    taken_for: str  # the class most of the mirrored mistakes name


def of_picture(rgb: np.ndarray, size: tuple[int, int], kind: str, transparent: bool = False) -> list[Note]:
    """What a person should know of a picture, (h, w, 3) uint8, before it is augmented.

    `size`: the width and height it came with, which may be larger; `transparent`: whether it had an alpha channel.
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
        notes.append(
            Note(
                N_("Transparent parts of the image are laid on white, or on black where the image itself is white."), {}
            )
        )
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


def content(shown: np.ndarray, kind: str) -> np.ndarray:
    """Where what matters is in an image, (h, w, channels) uint8: weights of sum 1, (h', w') with at most GRID a side.

    A drawing's ink; of a photo, what differs from the colour of its border. All zero where there is nothing.
    """
    pixels = shown.astype(np.float32)
    if kind == "drawing":
        weights = transforms.PAPER - pixels.min(axis=2)
    else:
        border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        weights = np.maximum(np.abs(pixels - np.median(border, axis=0)).max(axis=2) - 32, 0)
    height, width = weights.shape
    weights = cv2.resize(weights, (min(GRID, width), min(GRID, height)), interpolation=cv2.INTER_AREA)
    return weights / max(float(weights.sum()), 1e-6)


def lost(weights: np.ndarray, drawn: Draw) -> np.ndarray:
    """The share of the content, (h, w) weights of sum 1, that each of n draws moves out of the frame: (n,) 0..1."""
    height, width = weights.shape
    y, x = np.nonzero(weights)
    forward = np.linalg.inv(transforms.matrices(drawn, height, width))
    moved = forward[:, :2] @ np.stack([x, y, np.ones_like(x)])  # (n, 2, pixels)
    outside = (np.abs(moved[:, 0] - (width - 1) / 2) > width / 2) | (
        np.abs(moved[:, 1] - (height - 1) / 2) > height / 2
    )
    return outside @ weights[y, x]


def false_ink(shown: np.ndarray, drawn: Draw, mode: str, value: int) -> float:
    """The share of the dark in a drawing's variants that the fill put there, 0..1."""
    pictures = np.broadcast_to(shown, (len(drawn.rotation), *shown.shape))
    ink = transforms.PAPER - transforms.apply(pictures, drawn, mode, value).astype(np.float32).min(axis=3)
    outside = [
        transforms.is_outside(*transforms.places(m, *ink.shape[1:])) for m in transforms.matrices(drawn, *ink.shape[1:])
    ]
    return float(ink[np.stack(outside)].sum() / max(float(ink.sum()), 1e-6))


def of_draws(shown: np.ndarray, drawn: Draw, kind: str, mode: str, value: int) -> list[Note]:
    """What goes wrong with an image, (h, w, channels) uint8, in these draws and with this fill."""
    notes = []
    shares = lost(content(shown, kind), drawn)
    often = float((shares > MUCH_LOST).mean())
    if often > OFTEN:
        text = {
            "drawing": N_("{often:.0%} of the variants push more than a quarter of the ink out of the frame, the worst "
                          "one {worst:.0%}. Lower the shifts or the zoom."),
            "photo": N_("{often:.0%} of the variants push more than a quarter of the foreground (what differs from "
                        "the border's color) out of the frame, the worst one {worst:.0%}. Lower the shifts or the "
                        "zoom."),
        }[kind]  # fmt: skip
        notes.append(Note(text, {"often": often, "worst": float(shares.max())}))
    if kind == "drawing" and (mode, value) != ("constant", transforms.PAPER):
        few = Draw(**{name: values[:FEW] for name, values in vars(drawn).items()})
        share = false_ink(shown, few, mode, value)
        if share > FALSE_INK:
            text = N_("{share:.0%} of the dark pixels in these variants are not ink: the fill mode painted them. "
                      "Choose “Automatic”, which fills with white.")  # fmt: skip
            notes.append(Note(text, {"share": share}))
    return notes


def mirrored(classes: Sequence[str], truth: np.ndarray, plain: np.ndarray, flipped: np.ndarray) -> list[Mirrored]:
    """For each class how often it is recognised, as it is and mirrored: (n,) indices of truth and of both answers."""
    rows = []
    for index, label in enumerate(classes):
        own = truth == index
        wrong = flipped[own & (flipped != index)]
        taken_for = classes[int(np.bincount(wrong).argmax())] if len(wrong) else ""
        if own.any():
            right, right_mirrored = plain[own] == index, flipped[own] == index
            changed = int((right != right_mirrored).sum())
            rows.append(
                Mirrored(label, len(right), float(right.mean()), float(right_mirrored.mean()), changed, taken_for)
            )
    return rows


def is_confused(row: Mirrored) -> bool:
    """Whether mirroring costs a class notably: a tenth of its images, and more than chance does (McNemar's test)."""
    fewer = (row.right - row.right_mirrored) * row.n
    return fewer >= NOTICEABLE * row.n and fewer > 1.96 * math.sqrt(row.changed)
