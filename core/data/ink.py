"""From any picture of a drawing to what a network reads: dark ink on white paper, cropped, centred, square.

Training and prediction both pass through `ink_square`, so that it does not matter where on the sheet, how
large, with which pen or in which colours something was drawn. As for MNIST (LeCun et al. 1998), the drawing
keeps its aspect and is fitted into a box inside a margin.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image

GLANCE = 160  # longest side, in pixels, at which paper and ink are told apart
MARGIN = 1 / 12  # white border around the drawing, in parts of the output's side
PEN = 1.8  # thinner pens are widened to this many output pixels, else they fade when the picture is reduced
FAINT = 4  # levels of 255 by which ink must differ from perfectly even paper


class Paper(NamedTuple):
    """The empty sheet: a quadratic surface for each colour channel, so that a shadow is not ink."""

    surface: np.ndarray  # (6, 3): coefficients of 1, x, y, x², xy, y² with x and y in -1..1
    noise: float  # typical deviation of bare paper from that surface, in levels of 255
    bare: float  # share of the picture that is bare paper, 0..1

    def distance(self, pixels: np.ndarray, box=(0.0, 0.0, 1.0, 1.0)) -> np.ndarray:
        """How far each pixel is from the sheet, in its most different channel: (h, w, 3) -> (h, w) float32.

        `box` (left, top, right, bottom) says which part of the sheet the pixels show. Light ink on dark
        paper and coloured ink are as far from their paper as black is from white: no case of their own.
        """
        if not self.surface[1:].any():
            return _largest(np.abs(pixels - np.clip(self.surface[0], 0, 255)))
        height, width = pixels.shape[:2]
        x = _centres(box[0], box[2], width)[None, :, None]
        y = _centres(box[1], box[3], height)[:, None, None]
        one, cx, cy, cxx, cxy, cyy = self.surface
        sheet = (one + x * (cx + x * cxx)) + y * (cy + y * cyy) + (x * y) * cxy
        return _largest(np.abs(pixels - np.clip(sheet, 0, 255)))

    @property
    def floor(self) -> float:
        """The smallest distance that is ink and not the grain of the paper, in levels of 255."""
        return FAINT + 6 * self.noise


def looks_like_drawing(rgb: np.ndarray) -> bool:
    """Whether (h, w, 3) uint8 is ink on even paper, light or dark, and not a photo. Blank paper counts."""
    paper = _paper(_glance(rgb))
    return paper.bare > 0.3 + paper.noise / 12  # the grainier the background, the more of it must be seen


def has_ink(rgb: np.ndarray) -> bool:
    """Whether anything is drawn on (h, w, 3) uint8."""
    glance = _glance(rgb)
    paper = _paper(glance)
    return bool(paper.distance(glance).max() > paper.floor)


def ink_square(rgb: np.ndarray, size: int) -> np.ndarray:
    """The drawing alone, as dark ink on white whatever its colours: (h, w, 3) uint8 -> (size, size) uint8.

    Cropped to the ink (specks aside), aspect kept, centred within a small margin. Thin pens are widened so
    that a hairline on a large canvas is as visible as a felt pen. A blank sheet gives white.
    """
    height, width = rgb.shape[:2]
    glance = _glance(rgb)
    paper = _paper(glance)
    distance = paper.distance(glance)
    if distance.max() <= paper.floor:
        return np.full((size, size), 255, np.uint8)

    # Found at a glance, then cut out of the full picture: a small drawing on a large sheet stays sharp.
    scale = -(-max(height, width) // GLANCE)
    top, bottom, left, right = (edge * scale for edge in _bounds(_without_specks(_ink(distance, paper))))
    top, left = max(top - scale, 0), max(left - scale, 0)
    bottom, right = min(bottom + scale, height), min(right + scale, width)
    across, down = right - left, bottom - top
    zoom = 4 * size / max(across, down)
    crop = Image.fromarray(rgb[top:bottom, left:right]).resize(
        (max(1, round(across * zoom)), max(1, round(down * zoom))), Image.Resampling.BICUBIC, reducing_gap=2
    )  # enlarging comes before the ink is separated: afterwards the pixels would show as stairs
    part = (left / width, top / height, right / width, bottom / height)
    distance = paper.distance(np.asarray(crop, np.float32), part)
    ink = _ink(distance, paper)
    top, bottom, left, right = _bounds(ink > 0.5)
    ink = ink[top:bottom, left:right]

    # A lone dot stays a dot: the frame is never narrower than a sixteenth of the sheet.
    inside = max(ink.shape[0], ink.shape[1], min(height, width) / 16 * zoom)
    side = round(inside / (1 - 2 * MARGIN))
    frame = np.zeros((side, side), np.float32)
    top, left = (side - ink.shape[0]) // 2, (side - ink.shape[1]) // 2
    frame[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    widen = round(PEN * side / size - _pen_width(ink))
    if widen > 0:
        from scipy import ndimage  # late, because pages ask only for has_ink and importing it takes long

        frame = ndimage.maximum_filter(frame, size=widen + 1)
    small = Image.fromarray(frame).resize((size, size), Image.Resampling.HAMMING)
    return np.uint8(np.rint(255 * (1 - np.clip(np.asarray(small), 0, 1))))


def _glance(rgb: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 -> (h', w', 3) float32, averaged down to at most GLANCE on the longest side."""
    factor = -(-max(rgb.shape[:2]) // GLANCE)
    if factor == 1:
        return rgb.astype(np.float32)
    return np.asarray(Image.fromarray(rgb).reduce(factor), np.float32)


def _largest(channels: np.ndarray) -> np.ndarray:
    """Maximum over channels, (..., 3) -> (...); much faster than numpy's reduction of so short an axis."""
    return np.maximum(np.maximum(channels[..., 0], channels[..., 1]), channels[..., 2])


def _centres(start: float, stop: float, count: int) -> np.ndarray:
    """Centres of `count` pixels from start to stop (parts of the sheet), in the surface's -1..1."""
    step = (stop - start) / count
    return (2 * (start + step * (np.arange(count, dtype=np.float32) + 0.5)) - 1).astype(np.float32)


def _paper(glance: np.ndarray) -> Paper:
    """Fit the sheet to pixels that look like the picture's border, leaving out more ink in each round.

    A border of a single colour is that of a canvas, not of a photographed sheet: no fit is needed, which is quicker.
    """
    height, width = glance.shape[:2]
    stride = -(-max(height, width) // 48)
    pixels = glance[::stride, ::stride].reshape(-1, 3)
    border = np.concatenate([glance[0], glance[-1], glance[:, 0], glance[:, -1]])
    surface = np.zeros((6, 3), np.float32)
    if (border == border[0]).all():
        surface[0] = border[0]
        return Paper(surface, 0.0, float((_largest(np.abs(pixels - border[0])) < 16).mean()))
    y, x = np.meshgrid(_centres(0, 1, height)[::stride], _centres(0, 1, width)[::stride], indexing="ij")
    x, y = x.ravel(), y.ravel()
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)

    colour = np.median(border, axis=0)
    surface[0] = colour
    distance = _largest(np.abs(pixels - colour))
    for tolerance in (48, 24, 16):
        bare = distance < tolerance
        if bare.sum() < 24:
            break
        gram = terms[bare].T @ terms[bare] + 0.1 * np.eye(6, dtype=np.float32)
        surface = np.linalg.solve(gram, terms[bare].T @ (pixels[bare] - colour)).astype(np.float32)
        surface[0] += colour
        distance = _largest(np.abs(pixels - terms @ surface))
    bare = distance < 16
    noise = 1.5 * float(np.median(distance[bare])) if bare.any() else 0.0
    return Paper(surface, noise, float(bare.mean()))


def _ink(distance: np.ndarray, paper: Paper) -> np.ndarray:
    """Distance from the paper -> ink, 0..1, where most of the stroke is 1. Something must be drawn."""
    floor = min(paper.floor, distance.max() / 2)  # a faint line may sink below the floor when reduced further
    inked = distance[distance > floor]
    nine_tenths = int(0.9 * (inked.size - 1))
    full = np.partition(inked, nine_tenths)[nine_tenths]  # several times faster than numpy's percentile
    faint = max(floor, 0.25 * full)  # ringing of JPEG, rubbed-out lines, what shows through
    solid = max(0.8 * full, (faint + full) / 2)
    return np.clip((distance - faint) / (solid - faint), 0, 1)


def _without_specks(ink: np.ndarray) -> np.ndarray:
    """(h, w) ink 0..1 -> bool, without parts tiny beside the largest one. Nearby parts count as one."""
    from scipy import ndimage

    mask = ink > 0.3
    parts, count = ndimage.label(ndimage.maximum_filter(mask, size=3))
    if count == 1:
        return mask
    mass = np.bincount(parts.ravel(), weights=(ink * mask).ravel(), minlength=count + 1)
    mass[0] = 0
    return mask & (mass >= 0.05 * mass.max())[parts]


def _bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    """top, bottom, left, right of the True pixels (bottom and right exclusive)."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def _pen_width(ink: np.ndarray) -> float:
    """Mean width of strokes in pixels: each unit of a line's length has two edges, so area / (edges / 2)."""
    padded = np.pad(ink, 1)
    down, across = np.diff(padded, axis=0)[:, 1:], np.diff(padded, axis=1)[1:]
    return 2 * float(ink.sum()) / float(np.hypot(down, across).sum())
