"""Images that are the same, or the same but for size, compression, a crop, a mirror or brightness.

A perceptual hash as ImageHash's phash keeps the signs of an image's lowest frequencies (discrete cosine transform of a
32 by 32 grey image). Here the frequencies themselves are kept, for distances between them are finer than differing
signs: a k-d tree finds each image's few nearest neighbours in them, as it is, mirrored and slightly cropped. What is
found is then laid over the other image and compared pixel by pixel. Of each image's
neighbours only a few are looked at, so the work stays bounded where everything is alike.
"""

from collections.abc import Callable, Iterable

import cv2
import numpy as np
from scipy.fft import dct
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from core.checks.measures import THUMB

ORDER = 6  # frequencies (u, v) with 0 < u + v < ORDER: 20 numbers
NEIGHBOURS = 4
WHOLE = (0.0, 0.0, 1.0)
CROPS = (WHOLE, (0.025, 0.025, 0.95), (0.05, 0.05, 0.9), *((x, y, 0.93) for x in (0.0, 0.07) for y in (0.0, 0.07)))
"""Parts of an image that are asked for: left, top and side, as shares of its sides."""
CHUNK = 1024
FLAT = 4.0  # levels of 255: with less deviation there is nothing to compare
LIKE_AS_IT_LIES = 0.985  # correlation from which no alignment is needed
ECC_STEPS = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-4)
LARGEST_STRETCH, LARGEST_SHEAR, LARGEST_SHIFT = 1.2, 0.08, 6.0  # shift in pixels of the THUMB
_DCT = dct(np.eye(THUMB), axis=0, norm="ortho")[:ORDER]
_U, _V = np.mgrid[:ORDER, :ORDER]
_LOW = (_U + _V > 0) & (_U + _V < ORDER)


def exact_groups(hashes: Iterable[np.ndarray]) -> np.ndarray:
    """Number the images, (n,) int: equal numbers where any of the hashes, each (n,) with 0 for none, are equal."""
    pairs = []
    for values in hashes:
        order = np.argsort(values, kind="stable")
        same = (values[order][1:] == values[order][:-1]) & (values[order][1:] != 0)
        pairs.append(np.stack([order[:-1][same], order[1:][same]], axis=1))
    return components(np.concatenate(pairs), len(values))


def components(pairs: np.ndarray, n: int) -> np.ndarray:
    """Number n images, (n,) int: equal numbers where a chain of pairs, (m, 2) int, connects them."""
    graph = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), (n, n))
    return connected_components(graph, directed=False)[1]


def near_pairs(
    thumbs: np.ndarray, radius: float, near: float, like: float, align: bool, on_progress: Callable[[int, int], None]
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of images that show the same: (m, 2) int, and which of them are mirrored: (m,) bool.

    thumbs: (n, THUMB, THUMB) uint8 grey, best without exact duplicates. Candidates are at most `radius` apart in their
    low frequencies (2 at most). Where `align`, one is laid over the other by an affine transform (Evangelidis and
    Psarakis, ECC, PAMI 2008) before they are correlated; they are the same from a correlation of `like` on, or, at most
    `near` apart, of 0.8 on. on_progress(done, total) may raise to stop.
    """
    kept = np.flatnonzero(thumbs.reshape(-1, THUMB * THUMB).std(axis=1) >= FLAT)
    if len(kept) < 2:
        return np.empty((0, 2), int), np.empty(0, bool)
    candidates = _candidates(thumbs[kept], radius)
    pairs, mirrors = [], []
    for done, ((whole, part), (distance, mirrored, crop)) in enumerate(candidates.items()):
        if done % CHUNK == 0:
            on_progress(done, len(candidates))
        one, other = thumbs[kept[whole]], thumbs[kept[part]]
        if mirrored:
            one = np.ascontiguousarray(one[:, ::-1])
        score = correlation(one, other)
        if align and score < LIKE_AS_IT_LIES:
            score = max(score, aligned(one, other, crop))
        if score >= (0.8 if align and distance <= near else like):
            pairs.append(sorted((kept[whole], kept[part])))
            mirrors.append(mirrored)
    return np.array(pairs, int).reshape(-1, 2), np.array(mirrors, bool)


_NONE = (np.inf, True, WHOLE)
Way = tuple[float, bool, tuple[float, float, float]]
"""How far apart two images are, whether the first is mirrored, and which part of it the second shows."""


def _candidates(thumbs: np.ndarray, radius: float) -> dict[tuple[int, int], Way]:
    """{(whole, part): the way in which they are nearest}; each pair once, either way round."""
    tree = cKDTree(frequencies(thumbs, WHOLE, mirrored=False))
    found: dict[tuple[int, int], Way] = {}
    for mirrored in (False, True):
        for crop in CROPS:
            asked = frequencies(thumbs, crop, mirrored)
            distances, others = tree.query(asked, NEIGHBOURS, distance_upper_bound=radius, workers=-1)
            for one, place in zip(*np.nonzero(np.isfinite(distances)), strict=True):
                other, way = int(others[one, place]), (float(distances[one, place]), mirrored, crop)
                pair, reverse = (int(one), other), (other, int(one))
                if other != one and way < found.get(pair, _NONE) and way < found.get(reverse, _NONE):
                    found.pop(reverse, None)
                    found[pair] = way
    return found


def frequencies(thumbs: np.ndarray, crop: tuple[float, float, float], mirrored: bool) -> np.ndarray:
    """Low frequencies of this part of each of (n, THUMB, THUMB) uint8, as it is or mirrored: (n, 20) float32.

    Divided by the image's contrast, so that neither brightness nor contrast changes them.
    """
    left, top, side = crop
    rows, columns = ((_DCT @ _resampling(start, side)).astype(np.float32) for start in (top, left))
    if mirrored:  # the part is taken of the mirrored picture
        columns = columns[:, ::-1]
    low = np.empty((len(thumbs), _LOW.sum()), np.float32)
    for start in range(0, len(thumbs), CHUNK):
        part = thumbs[start : start + CHUNK].astype(np.float32)
        values = rows @ part @ columns.T
        low[start : start + CHUNK] = values[:, _LOW] / (THUMB * part.reshape(len(part), -1).std(axis=1))[:, None]
    return low


def _resampling(start: float, share: float) -> np.ndarray:
    """(THUMB, THUMB): makes of one row of pixels the part of it from `start` on, linearly interpolated."""
    at = np.clip((start + (np.arange(THUMB) + 0.5) / THUMB * share) * THUMB - 0.5, 0, THUMB - 1)
    left = np.minimum(at.astype(int), THUMB - 2)
    matrix = np.zeros((THUMB, THUMB))
    matrix[np.arange(THUMB), left] = 1 - (at - left)
    matrix[np.arange(THUMB), left + 1] = at - left
    return matrix


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Of two pictures of one shape, -1..1."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def aligned(one: np.ndarray, other: np.ndarray, crop: tuple[float, float, float]) -> float:
    """The correlation of (THUMB, THUMB) uint8 pictures once one is laid over the other, 0 where that takes too much.

    `crop`: the part of the first picture that the second is thought to show.
    """
    left, top, side = crop
    middle = (THUMB - 1) / 2
    inset = (side - 1) / 2  # pixels are counted from their centres
    warp = np.array([[side, 0, left * THUMB + inset], [0, side, top * THUMB + inset]], np.float32)
    try:
        score, warp = cv2.findTransformECC(other, one, warp, cv2.MOTION_AFFINE, ECC_STEPS, None, 1)
    except cv2.error:  # it did not converge: the two are not alike
        return 0.0
    stretches = np.array([warp[0, 0], warp[1, 1]])
    centre = warp @ np.array([middle, middle, 1]) - middle
    plausible = (
        np.all((stretches < LARGEST_STRETCH) & (stretches > 1 / LARGEST_STRETCH))
        and max(abs(warp[0, 1]), abs(warp[1, 0])) < LARGEST_SHEAR
        and np.abs(centre).max() < LARGEST_SHIFT
    )
    return float(score) if plausible else 0.0
