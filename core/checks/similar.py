"""Images that are the same, or the same but for size, compression, a crop, a mirror or brightness.

A perceptual hash as ImageHash's phash keeps the signs of an image's lowest frequencies (discrete cosine transform of a
32 by 32 grey image). Here the frequencies themselves are kept, for distances between them are finer than differing
signs: a k-d tree finds each image's few nearest neighbours in them, as it is, mirrored and slightly cropped. What is
found is then laid over the other image, and their detail is compared (core.checks.overlay), first small, then larger.
Of each image's neighbours only a few are looked at, so the work stays bounded where everything is alike.
"""

from collections.abc import Callable, Iterable

import cv2
import numpy as np
from scipy.cluster.hierarchy import DisjointSet
from scipy.fft import dct
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from core.checks import overlay
from core.checks.measures import THUMB
from core.checks.overlay import Agreement

ORDER = 6  # frequencies (u, v) with 0 < u + v < ORDER: 20 numbers
NEIGHBOURS = 4
WHOLE = (0.0, 0.0, 1.0)
CROPS = (WHOLE, (0.025, 0.025, 0.95), (0.05, 0.05, 0.9), *((x, y, 0.93) for x in (0.0, 0.07) for y in (0.0, 0.07)))
"""Parts of an image that are asked for: left, top and side, as shares of its sides."""
CHUNK = 1024
FLAT = 4.0  # levels of 255: with less deviation there is nothing to compare
PROGRESS = 128  # candidates from one report to the next
FINE, FINEST = 128, 32  # pixels, largest and smallest side of the pictures in which detail is compared
SMOOTH = 2.0  # pixels of a thumb: what is smoother is background
SMOOTH_FINE = 1 / 32  # the same of a larger picture, as a share of its side
HOPELESS = {"whole": 0.25, "worst": -0.1}  # agreement below which no alignment helps
GOOD = 0.97  # agreement from which none is needed
THUMBS_AGREE = {"worst": 0.2, "gain": 1.7}
PICTURES_AGREE = {"whole": 0.88, "worst": 0.6, "gain": 1.6}
SPARSE = 0.25  # share of the picture with detail up to which it has little
APART = 3.0  # levels of 255, between coarse colours of pictures with little detail
"""Copies of photos agree by 0.97 and, at worst, 0.8; other things on the same paper by up to 0.6 and 0.1."""
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
    thumbs: np.ndarray,
    radius: float,
    like: float,
    align: bool,
    on_progress: Callable[[int, int], None],
    larger: Callable[[int], np.ndarray | None] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of images that show the same: (m, 2) int, and which of them are mirrored: (m,) bool.

    thumbs: (n, THUMB, THUMB) uint8 grey, best without exact duplicates. Candidates are at most `radius` apart in their
    low frequencies (2 at most). Where `align`, one is laid over the other by an affine transform. Then their detail
    must agree by `like` in the thumbs, and again in larger pictures: larger(index) is a `square`, or None where it
    cannot be read. Images that other pairs connect are not compared again. on_progress(done, total) may raise to stop.
    """
    kept = np.flatnonzero(thumbs.reshape(-1, THUMB * THUMB).std(axis=1) >= FLAT)
    if len(kept) < 2:
        return np.empty((0, 2), int), np.empty(0, bool)
    candidates = _candidates(thumbs[kept], radius)
    connected = DisjointSet(kept.tolist())
    pairs, mirrors = [], []
    for done, ((whole, part), (_, mirrored, crop)) in enumerate(candidates.items()):
        if done % PROGRESS == 0:
            on_progress(done, len(candidates))
        one, other = int(kept[whole]), int(kept[part])
        if connected.connected(one, other):
            continue
        pair = _turned(thumbs[one], mirrored), thumbs[other]
        found, warp = _laid(*pair, overlay.of_part(crop, THUMB), SMOOTH, align)
        if not found.reaches(like, **THUMBS_AGREE):
            continue
        if larger is not None and not _agree(larger(one), larger(other), mirrored, warp, align):
            continue
        connected.merge(one, other)
        pairs.append(sorted((one, other)))
        mirrors.append(mirrored)
    return np.array(pairs, int).reshape(-1, 2), np.array(mirrors, bool)


def square(rgb: np.ndarray) -> np.ndarray:
    """A picture, (h, w, 3) uint8, as it is compared in detail: (side, side, 3), FINEST to FINE pixels a side."""
    side = min(FINE, max(FINEST, min(rgb.shape[:2])))
    return cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA)


def _agree(one: np.ndarray | None, other: np.ndarray | None, mirrored: bool, warp: np.ndarray, align: bool) -> bool:
    """Whether larger pictures show the same; `warp` lays their thumbs over each other.

    Two plain things of one outline can always be laid over each other. So where there is little detail, no more than a
    crop may have moved it, and the paper and the colours must agree too.
    """
    if one is None or other is None:
        return False
    side = min(len(one), len(other))
    one, other = (cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA) for picture in (one, other))
    one, warp = _turned(one, mirrored), overlay.scaled(warp, THUMB, side)
    greys = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (one, other)]
    found, warp = _laid(*greys, warp, max(1.5, SMOOTH_FINE * side), align)
    sparse = found.cover <= SPARSE
    return (
        found.reaches(**PICTURES_AGREE)
        and overlay.plausible(warp, side, sparse)
        and not (sparse and overlay.apart(one, other, warp) > APART)
    )


def _laid(
    one: np.ndarray, other: np.ndarray, warp: np.ndarray, smooth: float, align: bool
) -> tuple[Agreement, np.ndarray]:
    """How far two pictures agree, and by which warp: by the one given, or by a better one nearby."""
    found = overlay.agreement(one, other, warp, smooth)
    if not align or found.whole >= GOOD or found.whole < HOPELESS["whole"] or found.worst < HOPELESS["worst"]:
        return found, warp
    better = overlay.moved(one, other, warp)
    return max((found, warp), (overlay.agreement(one, other, better, smooth), better), key=lambda way: way[0].whole)


def _turned(picture: np.ndarray, mirrored: bool) -> np.ndarray:
    return np.ascontiguousarray(picture[:, ::-1]) if mirrored else picture


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
