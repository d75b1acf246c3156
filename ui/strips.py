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


def strip(pictures: Sequence[np.ndarray], captions: Sequence[str], alt: str, side: int = 104) -> str:
    """Pictures of one size, each about `side` pixels wide, with captions (or "") below; as many in a row as fit."""
    cells = []
    for number, (picture, caption) in enumerate(zip(pictures, captions, strict=True), 1):
        pixelated = "image-rendering:pixelated;" if max(picture.shape[:2]) < FEW_PIXELS else ""
        below = f'<figcaption style="font-size:0.8rem;opacity:0.8">{escape(caption)}</figcaption>' if caption else ""
        cells.append(
            f'<figure style="margin:0;text-align:center"><img src="{address(picture)}" alt="{escape(alt)} {number}" '
            f'style="width:100%;{pixelated}border-radius:0.3rem;display:block">{below}</figure>'
        )
    grid = f"display:grid;grid-template-columns:repeat(auto-fill,minmax({side}px,1fr));gap:0.5rem"
    return f'<div style="{grid}">{"".join(cells)}</div>'
