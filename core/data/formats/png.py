"""PNG files: their chunks (PNG specification, 3rd edition, section 5), without those that carry no pixels."""

import struct
import zlib
from collections.abc import Iterator

from core.data.formats.limits import too_slow

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 100_000  # 64 megapixels in chunks of 4 kB are 64,000


def chunks(png: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start, end) of each chunk with its length and checksum, to the one that is cut off or ends the file.

    Raises UserError for more than MAX_CHUNKS.
    """
    at = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        kind, start = png[at + 4 : at + 8], at
        at += 12 + int.from_bytes(png[at : at + 4], "big")
        yield kind, start, at
        if kind == b"IEND" or at >= len(png):
            return
    raise too_slow(f"more than {MAX_CHUNKS} chunks")


def essentials(png: bytes) -> bytes:
    """The file without texts, profiles and the later frames of an animation: what is decoded, and the orientation.

    Pillow gives up a picture because of a long text or profile beside it, and unpacks every one.
    """
    kept = [SIGNATURE]
    for kind, start, end in chunks(png):
        critical = not kind[:1].islower()
        if critical or kind == b"tRNS" or (kind == b"eXIf" and _is_whole(png[start:end])):
            kept.append(png[start:end])
    return b"".join(kept)


def depth(png: bytes) -> int:
    """Bits a sample, 1 to 16; 0 where the header is cut off."""
    return png[24] if len(png) > 24 else 0


def transparent(png: bytes) -> int | None:
    """The grey sample that is transparent in a grey PNG, from its tRNS chunk."""
    for kind, start, end in chunks(png):
        if kind == b"tRNS" and end - start == 14:
            return int.from_bytes(png[start + 8 : start + 10], "big")
    return None


def significant_bits(png: bytes) -> int | None:
    """How many bits of a sample are told to count, from the sBIT chunk."""
    for kind, start, end in chunks(png):
        if kind == b"sBIT" and end - start > 12:
            return max(png[start + 8 : end - 4])
    return None


def _is_whole(chunk: bytes) -> bool:
    return len(chunk) >= 12 and struct.unpack(">I", chunk[-4:])[0] == zlib.crc32(chunk[4:-4])
