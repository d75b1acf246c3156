"""Zips by strangers: what is inside is judged from the directory before anything is unpacked."""

import bz2
import copy
import lzma
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from core.data.folder_layout import short, unwanted
from core.data.manifest import Skipped
from core.data.zip_names import entry_names
from core.errors import UserError

MAX_ENTRIES = 50_000
MAX_DIRECTORY_BYTES = 32 * 1024**2
MAX_FILE_BYTES = 64 * 1024**2
MAX_TOTAL_BYTES = 8 * 1024**3
MAX_RATIO = 200
"""Unpacked to packed size. Honest files of little content reach it too, so it counts from RATIO_FROM bytes on."""
RATIO_FROM = 8 * 1024**2
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_LZMA_MEMORY = 256 * 1024**2
_DIRECTORY_HEADER, _LOCAL_HEADER, _ZIP64_END = 46, 30, 76  # bytes, without names and extra fields
_ENCRYPTED = 0x1
_DRIVE = re.compile(r"[A-Za-z]:")
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, struct.error, ValueError, RuntimeError,
           OverflowError, MemoryError)  # fmt: skip


@dataclass(frozen=True)
class Found:
    """A file that may be an image: its path inside the zip or folder, with /, and how to read its bytes.

    `file`: where it lies, in a folder.
    """

    path: str
    read: Callable[[], bytes]
    file: Path | None = None


class Contents(NamedTuple):
    """`folders`: those that are told of; `encoding`: in which the names were taken to be, "" where that is known."""

    found: list[Found]
    skipped: list[Skipped]
    folders: list[str]
    encoding: str


def open_zip(file: Path | BinaryIO, name: str) -> zipfile.ZipFile:
    """Open a zip's directory. UserError where it is no zip, is cut off or empty, or has too many entries to be read.

    `name` is for the message.
    """
    start = _start(file, name)
    if not start:
        raise UserError("'{name}' is empty (0 bytes). Save or download it again.", name=name)
    try:
        _check_directory(file, name)
        archive = zipfile.ZipFile(file)
    except UnicodeDecodeError as error:
        raise UserError("'{name}' has file names that cannot be read. Make the zip again.", name=name) from error
    except _DAMAGE as error:
        if start.startswith(b"PK\x03\x04"):
            raise UserError(
                "The zip '{name}' is truncated or damaged: the directory at its end is missing. Copy or download it "
                "again.",
                name=name,
            ) from error
        if start.startswith((b"Rar!", b"7z", b"\x1f\x8b", b"BZh", b"\xfd7z")) or start[257:262] == b"ustar":
            raise UserError(
                "'{name}' is another kind of archive. Unpack it and make a zip of the folder.", name=name
            ) from error
        raise UserError(
            "'{name}' is not a zip file despite its name. Make a zip of the folder with the images.", name=name
        ) from error
    if not archive.infolist():
        raise UserError("The zip '{name}' is empty. Make it again, with the images in it.", name=name)
    return archive


def contents(archive: zipfile.ZipFile, name: str) -> Contents:
    """The files of a zip that may be images, and what is left out. UserError where an entry must not be unpacked."""
    names, encoding = entry_names(archive.infolist())
    entries = [(info, path.replace("\\", "/")) for info, path in zip(archive.infolist(), names, strict=True)]
    for info, path in entries:
        _check_entry(info, path)
    _check_overlap(archive.infolist(), name)
    files = [(info, path) for info, path in entries if not path.endswith("/")]
    folders = [_normal(path) for _, path in entries if path.endswith("/")]
    check_limits(name, ((path, max(info.file_size, info.compress_size)) for info, path in files))
    packed = sum(info.compress_size for info, _ in files)
    _check_ratio(name, sum(info.file_size for info, _ in files), packed)
    found, skipped, seen = [], [], set()
    for info, path in files:
        _check_ratio(path, info.file_size, info.compress_size)
        path = _normal(path)
        if path in seen:
            raise UserError("The zip has two entries '{path}'. Make it again, with each file once.", path=path)
        seen.add(path)
        if (reason := unwanted(path)) is not None:
            skipped.append(Skipped(short(path), *reason))
        else:
            found.append(Found(path, _reader(archive, info)))
    return Contents(found, skipped, folders, encoding)


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
        if not isinstance(file, Path):
            file.seek(0)
            return file.read(512)
        if file.exists() and not (
            file.is_file() or file.is_dir()
        ):  # opening a pipe would wait for somebody to write into it
            raise UserError("'{name}' is neither a file nor a folder. Give a zip or a folder.", name=name)
        with file.open("rb") as opened:
            return opened.read(512)
    except OSError as error:
        raise UserError(
            "'{name}' cannot be read ({reason}). Give a zip or a folder.", name=name, reason=error.strerror
        ) from error


def _check_directory(file: Path | BinaryIO, name: str) -> None:
    """UserError where the directory has too many entries, counted before `zipfile` makes an object of each.

    What the end record says of their number is not relied on: the entries themselves are counted.
    """
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return _check_directory(opened, name)
    end = zipfile._EndRecData(file)  # the one that ZipFile uses, so that both mean the same directory
    if end is None:
        return
    size = end[zipfile._ECD_SIZE]
    start = end[zipfile._ECD_LOCATION] - size
    if end[zipfile._ECD_SIGNATURE] == zipfile.stringEndArchive64:
        start -= _ZIP64_END
    if start < 0:
        return
    directory, at, count = b"", 0, 0
    if size <= MAX_DIRECTORY_BYTES:
        file.seek(start)
        directory = file.read(size)
    while at + _DIRECTORY_HEADER <= len(directory) and count <= MAX_ENTRIES:
        at += _DIRECTORY_HEADER + sum(struct.unpack_from("<3H", directory, at + 28))  # name, extra fields, comment
        count += 1
    if count > MAX_ENTRIES or size > MAX_DIRECTORY_BYTES:
        raise UserError("'{name}' has more than {limit} files. Import fewer at a time.", name=name, limit=MAX_ENTRIES)


def _normal(path: str) -> str:
    return "/".join(part for part in path.split("/") if part not in ("", "."))


def _check_overlap(entries: Sequence[zipfile.ZipInfo], name: str) -> None:
    """UserError where entries share data, as in bombs of little size (D. Fifield, A better zip bomb, 2019)."""
    end = 0
    for info in sorted(entries, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise UserError(
                "The zip '{name}' has overlapping entries, as zip bombs do ('{path}'). Make it again.",
                name=name,
                path=info.filename,
            )
        end = info.header_offset + _LOCAL_HEADER + info.compress_size


def _check_entry(info: zipfile.ZipInfo, path: str) -> None:
    if path.startswith("/") or _DRIVE.match(path):
        raise UserError("The zip entry {path!r} has an absolute path. Make the zip from inside the folder.", path=path)
    if ".." in path.split("/"):
        raise UserError("The zip entry {path!r} points outside the zip. Make the zip again without '..'.", path=path)
    mode = stat.S_IFMT(info.external_attr >> 16)
    if mode == stat.S_IFLNK:
        raise UserError("The zip entry {path!r} is a link. Put the image itself into the zip.", path=path)
    if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UserError("The zip entry {path!r} is neither a file nor a folder. Leave it out.", path=path)
    if info.flag_bits & _ENCRYPTED:
        raise UserError("The zip entry {path!r} needs a password. Make the zip again without one.", path=path)
    if info.compress_type not in _METHODS:
        raise UserError(
            "The zip entry {path!r} uses compression method {method}, which is not supported. Make the zip again "
            "with the usual settings.",
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
            content = _unpacked(_packed(archive, info), info.compress_type, info.file_size + 1)
            if len(content) >= info.file_size and zlib.crc32(content) != info.CRC:
                raise zipfile.BadZipFile("wrong checksum, or more data than promised")
        except _DAMAGE as error:
            raise UserError(
                "Its data in the zip is damaged or does not match the zip's directory. Make the zip again."
            ) from error
        if len(content) < info.file_size:
            raise UserError(
                "The zip promises {promised} bytes of it but has {received}. Make the zip again.",
                promised=info.file_size,
                received=len(content),
            )
        return content

    return read


def _packed(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """An entry's bytes as they lie in the zip. `zipfile` unpacks bzip2 and LZMA without a limit, so it only reads."""
    packed = copy.copy(info)
    packed.compress_type, packed.file_size = zipfile.ZIP_STORED, info.compress_size
    del packed.CRC  # it is the unpacked content's
    with archive.open(packed) as file:
        return file.read()


def _unpacked(packed: bytes, method: int, most: int) -> bytes:
    """At most `most` bytes, so that what lies about its size takes no more memory than it said."""
    if method == zipfile.ZIP_STORED:
        return packed[:most]
    if method == zipfile.ZIP_DEFLATED:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, most)
    if method == zipfile.ZIP_BZIP2:
        return bz2.BZ2Decompressor().decompress(packed, most)
    size, start = struct.unpack_from("<H", packed, 2)[0], 4  # after the version of the LZMA SDK
    header = packed[start : start + size] + b"\xff" * 8  # as an .lzma file begins, of unknown length
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_ALONE, _LZMA_MEMORY)
    return unpacker.decompress(header + packed[start + size :], most)
