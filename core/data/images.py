"""Any picture as pixels, and pixels as a network's input: the same two steps in training and prediction."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from core.data import ink
from core.data.formats import deep, jpeg, limits, png, tiff, unsupported
from core.data.samples import eight_bit
from core.errors import UserError

# Named, because Pillow's other readers include ones that start programs (EPS) or accept almost any bytes (TGA).
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "PPM", "ICO")

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
_NEARLY_WHITE = 224  # of 255, in the darkest channel
_SOLID = 192  # alpha of 255


def decode(
    source: bytes | Path | Image.Image | np.ndarray, at_least: int | None = None, white: int | None = None
) -> np.ndarray:
    """Decode any picture to (height, width, 3) uint8 RGB, upright, transparency laid on white.

    Arrays may be (h, w), (h, w, 1), (h, w, 3) or (h, w, 4). Samples of more than 8 bits are scaled, never clipped:
    whole numbers by the depth that the file tells, else by `white`, else by what `samples.white_of` judges from the
    greatest of them; floats as 0-1 or 0-255 where they lie within, else by their own range. What is white on
    transparency is laid on black. Of an animation the first frame counts.

    `at_least`: a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size (much faster) while both sides keep this many
    pixels.

    Raises UserError when it is no image, is damaged or cut off, or is beyond `core.data.formats.limits`, which are
    looked at before anything is decoded.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Path):
        source = _read(source)
    image = source if isinstance(source, Image.Image) else open_image(source, white)
    try:
        if image.format in ("JPEG", "MPO") and not isinstance(source, Image.Image):
            return np.ascontiguousarray(_upright(_jpeg(source, image, at_least), orientation(image)))
        image.load()
        return np.array(_upright(_to_rgb(image), orientation(image)))
    except jpeg.Damaged as error:
        raise _cut_off(image) if jpeg.is_cut(source) else _damaged(image, error) from error
    except _BOMB as error:
        raise _too_many_pixels() from error
    except _DECODER_ERRORS as error:
        if "truncated" in str(error) or "broken PNG" in str(error) or isinstance(error, EOFError):
            raise _cut_off(image) from error
        raise _damaged(image, error) from error


def open_image(source: bytes | Path, white: int | None = None) -> Image.Image:
    """Read an image file's header; pixels stay undecoded, but for those of more than 8 bits, which come as 8 bits.

    Raises UserError as `decode` does.
    """
    if isinstance(source, Path):
        source = _read(source)
    if not source:
        raise UserError("The image file is empty (0 bytes). Save or download it again.")
    limits.check_bytes(source)
    if source.startswith(png.SIGNATURE):
        return _open_png(source, white)
    if (directory := tiff.directory(source)) is not None:
        return _open_tiff(source, directory, white)
    if source.startswith(b"\xff\xd8"):
        scans = jpeg.check_limits(source)
        image = _header(source)
        if scans * image.width * image.height > jpeg.MAX_SCANNED:
            raise limits.too_slow(f"{scans} scans of {image.width} x {image.height} pixels")
        return image
    if source.startswith(b"GIF8"):
        limits.check_gif(source)
    elif source.startswith(b"P"):
        limits.check_ppm(source)
    return _header(source)


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
        pixels = ink.ink_square(rgb, size)
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
    limits.check_size(array.shape[1], array.shape[0])
    array = np.ascontiguousarray(eight_bit(array))
    if array.ndim == 3 and array.shape[2] == 3:
        return array
    return np.array(_to_rgb(Image.fromarray(array)))


def _header(source: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(source), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise unsupported.refusal(source) from error
    except _BOMB as error:
        raise _too_many_pixels() from error
    except _DECODER_ERRORS as error:
        raise unsupported.broken_header(source) from error
    limits.check_size(image.width, image.height)
    return image


def _open_png(source: bytes, white: int | None) -> Image.Image:
    bare = png.essentials(source)
    image = _header(bare)
    if png.depth(source) != 16:
        return image
    decode(image)  # unlike OpenCV, Pillow tells where a file is cut off
    read = deep.of_png(source, bare)
    return image if read is None else _with_format(_upright(read.image(white), orientation(image)), "PNG")


def _open_tiff(source: bytes, directory: tiff.Directory, white: int | None) -> Image.Image:
    limits.check_size(directory.one(tiff.WIDTH), directory.one(tiff.HEIGHT))
    read = deep.of_tiff(source, directory)
    if read is not None:
        return _with_format(_upright(read.image(white), directory.one(tiff.ORIENTATION, 1)), "TIFF")
    try:
        return Image.open(io.BytesIO(source), formats=("TIFF",))
    except _DECODER_ERRORS as error:
        if tiff.HEIGHT not in directory.tags:
            raise unsupported.broken_header(source) from error
        raise deep.unreadable(directory) from error


def _with_format(image: Image.Image, name: str) -> Image.Image:
    image.format = name
    return image


def _jpeg(source: bytes, image: Image.Image, at_least: int | None) -> Image.Image:
    if image.mode in ("L", "RGB"):
        rgb = jpeg.pixels(source, image.width, image.height, at_least)
        if rgb is not None:
            return Image.fromarray(rgb)
    else:
        jpeg.check_whole(source)
    if at_least:
        image.draft(None, (at_least, at_least))
    image.load()
    return _to_rgb(image)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        # Pillow has brought PGM, the one of these formats that comes here as a file, to 16 bits.
        image = Image.fromarray(eight_bit(np.asarray(image), 65535 if image.format == "PPM" else None))
    elif image.has_transparency_data:
        image = _on_paper(image.convert("RGBA"), opaque_if_clear=image.format == "BMP")
    return image if image.mode == "RGB" else image.convert("RGB")


def _on_paper(picture: Image.Image, opaque_if_clear: bool) -> Image.Image:
    """RGBA laid on white, or on black where what is seen of it is white itself.

    `opaque_if_clear`: where nothing at all would be seen, alpha means nothing, as in bitmaps whose fourth byte is
    unused.
    """
    alpha = np.asarray(picture.getchannel("A"))
    if opaque_if_clear and not alpha.any():
        return picture.convert("RGB")
    solid = alpha >= min(_SOLID, alpha.max())
    darkest = np.asarray(picture)[:, :, :3].min(axis=2)[solid]
    is_white = alpha.any() and alpha.min() < _SOLID and np.percentile(darkest, 1) >= _NEARLY_WHITE
    paper = Image.new("RGBA", picture.size, "black" if is_white else "white")
    paper.alpha_composite(picture)
    return paper


def _upright(image: Image.Image, turn: int) -> Image.Image:
    return image.transpose(_TURNS[turn]) if turn in _TURNS else image


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise UserError("There is no file '{path}'. Check its name and folder.", path=path) from error
    except OSError as error:
        raise UserError(
            "'{path}' cannot be read ({reason}). Give an image file.", path=path, reason=error.strerror
        ) from error


def _cut_off(image: Image.Image) -> UserError:
    return UserError(
        "The image is truncated: its header promises {width} x {height} pixels but its data ends before that. Save "
        "or download it again.",
        width=image.width,
        height=image.height,
    )


def _damaged(image: Image.Image, reason: Exception) -> UserError:
    return UserError(
        "The image is damaged: its {format} data cannot be decoded ({reason}). Open it in an image editor and save "
        "it again as JPEG or PNG.",
        format=image.format or image.mode,
        reason=str(reason) or type(reason).__name__,
    )


def _too_many_pixels() -> UserError:
    return UserError(
        "The image claims far more than {limit} megapixels, which is the most that can be read. Make it smaller first.",
        limit=limits.MAX_PIXELS // 1_000_000,
    )
