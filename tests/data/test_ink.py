"""One way from a drawing to network input, whatever the pen, place, size, colours and paper."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from core.data.ink import has_ink, ink_square, looks_like_drawing
from core.data.synthetic_shapes import CLASSES, generate

SHARED = Path(os.environ.get("HANDFUL_SHARED", Path(__file__).resolve().parents[3] / "shared")) / "data"


def sheet(size=280, box=(70, 70, 210, 210), pen=8, paper="white", ink="black", kind="rectangle"):
    image = Image.new("RGB", (size, size), paper)
    getattr(ImageDraw.Draw(image), kind)(box, outline=ink, width=pen)
    return np.asarray(image)


def far(a, b):
    """Mean difference of two pictures, in levels of 255."""
    return np.abs(a.astype(float) - b).mean()


def synthetic_photo(seed, size=160):
    """Coloured detail at every scale, as in nature (amplitude 1/f), without a background."""
    rng = np.random.default_rng(seed)
    layers = [
        Image.fromarray(rng.integers(0, 256, (n, n, 3), np.uint8)).resize((size, size), Image.Resampling.BICUBIC)
        for n in (4, 8, 16, 32, 64)
    ]
    return np.uint8(np.average([np.asarray(layer, float) for layer in layers], axis=0, weights=[5, 4, 3, 2, 1]))


@pytest.mark.parametrize("size", [24, 28])
def test_dark_ink_on_white_in_the_middle_of_a_square(size):
    out = ink_square(sheet(), size)
    assert out.shape == (size, size)
    assert out.dtype == np.uint8
    assert out.min() < 30
    assert out[0].min() == 255
    assert out[:, -1].min() == 255
    rows, columns = np.nonzero(out < 128)
    assert abs(rows.min() - (size - 1 - rows.max())) <= 1
    assert abs(columns.min() - (size - 1 - columns.max())) <= 1
    assert np.ptp(rows) > 0.7 * size


@pytest.mark.parametrize(
    ("paper", "ink"), [("black", "white"), ("white", "yellow"), ("navy", "orange"), ("#888", "#444")]
)
def test_colours_do_not_matter(paper, ink):
    assert far(ink_square(sheet(paper=paper, ink=ink), 24), ink_square(sheet(), 24)) < 3


@pytest.mark.parametrize("box", [(4, 4, 144, 144), (130, 20, 270, 160), (60, 135, 200, 275)])
def test_place_does_not_matter(box):
    assert far(ink_square(sheet(box=box), 24), ink_square(sheet(), 24)) < 6


@pytest.mark.parametrize(("size", "scale"), [(280, 0.4), (280, 1.6), (840, 1), (840, 4), (96, 0.5)])
def test_size_does_not_matter(size, scale):
    half = 70 * scale
    box = (size / 2 - half, size / 2 - half, size / 2 + half, size / 2 + half)
    assert far(ink_square(sheet(size, box, max(1, round(8 * scale))), 24), ink_square(sheet(), 24)) < 10


@pytest.mark.parametrize("kind", ["rectangle", "ellipse"])
@pytest.mark.parametrize(("size", "pen"), [(280, 1), (280, 3), (512, 2), (1024, 2)])
def test_a_thin_pen_on_a_large_canvas_stays_visible(size, pen, kind):
    out = ink_square(sheet(size, (10, 10, size - 10, size - 10), pen, kind=kind), 24)
    assert (out < 100).sum() >= 40


def test_aspect_is_kept():
    rows, columns = np.nonzero(ink_square(sheet(box=(20, 100, 260, 160), pen=4), 24) < 128)
    assert np.ptp(columns) > 2.5 * np.ptp(rows)


def test_a_blank_sheet_is_a_drawing_without_ink():
    for level in (255, 0, 130):
        blank = np.full((280, 280, 3), level, np.uint8)
        assert not has_ink(blank)
        assert looks_like_drawing(blank)
        assert (ink_square(blank, 24) == 255).all()


def test_one_pixel_is_ink():
    dot = np.full((280, 280, 3), 255, np.uint8)
    dot[100, 200] = 0
    out = ink_square(dot, 24)
    assert has_ink(dot)
    assert out.min() < 128
    assert (out > 200).sum() > 24 * 24 / 2


@pytest.mark.parametrize("level", range(235, 255, 2))
@pytest.mark.parametrize(("size", "pen"), [(24, 2), (280, 1), (1200, 1), (1200, 6)])
def test_however_faint_the_ink_what_is_seen_is_drawn(level, size, pen):
    faint = sheet(size, (2, 2, size - 3, size - 3), pen, ink=(level,) * 3)
    assert (ink_square(faint, 24).min() < 128) == has_ink(faint)


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 300, 3), (8, 8, 3), (301, 40, 3)])
def test_any_shape_of_picture(shape):
    image = np.full(shape, 255, np.uint8)
    assert ink_square(image, 24).shape == (24, 24)
    image[0, 0] = 0
    assert ink_square(image, 24).shape == (24, 24)


def test_a_photographed_sheet_gives_the_drawing():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:480, :480] / 480
    light = 215 - 60 * x - 30 * y**2 + rng.normal(0, 4, (480, 480))
    clean = np.asarray(Image.fromarray(sheet()).resize((480, 480))) / 255
    photo = light[..., None] * (0.45 + 0.55 * clean) * [1, 0.97, 0.9]
    photo[30:33, 40:42] = 90  # a speck far from the drawing
    file = io.BytesIO()
    Image.fromarray(np.uint8(photo)).save(file, "JPEG", quality=60)
    seen = np.asarray(Image.open(file))
    assert looks_like_drawing(seen)
    assert has_ink(seen)
    assert far(ink_square(seen, 24), ink_square(sheet(), 24)) < 12


def test_an_empty_sheet_in_a_photograph_has_no_ink():
    rng = np.random.default_rng(1)
    x = np.mgrid[:400, :400][1] / 400
    empty = (200 - 50 * x + rng.normal(0, 4, (400, 400)))[..., None].repeat(3, 2)
    assert not has_ink(np.uint8(empty))


def test_drawings_and_photos_are_told_apart():
    drawings = [image[..., None].repeat(3, 2) for _, image in generate(20, 4)]
    assert all(looks_like_drawing(image) and looks_like_drawing(255 - image) for image in drawings)
    assert not any(looks_like_drawing(synthetic_photo(seed)) for seed in range(20))


@pytest.mark.skipif(not (SHARED / "cats_vs_dogs").is_dir(), reason=f"needs the evaluation data in {SHARED}")
def test_real_photos_and_real_drawings_are_told_apart():
    def share(pattern):
        files = sorted(SHARED.glob(pattern))[::8]
        return np.mean([looks_like_drawing(np.asarray(Image.open(file).convert("RGB"))) for file in files])

    assert share("cats_vs_dogs/validation/*/*") < 0.05
    assert share("flowers/*/*") < 0.1
    for kind in CLASSES:
        assert share(f"shapes_dollar1/train/{kind}/*") == 1
        assert share(f"shapes_tykimos/*/train/{kind}/*") == 1
