"""Near duplicates: each kind of copy, nothing else, and what ImageHash's hash is made of."""

import io

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from benchmarks import planted, scenes
from core.checks import check, measures, similar
from core.data import images


def thumb(image, **options):
    file = io.BytesIO()
    image.save(file, "JPEG", **({"quality": 90} | options))
    return measures.measure(file.getvalue(), "photo")["thumb"]


def near(thumbs):
    pairs, mirrored = similar.near_pairs(np.stack(thumbs), on_progress=lambda *progress: None, **check.NEAR["photo"])
    return pairs.tolist(), mirrored.tolist()


COPIES = {
    "resized": lambda image: image.resize((75, 60)),
    "mirrored": ImageOps.mirror,
    "cropped": lambda image: image.crop((7, 6, 143, 114)),
    "cropped on one side": lambda image: image.crop((7, 6, 150, 120)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.85),
    "mirrored and cropped": lambda image: ImageOps.mirror(image).crop((7, 6, 143, 114)),
}


@pytest.mark.parametrize("kind", COPIES)
def test_each_kind_of_copy_is_found_alone(scene, kind):
    pictures = [scene(number) for number in range(30)]
    pairs, mirrored = near([thumb(image) for image in [*pictures, COPIES[kind](pictures[3])]])
    assert pairs == [[3, 30]]
    assert mirrored == ["mirror" in kind]


def test_recompressed_copies_and_no_others(scene):
    pictures = [scene(number) for number in range(30)]
    pairs, _ = near([*(thumb(image) for image in pictures), thumb(pictures[5], quality=40)])
    assert pairs == [[5, 30]]


def content(image, quality=90):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def near_in_files(contents, kind="photo"):
    """As a check compares them: by their thumbs, then by larger pictures."""
    return similar.near_pairs(
        np.stack([measures.measure(one, "photo")["thumb"] for one in contents]), on_progress=lambda *progress: None,
        larger=lambda index: similar.square(images.decode(contents[index], similar.FINE)), **check.NEAR[kind],
    )[0].tolist()  # fmt: skip


def plain(seed, shape, colour, box):
    """A shape of one colour on shaded paper."""
    x, y = np.meshgrid(np.linspace(-1, 1, 256), np.linspace(-1, 1, 256))
    paper = 225 * (1 - 0.12 * ((x + 0.5) ** 2 + (y + 0.6) ** 2))[..., None] + np.zeros(3)
    image = Image.fromarray(paper.astype(np.uint8))
    getattr(ImageDraw.Draw(image), shape)(box, fill=colour)
    noise = np.random.default_rng(seed).normal(0, 2, (256, 256, 3))
    return Image.fromarray(np.uint8(np.clip(np.asarray(image) + noise, 0, 255)))


def writing(seed, lines=40):
    """A printed page; all have the same lines and margins."""
    rng, page = np.random.default_rng(seed), np.full((900, 700, 3), 230, np.uint8)
    for line in range(lines):
        x, y = 60, 50 + 20 * line
        while x < 600:
            word = int(rng.integers(15, 80))
            letters = rng.integers(40, 230, (10, word // 4, 1), dtype=np.uint8).repeat(4, axis=1).repeat(3, axis=2)
            page[y : y + 10, x : x + letters.shape[1]] = letters
            x += word + 8
    return Image.fromarray(page)


@pytest.mark.parametrize("kind", check.NEAR)
def test_different_things_on_one_sheet_of_paper_are_no_copies(kind):
    photos = scenes.photos(40, np.random.default_rng(0))
    assert near_in_files([content(photo) for photo in photos], kind) == []


@pytest.mark.parametrize("kind", planted.NEAR)
def test_copies_of_photos_on_one_sheet_of_paper_are_found(kind):
    rng = np.random.default_rng(1)
    place = scenes.desk(rng)
    photos = [photo for _ in range(12) for photo in scenes.thing(place, rng)]
    change, quality = planted.NEAR[kind]
    assert near_in_files([content(one) for one in photos] + [content(change(photos[4]), quality)]) == [[4, 12]]


def test_plain_things_of_one_outline_are_no_copies():
    red, blue, dark = (190, 30, 40), (40, 60, 200), (70, 70, 70)
    shapes = [
        ("ellipse", red, (90, 90, 150, 150)), ("ellipse", red, (84, 110, 148, 174)),
        ("ellipse", blue, (90, 90, 150, 150)), ("ellipse", dark, (86, 86, 154, 154)),
        ("rectangle", dark, (90, 90, 150, 150)), ("rectangle", blue, (96, 80, 160, 144)),
    ]  # fmt: skip
    assert near_in_files([content(plain(seed, *shape)) for seed, shape in enumerate(shapes)]) == []


def test_printed_pages_and_grain_are_no_copies_but_their_copies_are():
    rng = np.random.default_rng(2)
    pages = [writing(seed) for seed in range(4)]
    grain = [Image.fromarray(np.uint8(rng.normal(150, 25, (200, 260, 3)).clip(0, 255))) for _ in range(4)]
    contents = [content(one) for one in [*pages, *grain]]
    assert near_in_files(contents) == []
    assert near_in_files([*contents, content(pages[2].resize((350, 450)), 60)]) == [[2, 8]]


def test_a_fixed_background_full_of_detail_is_no_evidence():
    rng = np.random.default_rng(3)
    table = rng.normal(140, 40, (48, 64, 3)).clip(0, 255).astype(np.uint8)
    table = np.asarray(Image.fromarray(table).resize((320, 240), Image.Resampling.BICUBIC))
    photos = []
    for left in (60, 130, 200):
        photo = Image.fromarray(table)
        ImageDraw.Draw(photo).ellipse((left, 90, left + 50, 150), fill=(20, 120, 60))
        photos.append(photo)
    assert near_in_files([content(photo) for photo in photos]) == []


def test_pictures_that_have_gone_meanwhile_are_no_copies(scene):
    thumbs = np.stack([thumb(scene(number)) for number in (1, 2, 1)])
    thumbs[2] = np.clip(thumbs[2].astype(int) + 3, 0, 255)
    options = {"on_progress": lambda *progress: None, **check.NEAR["photo"]}
    assert similar.near_pairs(thumbs, **options)[0].tolist() == [[0, 2]]
    assert similar.near_pairs(thumbs, **options, larger=lambda index: None)[0].tolist() == []


def test_flat_pictures_and_single_ones_are_no_copies():
    flat = np.full((2, measures.THUMB, measures.THUMB), 90, np.uint8)
    assert near(flat) == ([], [])
    assert near(flat[:1]) == ([], [])


def test_the_signs_of_our_frequencies_are_imagehashs_phash(scene):
    grey = np.asarray(scene(1).convert("L").resize((measures.THUMB, measures.THUMB)))
    low = similar.frequencies(grey[None], similar.WHOLE, mirrored=False)[0]
    bits = imagehash.phash(Image.fromarray(grey)).hash[: similar.ORDER, : similar.ORDER][similar._LOW]
    # phash compares with the median of all its frequencies, which is next to zero.
    sure = np.abs(low) > np.median(np.abs(low)) / 2
    assert np.array_equal(low[sure] > 0, bits[sure])


def test_mirroring_turns_frequencies_round(scene):
    pixels = np.asarray(scene(2).convert("L").resize((measures.THUMB, measures.THUMB)))[None]
    expected = similar.frequencies(pixels[:, :, ::-1], similar.WHOLE, mirrored=False)
    assert np.allclose(similar.frequencies(pixels, similar.WHOLE, mirrored=True), expected, atol=1e-5)


def test_exact_groups_go_by_either_hash():
    groups = similar.exact_groups([np.array([1, 2, 1, 0, 0]), np.array([5, 6, 7, 6, 0])])
    assert groups[0] == groups[2]
    assert groups[1] == groups[3]
    assert len(set(groups.tolist())) == 3
