"""Images whose label the data contradict, and images far from every class: from features of a frozen network.

A network is often wrong about right labels where classes are hard to tell apart. So how sure it is counts only as far
as it deserves: its confidence and the share of wrong labels are fitted together to what it says of all images.

scikit-learn and cleanlab are imported where they are used: a page that shows a report does not wait for them.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, softmax

from core.errors import UserError
from core.i18n import N_

TOO_FEW = N_("Checking labels needs at least two classes with {fewest} images each.")
FOLDS = 5
FEWEST = 10  # images of a class
STRENGTH = 0.01  # C of the logistic regression, on features of deviation 1
REFERENCE = 4000  # images that each is compared with, at most
NEAREST = 10
VOTE = 0.5  # weight of the nearest images' classes beside the logistic regression, in logarithms
WRONG_BEFORE = 1, 20  # images with a wrong and with a right label that are as if seen before: a few in a hundred
CHUNK = 1024


@dataclass(frozen=True)
class LabelScores:
    """What features say of n images; `kept` (m,) int are the images judged, the arrays below have m rows.

    probabilities: (m, classes), out of fold; wrong: (m,) probability that the label is wrong; distance: (m,) cosine
    distance to the nearest images.
    """

    kept: np.ndarray
    classes: tuple[str, ...]
    labels: np.ndarray
    probabilities: np.ndarray
    wrong: np.ndarray
    distance: np.ndarray


def score_labels(
    features: np.ndarray, labels: np.ndarray, groups: np.ndarray, check: Callable[[], None]
) -> LabelScores:
    """Judge (n, d) features with (n,) names of classes; images of one group, (n,) int, are kept in one fold.

    Classes of fewer than FEWEST images are left out; UserError where fewer than two remain. In two rounds: what
    confident learning (Northcutt et al., JAIR 2021) suspects after the first does not teach the second. The nearest
    images have a vote beside it. `check` is called between steps and may raise to stop.
    """
    from sklearn.preprocessing import StandardScaler, normalize

    names, counts = np.unique(labels, return_counts=True)
    kept = np.flatnonzero(np.isin(labels, names[counts >= FEWEST]))
    classes, truth = np.unique(labels[kept], return_inverse=True)
    if len(classes) < 2:
        raise UserError(TOO_FEW, fewest=FEWEST)
    features = features[kept].astype(np.float32)
    scaled = StandardScaler().fit_transform(features)
    everything = np.ones(len(kept), bool)
    teaching = ~suspects(truth, out_of_fold(scaled, truth, groups[kept], everything, check))
    regression = out_of_fold(scaled, truth, groups[kept], teaching, check)
    distance, votes = neighbours(normalize(features), truth, groups[kept], check)
    logits = np.log(np.maximum(regression, 1e-12)) + VOTE * np.log(votes + 1 / len(classes))
    probabilities, wrong = calibrated(logits, truth)
    return LabelScores(kept, tuple(map(str, classes)), truth, probabilities, wrong, distance)


def out_of_fold(
    vectors: np.ndarray, truth: np.ndarray, groups: np.ndarray, teaching: np.ndarray, check: Callable[[], None]
) -> np.ndarray:
    """(n, classes) probabilities, each by a logistic regression that has not seen the image nor a copy of it."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold

    probabilities = np.zeros((len(truth), truth.max() + 1))
    for learn, score_labels in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(vectors, truth, groups):
        check()
        learn = learn[teaching[learn]]
        model = LogisticRegression(C=STRENGTH, max_iter=300).fit(vectors[learn], truth[learn])
        probabilities[np.ix_(score_labels, model.classes_)] = model.predict_proba(vectors[score_labels])
    return probabilities


def suspects(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(n,) bool: whose label cleanlab's confident learning finds wrong, by class and by pair of classes."""
    from cleanlab.filter import find_label_issues

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about classes in which it finds nothing
        return find_label_issues(truth, probabilities, filter_by="both", n_jobs=1)


def calibrated(logits: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What (n, classes) logits are worth: probabilities of the classes, and that each label is wrong, (n,).

    Any label may be wrong, with one probability for all images, and is then one of the other classes by chance. This
    probability and the logits' temperature (Guo et al., On Calibration, ICML 2017) are those under which the labels
    given are likeliest. So where classes are hard to tell apart, and many images lie nearer to another class, that says
    little against their labels.
    """
    rows, others = np.arange(len(truth)), logits.shape[1] - 1

    def given(parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Probabilities of the classes, and of the label given as the right one and as a wrong one."""
        share = expit(parameters[1])
        probabilities = softmax(logits / np.exp(parameters[0]), axis=1)
        own = probabilities[rows, truth]
        return probabilities, (1 - share) * own, share * (1 - own) / others

    def surprise(parameters: np.ndarray) -> float:
        _, right, wrong = given(parameters)
        before = np.array(WRONG_BEFORE) @ np.log(expit([parameters[1], -parameters[1]]) + 1e-12)
        return -np.log(right + wrong + 1e-12).sum() - before

    starts = [(temperature, share) for temperature in (0.0, 1.0) for share in (-4.0, -2.0)]
    best = min((minimize(surprise, start, method="Nelder-Mead") for start in starts), key=lambda found: found.fun)
    probabilities, right, wrong = given(best.x)
    return probabilities, wrong / np.maximum(right + wrong, 1e-300)


def neighbours(
    vectors: np.ndarray, truth: np.ndarray, groups: np.ndarray, check: Callable[[], None]
) -> tuple[np.ndarray, np.ndarray]:
    """Of (n, d) unit vectors and the NEAREST others among REFERENCE of them, which their own group has no vote among.

    Returns the mean cosine distance to them, (n,), and the shares of them that are of each class, (n, classes).
    """
    reference = np.sort(np.random.default_rng(0).permutation(len(vectors))[:REFERENCE])
    nearest = min(NEAREST, len(reference) - 1)
    classes = np.eye(truth.max() + 1, dtype=np.float32)[truth[reference]]
    distance, votes = np.empty(len(vectors), np.float32), np.empty((len(vectors), classes.shape[1]), np.float32)
    for start in range(0, len(vectors), CHUNK):
        check()
        apart = 1 - vectors[start : start + CHUNK] @ vectors[reference].T
        rows = np.arange(start, start + len(apart))
        apart[rows[:, None] == reference] = np.inf  # itself
        distance[rows] = np.partition(apart, nearest - 1, axis=1)[:, :nearest].mean(axis=1)
        apart[groups[rows][:, None] == groups[reference]] = np.inf
        votes[rows] = classes[np.argpartition(apart, nearest - 1, axis=1)[:, :nearest]].mean(axis=1)
    return distance, votes


def far(distance: np.ndarray, sigmas: float) -> np.ndarray:
    """(n,) bool: farther than this many robust deviations (of the median, in logarithms) above the median."""
    logs = np.log(np.maximum(distance, 1e-6))
    middle = np.median(logs)
    deviation = 1.4826 * np.median(np.abs(logs - middle))  # as wide as a normal distribution's
    return logs > middle + sigmas * max(deviation, 1e-6)
