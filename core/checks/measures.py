"""What is measured of an image: each file is read and decoded once, small, and only numbers are kept of it.

JPEGs are decoded at 1/2, 1/4 or 1/8 of their size, which still reads all of their data, so that files show that are
cut off or broken in the middle.
"""

import hashlib
import math
from collections.abc import Callable, MutableMapping, Sequence

import cv2
import numpy as np
from PIL import Image, ImageFilter, ImageStat

from core.checks.sources import Item
from core.data import folder_layout, images, ink
from core.data.manifest import Note
from core.errors import UserError
from core.i18n import N_
from core.storage.parallel import in_threads

GLANCE = 128  # pixels: JPEGs are decoded so that both sides keep this many; the longer side of what is looked at
BLUR_SIDE = 64  # pixels, longer side: where CleanVision measures blur
THUMB = 32  # pixels, square and grey: what images are compared by
RING = 0.08  # of the shorter side: how far inside the border lies what it is compared with
FORMATS = ("", *images.FORMATS, "MPO")
MEAN_AT_50 = 57.625  # of the luminance table of ITU-T T.81, annex K.1, which libjpeg calls quality 50
VERSION = 2
"""Raise it when an image's measures change: those kept before are then taken again."""

MEASURES = np.dtype([
    ("format", "u1"),  # index in FORMATS; 0 where the file cannot be read
    ("bytes", "u4"), ("width", "u4"), ("height", "u4"),
    ("quantisation", "f4"),  # of a JPEG: 1 at quality 50, 0.1 at 95; 0 elsewhere
    ("alpha", "f4"),  # share of the pixels that are not opaque
    ("ink", "?"),  # whether anything is drawn; measured of drawings alone
    ("brightness", "f4"), ("dark_end", "f4"), ("light_end", "f4"),  # mean, 99th and 5th percentile, 0..1
    ("edges", "f4"), ("histogram", "f4"), ("entropy", "f4"),  # CleanVision's measures of blur and information
    ("detail", "f4"),  # deviation of the Laplacian at BLUR_SIDE, in parts of the picture's own deviation
    ("colour", "f4", 3), ("chroma", "f4"),  # mean RGB; 99th percentile of the channels' distance; 0..1
    ("border", "f4", 3), ("border_spread", "f4"), ("border_step", "f4"),  # outermost pixels, and to a ring inside
    ("file_hash", "u8"), ("pixel_hash", "u8"),
    ("thumb", "u1", (THUMB, THUMB)),
])  # fmt: skip
"""One image's measures, about 1.1 KB."""

_UNREADABLE = N_("It cannot be read ({reason}).")


def measure_all(
    items: Sequence[Item],
    kind: str,
    known: MutableMapping[str, np.ndarray],
    on_progress: Callable[[int, int], None],
) -> tuple[np.ndarray, dict[int, Note]]:
    """The measures of n items, (n,) MEASURES, and why those that cannot be read cannot be.

    `known`: rows measured before, by content; a data set's new ones are added. on_progress(done, total) may raise to
    stop.
    """
    rows, errors = np.zeros(len(items), MEASURES), {}

    def of_item(item: Item) -> np.ndarray | Note:
        if item.entry is not None and item.entry.content in known:
            return known[item.entry.content]
        try:
            return measure(item.read(), kind)
        except UserError as error:
            return folder_layout.unreadable(item.name, error)
        except OSError as error:
            return Note(_UNREADABLE, {"reason": error.strerror})

    for index, (item, result) in enumerate(zip(items, in_threads(of_item, items), strict=True)):
        if isinstance(result, Note):
            errors[index] = result
        else:
            rows[index] = result
            if item.entry is not None:
                known[item.entry.content] = rows[index]
        on_progress(index + 1, len(items))
    return rows, errors


def measure(content: bytes, kind: str) -> np.ndarray:
    """Measure an image file's bytes: a MEASURES scalar. UserError where it cannot be decoded whole."""
    row = np.zeros((), MEASURES)
    image = images.open_image(content)
    row["format"], row["bytes"], row["file_hash"] = FORMATS.index(image.format), len(content), _hash(content)
    row["width"], row["height"] = image.size
    if image.format in ("JPEG", "MPO"):
        row["quantisation"] = np.mean(image.quantization[0]) / MEAN_AT_50
    rgb = images.decode(content if image.format in ("JPEG", "MPO") else image, GLANCE)
    row["pixel_hash"] = _hash(b"%dx%d" % (row["width"], row["height"]), rgb)
    if image.has_transparency_data:
        row["alpha"] = np.mean(np.asarray(image.convert("RGBA").getchannel("A")) < 255)
    if kind == "drawing":
        row["ink"] = ink.has_ink(rgb)
    glance = _no_larger(rgb, GLANCE)
    _measure_light(row, glance)
    _measure_sharpness(row, glance)
    _measure_border(row, glance)
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    row["thumb"] = cv2.resize(grey, (THUMB, THUMB), interpolation=cv2.INTER_AREA)
    return row


def _measure_light(row: np.ndarray, rgb: np.ndarray) -> None:
    """Brightness as CleanVision has it: the root of weighted squares (Finley, HSP colour model, 2006)."""
    squares = cv2.transform(np.square(rgb, dtype=np.float32), np.array([[0.241, 0.691, 0.068]], np.float32))
    light = np.sqrt(squares) / 255
    row["brightness"], (row["light_end"], row["dark_end"]) = light.mean(), np.percentile(light, (5, 99))
    row["colour"] = rgb.mean(axis=(0, 1)) / 255
    chroma = cv2.subtract(rgb.max(axis=2), rgb.min(axis=2))
    row["chroma"] = np.percentile(chroma, 99) / 255


def _measure_sharpness(row: np.ndarray, rgb: np.ndarray) -> None:
    """CleanVision's raw numbers: deviation of an edge image and of the histogram of 256 greys; entropy in bits."""
    row["entropy"] = Image.fromarray(rgb).entropy()
    grey = Image.fromarray(_no_larger(rgb, BLUR_SIDE)).convert("L")
    row["edges"] = math.sqrt(ImageStat.Stat(grey.filter(ImageFilter.FIND_EDGES)).var[0])
    row["histogram"] = np.std(grey.histogram())
    pixels = np.asarray(grey, np.float32)
    row["detail"] = cv2.Laplacian(pixels, cv2.CV_32F).std() / max(float(pixels.std()), 1)


def _measure_border(row: np.ndarray, rgb: np.ndarray) -> None:
    border = _ring(rgb, 0)
    inside = _ring(rgb, math.ceil(RING * min(rgb.shape[:2])))
    row["border"] = border.mean(axis=0) / 255
    row["border_spread"] = border.std(axis=0).mean() / 255
    row["border_step"] = np.abs(border.mean(axis=0) - inside.mean(axis=0)).mean() / 255


def _ring(rgb: np.ndarray, depth: int) -> np.ndarray:
    """The pixels on the edge of what is left when `depth` pixels are cut off all around: (n, 3)."""
    height, width = rgb.shape[:2]
    part = rgb[depth : height - depth, depth : width - depth]
    if 0 in part.shape:
        part = rgb
    return np.concatenate([part[0], part[-1], part[:, 0], part[:, -1]])


def _no_larger(rgb: np.ndarray, side: int) -> np.ndarray:
    """Reduced, where it is larger, to this many pixels on its longer side."""
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return rgb
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)


def _hash(*parts: bytes | np.ndarray) -> int:
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(part)
    return int.from_bytes(digest.digest(), "little")
