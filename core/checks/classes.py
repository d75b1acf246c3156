"""Classes as wholes: their names, their sizes, and their share of each split."""

import itertools
import re
from collections.abc import Sequence

import numpy as np

LONG = 6  # letters: in shorter names one letter makes another word
_SEPARATORS = re.compile(r"[\W_]+")


def alike(names: Sequence[str]) -> list[tuple[str, str, str]]:
    """Pairs of names that are probably one class, and why: "case", "plural" or "spelling"."""
    found = []
    for one, other in itertools.combinations(names, 2):
        a, b = (_SEPARATORS.sub("", name.casefold()) for name in (one, other))
        if a == b:
            found.append((one, other, "case"))
        elif _singular(a) == _singular(b):
            found.append((one, other, "plural"))
        elif min(len(a), len(b)) >= LONG and not re.search(r"\d", a + b) and one_apart(a, b):
            found.append((one, other, "spelling"))
    return found


def _singular(name: str) -> str:
    for ending, stem in (("ies", "y"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"), ("ses", "s"), ("s", "")):
        if name.endswith(ending) and len(name) > len(ending) + 2 and not name.endswith("ss"):
            return name.removesuffix(ending) + stem
    return name


def one_apart(a: str, b: str) -> bool:
    """Whether one letter is added, left out, changed, or swapped with the next one (Damerau 1964)."""
    if abs(len(a) - len(b)) > 1:
        return False
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    rest_a, rest_b = a[start:], b[start:]
    return (
        rest_a[1:] == rest_b[1:]
        or rest_a[1:] == rest_b
        or rest_a == rest_b[1:]
        or (rest_a[:2] == rest_b[:2][::-1] and rest_a[2:] == rest_b[2:])
    )


def too_small(counts: np.ndarray, fewest: int, share: float) -> np.ndarray:
    """Where a class has too few images: (classes, splits) counts -> (classes, splits) bool.

    Too few are none in a split that others are in, and fewer than `fewest` where that is less than this `share` of what
    the sizes of class and split would give.
    """
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / max(1, counts.sum())
    used = (counts.sum(axis=0) > 0)[None, :] & (counts.sum(axis=1) > 0)[:, None]
    return used & ((counts == 0) | ((counts < fewest) & (counts < share * expected)))
