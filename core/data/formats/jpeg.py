"""JPEG files: their segments and scans (ITU-T T.81, annex B), and whether their data are whole."""

import re

import numpy as np
import simplejpeg

from core.data.formats.limits import too_slow

MAX_SCANS = 100  # a progressive photo has about ten
MAX_SCANNED = 1_000_000_000  # pixels times scans, each of which passes over the whole picture: ten of 64 megapixels
MAX_SEGMENTS = 2000  # the longest metadata known, depth maps in XMP, take a few hundred
MAX_JUNK = 64 * 1024  # bytes between segments, which readers skip one by one
_START, _END, _START_OF_SCAN = 0xD8, 0xD9, 0xDA
_JFIF, _ADOBE, _COMMENT = 0xE0, 0xEE, 0xFE
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_FILL = re.compile(rb"\xff*(?=\xff)")
_PADDING = re.compile(rb"(?<![\x00\xff])\x00++(?=\xff+\xd9)")
_DAMAGE = ("Corrupt JPEG data: ", "Premature end of JPEG file")
"""How libjpeg's warnings of lost data begin; the others, such as of an unknown version of JFIF, do no harm."""


def check_limits(jpeg: bytes) -> int:
    """Count a file's scans. Raises UserError where they, or its segments, or the bytes between these, are more than any
    camera or editor writes."""
    at, segments, scans, junk = 2, 0, 0, 0
    while found := _MARKER.search(jpeg, at):
        segments += 1
        junk += found.start() - at
        marker, at = jpeg[found.start() + 1], found.end()
        if marker == _END:
            break
        if not (marker == 0x01 or 0xD0 <= marker <= _START):  # those have no length
            at += int.from_bytes(jpeg[at : at + 2], "big")
        if marker == _START_OF_SCAN:
            scans += 1
            end = _AFTER_SCAN.search(jpeg, at)
            if end is None:
                break
            at = end.start()
        if segments > MAX_SEGMENTS or scans > MAX_SCANS:
            break
    for count, most, what in ((scans, MAX_SCANS, "scans"), (segments, MAX_SEGMENTS, "segments"),
                              (junk, MAX_JUNK, "bytes of padding")):  # fmt: skip
        if count > most:
            raise too_slow(f"more than {most} {what}")
    return scans


def without_metadata(jpeg: bytes) -> bytes | None:
    """A JPEG file without EXIF, thumbnails, comments, profiles and trailing data; None where its structure is broken.

    The JFIF and Adobe segments stay, because decoders read the meaning of the colours from them.
    """
    kept = [b"\xff\xd8"]
    at = 2
    while True:
        if fill := _FILL.match(jpeg, at):
            at = fill.end()
        if len(jpeg) < at + 2 or jpeg[at] != 0xFF:
            return None
        marker = jpeg[at + 1]
        if marker == _END:
            return b"".join([*kept, b"\xff\xd9"])
        length = int.from_bytes(jpeg[at + 2 : at + 4], "big")
        segment = jpeg[at : at + 2 + length]
        if length < 2 or len(segment) < length + 2 or marker == _START:
            return None
        at += len(segment)
        if marker == _JFIF and segment[4:9] == b"JFIF\0" and length >= 16:
            kept.append(b"\xff\xe0\x00\x10" + segment[4:16] + b"\0\0")
        elif marker == _ADOBE or not (_JFIF <= marker <= 0xEF or marker == _COMMENT):
            kept.append(segment)
        if marker == _START_OF_SCAN:
            end = _AFTER_SCAN.search(jpeg, at)
            if end is None:
                return None
            kept.append(jpeg[at : end.start()])
            at = end.start()


class Damaged(Exception):
    """Part of the picture is lost; the text is what libjpeg says of it."""


def pixels(jpeg: bytes, width: int, height: int, at_least: int | None) -> np.ndarray | None:
    """Decode a grey or colour JPEG of this size to (h, w, 3) uint8 RGB, to its end; None where that is Pillow's task.

    The same pixels as Pillow's, in half the time, and with libjpeg's warnings, which Pillow and OpenCV keep to
    themselves: there, what is missing or broken comes out grey or shifted without a word. `at_least` as in
    `images.decode`. Raises Damaged.
    """
    scale = 1
    while at_least and scale < 8 and min(width, height) >= 2 * scale * at_least:
        scale *= 2
    return _whole(jpeg, "RGB", min_height=-(-height // scale), min_width=-(-width // scale))


def is_cut(jpeg: bytes) -> bool:
    """Whether the file ends before its end mark."""
    return without_metadata(jpeg) is None


def check_whole(jpeg: bytes) -> None:
    """The same for a JPEG in CMYK, whose pixels are Pillow's task. Raises Damaged."""
    _whole(jpeg, "CMYK", min_height=1, min_width=1)  # at an eighth of the size, which still reads all data


def _whole(jpeg: bytes, colours: str, **size: int) -> np.ndarray | None:
    try:
        return simplejpeg.decode_jpeg(jpeg, colours, **size)
    except ValueError as error:
        if not str(error).startswith(_DAMAGE):
            return None
    # Neither zeros behind the last block, which some encoders write, nor a missing end mark cost a pixel.
    mended = _PADDING.sub(b"", jpeg) + b"\xff\xd9"
    try:
        return simplejpeg.decode_jpeg(mended, colours, **size)
    except ValueError as error:
        raise Damaged(str(error).removeprefix(_DAMAGE[0])) from error
