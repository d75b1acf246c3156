"""Scores of a classifier on images it has not learned from."""

import math

import numpy as np

Z_95 = 1.959964  # the normal distribution's 97.5% point


def wilson_interval(hits: int, n: int) -> tuple[float, float]:
    """95% interval of a share of `hits` in `n` trials (Wilson, 1927); (0, 1) when there were none."""
    if n == 0:
        return 0.0, 1.0
    share, z2 = hits / n, Z_95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


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
