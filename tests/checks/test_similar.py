"""Near duplicates: each kind of copy, nothing else, and what ImageHash's hash is made of."""

import io

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from core.checks import check, measures, similar


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
