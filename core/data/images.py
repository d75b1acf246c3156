"""Any picture as pixels, and pixels as a network's input: the same two steps in training and prediction."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from core.data import drawings
from core.errors import UserError
from core.words import N_

MAX_PIXELS = 64_000_000
# Named, because Pillow's other readers include ones that start programs (EPS) or accept almost any bytes (TGA).
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "PPM", "ICO")
INPUT_VERSION = 1
"""Raise it when `network_input` gives other pixels than before: cached arrays made by the old one are then ignored."""

# What Pillow's readers raise on broken files, besides the OSError they promise.
_DECODER_ERRORS = (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError, MemoryError,
                   RuntimeError, struct.error, zlib.error)  # fmt: skip
_BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_IMAGE_STARTS = (b"\xff\xd8", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"RIFF")
_KNOWN_STRANGERS = {
    (b"PK\x03\x04", b"PK\x05\x06"): N_("This file is a zip archive, not an image. Import it as a data set instead."),
    (b"%PDF",): N_("This file is a PDF document, not an image. Save its pages as JPEG or PNG first."),
    (b"<svg", b"<?xml"): N_("This file is an SVG or XML text, not a pixel image. Save it as PNG first."),
    (b"<!doctype html", b"<html"): N_(
        "This file is a web page, not an image. The download probably failed; download the image itself."
    ),
}


def decode(source: bytes | Path | Image.Image | np.ndarray, at_least: int | None = None) -> np.ndarray:
    """Decode any picture to (height, width, 3) uint8 RGB, upright, transparency laid on white.

    Arrays may be (h, w), (h, w, 1), (h, w, 3) or (h, w, 4). Samples of more than 8 bits are scaled, never clipped:
    16-bit by their full range, floats as 0-1 or 0-255 where they lie within, else by their own range. Of an animation
    the first frame counts.

    `at_least`: a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size (much faster) while both sides keep this many
    pixels.

    Raises UserError when it is no image, is damaged or cut off, or has more than MAX_PIXELS pixels; the size is read
    from the header, before anything is decoded.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    image = source if isinstance(source, Image.Image) else open_image(source)
    _check_size(image.width, image.height)
    if at_least and image.format in ("JPEG", "MPO"):
        image.draft(None, (at_least, at_least))
    try:
        image.load()
        return np.array(_upright(_to_rgb(image), orientation(image)))
    except _BOMB as error:
        raise _too_many_pixels() from error
    except _DECODER_ERRORS as error:
        if "truncated" in str(error) or "broken PNG" in str(error) or isinstance(error, EOFError):
            raise UserError(
                "The image is cut off: its header promises {width} x {height} pixels but its data end before that. "
                "Save or download it again.",
                width=image.width,
                height=image.height,
            ) from error
        raise UserError(
            "The image is damaged: its {format} data cannot be decoded ({reason}). Open it in an image editor and save "
            "it again as JPEG or PNG.",
            format=image.format or image.mode,
            reason=error,
        ) from error


def open_image(source: bytes | Path) -> Image.Image:
    """Read an image file's header; pixels stay undecoded. Raises UserError as `decode` does."""
    if isinstance(source, Path):
        source = _read(source)
    if not source:
        raise UserError("The image file is empty (0 bytes). Save or download it again.")
    try:
        image = Image.open(io.BytesIO(source), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise _not_an_image(source) from error
    except _BOMB as error:
        raise _too_many_pixels() from error
    except _DECODER_ERRORS as error:
        raise _broken_header(source) from error
    _check_size(image.width, image.height)
    return image


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 (upright) to 8; 1 where there is none or the EXIF data are broken."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except _DECODER_ERRORS:
        return 1
    return value if value in _TURNS else 1


def network_input(rgb: np.ndarray, prepare: str, size: int, channels: int) -> np.ndarray:
    """Turn (h, w, 3) uint8 RGB into a network's input, (size, size, channels) uint8. The only way to make one.

    prepare "photo": stretched to the square by antialiased bilinear sampling (as Keras' flow_from_directory stretches,
    without its aliasing). "drawing": cropped to the ink, centred and padded, dark ink on white.
    channels 1: luma by ITU-R 601, as Keras' grayscale. Raises ValueError on any other `prepare` or `channels`.
    """
    if channels not in (1, 3):
        raise ValueError(f"channels must be 1 or 3, not {channels}")
    if prepare == "drawing":
        pixels = drawings.ink_square(rgb, size)
        return np.repeat(pixels[:, :, np.newaxis], channels, axis=2)
    if prepare != "photo":
        raise ValueError(f"prepare must be 'photo' or 'drawing', not {prepare!r}")
    image = Image.fromarray(rgb)
    if channels == 1:
        image = image.convert("L")
    return np.array(image.resize((size, size), Image.Resampling.BILINEAR)).reshape(size, size, channels)


def _from_array(array: np.ndarray) -> np.ndarray:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or 0 in array.shape:
        raise UserError(
            "An array of shape {shape} is not an image. Give (height, width), (height, width, 3) or (height, "
            "width, 4).",
            shape=array.shape,
        )
    _check_size(array.shape[1], array.shape[0])
    array = np.ascontiguousarray(_eight_bit(array))
    if array.ndim == 3 and array.shape[2] == 3:
        return array
    return np.array(_to_rgb(Image.fromarray(array)))


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        image = Image.fromarray(_eight_bit(np.asarray(image)))
    elif image.has_transparency_data:
        ink = image.convert("RGBA")
        image = Image.new("RGBA", ink.size, "white")
        image.alpha_composite(ink)
    return image if image.mode == "RGB" else image.convert("RGB")


def _upright(image: Image.Image, turn: int) -> Image.Image:
    return image.transpose(_TURNS[turn]) if turn in _TURNS else image


def _eight_bit(samples: np.ndarray) -> np.ndarray:
    """Samples of any type -> uint8, as `decode` says."""
    if samples.dtype == np.uint8:
        return samples
    if samples.dtype == bool:
        return samples.astype(np.uint8) * 255
    if samples.dtype.kind == "u" and samples.dtype.itemsize == 2:
        return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if samples.dtype.kind not in "iuf":
        raise UserError(
            "An array of type {dtype} is not an image. Give numbers, for example uint8 from 0 to 255.",
            dtype=samples.dtype,
        )
    values = np.nan_to_num(samples.astype(np.float32))
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 1 and samples.dtype.kind == "f":
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    elif low >= 0 and high <= 65535 and samples.dtype.kind != "f":
        low, high = 0.0, 65535.0
    return np.round((values - low) * (255 / max(high - low, np.finfo(np.float32).tiny))).astype(np.uint8)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise UserError("There is no file '{path}'. Check its name and folder.", path=path) from error
    except OSError as error:
        raise UserError(
            "'{path}' cannot be read ({reason}). Give an image file.", path=path, reason=error.strerror
        ) from error


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise UserError(
            "The image has {width} x {height} pixels; at most {limit} megapixels can be read. Make it smaller first.",
            width=width,
            height=height,
            limit=MAX_PIXELS // 1_000_000,
        )


def _too_many_pixels() -> UserError:
    return UserError(
        "The image claims far more than {limit} megapixels, which is the most that can be read. Make it smaller first.",
        limit=MAX_PIXELS // 1_000_000,
    )


def _broken_header(source: bytes) -> UserError:
    return UserError(
        "The image is cut off or damaged near its beginning; {received} bytes arrived. Save or download it again.",
        received=len(source),
    )


def _not_an_image(source: bytes) -> UserError:
    if source.startswith(_IMAGE_STARTS):
        return _broken_header(source)
    start = source[:512].lstrip(b"\xef\xbb\xbf \r\n\t")
    for signatures, template in _KNOWN_STRANGERS.items():
        if start.lower().startswith(signatures) or start.startswith(signatures):
            return UserError(template)
    if source[4:8] == b"ftyp":
        return UserError("This file is a HEIC photo or a video, which cannot be read. Save it as JPEG first.")
    if source.startswith(b"\x1f\x8b") or source.startswith((b"Rar!", b"7z")):
        return UserError("This file is a compressed archive, not an image. Unpack it first.")
    try:
        text = source[:512].decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if text.isprintable() or all(c.isprintable() or c in "\r\n\t" for c in text):
        return UserError(
            "This file is text, not an image; it begins with '{start}'. Choose a JPEG, PNG, GIF, WebP, BMP or "
            "TIFF image.",
            start=" ".join(text[:24].split()),
        )
    return UserError(
        "This file is not an image that can be read; it begins with the bytes {start}. Choose a JPEG, PNG, GIF, WebP, "
        "BMP or TIFF image.",
        start=source[:6].hex(" "),
    )
