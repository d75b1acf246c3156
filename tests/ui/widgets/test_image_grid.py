import base64
import re

import numpy as np

from core.data import images
from ui.widgets import image_grid


def shown(html: str) -> list[np.ndarray]:
    return [images.decode(base64.b64decode(code)) for code in re.findall(r"base64,([^\"]+)", html)]


def test_a_small_picture_is_shown_to_the_pixel():
    noise = np.random.default_rng(0).integers(0, 256, (2, 24, 24, 3), np.uint8)
    for picture, seen in zip(noise, shown(image_grid.row(noise, ["a", "b"], "noise")), strict=True):
        assert np.array_equal(picture, seen)


def test_a_large_picture_keeps_its_colours():
    red = np.zeros((150, 150, 3), np.uint8)
    red[..., 0] = 200
    [seen] = shown(image_grid.row([red], [""], "red"))
    assert np.abs(seen.astype(int) - red).max() < 6


def test_captions_cannot_smuggle_markup_in():
    html = image_grid.row([np.zeros((4, 4, 1), np.uint8)], ["<script>"], '"><b>')
    assert "<script>" not in html
    assert "<b>" not in html


def test_the_original_is_larger_and_every_picture_has_words_for_those_who_do_not_see_it():
    html = image_grid.grid(np.zeros((4, 4, 1), np.uint8), np.zeros((3, 4, 4, 1), np.uint8), "Original", "Variant", 64)
    assert re.findall(r'alt="([^"]+)"', html) == ["Original", "Variant 1", "Variant 2", "Variant 3"]
    assert html.count("span 2") == 2


def test_pictures_with_captions_that_need_room_go_into_more_rows():
    html = image_grid.rows(np.zeros((8, 4, 4, 1), np.uint8), ["rectangle"] * 8, "Training image", 72)
    assert "repeat(auto-fill,minmax(72px,1fr))" in html
    assert html.count("rectangle</figcaption>") == 8
