"""Labels that are wrong are told, the surest first; labels that are only hard are not."""

import numpy as np
import pytest

from core.checks import labels
from core.checks.registry import CHECKS


def described(rng, classes, each, apart, dimensions=48):
    """Features of `each` images of so many classes, (n, d), and their labels: the centres lie `apart` deviations."""
    truth = np.repeat(np.arange(classes), each)
    centres = rng.normal(0, apart / np.sqrt(2 * dimensions), (classes, dimensions))
    return centres[truth] + rng.normal(0, 1, (len(truth), dimensions)) / np.sqrt(2), truth


def flipped(rng, truth, share):
    wrong = np.zeros(len(truth), bool)
    wrong[rng.choice(len(truth), round(share * len(truth)), replace=False)] = True
    others = rng.integers(1, truth.max() + 1, len(truth))
    return np.where(wrong, (truth + others) % (truth.max() + 1), truth), wrong


def judged(features, given):
    names = np.array([f"class {number:02}" for number in given])
    judged = labels.score_labels(features, names, np.arange(len(given)), lambda: None)
    told = (judged.wrong >= CHECKS["labels"].limits["wrong"]) & (judged.probabilities.argmax(axis=1) != judged.labels)
    return judged, np.flatnonzero(told)[np.argsort(-judged.wrong[told])]


def test_wrong_labels_are_told_the_surest_first():
    rng = np.random.default_rng(0)
    features, truth = described(rng, classes=5, each=60, apart=5)
    given, wrong = flipped(rng, truth, 0.05)
    judgement, told = judged(features, given)
    assert wrong[told].sum() >= 0.9 * wrong.sum()
    assert wrong[told].mean() >= 0.85
    assert wrong[told[: len(told) // 2]].all()
    assert np.allclose(judgement.probabilities.sum(axis=1), 1)


@pytest.mark.parametrize("apart", [3.0, 4.0])
def test_hard_classes_with_right_labels_are_hardly_doubted(apart):
    features, truth = described(np.random.default_rng(1), classes=20, each=15, apart=apart)
    judgement, told = judged(features, truth)
    missed = (judgement.probabilities.argmax(axis=1) != truth).mean()
    assert missed > 0.04  # or nothing is hard here
    assert len(told) <= 0.02 * len(truth)


def test_confidence_is_worth_what_it_turns_out_to_be():
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 4, 2000)
    honest = rng.normal(0, 1, (2000, 4))
    truth = (honest + rng.gumbel(size=honest.shape)).argmax(axis=1)  # labels as likely as the logits say
    probabilities, wrong = labels.calibrated(8 * honest, truth)
    expected = np.exp(honest) / np.exp(honest).sum(axis=1, keepdims=True)
    assert np.abs(probabilities - expected).mean() < 0.03
    assert wrong.max() < 0.5


def test_copies_of_an_image_have_no_vote_on_its_label():
    vectors = np.eye(4)[[0, 0, 0, 1, 1, 1]]
    truth, groups = np.array([0, 0, 1, 1, 1, 1]), np.array([0, 0, 1, 2, 3, 4])
    distance, votes = labels.neighbours(vectors, truth, groups, lambda: None)
    assert votes.shape == (6, 2)
    assert np.allclose(distance, [0.6, 0.6, 0.6, 0.6, 0.6, 0.6])
