"""Clues that give a class away without its content: a small classifier sees nothing but them (Geirhos et al. 2020).

scikit-learn is imported where it is used: a page that shows a report does not wait for it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.checks.measures import FORMATS
from core.i18n import N_
from core.results.metrics import wilson_interval

FEWEST = 10  # images of a class
MOST = 5000  # images looked at: more tell nothing new
FOLDS = 5
SIGMAS = 3.0  # how far above the limit: many clues and classes are tried
PURE = 0.9  # an image is given away where the clue is right this often, at least


@dataclass(frozen=True)
class Clue:
    """`columns`: (n,) measures -> (n, k) numbers; `shown`: the same for a person; `said`: the template of a note."""

    said: str
    columns: Callable[[np.ndarray], np.ndarray]
    shown: Callable[[np.ndarray], str]


def _hex(colours: np.ndarray) -> str:
    return "#" + "".join(f"{round(255 * float(value)):02x}" for value in np.median(colours, axis=0))


def _area(rows: np.ndarray) -> np.ndarray:
    return rows["width"].astype(float) * rows["height"]


CLUES: dict[str, Clue] = {
    "dimensions": Clue(
        N_("The size in pixels alone separates “{label}” from the rest in {auc:.0%} of pairs; chance is 50%. "
           "Typical: {own}, elsewhere {others}."),
        lambda rows: np.stack([rows["width"], rows["height"], rows["width"] / rows["height"], _area(rows)], axis=1),
        lambda rows: f"{np.median(rows['width']):.0f} x {np.median(rows['height']):.0f} px",
    ),
    "file_size": Clue(
        N_("The file size alone separates “{label}” from the rest in {auc:.0%} of pairs; chance is 50%. Typical: "
           "{own}, elsewhere {others}."),
        lambda rows: rows["bytes"][:, None],
        lambda rows: f"{np.median(rows['bytes']) / 1000:.1f} kB",
    ),
    "compression": Clue(
        N_("Format and compression alone separate “{label}” from the rest in {auc:.0%} of pairs; chance is 50%. "
           "Typical: {own}, elsewhere {others}."),
        lambda rows: np.stack([rows["format"], rows["quantisation"], rows["bytes"] / _area(rows)], axis=1),
        lambda rows: f"{FORMATS[int(np.median(rows['format']))]}, {8 * np.median(rows['bytes'] / _area(rows)):.1f} "
                     "bit/px",
    ),
    "border": Clue(
        N_("The border alone separates “{label}” from the rest in {auc:.0%} of pairs; chance is 50%. Typical: {own}, "
           "elsewhere {others}."),
        lambda rows: np.column_stack([rows["border"], rows["border_spread"], rows["border_step"]]),
        lambda rows: _hex(rows["border"]),
    ),
    "brightness": Clue(
        N_("Brightness alone separates “{label}” from the rest in {auc:.0%} of pairs; chance is 50%. Typical: {own}, "
           "elsewhere {others}."),
        lambda rows: np.stack([rows["brightness"], rows["dark_end"], rows["light_end"]], axis=1),
        lambda rows: f"{np.median(rows['brightness']):.0%}",
    ),
    "colour": Clue(
        N_("The mean color alone separates “{label}” from the rest in {auc:.0%} of pairs; chance is 50%. Typical: "
           "{own}, elsewhere {others}."),
        lambda rows: rows["colour"],
        lambda rows: _hex(rows["colour"]),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Shortcut:
    """A class that a clue tells from the rest.

    auc: how often it ranks an image of the class above another one (0.5 by chance); low: its lower bound; given_away:
    the share of the class's images of which the clue alone is all but sure; surest: indices of those, surest first.
    """

    clue: str
    label: str
    auc: float
    low: float
    given_away: float
    surest: np.ndarray


def told(rows: np.ndarray, labels: np.ndarray, clue: str) -> list[Shortcut]:
    """How well one clue tells each class from the rest, out of fold: (n,) measures, (n,) names of classes.

    Classes with fewer than FEWEST images are left out; none is told where fewer than two remain.
    """
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.tree import DecisionTreeClassifier

    classes, counts = np.unique(labels, return_counts=True)
    kept = np.flatnonzero(np.isin(labels, classes[counts >= FEWEST]))
    if len(kept) > MOST:
        kept = np.sort(np.random.default_rng(0).choice(kept, MOST, replace=False))
    classes, counts = np.unique(labels[kept], return_counts=True)
    if len(classes) < 2 or counts.min() < FOLDS:
        return []
    tree = DecisionTreeClassifier(max_depth=4, min_samples_leaf=5, random_state=0)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    sure = cross_val_predict(
        tree, CLUES[clue].columns(rows[kept]), labels[kept], cv=folds, method="predict_proba", n_jobs=1
    )
    answers = []
    for column, label in enumerate(classes):
        own, order = labels[kept] == label, np.argsort(-sure[:, column], kind="stable")
        auc = float(roc_auc_score(own, sure[:, column]))
        low = auc - SIGMAS * standard_error(auc, int(own.sum()), int((~own).sum()))
        surest = kept[order[own[order]]]
        answers.append(Shortcut(clue, str(label), auc, low, given_away(own, sure[:, column]), surest))
    return answers


def standard_error(auc: float, positives: int, negatives: int) -> float:
    """Of the area under a ROC curve (Hanley and McNeil 1982)."""
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (positives - 1) * (q1 - auc**2) + (negatives - 1) * (q2 - auc**2)
    return math.sqrt(max(spread, 0) / (positives * negatives))


def given_away(own: np.ndarray, sure: np.ndarray) -> float:
    """The largest share of the class found at a precision that is PURE or better, by its 95% interval, 0..1."""
    best = 0
    for limit in np.unique(sure):
        chosen = sure >= limit
        hits = int(own[chosen].sum())
        if wilson_interval(hits, int(chosen.sum()))[0] >= PURE:
            best = max(best, hits)
    return best / max(1, int(own.sum()))
