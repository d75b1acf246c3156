"""What a file is that is no image, or no image that can be read: by its first bytes, told so that it helps."""

from core.data.formats.png import SIGNATURE
from core.errors import UserError
from core.i18n import N_

_IMAGE_STARTS = (b"\xff\xd8", SIGNATURE[:4], b"GIF8", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_VIDEO = N_("This file is a video or sound recording, not an image. Save single pictures of it as JPEG first.")
_OTHER_FORMAT = N_("This file is an image in the format {format}, which cannot be read. Save it as JPEG or PNG first.")
HEIC = N_("HEIC photos cannot be read. Save them as JPEG first.")
_TEXT = N_(
    "This file is text, not an image; it begins with '{start}'. Choose a JPEG, PNG, GIF, WebP, BMP or TIFF image."
)
_BYTES = N_(
    "This file is not an image that can be read; it begins with the bytes {start}. Choose a JPEG, PNG, GIF, WebP, "
    "BMP or TIFF image."
)
UNKNOWN = (_TEXT, _BYTES)
"""The templates for files that nothing is known of."""
_STRANGERS = {
    (b"PK\x03\x04", b"PK\x05\x06"): N_("This file is a zip archive, not an image. Import it as a data set instead."),
    (b"%PDF",): N_("This file is a PDF document, not an image. Save its pages as JPEG or PNG first."),
    (b"<svg", b"<?xml"): N_("This file is an SVG or XML text, not a pixel image. Save it as PNG first."),
    (b"<!doctype html", b"<html"): N_(
        "This file is a web page, not an image. The download probably failed; download the image itself."
    ),
    (b"\x1f\x8b", b"Rar!", b"7z"): N_("This file is a compressed archive, not an image. Unpack it first."),
    (b"\x1aE\xdf\xa3", b"\0\0\x01\xba", b"ID3", b"OggS", b"fLaC"): _VIDEO,
}
_OTHER_FORMATS = {
    b"8BPS": "PSD (Photoshop)", b"\0\0\0\x0cjP  ": "JPEG 2000", b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\0\0\0\x0cJXL ": "JPEG XL", b"\xff\x0a": "JPEG XL", b"%!PS": "EPS", b"SIMPLE  =": "FITS",
}  # fmt: skip
_AVIF = {b"avif", b"avis"}
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_RAW = {b"crx "}


def refusal(source: bytes) -> UserError:
    """Why bytes that Pillow does not know are no image that can be read."""
    is_webp = source.startswith(b"RIFF") and source[8:12] in (b"WEBP", b"")
    if source.startswith(_IMAGE_STARTS) or is_webp:
        return broken_header(source)
    start = source[:512].lstrip(b"\xef\xbb\xbf \r\n\t")
    for signatures, template in _STRANGERS.items():
        if start.lower().startswith(signatures) or source.startswith(signatures):
            return UserError(template)
    if source[4:8] == b"ftyp":
        return _of_brands(source)
    if source.startswith(b"RIFF"):
        return UserError(_VIDEO)
    for signature, name in _OTHER_FORMATS.items():
        if source.startswith(signature):
            return UserError(_OTHER_FORMAT, format=name)
    try:
        text = source[:512].decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if text.isprintable() or all(c.isprintable() or c in "\r\n\t" for c in text):
        return UserError(_TEXT, start=" ".join(text[:24].split()))
    return UserError(_BYTES, start=source[:6].hex(" "))


def broken_header(source: bytes) -> UserError:
    return UserError(
        "The image is truncated or damaged near its beginning; {received} bytes arrived. Save or download it again.",
        received=len(source),
    )


def _of_brands(source: bytes) -> UserError:
    """For the family of HEIC, AVIF and MP4, which tell what they are in their first box (ISO/IEC 14496-12, 4.3)."""
    length = min(int.from_bytes(source[:4], "big"), 256)
    brands = {source[8:12], *(source[at : at + 4] for at in range(16, length, 4))}
    if brands & _AVIF:
        return UserError(
            "This AVIF image is truncated or damaged; {received} bytes arrived. Save or download it again.",
            received=len(source),
        )
    if brands & _HEIC:
        return UserError(HEIC)
    if brands & _RAW:
        return UserError(_OTHER_FORMAT, format="CR3 (raw photo)")
    return UserError(_VIDEO)
