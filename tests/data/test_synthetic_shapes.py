"""The built-in drawings: reproducible, varied, and really ink on paper."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from core.data.synthetic_shapes import CLASSES, _dashes, _with_tails, a_hand, draw, generate


def pieces(image: np.ndarray) -> int:
    """How many separate parts the ink has."""
    return ndimage.label(image < 220, np.ones((3, 3)))[1]


@pytest.fixture
def tidy():
    """A person whose figures are closed, drawn once, in one line."""
    return replace(a_hand(np.random.default_rng(0)), pen=0.02, closing=0.02, tails=0, lifts=0, retrace=0, sketches=0,
                   dashes=0, hook=0, fills=0)  # fmt: skip


def test_same_seed_same_drawings_and_another_seed_others():
    first, again, other = (list(generate(4, seed)) for seed in (1, 1, 2))
    assert [kind for kind, _ in first] == list(CLASSES) * 4
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(first, again, strict=True))
    assert not any(np.array_equal(a, b) for (_, a), (_, b) in zip(first, other, strict=True))


def test_a_longer_run_begins_like_a_shorter_one():
    short, long = list(generate(2, 5)), itertools.islice(generate(9, 5), 6)
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(short, long, strict=True))


@pytest.mark.parametrize("kind", CLASSES)
def test_black_ink_on_white_paper_with_smooth_edges(kind):
    for seed in range(20):
        image = draw(kind, np.random.default_rng(seed))
        assert image.shape == (96, 96)
        assert image.dtype == np.uint8
        assert image.min() < 60
        assert np.median(image[[0, -1]]) == 255
        assert ((image > 20) & (image < 235)).any()


@pytest.mark.parametrize("size", [24, 280])
def test_other_sizes(size):
    assert draw("circle", np.random.default_rng(0), size).shape == (size, size)


@pytest.mark.parametrize("kind", CLASSES)
def test_people_differ_in_size_place_pen_and_shape(kind):
    images = [image for name, image in generate(90, 3) if name == kind]
    assert len({image.tobytes() for image in images}) == len(images)
    boxes = []
    for image in images:
        rows, columns = np.nonzero(image < 128)
        boxes.append((np.ptp(rows) + 1, np.ptp(columns) + 1, rows.mean(), columns.mean(), len(rows)))
    height, width, row, column, ink = np.array(boxes, float).T
    extent = np.maximum(height, width)
    assert extent.min() < 35
    assert extent.max() > 75
    assert row.std() > 4
    assert column.std() > 4
    assert np.quantile(width / height, 0.9) > 1.5 * np.quantile(width / height, 0.1)
    pen = ink / extent
    assert np.quantile(pen, 0.9) > 3 * np.quantile(pen, 0.1)


def test_nothing_is_cut_off_by_the_edge_of_the_paper():
    touching = [(image[[0, -1]] < 128).any() or (image[:, [0, -1]] < 128).any() for _, image in generate(60, 8)]
    assert np.mean(touching) < 0.1


@pytest.mark.parametrize("kind", CLASSES)
def test_each_shape_is_drawn_narrow_and_at_any_angle(kind):
    angles = []
    for seed in range(150):
        spread = np.cov(np.nonzero(draw(kind, np.random.default_rng(seed)) < 128))
        (narrow, long), axes = np.linalg.eigh(spread)
        if long > 9 * narrow:  # three times as long as wide
            angles.append(np.arctan2(*axes[:, 1]) % np.pi)
    assert len(angles) > 0.15 * 150
    assert np.histogram(angles, 4, (0, np.pi))[0].min() > 1


@pytest.mark.parametrize("kind", CLASSES)
def test_a_dashed_line_is_in_pieces_and_a_plain_one_is_not(kind, tidy):
    for seed in range(5):
        assert pieces(draw(kind, np.random.default_rng(seed), 280, tidy)) == 1
        assert pieces(draw(kind, np.random.default_rng(seed), 280, replace(tidy, dashes=1))) > 5


def test_dashes_lie_on_the_stroke_with_gaps_between_them():
    stroke = np.stack([np.linspace(0, 1, 50), np.full(50, 0.5)], axis=1)
    dashes = _dashes([stroke], np.random.default_rng(0), pen=0.02)
    assert all((dash[:, 1] == 0.5).all() for dash in dashes)
    gaps = [after[0, 0] - before[-1, 0] for before, after in itertools.pairwise(dashes)]
    assert min(gaps) > 0.02


def test_tails_go_straight_on_where_a_stroke_ends(tidy):
    angle = np.linspace(0, np.pi, 50)
    arc = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert np.array_equal(_with_tails(arc, np.random.default_rng(0), tidy), arc)
    for seed in range(10):
        path = _with_tails(arc, np.random.default_rng(seed), replace(tidy, tails=0.3))
        before = next(n for n, point in enumerate(path) if np.array_equal(point, arc[0]))
        assert np.array_equal(path[before : before + 50], arc)
        for tail, end in ((path[:before], arc[0]), (path[before + 50 :], arc[-1])):
            if len(tail):
                steps = np.diff(tail, axis=0)
                assert np.allclose(steps, steps[0])
                assert 0 < np.hypot(*(tail - end).T).max() <= 0.3
