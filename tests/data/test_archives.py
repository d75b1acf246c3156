"""Zips made to hurt: each is refused, or loses the entry that is wrong, before it costs time or memory."""

import bz2
import io
import lzma
import struct
import time
import tracemalloc
import zipfile
import zlib

import pytest

from core.data import archives, importing
from core.data.uploads import found_in
from core.errors import UserError

KERNEL = zlib.compress(bytes(1_000_000), 9)[2:-4]  # raw deflate data


def directory_entry(
    name: bytes, method: int = 0, crc: int = 0, packed: int = 0, size: int = 0, offset: int = 0
) -> bytes:
    sizes = struct.pack("<3L5H2L", crc, packed, size, len(name), 0, 0, 0, 0, 0, offset)
    return b"PK\x01\x02" + struct.pack("<6H", 20, 20, 0, method, 0, 0x21) + sizes + name


def end(count: int, size: int, offset: int) -> bytes:
    return b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, count, count, size, offset, 0)


def opened(content: bytes) -> io.BytesIO:
    file = io.BytesIO(content)
    file.name = "x.zip"
    return file


def good(class_files, **extra: tuple[bytes, int]) -> bytes:
    """A zip of two classes, then the entries `extra`, as name: (content, method)."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path, content in class_files({"cats": 5, "dogs": 5}).items():
            archive.writestr(path, content)
        for name, (content, method) in extra.items():
            archive.writestr(f"cats/{name}.png", content, method)
    return file.getvalue()


def with_data(content: bytes, method: int, packed: bytes, size: int) -> bytes:
    """The zip `content`, whose last entry is as long as `packed` and stored, with those data, method and size."""
    directory = content.rindex(b"PK\x01\x02")
    offset = struct.unpack_from("<L", content, directory + 42)[0]
    start = offset + 30 + sum(struct.unpack_from("<2H", content, offset + 26))
    changed = bytearray(content)
    changed[start : start + len(packed)] = packed
    struct.pack_into("<H", changed, offset + 8, method)
    struct.pack_into("<H", changed, directory + 10, method)
    struct.pack_into("<L", changed, directory + 24, size)
    return bytes(changed)


@pytest.mark.parametrize("claimed", [65_535, 3])
def test_a_million_entries_are_refused_before_they_are_read(claimed):
    """Whatever the end record says of their number."""
    directory = directory_entry(b"a.png") * 1_000_000
    file = opened(directory + end(claimed, len(directory), 0))
    tracemalloc.start()
    start = time.process_time()
    with pytest.raises(UserError, match="more than 50000 files"):
        archives.open_zip(file, "x.zip")
    assert time.process_time() - start < 2
    assert tracemalloc.get_traced_memory()[1] < 100e6
    tracemalloc.stop()
    assert "more than 50000 files" in str(found_in([file], 500)[1][0])


def test_more_entries_than_are_allowed_are_counted(monkeypatch, class_files):
    monkeypatch.setattr(archives, "MAX_ENTRIES", 9)
    with pytest.raises(UserError, match="more than 9 files"):
        archives.open_zip(opened(good(class_files)), "x.zip")


def test_entries_that_share_their_data_are_refused():
    name, crc = b"cats/0.png", zlib.crc32(bytes(1_000_000))
    local = struct.pack("<5H3L2H", 20, 0, 8, 0, 0x21, crc, len(KERNEL), 1_000_000, len(name), 0)
    body = b"PK\x03\x04" + local + name + KERNEL
    names = [b"cats/%d.png" % n for n in range(1000)]
    directory = b"".join(directory_entry(name, 8, crc, len(KERNEL), 1_000_000) for name in names)
    file = opened(body + directory + end(1000, len(directory), len(body)))
    with pytest.raises(UserError, match="overlapping entries, as zip bombs do"):
        importing.import_source(file, "x")
    images, [refused] = found_in([file], 2000)
    assert not images
    assert "overlapping entries" in str(refused)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_method_is_read_and_its_damage_skips_the_image(method, class_files):
    image = class_files({"x": 1}, seed=1)["x/0.png"]
    content = good(class_files, x=(image, method))
    assert importing.import_source(opened(content), "fine").added == 11
    start = content.rindex(b"cats/x.png", 0, content.rindex(b"PK\x01\x02")) + len("cats/x.png")
    spoiled = (
        content[: start + 8] + bytes(byte ^ 0xFF for byte in content[start + 8 : start + 60]) + content[start + 60 :]
    )
    [item] = importing.import_source(opened(spoiled), "spoiled").skipped
    assert item.name == "cats/x.png"
    assert "damaged" in str(item)


SDK = struct.pack("<BBH", 9, 4, 5)
LZMA = lzma.compress(bytes(50_000_000), lzma.FORMAT_ALONE)
LIES = {
    "bzip2": (zipfile.ZIP_BZIP2, bz2.compress(bytes(50_000_000))),
    "LZMA": (zipfile.ZIP_LZMA, SDK + LZMA[:5] + LZMA[13:]),
    "a dictionary of 4 GB": (zipfile.ZIP_LZMA, SDK + LZMA[:1] + b"\xff\xff\xff\xff" + LZMA[13:]),
    "no LZMA header": (zipfile.ZIP_LZMA, b"\1"),
    "nonsense as LZMA properties": (zipfile.ZIP_LZMA, SDK + b"\xff" * 40),
    "deflate": (zipfile.ZIP_DEFLATED, zlib.compress(bytes(50_000_000), 9)[2:-4]),
}


@pytest.mark.parametrize("what", LIES)
def test_what_grows_more_than_it_says_takes_no_memory(what, class_files):
    method, packed = LIES[what]
    content = with_data(good(class_files, x=(b"z" * len(packed), 0)), method, packed, 100_000)
    file = opened(content)
    [bad] = [found for _, found in importing.contents(file, importing.ExitStack()).items if found.path == "cats/x.png"]
    tracemalloc.start()
    with pytest.raises(UserError, match="damaged"):
        bad.read()
    assert tracemalloc.get_traced_memory()[1] < 20e6  # LZMA has a window of 8 MB
    tracemalloc.stop()
    assert importing.import_source(file, "x").added == 10


@pytest.mark.parametrize("comment", [b"[" * 60_000, b"[1]", b'{"handful": {"kind": []}}', b'{"handful": 1}', b"\xff"])
def test_a_strange_comment_means_nothing(comment, class_files):
    file = opened(good(class_files))
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = comment
    assert importing.contents(file, importing.ExitStack()).kind is None


@pytest.mark.parametrize(
    ("at", "value"), [(42, b"\xff\xff\xff\x7f"), (8, b"\x40\0"), (8, b"\x20\0"), (42, b"\0\0\0\0")]
)
def test_a_directory_that_lies_of_one_entry_raises_nothing_else(at, value, class_files):
    content = good(class_files, x=(b"x", 0))
    start = content.rindex(b"PK\x01\x02") + at
    file = opened(content[:start] + value + content[start + len(value) :])
    if value == b"\0\0\0\0":
        with pytest.raises(UserError, match="overlapping entries"):
            importing.import_source(file, "x")
    else:
        assert importing.import_source(file, "x").added == 10


def test_zip64_is_read_and_its_lies_are_told(class_files):
    content = good(class_files)
    body, last = content[:-22], content[-22:]
    size, offset = struct.unpack_from("<2L", last, 12)

    def zip64(size: int, offset: int) -> io.BytesIO:
        record = b"PK\x06\x06" + struct.pack("<Q2H2L4Q", 44, 45, 45, 0, 0, 10, 10, size, offset)
        locator = b"PK\x06\x07" + struct.pack("<LQL", 0, len(body), 1)
        return opened(body + record + locator + end(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF))

    assert importing.import_source(zip64(size, offset), "x").added == 10
    for wrong in (zip64(2**63, offset), zip64(2**40, 0), zip64(size, 2**64 - 1)):
        with pytest.raises(UserError):
            importing.import_source(wrong, "y")


def test_paths_of_thousands_of_folders_cost_little(class_files):
    file = io.BytesIO(good(class_files))
    with zipfile.ZipFile(file, "a") as archive:
        for number in range(20):
            archive.writestr("a/" * 20_000 + f"{number}.png", b"x")
    file.name = "x.zip"
    start = time.process_time()
    skipped = importing.contents(file, importing.ExitStack()).skipped
    assert time.process_time() - start < 2
    assert len(skipped) == 20
    assert "Its path has 400" in str(skipped[0])
    assert len(skipped[0].name) < 200
