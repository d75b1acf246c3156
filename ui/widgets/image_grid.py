"""Many small pictures at once, as one piece of HTML: a grid of variants appears whole, and in one message."""

import base64
from collections.abc import Sequence
from html import escape

import cv2
import numpy as np

FEW_PIXELS = 64  # smaller pictures are shown as they are, pixel by pixel, and kept without loss


def address(picture: np.ndarray) -> str:
    """A picture, (h, w, 1 or 3) uint8, as a data: address."""
    small = max(picture.shape[:2]) < FEW_PIXELS
    kind, options = ("png", []) if small else ("jpeg", [cv2.IMWRITE_JPEG_QUALITY, 92])
    pixels = picture if picture.shape[2] == 1 else picture[..., ::-1]
    _done, file = cv2.imencode(f".{kind}", pixels, options)
    return f"data:image/{kind};base64,{base64.b64encode(file.tobytes()).decode()}"


def row(pictures: Sequence[np.ndarray], captions: Sequence[str], alt: str, widest: int = 140) -> str:
    """Pictures with captions in one row whatever its width, none wider than `widest` pixels."""
    cells = [_figure(*cell) for cell in zip(pictures, captions, _numbered(alt, pictures), strict=True)]
    return _grid(f"repeat({len(cells)},minmax(0,{widest}px))", cells)


def rows(pictures: Sequence[np.ndarray], captions: Sequence[str], alt: str, side: int) -> str:
    """Pictures with captions in as many rows as they need, each at least `side` pixels wide, so that words fit."""
    cells = [_figure(*cell) for cell in zip(pictures, captions, _numbered(alt, pictures), strict=True)]
    return _grid(f"repeat(auto-fill,minmax({side}px,1fr))", cells)


def grid(original: np.ndarray, variants: Sequence[np.ndarray], name: str, alt: str, side: int) -> str:
    """The original, twice as large, and its variants, each at least `side` pixels wide."""
    first = _figure(original, "", name, "grid-column:span 2;grid-row:span 2")
    cells = [_figure(*cell) for cell in zip(variants, [""] * len(variants), _numbered(alt, variants), strict=True)]
    return _grid(f"repeat(auto-fill,minmax({side}px,1fr))", [first, *cells])


def _grid(columns: str, cells: Sequence[str]) -> str:
    return f'<div style="display:grid;grid-template-columns:{columns};gap:0.5rem">{"".join(cells)}</div>'


def _figure(picture: np.ndarray, caption: str, alt: str, place: str = "") -> str:
    pixelated = "image-rendering:pixelated;" if max(picture.shape[:2]) < FEW_PIXELS else ""
    below = (
        f'<figcaption style="font-size:0.8rem;opacity:0.8;overflow-wrap:anywhere">{escape(caption)}</figcaption>'
        if caption
        else ""
    )
    return (
        f'<figure style="margin:0;text-align:center;{place}"><img src="{address(picture)}" alt="{escape(alt)}" '
        f'style="width:100%;{pixelated}border-radius:0.3rem;display:block">{below}</figure>'
    )


def _numbered(alt: str, pictures: Sequence[np.ndarray]) -> list[str]:
    return [f"{alt} {number}" for number in range(1, len(pictures) + 1)]
