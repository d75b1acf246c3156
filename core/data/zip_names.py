"""What the entries of a zip are called: Unicode where the zip says it, else in an encoding that is guessed."""

import struct
import zipfile
import zlib
from collections.abc import Sequence

from core.data import encodings

_UTF8 = 0x800
_UNICODE_PATH = 0x7075


def entry_names(entries: Sequence[zipfile.ZipInfo]) -> tuple[list[str], str]:
    """The entries' names, and the encoding that was guessed for those that do not say theirs ("" if all do).

    One encoding is taken for all of them: files of one folder must not come apart.
    """
    said: list[str | None] = []
    known, unknown = [], []
    for info in entries:
        if info.flag_bits & _UTF8:
            said.append(info.orig_filename)
            continue
        raw = info.orig_filename.encode("cp437")  # as which `zipfile` read it
        text = raw.decode() if raw.isascii() else _unicode_path(info.extra, raw)
        said.append(text)
        if text is None:
            unknown.append(raw)
        elif not raw.isascii():
            known.append((raw, text))
    encoding = encodings.guess(unknown, known) if unknown else ""
    decoded = (raw.decode(encoding, errors="replace") for raw in unknown)
    return [next(decoded) if name is None else name for name in said], encoding


def _unicode_path(extra: bytes, raw: bytes) -> str | None:
    """The name in the Info-ZIP Unicode Path extra field (APPNOTE 4.6.9), where it belongs to the raw name."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, at)
        content = extra[at + 4 : at + 4 + size]
        if kind == _UNICODE_PATH and content[:5] == b"\x01" + struct.pack("<L", zlib.crc32(raw)):
            try:
                return content[5:].decode()
            except UnicodeDecodeError:
                return None
        at += 4 + size
    return None
