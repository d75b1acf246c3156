"""Whether two pictures show the same: one is laid over the other, and their detail is compared place by place.

Photos of different things on one sheet of paper under one lamp correlate by 0.99 and more: nearly all that a whole
picture varies by is then its background. So the smooth background is taken out first, and what is left has to agree
wherever either picture has some of it: a thing that only one of the two shows is a place without agreement.
"""

from typing import NamedTuple

import cv2
import numpy as np

ECC_STEPS = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-4)
LARGEST_STRETCH, LARGEST_CROP, LARGEST_SHEAR = 1.2, 1.14, 0.08
LARGEST_SHIFT = 0.19  # share of the side, of pictures full of detail
OUTSIDE = 0.015  # share of the side by which the smaller part may leave the whole, of pictures with little in them
CELLS = 16  # a side, in which coarse colours are compared
FAINT = 6.0  # levels of 255: a sheet without more detail anywhere is bare paper, and shows nothing
GRAIN = 1 / 6  # in parts of the background's scale: what is finer is noise, or lost by compression


class Agreement(NamedTuple):
    """How far the detail of two pictures agrees. A copy has nearly 1, 1, its change of contrast, and any cover."""

    whole: float  # correlation, -1..1
    worst: float  # correlation where it is lowest, among places with detail, -1..1
    gain: float  # contrast of the second in parts of the first's
    cover: float  # share of the picture that has detail, 0..1

    def reaches(self, whole: float, worst: float, gain: float) -> bool:
        return self.whole >= whole and self.worst >= worst and 1 / gain <= self.gain <= gain


def of_part(part: tuple[float, float, float], side: int) -> np.ndarray:
    """(2, 3) float32: where the pixels of a picture of this part (left, top, side, as shares) lie in the whole."""
    left, top, share = part
    inset = (share - 1) / 2  # pixels are counted from their centres
    return np.array([[share, 0, left * side + inset], [0, share, top * side + inset]], np.float32)


def scaled(warp: np.ndarray, side: int, wanted: int) -> np.ndarray:
    """A warp between pictures of `side` pixels, for the same pictures with `wanted` pixels."""
    scale = wanted / side
    inset = (scale - 1) / 2
    result = warp.copy()
    result[:, 2] = warp[:, 2] * scale + inset - warp[:, :2].sum(axis=1) * inset
    return result


def detail(picture: np.ndarray, background: float) -> np.ndarray:
    """What is left of (side, side) without its background and its grain: float32. `background`: pixels."""
    fine = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), GRAIN * background)
    return fine - cv2.GaussianBlur(fine, (0, 0), background)


def agreement(one: np.ndarray, other: np.ndarray, warp: np.ndarray, background: float) -> Agreement:
    """Compare the detail of two pictures, (side, side) uint8, where the first, by `warp`, lies under the second."""
    size, flags = other.shape, cv2.WARP_INVERSE_MAP
    laid = cv2.warpAffine(one, warp, size, flags=flags | cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(np.ones(size, np.float32), warp, size, flags=flags | cv2.INTER_NEAREST)
    if inside.mean() < 1 / 2:
        return Agreement(0.0, 0.0, 0.0, 0.0)
    a, b = detail(laid, background) * inside, detail(other, background) * inside
    aa, bb, ab = (float((x * y).sum()) for x, y in ((a, a), (b, b), (a, b)))
    if min(aa, bb) <= 0:
        return Agreement(0.0, 0.0, 0.0, 0.0)
    gain = np.sqrt(bb / aa)
    # Energy of both, and what one explains of the other, around each pixel.
    energy, common = (
        cv2.GaussianBlur(values, (0, 0), 1.25 * background)
        for values in ((gain * a) ** 2 + b**2, 2 * gain * a * b)
    )  # fmt: skip
    if energy.max() < 2 * FAINT**2:
        return Agreement(0.0, 0.0, 0.0, 0.0)
    told = (inside > 0) & (energy > energy[inside > 0].mean() / 2)
    return Agreement(ab / np.sqrt(aa * bb), float((common[told] / energy[told]).min()), float(gain), float(told.mean()))


def apart(one: np.ndarray, other: np.ndarray, warp: np.ndarray) -> float:
    """How far coarse colours are apart, in levels of 255, where the first picture, by `warp`, lies under the second.

    Both are (side, side, 3) uint8. What brightness, contrast or a tint changes in all of the picture does not count.
    """
    size, flags = other.shape[:2], cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    laid = cv2.warpAffine(one, warp, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(np.ones(size, np.float32), warp, size, flags=flags)
    cells = [cv2.resize(picture, (CELLS, CELLS), interpolation=cv2.INTER_AREA) for picture in (laid, other, inside)]
    a, b = (picture[cells[2] > 0.99].astype(np.float32) for picture in cells[:2])
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    gain = float((a * b).sum() / max((a * a).sum(), 1e-6))
    return float(np.sqrt(np.square(gain * a - b).mean()))


def moved(one: np.ndarray, other: np.ndarray, warp: np.ndarray) -> np.ndarray:
    """The affine warp near `warp` that lays one picture best over another (ECC: Evangelidis, Psarakis, PAMI 2008)."""
    try:
        return cv2.findTransformECC(other, one, warp.copy(), cv2.MOTION_AFFINE, ECC_STEPS, None, 1)[1]
    except cv2.error:  # it did not converge: the two are not alike
        return warp


def plausible(warp: np.ndarray, side: int, sparse: bool) -> bool:
    """Whether a copy may lie so. Where there is little to see, nothing but a crop may have moved it."""
    stretches = np.array([warp[0, 0], warp[1, 1]])
    largest = LARGEST_CROP if sparse else LARGEST_STRETCH
    if (
        stretches.min() < 1 / largest
        or stretches.max() > largest
        or max(abs(warp[0, 1]), abs(warp[1, 0])) > LARGEST_SHEAR
    ):
        return False
    middle = (side - 1) / 2
    shift = np.abs(warp @ np.array([middle, middle, 1]) - middle) / side
    if not sparse:
        return bool(shift.max() <= LARGEST_SHIFT)
    # How far the part ends outside of the whole, whichever of the two pictures is the part.
    return bool((shift - np.abs(1 - stretches) / 2).max() <= OUTSIDE)
