"""Circles, rectangles and triangles drawn on another principle than core.data.synthetic_shapes, for tests.

A figure is an ellipse's formula or the sides between corners. A spline through a few random offsets disturbs its
course; its ends meet, cross or miss each other; it is drawn as a line, as dashes or several times.
"""

import cv2
import numpy as np

KINDS = ("circle", "rectangle", "triangle")
STYLES = ("plain", "crossing", "open", "dashed", "sketched")
POINTS = 240  # along one outline
SUBPIXEL = 4  # bits: OpenCV draws to a sixteenth of a pixel


def figures(
    per_kind: int, seed: int, ratios: tuple[float, float] = (3, 6), styles: tuple[str, ...] = STYLES
) -> list[tuple[str, str, np.ndarray]]:
    """(kind, style, (size, size, 3) uint8) for `per_kind` figures of each kind, as many in each style.

    They are `ratios[0]` to `ratios[1]` times as long as wide, at any angle, dark on white, 64 to 280 pixels.
    """
    rng = np.random.default_rng(seed)
    return [
        (kind, styles[number % len(styles)], _figure(kind, rng.uniform(*ratios), styles[number % len(styles)], rng))
        for number in range(per_kind)
        for kind in KINDS
    ]


def _figure(kind, ratio, style, rng):
    parts = _PARTS[kind](ratio, rng)
    strokes = [
        _disturbed(stroke, 0.08 / ratio, rng)
        for _ in range(rng.integers(2, 4) if style == "sketched" else 1)
        for stroke in _strokes(parts, style, rng)
    ]
    if style == "dashed":
        strokes = _dashes(strokes, rng)
    turn = rng.uniform(0, 2 * np.pi)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return _printed([stroke @ matrix for stroke in strokes], rng)


# The parts of an outline: smooth curves (n, 2) that follow each other. One unit long.


def _ellipse(ratio, rng):
    """x = cos t, y = sin t / ratio, from one of its ends or from anywhere."""
    start = rng.choice([0.0, np.pi, rng.uniform(0, 2 * np.pi)]) + rng.normal(0, 0.1)
    t = np.linspace(start, start + 2 * np.pi, POINTS)
    return [np.stack([np.cos(t), np.sin(t) / ratio], axis=1) / 2]


def _rectangle(ratio, rng):
    return _sides(np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / [2, 2 * ratio], ratio, rng)


def _triangle(ratio, rng):
    """On its short side, the opposite corner above its middle, an end or anything between."""
    apex = rng.choice([-1, 1, rng.uniform(-1, 1)])
    return _sides(np.array([[-1, -1], [1, apex], [-1, 1]]) / [2, 2 * ratio], ratio, rng)


def _sides(corners, ratio, rng):
    corners = corners + rng.normal(0, 0.05 / ratio, corners.shape)
    along = np.linspace(0, 1, POINTS // len(corners))[:, None]
    return [start + along * (stop - start) for start, stop in zip(corners, np.roll(corners, -1, axis=0), strict=True)]


_PARTS = {"circle": _ellipse, "rectangle": _rectangle, "triangle": _triangle}


# The hand


def _strokes(parts, style, rng):
    """Part by part with ends that cross and stand out, or in one go with ends that miss each other or overlap."""
    if style == "crossing":
        return [_with_tails(part, rng) for part in parts]
    path = np.concatenate(parts)
    if style == "open":
        return [path[: -int(rng.uniform(0.03, 0.1) * POINTS)]]
    return [np.concatenate([path, path[: int(rng.uniform(0, 0.06) * POINTS)]])]


def _with_tails(part, rng):
    """Its ends leave it before they meet, and go straight on."""
    cut = int(rng.uniform(0, 0.05) * len(part)) + 1
    part = part[cut:-cut]
    length = np.hypot(*np.diff(part, axis=0).T).sum()
    tails = []
    for end, before in ((part[0], part[1]), (part[-1], part[-2])):
        direction = (end - before) / np.hypot(*(end - before))
        tails.append(end + direction * np.linspace(0, min(0.5 * length, rng.uniform(0.04, 0.22)), 20)[1:, None])
    return np.concatenate([tails[0][::-1], part, tails[1]])


def _disturbed(path, amount, rng):
    """The path moved by a smooth curve through a few random offsets."""
    knots = rng.integers(5, 12)
    at = np.linspace(0, knots - 1, len(path))
    before = np.clip(at.astype(int), 0, knots - 2)
    part = (at - before)[:, None]
    ease = part * part * (3 - 2 * part)
    offsets = rng.normal(0, amount * rng.uniform(0.1, 1), (knots, 2))
    return path + offsets[before] * (1 - ease) + offsets[before + 1] * ease


def _dashes(strokes, rng):
    """Each stroke cut into dashes or dots of equal length with gaps between them."""
    step, share = rng.uniform(0.06, 0.16), rng.uniform(0.05, 0.7)
    pieces = []
    for stroke in strokes:
        way = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(stroke, axis=0).T))])
        for start in np.arange(0, way[-1], step):
            at = np.linspace(start, min(start + share * step, way[-1]), 8)
            pieces.append(np.stack([np.interp(at, way, stroke[:, 0]), np.interp(at, way, stroke[:, 1])], axis=1))
    return pieces


def _printed(strokes, rng):
    """Strokes somewhere on a sheet of which the figure takes 45 to 90 per cent, with a finer or a broader pen."""
    size = int(rng.choice([64, 96, 160, 280]))
    everything = np.concatenate(strokes)
    low, high = everything.min(axis=0), everything.max(axis=0)
    scale = rng.uniform(0.45, 0.9) * size / (high - low).max()
    corner = (size - (high - low) * scale) * rng.uniform(0.3, 0.7, 2)
    pen = max(1, round(rng.uniform(0.012, 0.045) * size))
    sheet = np.full((size, size, 3), 255, np.uint8)
    for stroke in strokes:
        points = np.rint(((stroke - low) * scale + corner) * 2**SUBPIXEL).astype(np.int32)
        cv2.polylines(sheet, [points], False, (0, 0, 0), pen, cv2.LINE_AA, SUBPIXEL)
    return sheet
