"""Images whose label the data contradict, and images far from every class: from features of a frozen network.

scikit-learn and cleanlab are imported where they are used: a page that shows a report does not wait for them.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.errors import UserError
from core.words import N_

TOO_FEW = N_("Labels can be checked from two classes with {fewest} images each on.")
FOLDS = 5
FEWEST = 10  # images of a class
STRENGTH = 0.01  # C of the logistic regression, on features of deviation 1
REFERENCE = 4000  # images that each is compared with, at most
NEAREST = 10
CHUNK = 1024


@dataclass(frozen=True)
class Judged:
    """What features say of n images; `kept` (m,) int are the images judged, the arrays below have m rows.

    probabilities: (m, classes), out of fold; suspect: (m,) bool; distance: (m,) cosine distance to the nearest images.
    """

    kept: np.ndarray
    classes: tuple[str, ...]
    labels: np.ndarray
    probabilities: np.ndarray
    suspect: np.ndarray
    distance: np.ndarray


def judge(features: np.ndarray, labels: np.ndarray, groups: np.ndarray, check: Callable[[], None]) -> Judged:
    """Judge (n, d) features with (n,) names of classes; images of one group, (n,) int, are kept in one fold.

    Classes of fewer than FEWEST images are left out; UserError where fewer than two remain. Confident learning
    (Northcutt et al., JAIR 2021) twice: what the first round suspects does not teach the second. `check` is called
    between steps and may raise to stop.
    """
    from sklearn.preprocessing import StandardScaler, normalize

    names, counts = np.unique(labels, return_counts=True)
    kept = np.flatnonzero(np.isin(labels, names[counts >= FEWEST]))
    classes, truth = np.unique(labels[kept], return_inverse=True)
    if len(classes) < 2:
        raise UserError(TOO_FEW, fewest=FEWEST)
    features = features[kept].astype(np.float32)
    scaled = StandardScaler().fit_transform(features)
    teaching = np.ones(len(kept), bool)
    for _ in range(2):
        probabilities = out_of_fold(scaled, truth, groups[kept], teaching, check)
        suspect = contradicted(truth, probabilities)
        teaching = ~suspect
    return Judged(kept, tuple(map(str, classes)), truth, probabilities, suspect, distances(normalize(features), check))


def out_of_fold(
    vectors: np.ndarray, truth: np.ndarray, groups: np.ndarray, teaching: np.ndarray, check: Callable[[], None]
) -> np.ndarray:
    """(n, classes) probabilities, each by a logistic regression that has not seen the image nor a copy of it."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold

    probabilities = np.zeros((len(truth), truth.max() + 1))
    for learn, judge in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(vectors, truth, groups):
        check()
        learn = learn[teaching[learn]]
        model = LogisticRegression(C=STRENGTH, max_iter=300).fit(vectors[learn], truth[learn])
        probabilities[np.ix_(judge, model.classes_)] = model.predict_proba(vectors[judge])
    return probabilities


def contradicted(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(n,) bool: whose label cleanlab's confident learning finds wrong, by class and by pair of classes."""
    from cleanlab.filter import find_label_issues

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about classes in which it finds nothing
        return find_label_issues(truth, probabilities, filter_by="both", n_jobs=1)


def distances(vectors: np.ndarray, check: Callable[[], None]) -> np.ndarray:
    """Mean cosine distance of (n, d) unit vectors to the NEAREST others among REFERENCE of them: (n,)."""
    reference = np.sort(np.random.default_rng(0).permutation(len(vectors))[:REFERENCE])
    nearest = min(NEAREST, len(reference) - 1)
    result = np.empty(len(vectors), np.float32)
    for start in range(0, len(vectors), CHUNK):
        check()
        apart = 1 - vectors[start : start + CHUNK] @ vectors[reference].T
        rows = np.arange(start, start + len(apart))
        apart[rows[:, None] == reference] = np.inf  # itself
        result[rows] = np.partition(apart, nearest - 1, axis=1)[:, :nearest].mean(axis=1)
    return result


def far(distance: np.ndarray, sigmas: float) -> np.ndarray:
    """(n,) bool: farther than this many robust deviations (of the median, in logarithms) above the median."""
    logs = np.log(np.maximum(distance, 1e-6))
    middle = np.median(logs)
    deviation = 1.4826 * np.median(np.abs(logs - middle))  # as wide as a normal distribution's
    return logs > middle + sigmas * max(deviation, 1e-6)
