"""The built-in drawings: circles, rectangles and triangles by many simulated hands.

A network that learns from one person's drawings knows that person. Here every *hand* is a person with a pen
and habits (tremor, slack corners, gaps, overshoot, lifted pen, tilt), and each of its drawings varies around
them. An outline is a closed path; the hand traces it in one or several strokes with its own errors, and the
pen puts it on paper.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw

CLASSES = ("circle", "rectangle", "triangle")
DRAWINGS_PER_HAND = 3
SAMPLES = 96  # points along one outline
NARROWEST = 7  # figures are up to this many times as long as wide
SHARPNESS = 3  # the pen draws this many times larger, then the picture is reduced: smooth edges


@dataclass(frozen=True)
class Hand:
    """A person's habits. Lengths are in parts of the drawing's size, angles in degrees."""

    pen: float  # width of the line
    tremor: float  # size of slow, wandering errors
    shake: float  # size of quick, jagged errors
    slack: float  # how much corners are cut, in parts of the outline's length
    bow: float  # how far sides bulge or cave in
    closing: float  # how far the end passes the start (or misses it, where negative), in parts of the outline
    drift: float  # how far the end wanders off from the start
    tails: float  # how far strokes run on straight at their ends, past corners and off the curve
    lifts: float  # chance to draw with several strokes
    retrace: float  # chance to go over the outline again
    sketches: float  # chance to draw the whole figure several times over
    dashes: float  # chance of a dashed or dotted line
    hook: float  # chance of a small tick where the pen touches or leaves the paper
    turn: float  # spread of rotation
    fills: float  # chance to fill the shape in
    slant: float  # shear, as of handwriting
    skew: float  # how far corners are from where they should be
    lumps: float  # how far circles are from round
    points: int  # how many points of the path the pen (or mouse) reports


def a_hand(rng: np.random.Generator) -> Hand:
    """Draw one person: mostly tidy, sometimes hasty, now and then shaky."""
    haste = rng.beta(1.2, 2.0)
    return Hand(
        pen=_log_uniform(rng, 0.012, 0.2),
        tremor=0.035 * rng.beta(1.3, 2.0),
        shake=0.012 * rng.beta(1, 3),
        slack=0.07 * haste * rng.beta(1.2, 1.6),
        bow=0.09 * rng.beta(1.2, 2.5),
        closing=rng.normal(0.0, 0.02 + 0.06 * haste),
        drift=0.16 * haste * rng.beta(1.2, 1.5),
        tails=rng.choice([0.0, 0.3], p=[0.6, 0.4]) * rng.beta(1.5, 1.5),
        lifts=rng.choice([0.05, 0.35, 0.9], p=[0.55, 0.25, 0.2]),
        retrace=rng.choice([0.0, 0.3], p=[0.85, 0.15]),
        sketches=rng.choice([0.0, 0.5], p=[0.8, 0.2]),
        dashes=rng.choice([0.0, 0.5], p=[0.8, 0.2]),
        hook=rng.choice([0.0, 0.4], p=[0.6, 0.4]),
        turn=rng.choice([6.0, 25.0, 180.0], p=[0.3, 0.2, 0.5]),
        fills=rng.choice([0.0, 0.5], p=[0.94, 0.06]),
        slant=rng.normal(0, 0.08),
        skew=0.10 * rng.beta(1.3, 1.6),
        lumps=0.10 * rng.beta(1.3, 1.6),
        points=int(_log_uniform(rng, 14, SAMPLES)),
    )


def draw(kind: str, rng: np.random.Generator, size: int = 96, hand: Hand | None = None) -> np.ndarray:
    """One drawing of a `kind` from CLASSES, by `hand` or by anyone: (size, size) uint8, black on white."""
    hand = hand or a_hand(rng)
    outline = OUTLINES[kind](rng, hand)
    breadth = _breadth(outline[0])
    hand = _careful(hand, breadth)
    passes = rng.integers(2, 4) if rng.random() < hand.sketches else 1
    strokes = [
        _by_hand(stroke + shift, rng, hand)
        for shift in rng.normal(0, 0.04 * breadth, (passes, 2))
        for stroke in _strokes(outline, rng, hand)
    ]
    pen = hand.pen * rng.lognormal(0, 0.15)
    if rng.random() < hand.dashes:
        pen = min(pen, 0.06)  # thicker ones leave too few dashes
        strokes = _dashes(strokes, rng, pen)
    return _on_paper(_placed(strokes, breadth, rng, hand), size, pen, filled=rng.random() < hand.fills)


def generate(per_class: int, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """`per_class` drawings of each class, as (class name, (96, 96) uint8); the same for the same seed."""
    rng = np.random.default_rng(seed)
    for number in range(per_class):
        if number % DRAWINGS_PER_HAND == 0:
            hand = a_hand(rng)
        for kind in CLASSES:
            yield kind, draw(kind, rng, hand=hand)


# Outlines: (corners or points (n, 2), indices of the corners). Closed; about one unit across.


def _circle(rng, hand):
    """Round, oval or flat; egg-shaped and lumpy as real circles are: low harmonics on the radius."""
    angle = np.linspace(0, 2 * np.pi, SAMPLES, endpoint=False)
    harmonic = np.arange(2, 6)[:, None]
    amplitude = hand.lumps * rng.normal(size=(4, 1)) / harmonic**0.8
    phase = rng.uniform(0, 2 * np.pi, (4, 1))
    radius = 0.5 + 0.5 * (amplitude * np.cos(harmonic * angle + phase)).sum(axis=0)
    egg = 0.12 * rng.normal() * (rng.random() < 0.4)
    flat = 1 if rng.random() < 0.3 else _log_uniform(rng, 1 / NARROWEST, 1)
    pointed = rng.uniform(0, 0.5) * (rng.random() < 0.25)  # as a lens or an eye
    points = np.stack([np.cos(angle), flat * np.sin(angle) * abs(np.sin(angle)) ** pointed], axis=1) * radius[:, None]
    points[:, 1] *= 1 + egg * np.cos(angle)
    return points @ _rotation(rng.choice([rng.normal(0, 30), rng.uniform(-90, 90)])), np.array([0, SAMPLES // 2])


def _rectangle(rng, hand):
    """Squares, long rectangles, trapezoids and parallelograms."""
    flat = rng.uniform(0.85, 1) if rng.random() < 0.35 else _log_uniform(rng, 1 / NARROWEST, 0.95)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2 * [1, flat]
    if rng.random() < 0.25:
        corners = corners @ np.array([[1, 0], [rng.uniform(-1, 1), 1]])
    if rng.random() < 0.3:
        corners = corners[:, ::-1]
    corners = corners + hand.skew * flat**0.7 * rng.normal(size=(4, 2)) * 0.6
    return _sides(corners, rng, hand)


def _triangle(rng, hand):
    """Equal sides, right angles, flat, obtuse and tall ones; any corner may be the sharp one."""
    apex, height = rng.choice([0.5, 0.0, 1.0, rng.uniform(-0.3, 1.3)], p=[0.5, 0.12, 0.12, 0.26]), 0.87
    if rng.random() < 0.75:
        height = _log_uniform(rng, 1 / 4, NARROWEST)
    corners = np.array([[-0.5, -height / 2], [0.5, -height / 2], [apex - 0.5, height / 2]]) / max(1, height)
    if rng.random() < 0.8:  # most people's triangles stand on a side
        corners = -corners
    return _sides(corners + hand.skew * min(height, 1 / height) * rng.normal(size=(3, 2)) * 0.7, rng, hand)


OUTLINES = {"circle": _circle, "rectangle": _rectangle, "triangle": _triangle}


def _sides(corners, rng, hand):
    """Corners (k, 2) -> points along the closed outline, sides a little bowed; where the corners are."""
    count = len(corners)
    each = SAMPLES // count
    along = np.arange(each) / each
    ends = np.roll(corners, -1, axis=0)
    across = (ends - corners)[:, ::-1] * [1, -1]
    bulge = hand.bow * _breadth(corners) * rng.normal(size=(count, 1, 1)) * (4 * along * (1 - along))[None, :, None]
    points = corners[:, None] + (ends - corners)[:, None] * along[None, :, None] + across[:, None] * bulge
    return points.reshape(-1, 2), each * np.arange(count)


def _breadth(points):
    """Width of a figure (n, 2) in parts of its length, 0..1, at whatever angle it stands."""
    narrow, long = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)[::-1]
    return narrow / long


# The hand


def _careful(hand, breadth):
    """The hand as it draws a figure so narrow: with smaller errors, which would otherwise make it another one."""
    care = min(1, 2.5 * breadth) ** 0.75
    finer = {name: care * getattr(hand, name) for name in ("tremor", "shake", "slack", "drift")}
    return replace(hand, pen=min(hand.pen, 0.03 + breadth / 2), points=int(hand.points / care), **finer)


def _strokes(outline, rng, hand):
    """Trace the outline: list of (n, 2) paths, the pen lifted at corners between them."""
    points, corners = outline
    count = len(points)
    if rng.random() < 0.5:  # clockwise or not
        points, corners = points[::-1], np.sort(count - 1 - corners)
    if rng.random() < hand.lifts:
        lifts = rng.choice(corners, size=rng.integers(2, len(corners) + 1), replace=False)
        lifts.sort()
        spans = list(zip(lifts, [*lifts[1:], lifts[0] + count], strict=True))
        past = 0 if hand.tails else 0.06  # strokes turn the corner or run on straight
        slip = np.clip(hand.closing + rng.normal(0, 0.015, (len(spans), 2)), -0.05, past) * count
        return [
            _with_tails(_span(points, a - before, b + after), rng, hand) + rng.normal(0, hand.drift / 10, 2)
            for (a, b), (before, after) in zip(spans, slip, strict=True)
        ]
    start = rng.choice(corners) + (rng.integers(count) if rng.random() < 0.25 else rng.normal(0, 2))
    closing = np.clip(hand.closing + rng.normal(0, 0.02), -0.17, 0.25)
    if rng.random() < hand.retrace:
        closing += rng.uniform(0.2, 1)
    path = _span(points, start, start + count * (1 + closing))
    wander = np.linspace(-0.5, 0.5, len(path))[:, None] * rng.normal(size=2) * hand.drift
    return [_with_tails(path + wander, rng, hand)]


def _with_tails(path, rng, hand):
    """The path (n, 2) with ends that run on straight: past a corner, across each other, or off the curve."""
    before, after = (hand.tails * rng.uniform(-0.5, 1, 2)).clip(0)
    return np.concatenate([_tail(path[::-1], before)[::-1], path, _tail(path, after)])


def _tail(path, length):
    """Points (k, 2) straight on from the end of a path; none where the length is zero."""
    ahead = path[-1] - path[-4]
    return path[-1] + np.linspace(0, length, 7 if length else 1)[1:, None] * ahead / np.hypot(*ahead)


def _dashes(strokes, rng, pen):
    """The strokes (n, 2) cut into dashes, or dots as wide as the pen, with gaps between them."""
    step = pen + rng.uniform(0.02, 0.14)
    share = rng.choice([0, rng.uniform(0.1, 0.6)]) * (1 - pen / step)
    dashes = []
    for stroke in strokes:
        way = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(stroke, axis=0).T))])
        at = np.arange(0, way[-1], step)[:, None] + np.linspace(0, share * step, 5)
        dashes += list(np.stack([np.interp(at, way, stroke[:, 0]), np.interp(at, way, stroke[:, 1])], axis=-1))
    return dashes


def _span(points, start, stop):
    """The closed path from index start to stop (any real numbers, may pass the end)."""
    steps = max(round(stop - start), 4)
    at = np.linspace(start, stop, steps) % len(points)
    index = np.arange(len(points) + 1)
    closed = np.concatenate([points, points[:1]])
    return np.stack([np.interp(at, index, closed[:, 0]), np.interp(at, index, closed[:, 1])], axis=1)


def _by_hand(path, rng, hand):
    """The path as this hand draws it: corners cut, wandering, shaking, ticks at the ends, sparse or dense."""
    length = len(path)
    width = int(hand.slack * rng.uniform(0.3, 1.3) * SAMPLES)
    if width > 1:
        ends = np.concatenate([np.repeat(path[:1], width, 0), path, np.repeat(path[-1:], width, 0)])
        total = np.concatenate([np.zeros((1, 2)), np.cumsum(ends, axis=0)])
        path = (total[width:] - total[:-width])[(width + 1) // 2 :][:length] / width
    turns = np.linspace(0, length / SAMPLES, length)[:, None]
    for waves in rng.uniform(0.5, 6, 4):
        wander = np.sin(2 * np.pi * (waves * turns + rng.random(2)))
        path = path + hand.tremor * rng.normal(size=2) / max(1, waves) * wander
    keep = np.unique(np.linspace(0, length - 1, max(int(hand.points * length / SAMPLES), 2)).astype(int))
    if len(keep) < 12:  # fewer would lose the corners
        keep = np.arange(length)
    path = path[keep] + rng.normal(0, hand.shake, (len(keep), 2))
    if rng.random() < hand.hook:
        tick = rng.normal(0, 0.05, (1, 2))
        path = np.concatenate([path, path[-1:] + tick] if rng.random() < 0.6 else [path[:1] + tick, path])
    return path


def _log_uniform(rng, low, high):
    return np.exp(rng.uniform(np.log(low), np.log(high)))


def _rotation(degrees):
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _placed(strokes, breadth, rng, hand):
    """Turned, slanted and put somewhere on a sheet that is 1 by 1."""
    turn = _rotation(rng.uniform(-180, 180) if hand.turn > 90 else rng.normal(0, hand.turn))
    matrix = turn @ np.array([[1, 0], [hand.slant + rng.normal(0, 0.04), 1]])
    strokes = [stroke @ matrix for stroke in strokes]
    everything = np.concatenate(strokes)
    low, high = everything.min(axis=0), everything.max(axis=0)
    extent = rng.uniform(max(0.2, min(0.06 / breadth, 0.5)), 0.92)  # too small, narrow figures are all alike
    scale = extent / max(high - low)
    room = 0.96 - (high - low) * scale
    corner = 0.02 + room * rng.beta(2, 2, 2)
    return [(stroke - low) * scale + corner for stroke in strokes]


def _on_paper(strokes, size, pen, filled):
    """Strokes on a 1 by 1 sheet -> (size, size) uint8, smooth; `pen` in parts of the drawing's extent."""
    side = size * SHARPNESS
    everything = np.concatenate(strokes)
    extent = np.ptp(everything, axis=0).max()
    width = max(pen * extent * side, SHARPNESS)
    sheet = Image.new("L", (side, side), 255)
    ink = ImageDraw.Draw(sheet)
    if filled:
        ink.polygon((everything * side).ravel().tolist(), fill=0)
    for stroke in strokes:
        points = stroke * side
        ink.line(points.ravel().tolist(), fill=0, width=round(width), joint="curve")
        for x, y in points[[0, -1]].tolist():
            ink.circle((x, y), width / 2, fill=0)
    return np.asarray(sheet.reduce(SHARPNESS))
