"""From what was measured to cases: one function for each kind of check, evidence and limits in, cases out."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from core.checks import classes, scores, shortcuts
from core.checks.labels import LabelScores, far
from core.checks.report import Case, CaseImage, Fix
from core.checks.sources import Source
from core.data.manifest import Note
from core.data.splits import SPLITS
from core.i18n import N_

EXAMPLES = 8  # images that stand for a class or a clue
_PRECEDENCE = ("test", "validation", "train", None)
"""Where copies lie in several splits, an examination keeps its own, as when a folder is imported."""


@dataclass(frozen=True)
class Evidence:
    """What is known of a source's n items: measures, why some cannot be read, copies, and what features say."""

    source: Source
    rows: np.ndarray  # (n,) MEASURES
    errors: Mapping[int, Note]
    exact: np.ndarray  # (n,) int, equal for exact copies
    near: np.ndarray  # (n,) int, equal for copies, nearly the same included
    label_scores: LabelScores | None = None

    @property
    def readable(self) -> np.ndarray:
        return np.flatnonzero(self.rows["format"])

    def shown(self, index: int) -> CaseImage:
        item, row = self.source.items[index], self.rows[index]
        if item.entry is not None:
            return CaseImage(item.name, item.label, item.split, item.entry.image, item.entry.content)
        content = f"{int(row['file_hash']):016x}" if row["format"] else item.name
        return CaseImage(item.name, item.label, item.split, "", content)

    def single(self, index: int, note: Note) -> Case:
        """A case of one image, which may be left out."""
        return Case((self.shown(index),), note, (Fix("exclude", (0,)),))


Finder = Callable[[Evidence, dict], Iterable[Case]]


def unreadable(evidence: Evidence, limits: dict) -> Iterator[Case]:
    for index, note in evidence.errors.items():
        yield evidence.single(index, note)


def hidden(evidence: Evidence, limits: dict) -> Iterator[Case]:
    for stranger in evidence.source.strangers:
        yield Case((CaseImage(stranger.name, "", None, "", stranger.name),), Note(stranger.template, stranger.values))


def wrong_suffix(evidence: Evidence, limits: dict) -> Iterator[Case]:
    items, kept = evidence.source.items, evidence.readable
    kept = kept[[items[index].entry is None for index in kept]]  # a data set names its files itself
    wrong = scores.wrong_suffix([items[index].name for index in kept], evidence.rows["format"][kept])
    for index in kept[wrong]:
        found = scores.FORMATS[int(evidence.rows["format"][index])]
        yield Case((evidence.shown(index),), Note(N_("It is a {format} file."), {"format": found}))


def scored(score: Callable[[np.ndarray], np.ndarray], said: str) -> Finder:
    """Images whose score is below the limit, lowest first; `said` may show the score as {score}."""

    def find(evidence: Evidence, limits: dict) -> Iterator[Case]:
        kept = evidence.readable
        values = score(evidence.rows[kept])
        for place in np.argsort(values, kind="stable"):
            if values[place] < limits["below"]:
                yield evidence.single(int(kept[place]), Note(said, {"score": float(values[place])}))

    return find


def odd_size(evidence: Evidence, limits: dict) -> Iterator[Case]:
    kept = evidence.readable
    if not len(kept):
        return
    values = scores.usual_size(evidence.rows[kept], limits["iqr_factor"])
    for place in np.argsort(values, kind="stable"):
        if values[place] < -1e-6:
            index = int(kept[place])
            size = {name: int(evidence.rows[name][index]) for name in ("width", "height")}
            yield evidence.single(index, Note(N_("{width} x {height} pixels"), size))


def flagged(flags: Callable[[np.ndarray], np.ndarray], said: str) -> Finder:
    """Images with a property that few of the set have."""

    def find(evidence: Evidence, limits: dict) -> Iterator[Case]:
        kept = evidence.readable
        for index in kept[scores.rare(flags(evidence.rows[kept]), limits["most"])]:
            yield evidence.single(int(index), Note(said, {}))

    return find


def blank(evidence: Evidence, limits: dict) -> Iterator[Case]:
    for index in evidence.readable[~evidence.rows["ink"][evidence.readable]]:
        yield evidence.single(int(index), Note(N_("Nothing is drawn on it."), {}))


def copies(wanted: str, nearly: bool) -> Finder:
    """Groups of copies: "labels" in several classes, "splits" in several splits of one class, or "none" of these.

    `nearly`: those that are nearly the same, each exact copy standing for all of them; else exact copies.
    """

    def find(evidence: Evidence, limits: dict) -> Iterator[Case]:
        groups: dict[int, list[int]] = defaultdict(list)
        seen: set[int] = set()
        for index in evidence.readable.tolist():
            if nearly and evidence.exact[index] in seen:
                continue
            seen.add(evidence.exact[index])
            groups[int((evidence.near if nearly else evidence.exact)[index])].append(index)
        for members in groups.values():
            if len(members) > 1 and _spread(evidence, members) == wanted:
                yield _group(evidence, members, wanted, nearly)

    return find


def both(one: Finder, other: Finder) -> Finder:
    return lambda evidence, limits: [*one(evidence, limits), *other(evidence, limits)]


def _spread(evidence: Evidence, members: list[int]) -> str:
    items = [evidence.source.items[index] for index in members]
    if len({item.label for item in items}) > 1:
        return "labels"
    return "splits" if len({item.split for item in items}) > 1 else "none"


def _group(evidence: Evidence, members: list[int], wanted: str, nearly: bool) -> Case:
    images = tuple(evidence.shown(index) for index in members)
    # The image to keep comes first.
    images = tuple(sorted(images, key=lambda image: _PRECEDENCE.index(image.split)))
    others = tuple(range(1, len(images)))
    places = tuple(range(len(images)))
    if wanted == "labels":
        labels = sorted({image.label for image in images})
        fixes = (Fix("exclude", places), *(Fix("relabel", places, label) for label in labels))
    elif wanted == "splits":
        outside = tuple(place for place in others if images[place].split != images[0].split)
        fixes = (Fix("exclude", outside), Fix("move", outside, images[0].split))
    else:
        fixes = (Fix("exclude", others),)
    said = N_("Near duplicates: {count} images") if nearly else N_("Exact duplicates: {count} images")
    return Case(images, Note(said, {"count": len(images)}), fixes)


def imbalance(evidence: Evidence, limits: dict) -> Iterator[Case]:
    counts = _counts(evidence).sum(axis=1)
    for label, count in sorted(zip(evidence.source.classes, counts.tolist(), strict=True), key=lambda pair: pair[1]):
        if 0 < count < counts.max() / limits["ratio"]:
            note = Note(
                N_("Images of “{label}”: {count}, of the largest class: {most}."),
                {"label": label, "count": count, "most": int(counts.max())},
            )
            yield Case(_examples(evidence, label), note, about=label)


def too_small(evidence: Evidence, limits: dict) -> Iterator[Case]:
    counts = _counts(evidence)
    small = classes.too_small(counts, limits["fewest"], limits["share"])
    for row, label in enumerate(evidence.source.classes):
        total = int(counts[row].sum())
        if total < limits["fewest"]:
            note = Note(N_("Images of “{label}”: {count}."), {"label": label, "count": total})
            yield Case(_examples(evidence, label), note, about=label)
        elif small[row].any():
            for column in np.flatnonzero(small[row]):
                split = SPLITS[column]
                values = {"label": label, "count": int(counts[row, column]), "split": split}
                note = Note(N_("“{label}” has {count} images in the split “{split}”."), values)
                yield Case(_examples(evidence, label), note, about=f"{label}\t{split}")


def names(evidence: Evidence, limits: dict) -> Iterator[Case]:
    sizes = dict(zip(evidence.source.classes, _counts(evidence).sum(axis=1).tolist(), strict=True))
    said = {
        "case": N_("“{one}” and “{other}” differ in upper and lower case or separators only."),
        "plural": N_("“{one}” and “{other}” look like singular and plural of one name."),
        "spelling": N_("“{one}” and “{other}” differ by one letter."),
    }
    for one, other, why in classes.alike(evidence.source.classes):
        small, large = sorted((one, other), key=lambda label: sizes[label])
        images = (*_examples(evidence, one)[:2], *_examples(evidence, other)[:2])
        note = Note(said[why], {"one": one, "other": other})
        yield Case(images, note, (Fix("merge", (), large, small),), about=f"{one}\t{other}")


def given_away_by(*clues: str) -> Finder:
    """Clues that give a class away; each copy counts once."""

    def find(evidence: Evidence, limits: dict) -> Iterator[Case]:
        kept = evidence.readable
        kept = kept[np.unique(evidence.near[kept], return_index=True)[1]]
        labels = np.array([evidence.source.items[index].label for index in kept])
        for clue in clues:
            answers = shortcuts.told(evidence.rows[kept], labels, clue)
            found = [a for a in answers if a.low >= limits["auc"] or a.given_away >= limits["given_away"]]
            if found:
                yield _told(evidence, kept, labels, max(found, key=lambda answer: (answer.low, answer.given_away)))

    return find


def _told(evidence: Evidence, kept: np.ndarray, labels: np.ndarray, answer: shortcuts.Shortcut) -> Case:
    clue, own = shortcuts.CLUES[answer.clue], labels == answer.label
    values = {
        "label": answer.label, "auc": answer.auc,
        "own": clue.shown(evidence.rows[kept[own]]), "others": clue.shown(evidence.rows[kept[~own]]),
    }  # fmt: skip
    others = kept[~own][: EXAMPLES // 2]
    images = [evidence.shown(int(index)) for index in (*kept[answer.surest[: EXAMPLES // 2]], *others)]
    return Case(tuple(images), Note(clue.said, values), about=f"{answer.clue}\t{answer.label}")


def contradicted(evidence: Evidence, limits: dict) -> Iterator[Case]:
    """Labels that are wrong by this probability, the surest first."""
    label_scores = evidence.label_scores
    own = label_scores.probabilities[np.arange(len(label_scores.kept)), label_scores.labels]
    likeliest = label_scores.probabilities.argmax(axis=1)
    doubted = (label_scores.wrong >= limits["wrong"]) & (likeliest != label_scores.labels)
    for row in sorted(np.flatnonzero(doubted), key=lambda row: -label_scores.wrong[row]):
        label = label_scores.classes[likeliest[row]]
        values = {
            "label": label,
            "share": float(label_scores.probabilities[row, likeliest[row]]),
            "own": float(own[row]),
        }
        note = Note(N_("Looks like “{label}” ({share:.0%}); its own class gets {own:.1%}."), values)
        fixes = (Fix("relabel", (0,), label), Fix("exclude", (0,)))
        yield Case((evidence.shown(int(label_scores.kept[row])),), note, fixes)


def outliers(evidence: Evidence, limits: dict) -> Iterator[Case]:
    label_scores = evidence.label_scores
    distant = np.flatnonzero(far(label_scores.distance, limits["sigmas"]))
    for row in sorted(distant, key=lambda row: -label_scores.distance[row]):
        times = float(label_scores.distance[row] / np.median(label_scores.distance))
        note = Note(
            N_("{times:.1f} times as far from its nearest neighbors as usual in this data set"), {"times": times}
        )
        yield evidence.single(int(label_scores.kept[row]), note)


def _counts(evidence: Evidence) -> np.ndarray:
    """(classes, splits) number of readable images; where the folders name no splits, all are counted as train."""
    counts = np.zeros((len(evidence.source.classes), len(SPLITS)), int)
    place = {label: row for row, label in enumerate(evidence.source.classes)}
    for index in evidence.readable:
        item = evidence.source.items[index]
        counts[place[item.label], SPLITS.index(item.split or "train")] += 1
    return counts


def _examples(evidence: Evidence, label: str) -> tuple[CaseImage, ...]:
    own = [index for index in evidence.readable if evidence.source.items[index].label == label]
    return tuple(evidence.shown(int(index)) for index in own[:EXAMPLES])
