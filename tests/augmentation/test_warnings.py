"""What can go wrong with an augmentation is found where it was made to go wrong, and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest

from core.augmentation import transforms, warnings
from core.config import Augmentation

SEEDS = [(1, number) for number in range(100)]


def sheet(size: int = 24) -> np.ndarray:
    """A thick frame of ink on white paper, (size, size, 1) uint8."""
    paper = np.full((size, size, 1), 255, np.uint8)
    paper[3:-3, 3:-3] = 0
    paper[6:-6, 6:-6] = 255
    return paper


def photo() -> np.ndarray:
    """A red spot at the right edge of an even ground, (60, 60, 3) uint8."""
    ground = np.full((60, 60, 3), 100, np.uint8)
    ground[20:40, 42:58] = (250, 20, 20)
    return ground


def found(shown: np.ndarray, kind: str, **knobs: object) -> list[str]:
    augmentation = Augmentation(**knobs)
    drawn = transforms.draw(augmentation, SEEDS)
    return [note.template for note in warnings.of_draws(shown, drawn, kind, *transforms.fill(augmentation, kind))]


def test_what_is_moved_out_of_the_frame_is_measured():
    weights = warnings.content(photo(), "photo")
    assert weights.sum() == pytest.approx(1)
    right = replace(transforms.identity(3), width_shift=np.array([0.0, -0.2, -0.5]))
    assert warnings.lost(weights, right) == pytest.approx([0, 0.6, 1], abs=0.07)
    turned = replace(transforms.identity(1), rotation=np.array([90.0]), horizontal_flip=np.array([True]))
    assert warnings.lost(weights, turned) == pytest.approx(0, abs=1e-6)


def test_a_blank_image_loses_nothing():
    blank = np.full((30, 30, 3), 255, np.uint8)
    for kind in ("photo", "drawing"):
        assert found(blank, kind, width_shift=0.5, fill_mode="wrap") == []


@pytest.mark.parametrize(("kind", "shown"), [("drawing", sheet()), ("photo", photo())])
def test_large_shifts_are_warned_of_and_small_turns_are_not(kind, shown):
    [note] = found(shown, kind, width_shift=0.5)
    assert "push more than a quarter" in note
    assert found(shown, kind, rotation=10, shear=5) == []


@pytest.mark.parametrize("mode", ["wrap", "constant"])
def test_a_fill_that_paints_a_drawing_is_warned_of(mode):
    [note] = found(sheet(), "drawing", width_shift=0.2, fill_mode=mode)
    assert "are not ink" in note


def test_paper_and_repeated_margins_paint_nothing():
    assert found(sheet(), "drawing", width_shift=0.1, rotation=10) == []
    assert found(sheet(), "drawing", width_shift=0.1, rotation=10, fill_mode="nearest") == []


def test_a_good_picture_gives_no_notes(photo):
    assert warnings.of_image(photo(1), (64, 48), "photo") == []


def test_mirror_images_that_look_like_another_class_are_found():
    classes, truth = ("b", "d", "o"), np.repeat([0, 1, 2], 20)
    plain = truth.copy()
    flipped = np.repeat([1, 0, 2], 20)
    rows = warnings.flip_effects(classes, truth, plain, flipped)
    assert [warnings.is_confused(row) for row in rows] == [True, True, False]
    assert rows[0] == warnings.FlipEffect("b", 20, 1.0, 0.0, 20, "d")


def test_mistakes_that_come_and_go_are_no_confusion():
    truth = np.zeros(30, int)
    plain, flipped = truth.copy(), truth.copy()
    plain[:5] = 1
    flipped[5:12] = 1
    [row] = warnings.flip_effects(("a", "b"), truth, plain, flipped)
    assert not warnings.is_confused(row)
