"""Scores of single images: arrays of measures in, arrays out. The formulas are CleanVision's where it has one."""

import numpy as np
from PIL import Image

from core.checks.measures import FORMATS


def dark(rows: np.ndarray) -> np.ndarray:
    """Brightness of all but the brightest 1% of pixels, (n,) 0..1; low is bad."""
    return rows["dark_end"]


def bright(rows: np.ndarray) -> np.ndarray:
    """Darkness of all but the darkest 5% of pixels, (n,) 0..1; low is bad."""
    return 1 - rows["light_end"]


DETAIL = 1.45  # a detail of 0.2, which is waves of a fifth of the picture's side, meets CleanVision's limit of 0.29


def sharpness(rows: np.ndarray) -> np.ndarray:
    """Deviation of an edge image and of the histogram, (n,) 0..1; low is blurry.

    CleanVision's edge image keeps the outermost pixels as they are, so that a bright border looks sharp. Where less is
    found by the Laplacian in parts of the contrast (after Pech-Pacheco et al. 2000), that counts.
    """
    edges, spread = (1 - np.exp(-0.01 * rows[name]) for name in ("edges", "histogram"))
    return np.minimum(np.minimum(edges + np.where(spread <= 0.18, 0, spread), 1), DETAIL * rows["detail"])


def information(rows: np.ndarray) -> np.ndarray:
    """Entropy of the histogram in units of 10 bits, (n,) 0..1; low is bad."""
    return np.minimum(rows["entropy"] / 10, 1)


def squareness(rows: np.ndarray) -> np.ndarray:
    """Shorter over longer side, (n,) 0..1; low is bad."""
    sides = np.stack([rows["width"], rows["height"]]).astype(float)
    return sides.min(axis=0) / sides.max(axis=0)


def usual_size(rows: np.ndarray, iqr_factor: float) -> np.ndarray:
    """How far sizes (root of the area) lie inside the usual range, (n,): below 0 they are outside of it.

    The usual range ends `iqr_factor` interquartile ranges outside of the quartiles (Tukey 1977).
    """
    size = np.sqrt(rows["width"].astype(float) * rows["height"])
    low, high = np.percentile(size, (25, 75))
    reach = iqr_factor * (high - low)
    return np.minimum(size - (low - reach), (high + reach) - size) / size


def rare(flags: np.ndarray, most: float) -> np.ndarray:
    """The (n,) bool as they are where at most this share is true; else none: then it is how the set is."""
    return flags & (flags.sum() <= most * len(flags))


def wrong_suffix(names: list[str], formats: np.ndarray) -> np.ndarray:
    """Whether the name promises another format than the file has, (n,) bool; `formats` are indices in FORMATS."""
    promised = [Image.registered_extensions().get("." + name.rpartition(".")[2].lower()) for name in names]
    family = {"MPO": "JPEG", "DIB": "BMP"}
    return np.array([
        family.get(promise, promise) != family.get(FORMATS[index], FORMATS[index])
        for promise, index in zip(promised, formats, strict=True)
    ], bool)  # fmt: skip
