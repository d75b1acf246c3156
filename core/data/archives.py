"""Zips by strangers: what is inside is judged from the directory before anything is unpacked."""

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from core.data.layout import unwanted
from core.data.manifest import Skipped
from core.errors import UserError

MAX_ENTRIES = 50_000
MAX_FILE_BYTES = 64 * 1024**2
MAX_TOTAL_BYTES = 8 * 1024**3
MAX_RATIO = 200
"""Unpacked to packed size. Honest files of little content reach it too, so it counts from RATIO_FROM bytes on."""
RATIO_FROM = 8 * 1024**2
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_UTF8 = 0x800
_ENCRYPTED = 0x1
_DRIVE = re.compile(r"[A-Za-z]:")
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, struct.error, ValueError, RuntimeError)


@dataclass(frozen=True)
class Found:
    """A file that may be an image: its path inside the zip or folder, with /, and how to read its bytes."""

    path: str
    read: Callable[[], bytes]


def open_zip(file: Path | BinaryIO, name: str) -> zipfile.ZipFile:
    """Open a zip's directory. UserError where it is not a zip, is cut off or is empty; `name` is for the message."""
    start = _start(file, name)
    if not start:
        raise UserError("'{name}' is empty (0 bytes). Save or download it again.", name=name)
    try:
        archive = zipfile.ZipFile(file)
    except UnicodeDecodeError as error:
        raise UserError("'{name}' has file names that cannot be read. Make the zip again.", name=name) from error
    except _DAMAGE as error:
        if start.startswith(b"PK\x03\x04"):
            raise UserError(
                "The zip '{name}' is cut off or damaged: its directory, which stands at its end, is missing. Copy or "
                "download it again.",
                name=name,
            ) from error
        if start.startswith((b"Rar!", b"7z", b"\x1f\x8b", b"BZh", b"\xfd7z")) or start[257:262] == b"ustar":
            raise UserError(
                "'{name}' is another kind of archive. Unpack it and make a zip of the folder.", name=name
            ) from error
        raise UserError(
            "'{name}' is not a zip, in spite of its name. Make a zip of the folder with the images.", name=name
        ) from error
    if not archive.infolist():
        raise UserError("The zip '{name}' is empty. Make it again, with the images in it.", name=name)
    return archive


def contents(archive: zipfile.ZipFile, name: str) -> tuple[list[Found], list[Skipped]]:
    """The files of a zip that may be images, and what is left out. UserError where an entry must not be unpacked."""
    files = [(info, _decoded_name(info)) for info in archive.infolist()]
    for info, path in files:
        _check_entry(info, path)
    files = [(info, path) for info, path in files if not path.endswith("/")]
    check_limits(name, ((path, info.file_size) for info, path in files))
    packed = sum(info.compress_size for info, _ in files)
    _check_ratio(name, sum(info.file_size for info, _ in files), packed)
    found, skipped, seen = [], [], set()
    for info, path in files:
        _check_ratio(path, info.file_size, info.compress_size)
        path = "/".join(part for part in path.split("/") if part not in ("", "."))
        if path in seen:
            raise UserError("The zip has two entries '{path}'. Make it again, with each file once.", path=path)
        seen.add(path)
        if (reason := unwanted(path)) is not None:
            skipped.append(Skipped(path, *reason))
        else:
            found.append(Found(path, _reader(archive, info)))
    return found, skipped


def check_limits(name: str, sizes: Iterable[tuple[str, int]]) -> None:
    """UserError where the files, (path, bytes unpacked), are too many or too large."""
    total = 0
    for number, (path, size) in enumerate(sizes, 1):
        if number > MAX_ENTRIES:
            raise UserError(
                "'{name}' has more than {limit} files. Import fewer at a time.", name=name, limit=MAX_ENTRIES
            )
        if size > MAX_FILE_BYTES:
            raise UserError(
                "'{path}' has {size} MB; a file may have at most {limit} MB. Make it smaller or leave it out.",
                path=path,
                size=size // 1024**2,
                limit=MAX_FILE_BYTES // 1024**2,
            )
        total += size
    if total > MAX_TOTAL_BYTES:
        raise UserError(
            "'{name}' has {size} GB of files; at most {limit} GB can be imported at once. Split it up.",
            name=name,
            size=total // 1024**3,
            limit=MAX_TOTAL_BYTES // 1024**3,
        )


def _start(file: Path | BinaryIO, name: str) -> bytes:
    try:
        if isinstance(file, Path):
            with file.open("rb") as opened:
                return opened.read(512)
        file.seek(0)
        return file.read(512)
    except OSError as error:
        raise UserError(
            "'{name}' cannot be read ({reason}). Give a zip or a folder.", name=name, reason=error.strerror
        ) from error


def _decoded_name(info: zipfile.ZipInfo) -> str:
    """The entry's name. Without the UTF-8 flag it is in the packer's encoding: UTF-8 or Korean, most often."""
    if info.flag_bits & _UTF8:
        return info.orig_filename
    raw = info.orig_filename.encode("cp437")
    for encoding in ("utf-8", "cp949"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return info.orig_filename


def _check_entry(info: zipfile.ZipInfo, path: str) -> None:
    if "\\" in path:
        raise UserError("The zip entry {path!r} has backslashes in its name. Make the zip again with /.", path=path)
    if path.startswith("/") or _DRIVE.match(path):
        raise UserError("The zip entry {path!r} has an absolute path. Make the zip from inside the folder.", path=path)
    if ".." in path.split("/"):
        raise UserError("The zip entry {path!r} points outside of the zip. Make the zip again without '..'.", path=path)
    mode = stat.S_IFMT(info.external_attr >> 16)
    if mode == stat.S_IFLNK:
        raise UserError("The zip entry {path!r} is a link. Put the image itself into the zip.", path=path)
    if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UserError("The zip entry {path!r} is neither a file nor a folder. Leave it out.", path=path)
    if info.flag_bits & _ENCRYPTED:
        raise UserError("The zip entry {path!r} needs a password. Make the zip again without one.", path=path)
    if info.compress_type not in _METHODS:
        raise UserError(
            "The zip entry {path!r} is packed by method {method}, which cannot be read. Make the zip again with the "
            "usual settings.",
            path=path,
            method=info.compress_type,
        )


def _check_ratio(path: str, size: int, packed: int) -> None:
    if size > RATIO_FROM and size > MAX_RATIO * max(packed, 1):
        raise UserError(
            "'{path}' would grow to {ratio} times its packed size, as zip bombs do; at most {limit} times is allowed. "
            "Leave it out.",
            path=path,
            ratio=size // max(packed, 1),
            limit=MAX_RATIO,
        )


def _reader(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            with archive.open(info) as file:
                content = file.read(info.file_size + 1)
        except _DAMAGE as error:
            raise UserError(
                "Its data in the zip are damaged or do not match the zip's directory. Make the zip again."
            ) from error
        if len(content) != info.file_size:
            raise UserError(
                "The zip promises {promised} bytes of it but has {received}. Make the zip again.",
                promised=info.file_size,
                received=len(content),
            )
        return content

    return read
