import numpy as np
import pytest

from core.results import metrics


def test_wilson_interval_of_a_textbook_example():
    # Newcombe (1998), table I: 81 of 263 gives 0.2553 to 0.3662.
    assert metrics.wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)


def test_interval_stays_within_a_probability():
    assert metrics.wilson_interval(0, 10)[0] == 0
    assert metrics.wilson_interval(10, 10)[1] == pytest.approx(1)
    assert metrics.wilson_interval(0, 0) == (0, 1)


def test_confusion_has_truth_in_rows():
    labels = np.array([0, 0, 1, 2])
    probabilities = np.eye(3)[[0, 1, 1, 2]]
    scores = metrics.evaluate(labels, probabilities)
    assert scores["confusion"] == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert scores["accuracy"] == 0.75
    assert scores["n"] == 4


def test_a_clear_gain_over_three_seeds_is_clear_and_a_small_one_is_not():
    mean, low, high = metrics.difference([0.95, 0.94, 0.96], [0.70, 0.71, 0.69], 200)
    assert mean == pytest.approx(0.25)
    assert 0.1 < low < mean < high < 0.4
    mean, low, high = metrics.difference([0.82, 0.80, 0.84], [0.80, 0.81, 0.82], 200)
    assert low < 0 < high


def test_equal_gains_on_few_images_are_not_called_clear():
    mean, low, high = metrics.difference([0.7, 0.7, 0.7], [0.6, 0.6, 0.6], 10)
    assert low < 0 < mean < high


def test_the_most_confused_pairs_come_first_and_what_is_right_does_not_count():
    confusion = [[90, 2, 0], [5, 1, 0], [0, 2, 3]]
    assert metrics.most_confused(confusion, 2) == [(1, 0, 5), (2, 1, 2)]
    assert metrics.most_confused([[3, 0], [0, 3]], 5) == []
