"""The built-in drawings: reproducible, varied, and really ink on paper."""

import itertools

import numpy as np
import pytest

from core.data.shapes import CLASSES, draw, generate


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
