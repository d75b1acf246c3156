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
