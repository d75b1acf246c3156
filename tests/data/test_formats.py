"""Files with more than 8 bits a sample, PNG chunks, and files that are made to cost time; most are written by hand."""

import io
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from core.data import images
from core.data.formats import jpeg, limits, png, tiff
from core.data.samples import eight_bit
from core.errors import UserError

CODES = {3: "H", 4: "I"}


def tiff_file(
    samples: np.ndarray, photometric: int, *, order: str = "<", planar: int = 1, kind: int = 1, bits: int = 0,
    compression: int = 1, extra: int | None = None, data: bytes | None = None, more: tuple = (),
) -> bytes:  # fmt: skip
    """An uncompressed or deflated TIFF with one strip, or one for each plane. `more`: (tag, type, values)."""
    height, width, channels = (*samples.shape, 1)[:3]
    samples = samples.astype(samples.dtype.newbyteorder(order)).reshape(height, width, channels)
    planes = [np.moveaxis(samples, 2, 0)[n] for n in range(channels)] if planar == 2 else [samples]
    strips = [data or np.ascontiguousarray(plane).tobytes() for plane in planes]
    if compression == 8:
        strips = [zlib.compress(strip) for strip in strips]
    offsets = [1024 + sum(map(len, strips[:n])) for n in range(len(strips))]
    tags = [
        (256, 4, [width]), (257, 4, [height]), (258, 3, [bits or samples.dtype.itemsize * 8] * channels),
        (259, 3, [compression]), (262, 3, [photometric]), (273, 4, offsets), (277, 3, [channels]), (278, 4, [height]),
        (279, 4, [len(strip) for strip in strips]), (284, 3, [planar]), (339, 3, [kind] * channels), *more,
    ]  # fmt: skip
    if extra is not None:
        tags.append((338, 3, [extra]))
    entries, values = b"", b""
    at = 8 + 2 + 12 * len(tags) + 4
    for tag, code, numbers in sorted(tags):
        value = struct.pack(f"{order}{len(numbers)}{CODES[code]}", *numbers)
        if len(value) > 4:
            value, values = struct.pack(order + "I", at + len(values)), values + value
        entries += struct.pack(order + "HHI", tag, code, len(numbers)) + value.ljust(4, b"\0")
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "IH", 8, len(tags))
    return (head + entries + bytes(4) + values).ljust(1024, b"\0") + b"".join(strips)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_file(samples: np.ndarray, *before: bytes, after: bytes = b"") -> bytes:
    """A PNG of 8 or 16 bits; `before` and `after`: chunks around the pixels'."""
    height, width, channels = (*samples.shape, 1)[:3]
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, samples.dtype.itemsize * 8, colour, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in samples.astype(samples.dtype.newbyteorder(">")))
    return (
        png.SIGNATURE + chunk(b"IHDR", header) + b"".join(before) + chunk(b"IDAT", zlib.compress(rows)) + after
        + chunk(b"IEND", b"")
    )  # fmt: skip


@pytest.fixture
def colour(photo) -> np.ndarray:
    """(24, 32, 3) uint8 from black to white."""
    picture = photo(7, (24, 32)).copy()
    picture[0, 0], picture[0, 1] = 0, 255
    return picture


@pytest.fixture
def grey(colour) -> np.ndarray:
    """(24, 32) uint8 from black to nearly white."""
    return np.minimum(colour[:, :, 1], 240)


def as_seen(picture: np.ndarray) -> np.ndarray:
    return picture if picture.ndim == 3 else np.dstack([picture] * 3)


def test_a_tiff_of_16_bits_is_read_in_every_layout(colour, grey):
    rgb, light = (picture.astype(np.uint16) * 257 for picture in (colour, grey))
    for order in "<>":
        for compression in (1, 8):
            how = {"order": order, "compression": compression}
            assert np.array_equal(images.decode(tiff_file(light, 1, **how)), as_seen(grey))
            assert np.array_equal(images.decode(tiff_file(65535 - light, 0, **how)), as_seen(grey))
            assert np.array_equal(images.decode(tiff_file(rgb, 2, **how)), colour)
            assert np.array_equal(images.decode(tiff_file(rgb, 2, planar=2, **how)), colour)


def test_white_is_zero_in_8_bits_and_in_floats(grey):
    assert np.array_equal(images.decode(tiff_file(255 - grey, 0)), as_seen(grey))
    assert np.array_equal(images.decode(tiff_file((1 - grey / 255).astype(np.float32), 0, kind=3)), as_seen(grey))


def test_other_samples_of_tiff(colour, grey):
    for samples, kind in (
        (grey.astype(np.uint32) * 0x01010101, 1),
        (grey.astype(np.int16) << 4, 2),
        (grey / 255, 3),
        ((grey / 255).astype(np.float32), 3),
    ):
        assert np.abs(images.decode(tiff_file(samples, 1, kind=kind)).astype(int) - as_seen(grey)).max() <= 1
    for planar in (1, 2):
        for samples in (colour / 255, (colour / 255).astype(np.float32)):
            assert np.array_equal(images.decode(tiff_file(samples, 2, kind=3, planar=planar)), colour)


def test_transparency_of_tiff(colour):
    alpha = np.full(colour.shape[:2], 65535, np.uint16)
    alpha[:12] = 0
    rgba = np.dstack([colour.astype(np.uint16) * 257, alpha])
    for extra, upper in ((2, 255), (0, colour[:12]), (1, 255)):  # straight, unspecified, premultiplied
        samples = rgba * (alpha[:, :, None] > 0) if extra == 1 else rgba
        for planar in (1, 2):
            seen = images.decode(tiff_file(samples, 2, extra=extra, planar=planar))
            assert np.array_equal(seen[12:], colour[12:])
            assert (seen[:12] == upper).all()


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_fewer_bits_in_16_are_judged_by_the_greatest_sample(colour, grey, bits):
    rgb, light = ((picture.astype(np.uint16) * 257) >> (16 - bits) for picture in (colour, grey))
    for content in (tiff_file(light, 1), tiff_file((1 << bits) - 1 - light, 0), png_file(light)):
        assert np.abs(images.decode(content).astype(int) - as_seen(grey)).max() <= 1
    for content in (tiff_file(rgb, 2), tiff_file(rgb, 2, planar=2), png_file(rgb)):
        assert np.array_equal(images.decode(content), colour)
    assert np.array_equal(images.decode(rgb), colour)


def test_the_depth_that_a_file_tells_comes_first(grey):
    dark = grey.astype(np.uint16)  # at most 240
    for bits in (10, 12, 16):
        expected = as_seen(np.rint(dark * (255 / ((1 << bits) - 1))))
        largest = (281, 3, [(1 << bits) - 1])
        description = b'<Pixels SignificantBits="%d"/>' % bits
        for content in (
            tiff_file(dark, 1, more=(largest,)),
            png_file(dark, chunk(b"sBIT", bytes([bits]))),
            with_description(dark, description.decode()),
        ):
            assert np.array_equal(images.decode(content), expected)


def with_description(samples: np.ndarray, text: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(samples).save(file, "TIFF", tiffinfo={270: text})
    return file.getvalue()


def test_packed_samples(grey):
    twelve = grey.astype(int) * 4095 // 255
    bits = "".join(f"{value:012b}" for value in twelve.ravel())
    data = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
    for photometric, expected in ((1, grey), (0, 255 - grey)):
        seen = images.decode(tiff_file(grey, photometric, bits=12, data=data))
        assert np.abs(seen.astype(int) - as_seen(expected)).max() <= 1


def test_a_known_white_and_what_is_merely_dark():
    dark = np.array([[0, 300, 900]], np.uint16)
    assert eight_bit(dark).tolist() == [[0, 75, 224]]
    assert eight_bit(dark, white=4095).tolist() == [[0, 19, 56]]
    assert eight_bit(dark, white=255).tolist() == [[0, 75, 224]]  # never clipped
    assert eight_bit(np.array([[0, 257, 514]], np.uint16)).tolist() == [[0, 1, 2]]  # 8 bits, spread over 16


def test_transparency_of_png_with_16_bits(colour, grey):
    light, rgb = grey.astype(np.uint16) * 257, colour.astype(np.uint16) * 257
    clear = chunk(b"tRNS", struct.pack(">H", light[5, 5]))
    seen = images.decode(png_file(light, clear))
    assert (seen[light == light[5, 5]] == 255).all()
    assert np.array_equal(seen[light != light[5, 5]], as_seen(grey)[light != light[5, 5]])
    seen = images.decode(png_file(rgb, chunk(b"tRNS", struct.pack(">3H", *rgb[5, 5]))))
    assert (seen[5, 5] == 255).all()
    assert np.array_equal(seen[6:], colour[6:])
    alpha = np.full(grey.shape, 65535, np.uint16)
    alpha[:12] = 0
    for samples, expected in ((np.dstack([light, alpha]), as_seen(grey)), (np.dstack([rgb, alpha]), colour)):
        seen = images.decode(png_file(samples))
        assert (seen[:12] == 255).all()
        assert np.array_equal(seen[12:], expected[12:])


@pytest.mark.parametrize(
    ("samples", "options", "kind"),
    [
        (np.zeros((4, 4), np.float16), {"photometric": 1, "kind": 3}, "16-bit float"),
        (np.zeros((4, 4), np.complex64), {"photometric": 1, "kind": 6}, "64-bit complex"),
        (np.zeros((4, 4, 5), np.uint16), {"photometric": 2, "extra": 0}, "16-bit, 5 channels"),
        (np.zeros((4, 4, 2), np.uint16), {"photometric": 1, "extra": 2}, "16-bit, 2 channels"),
        (np.zeros((4, 4, 3), np.uint16), {"photometric": 8}, "16-bit, CIE Lab, 3 channels"),
        (np.zeros((4, 4), np.uint8), {"photometric": 1, "compression": 34892}, "8-bit, compression 34892"),
    ],
)
def test_a_kind_of_tiff_that_cannot_be_read_is_named(samples, options, kind):
    with pytest.raises(UserError) as error:
        images.decode(tiff_file(samples, **options))
    assert f"This kind of TIFF ({kind}) cannot be read. Save it as" in str(error.value)


def test_deep_files_that_are_cut_off(grey):
    light = grey.astype(np.uint16) * 200
    for content in (tiff_file(light, 1), tiff_file(light / 65535, 1, kind=3), png_file(light)):
        with pytest.raises(UserError, match="is truncated: its header promises 32 x 24"):
            images.decode(content[: len(content) * 3 // 4])


def test_deep_files_are_turned_upright(grey):
    light = grey.astype(np.uint16) * 257
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = as_seen(np.rot90(grey, -1))
    rgb = np.dstack([light, light // 2, light // 3])
    for samples, planar in ((light, 1), (rgb, 1), (rgb, 2)):
        flat, seen = (
            images.decode(tiff_file(samples, samples.ndim - 1, planar=planar, more=more))
            for more in ((), ((274, 3, [6]),))
        )
        assert np.array_equal(seen, np.rot90(flat, -1))
    assert np.array_equal(images.decode(png_file(light, chunk(b"eXIf", exif.tobytes()[6:]))), turned)


def test_a_png_is_read_in_spite_of_its_metadata(colour):
    long = b"x\0\0" + zlib.compress(bytes(3_000_000))
    text = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(3_000_000))
    for odd in (
        chunk(b"iCCP", long), chunk(b"zTXt", long), chunk(b"iTXt", text), chunk(b"tEXt", b"a\0" + b"b" * 3_000_000),
        chunk(b"zTXt", b"x\0\0broken"), chunk(b"tEXt", b"a\0b")[:-1] + b"?", chunk(b"eXIf", b"MM")[:-1] + b"?",
    ):  # fmt: skip
        assert np.array_equal(images.decode(png_file(colour, odd)), colour)
        assert np.array_equal(images.decode(png_file(colour, after=odd)), colour)


def slow_jpeg(encoded, **parts: bytes) -> bytes:
    content = encoded(Image.new("RGB", (640, 480)), "JPEG", progressive=True)
    last = content.rfind(b"\xff\xda")
    return content[:2] + parts.get("front", b"") + content[2:-2] + content[last:-2] * int(parts.get("scans", b"0")) + (
        parts.get("end", b"") + b"\xff\xd9"
    )  # fmt: skip


MEGABYTES = 20 * 1024**2  # of 0xFF, a reader that goes byte by byte takes 11 s
# {what: (a file made with `encoded`, words of its message)}
SLOW = {
    "scans": (lambda e: slow_jpeg(e, scans=b"4000"), "more than 100 scans"),
    "padding": (lambda e: slow_jpeg(e, front=b"\xff" * MEGABYTES), "bytes of padding"),
    "junk": (lambda e: slow_jpeg(e, front=b"\xff\0" * (MEGABYTES // 2)), "bytes of padding"),
    "comments": (lambda e: slow_jpeg(e, front=b"\xff\xfe\0\2" * (MEGABYTES // 4)), "more than 2000 segments"),
    "tables": (lambda e: slow_jpeg(e, end=b"\xff\xdd\0\4\0\0" * (MEGABYTES // 6)), "more than 2000 segments"),
    "ppm": (lambda e: b"P6\n#" + b"x" * MEGABYTES + b"\n1 1 255\n\0\0\0", "64 kB of comments"),
    "chunks": (lambda e: png_file(np.zeros((4, 4), np.uint8), chunk(b"tEXt", b"a\0") * 200_000), "100000 chunks"),
    "pixel chunks": (lambda e: png_file(np.zeros((4, 4), np.uint8), chunk(b"IDAT", b"") * 200_000), "100000 chunks"),
    "gif": (
        lambda e: b"GIF89a\1\0\1\0\0\0\0" + b"\x21\xfe" + (b"\xff" + bytes(255)) * 80_000 + b"\0",
        "kB before the first frame",
    ),
    "tags": (lambda e: b"II*\0\x08\0\0\0" + struct.pack("<H", 60_000) + bytes(12 * 60_000), "60000 tags"),
    "tiles": (
        lambda e: tiff_file(np.zeros((4, 4), np.uint8), 1, more=((324, 4, [0] * 10),)).replace(
            struct.pack("<HHI", 324, 4, 10), struct.pack("<HHI", 324, 4, 5_000_000)
        ),
        "5000000 pieces",
    ),
}


@pytest.mark.parametrize("what", SLOW)
def test_files_made_to_cost_time_are_refused_before_they_do(what, encoded):
    make, words = SLOW[what]
    content = make(encoded)
    start = time.process_time()
    with pytest.raises(UserError) as error:
        images.decode(content)
    assert words in str(error.value)
    assert time.process_time() - start < 1.5


def test_many_scans_of_a_large_picture_are_refused(encoded, monkeypatch):
    monkeypatch.setattr(jpeg, "MAX_SCANNED", 640 * 480 * 12)
    assert images.decode(slow_jpeg(encoded)).shape == (480, 640, 3)
    with pytest.raises(UserError, match="scans of 640 x 480 pixels"):
        images.decode(slow_jpeg(encoded, scans=b"10"))


def test_long_padding_inside_the_scan_costs_nothing(encoded):
    content = slow_jpeg(encoded)
    start = time.process_time()
    for filler in (b"\xff" * MEGABYTES, bytes(MEGABYTES)):
        assert images.decode(content[:-2] + filler + b"\xff\xd9").shape == (480, 640, 3)
    assert jpeg.without_metadata(content[:2] + b"\xff" * MEGABYTES + content[2:]) == jpeg.without_metadata(content)
    assert time.process_time() - start < 3


def test_a_file_that_is_too_large(monkeypatch, encoded):
    monkeypatch.setattr(limits, "MAX_BYTES", 2 * 1024**2)
    with pytest.raises(UserError, match="has 3 MB; at most 2 MB"):
        images.decode(encoded(Image.new("L", (8, 8))) + bytes(3 * 1024**2))


def test_directories_that_are_broken():
    whole = tiff_file(np.zeros((4, 4), np.uint8), 1)
    for at in range(0, 150, 3):
        tiff.directory(whole[:at])  # never raises
    assert tiff.directory(b"II*\0") is None
    assert tiff.directory(whole).tags[tiff.WIDTH] == (4,)
