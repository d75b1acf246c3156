"""TIFF files: their first directory (TIFF 6.0; BigTIFF), for what Pillow reads wrongly or not at all."""

import re
import struct
from typing import NamedTuple

from core.data.formats.limits import too_slow

MAX_TAGS = 1000  # a raw photo has about a hundred
MAX_PIECES = 300_000  # strips or tiles: 64 megapixels in tiles of 16 x 16 are 250,000
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, DESCRIPTION, STRIPS, ORIENTATION = 256, 257, 258, 259, 262, 270, 273, 274
CHANNELS, STRIP_BYTES, MAX_SAMPLE, PLANAR, PREDICTOR, TILES, TILE_BYTES = 277, 279, 281, 284, 317, 324, 325
EXTRA, FORMAT, SIGNED_MAX_SAMPLE = 338, 339, 341
_KNOWN = frozenset((WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, DESCRIPTION, STRIPS, ORIENTATION, CHANNELS, 278,
                    STRIP_BYTES, MAX_SAMPLE, PLANAR, PREDICTOR, 322, 323, TILES, TILE_BYTES, EXTRA, FORMAT,
                    SIGNED_MAX_SAMPLE, 266))  # fmt: skip
_PLACES = frozenset((STRIPS, STRIP_BYTES, TILES, TILE_BYTES))
_CODES = {1: "B", 2: "s", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 16: "Q", 17: "q", 18: "Q"}
_FORMATS = {2: "signed", 3: "float", 5: "complex", 6: "complex"}
_COLOURS = {3: "palette", 4: "mask", 5: "CMYK", 6: "YCbCr", 8: "CIE Lab", 9: "ICC Lab", 32803: "colour filter array"}
_SIGNIFICANT = re.compile(rb'SignificantBits="(\d+)"')  # of OME-TIFF, as microscopes write it


class Directory(NamedTuple):
    """The first image's tags. `big`: BigTIFF, with counts and offsets of 8 bytes."""

    tags: dict[int, tuple]
    order: str  # "<" or ">", as for struct
    big: bool

    def one(self, tag: int, default: int = 0) -> int:
        """A tag's only or first value."""
        return self.tags.get(tag, (default,))[0]

    @property
    def kind(self) -> str:
        """What a person calls it: such as "64-bit float, 3 channels"."""
        bits, channels = self.one(BITS, 1), self.one(CHANNELS, 1)
        words = [f"{bits}-bit", _FORMATS.get(self.one(FORMAT, 1), "")]
        colours = _COLOURS.get(self.one(PHOTOMETRIC), "")
        compression = self.one(COMPRESSION, 1)
        parts = [" ".join(filter(None, words)), colours, f"{channels} channels" if channels > 1 else ""]
        parts += [f"compression {compression}"] if compression not in (1, 5, 8, 32773, 32946) else []
        return ", ".join(filter(None, parts))

    @property
    def significant_bits(self) -> int | None:
        """How many bits of a sample are told to count: by MaxSampleValue or, in OME-TIFF, SignificantBits."""
        told = _SIGNIFICANT.search(self.tags.get(DESCRIPTION, (b"",))[0])
        if told:
            return int(told[1])
        greatest = max((*self.tags.get(MAX_SAMPLE, ()), *self.tags.get(SIGNED_MAX_SAMPLE, ())), default=0)
        return int(greatest).bit_length() or None

    def is_cut(self, length: int) -> bool:
        """Whether strips or tiles lie beyond the end of a file of this many bytes."""
        offsets = self.tags.get(STRIPS) or self.tags.get(TILES) or ()
        sizes = self.tags.get(STRIP_BYTES) or self.tags.get(TILE_BYTES) or (0,) * len(offsets)
        return any(at + size > length for at, size in zip(offsets, sizes, strict=False))


def directory(source: bytes) -> Directory | None:
    """Read the first directory; None where it is broken. Raises UserError beyond MAX_TAGS or MAX_PIECES."""
    order = {b"II": "<", b"MM": ">"}.get(source[:2])
    if order is None:
        return None
    try:
        version = struct.unpack_from(order + "H", source, 2)[0]
        if version not in (42, 43):
            return None
        big = version == 43
        at = struct.unpack_from(order + ("Q" if big else "I"), source, 8 if big else 4)[0]
        count = struct.unpack_from(order + ("Q" if big else "H"), source, at)[0]
        if count > MAX_TAGS:
            raise too_slow(f"{count} tags")
        at += 8 if big else 2
        tags = {}
        for entry in range(at, at + count * (20 if big else 12), 20 if big else 12):
            tag, kind, n = struct.unpack_from(order + ("HHQ" if big else "HHI"), source, entry)
            if tag not in _KNOWN or kind not in _CODES:
                continue
            if tag in (STRIPS, TILES) and n > MAX_PIECES:
                raise too_slow(f"{n} pieces")
            size, inline = n * struct.calcsize(_CODES[kind]), 8 if big else 4
            where = entry + 4 + inline
            if size > inline:
                where = struct.unpack_from(order + ("Q" if big else "I"), source, where)[0]
            tags[tag] = struct.unpack_from(f"{order}{n}{_CODES[kind]}", source, where)
    except (struct.error, OverflowError, MemoryError):
        return None
    return Directory({tag: values for tag, values in tags.items() if values}, order, big)


def plain(source: bytes, read: Directory) -> bytes:
    """The file without what OpenCV would turn: its pixels as they are stored."""
    if read.one(ORIENTATION, 1) == 1:
        return source
    return _with_directory(source, read, read.tags)


def plane(source: bytes, read: Directory, number: int) -> bytes:
    """One colour plane of a file that keeps them apart, as a grey file of its own."""
    channels = read.one(CHANNELS)
    tags = {tag: values for tag, values in read.tags.items() if tag != EXTRA}
    for tag in _PLACES & tags.keys():
        share = len(tags[tag]) // channels
        tags[tag] = tags[tag][number * share : (number + 1) * share]
    tags |= {CHANNELS: (1,), PHOTOMETRIC: (1,), PLANAR: (1,), BITS: tags[BITS][:1], FORMAT: (read.one(FORMAT, 1),)}
    return _with_directory(source, read, tags)


def _with_directory(source: bytes, read: Directory, tags: dict[int, tuple]) -> bytes:
    """The same file with another directory at its end, of these tags but for those that change no pixel."""
    offset = "Q" if read.big else "I"
    inline = struct.calcsize("=" + offset)
    start = len(source) + len(source) % 2
    entries, values = b"", b""
    kept = sorted(tags.keys() - {DESCRIPTION, ORIENTATION, MAX_SAMPLE, SIGNED_MAX_SAMPLE})
    for tag in kept:
        code, kind = (offset, 16 if read.big else 4) if tag in _PLACES else ("I", 4)
        value = struct.pack(f"{read.order}{len(tags[tag])}{code}", *tags[tag])
        if len(value) > inline:
            value, values = struct.pack(read.order + offset, start + len(values)), values + value
        entries += struct.pack(read.order + "HH" + offset, tag, kind, len(tags[tag])) + value.ljust(inline, b"\0")
    count = struct.pack(read.order + ("Q" if read.big else "H"), len(kept))
    first = struct.pack(read.order + offset, start + len(values))
    patched = source[:inline] + first + source[2 * inline :]  # where the header names its directory
    return patched.ljust(start, b"\0") + values + count + entries + bytes(inline)
