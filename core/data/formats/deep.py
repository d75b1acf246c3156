"""TIFF and PNG files with more than 8 bits a sample, of which Pillow reads few right: by OpenCV, or refused by name."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from core.data.formats import png, tiff
from core.data.samples import eight_bit, white_of
from core.errors import UserError

_PACKED = (10, 12, 14)  # bits a sample that TIFF stores without gaps; OpenCV moves them to the upper end of 16
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _CMYK = 0, 1, 2, 5
_FLOAT = 3
_PREMULTIPLIED, _ALPHA = 1, 2


class Deep(NamedTuple):
    """Samples as the file has them.

    `samples`: (h, w) grey, (h, w, 3) RGB or (h, w, 4) RGB and alpha, of any type of number. `bits`: how many of a
    sample's bits count, where the file tells; None otherwise. `white`: which sample is white, where that is certain.
    """

    samples: np.ndarray
    bits: int | None = None
    white: int | None = None
    inverted: bool = False
    premultiplied: bool = False

    @property
    def colours(self) -> np.ndarray:
        """The samples without alpha."""
        return self.samples[:, :, :3] if self.samples.ndim == 3 else self.samples

    @property
    def judged_white(self) -> int | None:
        """The white that its greatest sample speaks for; None where the file tells it, or where floats need none."""
        if self.bits or self.white or self.samples.dtype.kind == "f":
            return None
        return white_of(self.colours)

    def image(self, white: int | None) -> Image.Image:
        """As an 8-bit image of mode L, RGB or RGBA. `white`: as in `eight_bit`, where the file itself does not tell."""
        pixels = eight_bit(self.colours, self.white or ((1 << self.bits) - 1 if self.bits else white))
        if self.inverted:
            pixels = 255 - pixels
        if self.samples.ndim == 2 or self.samples.shape[2] == 3:
            return Image.fromarray(pixels)
        alpha = self.samples[:, :, 3]
        if alpha.dtype.kind != "f":
            alpha = eight_bit(alpha, max(white_of(alpha), white_of(self.colours)))
        pixels = np.ascontiguousarray(np.dstack([pixels, eight_bit(alpha)]))
        if self.premultiplied:
            return Image.frombuffer("RGBa", pixels.shape[1::-1], pixels).convert("RGBA")
        return Image.fromarray(pixels)


def of_png(content: bytes, bare: bytes) -> Deep | None:
    """The samples of a PNG of 16 bits; None for any other. `bare`: the file by `png.essentials`."""
    if png.depth(content) != 16:
        return None
    samples = _samples(bare)
    if samples is None:
        return None
    clear = png.transparent(content)
    if samples.ndim == 2 and clear is not None:
        alpha = np.where(samples == clear, 0, 65535).astype(np.uint16)
        samples = np.dstack([samples, samples, samples, alpha])
    return Deep(samples, png.significant_bits(content))


def of_tiff(content: bytes, read: tiff.Directory) -> Deep | None:
    """The samples of a TIFF of more than 8 bits; None for any other and for CMYK, which Pillow reads.

    Raises UserError that names the kind where it cannot be read, or where it is cut off.
    """
    bits, channels = read.one(tiff.BITS, 1), read.one(tiff.CHANNELS, 1)
    colours, kind = read.one(tiff.PHOTOMETRIC, -1), read.one(tiff.FORMAT, 1)
    if max(read.tags.get(tiff.BITS, (1,))) <= 8 or colours == _CMYK:
        return None
    if read.is_cut(len(content)):
        raise UserError(
            "The image is truncated: its header promises {width} x {height} pixels but its data ends before that. "
            "Save or download it again.",
            width=read.one(tiff.WIDTH),
            height=read.one(tiff.HEIGHT),
        )
    readable = {_WHITE_IS_ZERO: (1,), _BLACK_IS_ZERO: (1,), _RGB: (3, 4)}
    if channels not in readable.get(colours, ()) or (kind == _FLOAT and bits not in (32, 64)):
        raise unreadable(read)
    if read.one(tiff.PLANAR, 1) == 2 and channels > 1:
        planes = [_samples(tiff.plane(content, read, number)) for number in range(channels)]
        whole = [plane for plane in planes if plane is not None]
        samples = np.dstack(whole) if len(whole) == channels else None
    else:
        samples = _samples(tiff.plain(content, read))
    if samples is None or (samples.ndim, samples.shape[2:]) != ((2, ()) if channels == 1 else (3, (channels,))):
        raise unreadable(read)
    extra = read.one(tiff.EXTRA)
    if channels == 4 and extra not in (_PREMULTIPLIED, _ALPHA):
        samples = samples[:, :, :3]
    white = ((1 << bits) - 1) << (16 - bits) if bits in _PACKED else None
    return Deep(samples, read.significant_bits, white, colours == _WHITE_IS_ZERO, extra == _PREMULTIPLIED)


def judged_white(content: bytes) -> int | None:
    """`Deep.judged_white` of a file; None for one that has no more than 8 bits. Raises UserError as `of_tiff` does."""
    read = None
    if content.startswith(png.SIGNATURE):
        read = of_png(content, png.essentials(content))
    elif (directory := tiff.directory(content)) is not None:
        read = of_tiff(content, directory)
    return None if read is None else read.judged_white


def unreadable(read: tiff.Directory) -> UserError:
    return UserError(
        "This kind of TIFF ({kind}) cannot be read. Save it as PNG or as an ordinary TIFF (8 or 16 bits, gray or "
        "RGB) first.",
        kind=read.kind,
    )


def _samples(content: bytes) -> np.ndarray | None:
    """What OpenCV reads of a file, in the order RGB; None where it cannot."""
    import cv2  # late, because hardly any image needs it and it takes 40 MB

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what went wrong is said by us
    try:
        samples = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if samples is not None and samples.ndim == 3:
        samples = samples[:, :, [2, 1, 0, 3][: samples.shape[2]]]
    return samples
