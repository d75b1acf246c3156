"""Pictures of several images: a contact sheet, and a zip that holds it beside them."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

GAP = 6  # pixels of paper around each image
COLUMNS = 6


def contact_sheet(pictures: Sequence[np.ndarray], columns: int = COLUMNS) -> np.ndarray:
    """Images of one shape, (height, width, channels) uint8, side by side on white: (h, w, channels) uint8."""
    height, width, channels = pictures[0].shape
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, channels), 255, np.uint8)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        top, left = GAP + row * (height + GAP), GAP + column * (width + GAP)
        sheet[top : top + height, left : left + width] = picture
    return sheet


def variants_zip(original: np.ndarray, variants: Sequence[np.ndarray], settings: Mapping[str, object]) -> io.BytesIO:
    """A zip of the original, its variants, a contact sheet of all of them, and the settings as JSON."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("contact_sheet.png", png(contact_sheet([original, *variants])))
        archive.writestr("original.png", png(original))
        for number, variant in enumerate(variants, 1):
            archive.writestr(f"variant_{number:02}.png", png(variant))
        archive.writestr("settings.json", json.dumps(settings, indent=2))
    file.seek(0)
    return file


def png(picture: np.ndarray) -> bytes:
    """(h, w, 1 or 3) uint8 -> a PNG file's bytes."""
    file = io.BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture).save(file, "PNG")
    return file.getvalue()
