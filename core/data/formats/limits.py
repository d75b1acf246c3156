"""Limits that are looked at before any decoder starts. What still takes too long is stopped by `core.data.decoding`."""

import re

from core.errors import UserError

MAX_BYTES = 200 * 1024**2
MAX_PIXELS = 64_000_000
MAX_SIDE = 65_535  # pixels, as in JPEG; a line of 64 million pixels would take gigabytes to be made smaller
MAX_HEADER = 1024**2  # bytes before the pixels of a GIF; its reader joins comments piece by piece
_MAX_TEXT_HEADER = 64 * 1024  # bytes before the pixels of a PPM, which is read byte by byte
_COMMENT = re.compile(rb"#[^\r\n]*")


def check_size(width: int, height: int) -> None:
    """Raises UserError for more than MAX_PIXELS pixels, or more than MAX_SIDE on one side."""
    if width * height > MAX_PIXELS:
        raise UserError(
            "The image has {width} x {height} pixels; at most {limit} megapixels can be read. Make it smaller first.",
            width=width,
            height=height,
            limit=MAX_PIXELS // 1_000_000,
        )
    if max(width, height) > MAX_SIDE:
        raise UserError(
            "The image has {width} x {height} pixels; no side may have more than {limit}. Cut it into parts first.",
            width=width,
            height=height,
            limit=MAX_SIDE,
        )


def check_bytes(source: bytes) -> None:
    """Raises UserError for a file of more than MAX_BYTES."""
    if len(source) > MAX_BYTES:
        raise UserError(
            "The image file has {size} MB; at most {limit} MB can be read. Save it as JPEG or make it smaller first.",
            size=len(source) // 1024**2,
            limit=MAX_BYTES // 1024**2,
        )


def too_slow(reason: str) -> UserError:
    """For files that are made in a way that costs hours, by mistake or on purpose. `reason`: such as "900 scans"."""
    return UserError(
        "The image is built in a way that takes too long to decode ({reason}). Open it in an image editor and save it "
        "again as JPEG or PNG.",
        reason=reason,
    )


def check_gif(gif: bytes) -> None:
    """Raises UserError where comments and other extensions before the first frame are very long."""
    at = 13 + (3 << (gif[10] & 7) + 1 if len(gif) > 10 and gif[10] & 0x80 else 0)
    while at < len(gif) and gif[at] == 0x21:  # an extension, made of blocks of up to 255 bytes
        at += 2
        while at < len(gif) and gif[at]:
            at += gif[at] + 1
        at += 1
        if at > MAX_HEADER:
            raise too_slow(f"{at // 1024} kB before the first frame")


def check_ppm(ppm: bytes) -> None:
    """Raises UserError where size and depth do not stand near the beginning of a PBM, PGM or PPM file."""
    words = _COMMENT.sub(b"", ppm[:_MAX_TEXT_HEADER]).split(None, 4)
    if len(words) < 4 and len(ppm) > _MAX_TEXT_HEADER:
        raise too_slow(f"more than {_MAX_TEXT_HEADER // 1024} kB of comments")
