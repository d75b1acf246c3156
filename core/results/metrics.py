"""Scores of a classifier on images it has not learned from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scores:
    """What `evaluate` returns, as it is kept in a file."""

    accuracy: float
    low: float
    high: float
    n: int
    confusion: list  # rows: the truth, columns: the answers


Z_95 = 1.959964  # the normal distribution's 97.5% point


def wilson_interval(hits: float, n: int) -> tuple[float, float]:
    """95% interval of a share of `hits` in `n` trials (Wilson, 1927); (0, 1) when there were none."""
    if n == 0:
        return 0.0, 1.0
    share, z2 = hits / n, Z_95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def difference(first: Sequence[float], second: Sequence[float], n: int) -> tuple[float, float, float]:
    """How much higher the `first` accuracies are than the `second`, with a 95% interval: (mean, low, high).

    Each list has an accuracy per seed, in the same order, on the same n images. The interval covers both what other
    seeds would give (paired t) and what other images would (Newcombe 1998, method 10, as if the images were not the
    same, which is on the safe side).
    """
    gains = np.subtract(first, second)
    mean = float(gains.mean())
    t = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}[len(gains)]  # Student's 97.5% point
    seeds = t * float(gains.std(ddof=1)) / math.sqrt(len(gains))
    p, q = float(np.mean(first)), float(np.mean(second))
    (p_low, p_high), (q_low, q_high) = (wilson_interval(share * n, n) for share in (p, q))
    return (
        mean,
        mean - math.hypot(seeds, p - p_low, q_high - q),
        mean + math.hypot(seeds, p_high - p, q - q_low),
    )


def most_confused(confusion: Sequence[Sequence[int]], most: int) -> list[tuple[int, int, int]]:
    """The `most` pairs of classes that are confused most often: (truth, answer, images), the most images first.

    `confusion`: (classes, classes) numbers of images, rows the truth. Of pairs with equally many images, those of
    classes with fewer images come first.
    """
    counts = np.array(confusion)
    np.fill_diagonal(counts, 0)
    truths, answers = np.nonzero(counts)
    images, of = counts[truths, answers], np.sum(confusion, axis=1)[truths]
    order = np.lexsort((answers, truths, of, -images))[:most]
    return [(int(truths[i]), int(answers[i]), int(images[i])) for i in order]


def evaluate(labels: np.ndarray, probabilities: np.ndarray) -> dict:
    """Score (n,) int labels against (n, classes) probabilities, as plain JSON values.

    accuracy with its 95% interval (low, high), n, and the confusion matrix: rows are the truth, columns the answers.
    """
    classes = probabilities.shape[1]
    answers = probabilities.argmax(axis=1)
    confusion = np.zeros((classes, classes), int)
    np.add.at(confusion, (labels, answers), 1)
    hits, n = int((labels == answers).sum()), len(labels)
    low, high = wilson_interval(hits, n)
    return {"accuracy": hits / n if n else None, "low": low, "high": high, "n": n, "confusion": confusion.tolist()}
