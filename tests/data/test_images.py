import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw

from core.data import images
from core.data.formats.jpeg import without_metadata
from core.data.ink import has_ink
from core.data.normalize import LONGEST_SIDE, normalise
from core.errors import UserError

RED, WHITE, BLACK = [255, 0, 0], [255, 255, 255], [0, 0, 0]


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has hardly any data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def test_alpha_is_laid_on_white(encoded):
    for image in (Image.new("RGBA", (4, 3), (9, 9, 9, 0)), Image.new("LA", (4, 3), (9, 0))):
        assert images.decode(encoded(image)).tolist() == [[WHITE] * 4] * 3
    half = images.decode(encoded(Image.new("RGBA", (1, 1), (0, 0, 0, 128))))
    assert half.tolist() == [[[127, 127, 127]]]


def ring(colour: tuple[int, ...], mode: str = "RGBA") -> Image.Image:
    image = Image.new(mode, (64, 64), (*colour[:-1], 0))
    ImageDraw.Draw(image).ellipse((12, 12, 52, 52), outline=colour, width=5)
    return image


@pytest.mark.parametrize("picture", [ring((255, 255, 255, 255)), ring((238, 240, 236, 200)), ring((255, 255), "LA")])
def test_white_ink_on_transparency_is_laid_on_black(encoded, picture):
    seen = images.decode(encoded(picture))
    assert seen[0, 0].tolist() == BLACK
    assert has_ink(seen)


@pytest.mark.parametrize("colour", [(0, 0, 0, 255), (255, 220, 0, 255), (200, 200, 200, 255), (0, 0, 255, 90)])
def test_all_other_ink_on_transparency_is_laid_on_white(encoded, colour):
    assert images.decode(encoded(ring(colour)))[0, 0].tolist() == WHITE


def test_a_bitmap_without_any_alpha_is_opaque(encoded, photo):
    picture = photo(1)
    clear, half = (np.dstack([picture, np.full(picture.shape[:2], a, np.uint8)]) for a in (0, 128))
    assert np.array_equal(images.decode(with_alpha_mask(clear)), picture)
    assert images.decode(with_alpha_mask(half)).mean() > picture.mean() + 20
    assert images.decode(encoded(clear)).min() == 255


def with_alpha_mask(rgba: np.ndarray) -> bytes:
    """A BMP of 32 bits with masks for four channels (BITMAPV4HEADER), as graphics programs write it."""
    height, width = rgba.shape[:2]
    pixels = rgba[::-1, :, [2, 1, 0, 3]].tobytes()
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, len(pixels), 0, 0, 0, 0) + masks + bytes(52)
    return b"BM" + struct.pack("<IHHI", 14 + 108 + len(pixels), 0, 0, 14 + 108) + header + pixels


def test_palette_with_a_transparent_colour(encoded):
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((1, 0), 1)
    assert images.decode(encoded(image)).tolist() == [[RED, [0, 255, 0]]]
    assert images.decode(encoded(image, transparency=1)).tolist() == [[RED, WHITE]]
    assert images.decode(encoded(image, "GIF", transparency=1)).tolist() == [[RED, WHITE]]


def test_sixteen_bits_are_scaled_not_clipped(encoded):
    ramp = np.array([[0, 257, 32896, 65535]], np.uint16)
    for format in ("PNG", "TIFF"):
        assert images.decode(encoded(ramp, format))[0, :, 0].tolist() == [0, 1, 128, 255]
    assert images.decode(ramp)[0, :, 1].tolist() == [0, 1, 128, 255]


def test_float_tiff(encoded):
    for values in ([0.0, 0.5, 1.0], [0.0, 127.5, 255.0], [-2.0, 0.0, 2.0]):
        pixels = images.decode(encoded(np.array([values], np.float32), "TIFF"))
        assert pixels[0, :, 2].tolist() == [0, 128, 255]
    assert images.decode(np.array([[np.nan, 1.0]])).shape == (1, 2, 3)


def test_one_bit_and_grey(encoded):
    assert images.decode(encoded(Image.new("1", (2, 2), 1))).tolist() == [[WHITE] * 2] * 2
    assert images.decode(encoded(Image.new("L", (1, 1), 77))).tolist() == [[[77] * 3]]


def test_cmyk(encoded):
    cmyk = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    for format in ("JPEG", "TIFF"):
        red, green, blue = images.decode(encoded(cmyk, format))[8, 8].astype(int)
        assert red > 240
        assert max(green, blue) < 15


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_the_first_frame_of_an_animation(encoded, format):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    options = {"lossless": True} if format == "WEBP" else {}
    content = encoded(frames[0], format, save_all=True, append_images=frames[1:], **options)
    assert images.decode(content)[4, 4].tolist() == RED


@pytest.mark.parametrize("turn", range(1, 9))
def test_every_exif_orientation(encoded, photo, turn):
    upright = Image.fromarray(photo(1))
    undo = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[turn]
    stored = upright if undo is None else upright.transpose(Image.Transpose(undo))
    exif = Image.Exif()
    exif[0x0112] = turn
    for format in ("PNG", "JPEG", "WEBP"):
        pixels = images.decode(encoded(stored, format, exif=exif, quality=95))
        assert pixels.shape == (48, 64, 3)
        assert np.abs(pixels.astype(int) - np.array(upright)).mean() < 8


def test_broken_exif_does_not_matter(encoded, photo):
    content = encoded(photo(1), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\0\0garbage")
    assert images.decode(content).shape == (48, 64, 3)


def test_arrays(photo):
    picture = photo(3)
    assert np.array_equal(images.decode(picture), picture)
    opaque = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
    assert np.array_equal(images.decode(opaque), picture)
    grey = images.decode(picture[:, :, 0])
    assert np.array_equal(grey, np.repeat(picture[:, :, :1], 3, axis=2))
    assert np.array_equal(images.decode(picture[:, :, :1]), grey)
    assert images.decode(np.zeros((4, 4, 4), np.uint8)).min() == 255
    assert images.decode(np.array([[True, False]])).tolist() == [[WHITE, BLACK]]
    assert images.decode(picture.astype(np.int64)).tolist() == picture.tolist()


def test_a_path_and_a_pil_image(tmp_path, encoded, photo):
    (tmp_path / "a.png").write_bytes(encoded(photo(1)))
    assert np.array_equal(images.decode(tmp_path / "a.png"), photo(1))
    assert np.array_equal(images.decode(Image.fromarray(photo(1))), photo(1))


def test_large_jpegs_may_be_decoded_smaller(encoded, photo):
    content = encoded(photo(1, (900, 1200)), "JPEG", quality=95)
    assert images.decode(content).shape == (900, 1200, 3)
    smaller = images.decode(content, at_least=150)
    assert smaller.shape == (225, 300, 3)
    exact = images.network_input(images.decode(content), "photo", 150, 3)
    assert np.abs(images.network_input(smaller, "photo", 150, 3).astype(int) - exact).mean() < 2


# what is wrong: (bytes made from a good PNG and a good JPEG, words of its message)
MALFORMED = {
    "empty": (lambda png, jpg: b"", "is empty (0 bytes)"),
    "text": (lambda png, jpg: b"hello, I am no image", "is text, not an image; it begins with 'hello, I am no image'"),
    "zip": (lambda png, jpg: b"PK\x03\x04" + png, "is a zip archive"),
    "pdf": (lambda png, jpg: b"%PDF-1.7\n%\xe2\xe3", "is a PDF document"),
    "svg": (lambda png, jpg: b"\xef\xbb\xbf <svg xmlns='x'/>", "is an SVG"),
    "web page": (lambda png, jpg: b"<!DOCTYPE html><html>", "is a web page"),
    "heic": (lambda png, jpg: b"\0\0\0\x18ftypheic" + png, "HEIC photos cannot be read"),
    "avif cut": (
        lambda png, jpg: b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif" + png,
        "This AVIF image is truncated or damaged",
    ),
    "video": (lambda png, jpg: b"\0\0\0\x18ftypisom\0\0\0\0mp42" + png, "is a video"),
    "video of a camera": (lambda png, jpg: b"RIFF\0\0\0\0AVI " + png, "is a video"),
    "raw photo": (lambda png, jpg: b"\0\0\0\x18ftypcrx \0\0\0\0crx " + png, "format CR3"),
    "photoshop": (lambda png, jpg: b"8BPS\0\1" + png, "format PSD"),
    "archive": (lambda png, jpg: b"Rar!\x1a\x07\x01\0", "is a compressed archive"),
    "noise": (lambda png, jpg: bytes(range(128, 255)) * 9, "begins with the bytes 80 81 82"),
    "png of 12 bytes": (lambda png, jpg: png[:12], "near its beginning; 12 bytes arrived"),
    "jpeg of 20 bytes": (lambda png, jpg: jpg[:20], "near its beginning; 20 bytes arrived"),
    "png cut": (lambda png, jpg: png[: len(png) // 2], "is truncated: its header promises 64 x 48"),
    "jpeg cut": (lambda png, jpg: jpg[: len(jpg) // 2], "is truncated: its header promises 64 x 48"),
    "png scrambled": (lambda png, jpg: png[:60] + bytes(40) + png[100:], "is damaged: its PNG data"),
    "jpeg with a hole": (lambda png, jpg: jpg[: len(jpg) // 2] + jpg[len(jpg) * 3 // 4 :], "is damaged: its JPEG data"),
    "jpeg with zeros": (lambda png, jpg: jpg[: len(jpg) // 2] + bytes(300) + jpg[len(jpg) // 2 + 300 :], "is damaged"),
    "a line": (lambda png, jpg: png_header(1, 64_000_000), "1 x 64000000 pixels; no side may have more than 65535"),
    "too many pixels": (lambda png, jpg: png_header(9000, 8000), "has 9000 x 8000 pixels; at most 64 megapixels"),
    "bomb": (lambda png, jpg: png_header(60_000, 60_000), "claims far more than 64 megapixels"),
}


@pytest.mark.parametrize("wrong", MALFORMED)
def test_each_malformed_image_has_its_message(wrong, encoded, photo):
    spoil, words = MALFORMED[wrong]
    content = spoil(encoded(photo(1)), encoded(photo(1), "JPEG", quality=95))
    for use in (images.decode, normalise):
        with pytest.raises(UserError) as error:
            use(content)
        assert words in str(error.value)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((3, 4, 5), np.uint8), "shape (3, 4, 5)"),
        (np.zeros(7, np.uint8), "shape (7,)"),
        (np.zeros((0, 4, 3), np.uint8), "shape (0, 4, 3)"),
        (np.array([["a"]]), "type <U1"),
        (np.zeros((9000, 8000), bool), "9000 pixels"),
    ],
)
def test_arrays_that_are_no_images(array, words):
    with pytest.raises(UserError) as error:
        images.decode(array)
    assert words in str(error.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="There is no file"):
        images.decode(tmp_path / "none.png")
    with pytest.raises(UserError, match="cannot be read"):
        images.decode(tmp_path)


def test_network_input_of_photos(photo):
    picture = photo(5)
    grey = images.network_input(picture, "photo", 24, 1)
    colour = images.network_input(picture, "photo", 24, 3)
    assert (grey.shape, colour.shape) == ((24, 24, 1), (24, 24, 3))
    assert grey.dtype == colour.dtype == np.uint8
    luma = colour @ np.array([0.299, 0.587, 0.114])
    assert np.abs(luma - grey[:, :, 0]).max() < 2
    # Antialiased: a checkerboard of single pixels becomes grey, not black or white.
    board = np.indices((96, 96)).sum(axis=0) % 2 * 255
    assert np.ptp(images.network_input(images.decode(board.astype(np.uint8)), "photo", 12, 1)) < 10


def test_network_input_of_drawings(drawing):
    squares = [images.network_input(drawing(2), "drawing", 28, channels) for channels in (1, 3)]
    assert [s.shape for s in squares] == [(28, 28, 1), (28, 28, 3)]
    assert np.array_equal(np.repeat(squares[0], 3, axis=2), squares[1])
    assert squares[0].max() > 200
    assert squares[0].min() < 100


@pytest.mark.parametrize(("prepare", "channels"), [("sketch", 3), ("photo", 2)])
def test_network_input_refuses_other_ways(photo, prepare, channels):
    with pytest.raises(ValueError, match="must be"):
        images.network_input(photo(1), prepare, 24, channels)


def test_normalising_is_done_once(encoded, photo):
    big = Image.fromarray(photo(1, (700, 900)))
    exif = Image.Exif()
    exif[0x0112] = 6
    for content in (
        encoded(photo(1)),
        encoded(photo(1), "JPEG"),
        encoded(photo(1), "JPEG", exif=exif),
        encoded(Image.fromarray(photo(1)).convert("L"), "JPEG"),
        encoded(Image.fromarray(photo(1)).convert("CMYK"), "JPEG"),
        encoded(big),
        encoded(big, "JPEG", exif=exif),
        encoded(big, "WEBP"),
    ):
        once = normalise(content)
        twice = normalise(once.content)
        assert max(once.rgb.shape) <= LONGEST_SIDE
        assert (once.image, once.content) == (twice.image, twice.content)
        assert np.array_equal(images.decode(once.content), once.rgb)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True, "subsampling": 0}])
def test_a_small_jpeg_keeps_its_data_and_loses_its_metadata(encoded, photo, options):
    exif = Image.Exif()
    exif[0x010E] = "SECRET PLACE"
    content = encoded(photo(1), "JPEG", exif=exif, comment=b"SECRET WORD", **options) + b"SECRET TRAILER"
    stored = normalise(content)
    assert b"SECRET" not in stored.content
    assert stored.image.endswith(".jpg")
    assert np.array_equal(images.decode(content), stored.rgb)
    assert stored.content.endswith(b"\xff\xd9")
    assert len(stored.content) < len(content)


def test_the_same_pixels_have_one_name(encoded, photo):
    names = {normalise(encoded(photo(1), format)).image for format in ("PNG", "BMP", "TIFF")}
    assert len(names | {normalise(photo(1)).image}) == 1
    assert normalise(photo(1)).image != normalise(photo(2)).image
    # The same bytes in another shape are another picture.
    assert normalise(np.zeros((2, 8), np.uint8)).image != normalise(np.zeros((4, 4), np.uint8)).image


def test_a_jpeg_is_decoded_as_by_pillow(encoded, photo):
    for options in ({}, {"progressive": True}, {"subsampling": 0}):
        content = encoded(photo(3, (75, 101)), "JPEG", quality=92, **options)
        assert np.array_equal(images.decode(content), np.array(Image.open(io.BytesIO(content))))


def test_whole_jpegs_are_not_called_damaged(encoded, photo):
    content = encoded(photo(1), "JPEG", quality=95)
    whole = images.decode(content)
    for odd in (
        content[:-2],  # no end mark
        content[:-2] + bytes(40) + content[-2:],  # padding behind the last block
        content + bytes(500) + b"trailer",
        content[:20] + b"\xff" * 30 + content[20:],
        content[:11] + b"\7\7" + content[13:],  # an unknown version of JFIF
    ):
        assert np.array_equal(images.decode(odd), whole)


def test_a_broken_cmyk_jpeg_is_refused(encoded, photo):
    content = encoded(Image.fromarray(photo(1, (96, 128))).convert("CMYK"), "JPEG", quality=95)
    with pytest.raises(UserError, match="is damaged: its JPEG data"):
        images.decode(content[: len(content) // 2] + content[len(content) * 3 // 4 :])


def test_structures_that_are_no_jpeg():
    for content in (b"\xff\xd8", b"\xff\xd8\xff\xe0\x00\x01", b"\xff\xd8\xff\xda\x00\x02data", b"\xff\xd8\x00\x00"):
        assert without_metadata(content) is None


def test_a_png_is_read_in_spite_of_a_huge_text_chunk(encoded, photo):
    text = zlib.compress(bytes(100 * 1024**2))
    chunk = b"zTXt" + b"note\0\0" + text
    bomb = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    content = encoded(photo(1))
    assert np.array_equal(images.decode(content[:33] + bomb + content[33:]), photo(1))


def test_pillow_reads_only_what_is_named():
    with pytest.raises(UserError):
        images.decode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PCX")
    with pytest.raises(UserError):
        images.decode(file.getvalue())
