"""Mend what was found: one edit of the data set for any number of cases, which `core.data.history.undo` takes back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.checks.report import Case, Fix
from core.data import history
from core.data.manifest import Dataset, Entry, Note
from core.errors import UserError
from core.i18n import N_

ACTIONS: dict[str, tuple[str, str]] = {
    "exclude": (N_("Leave out"), N_("fixed by leaving out images: {count}")),
    "relabel": (N_("Move to the class that fits"), N_("fixed by moving images to the class that fits: {count}")),
    "move": (N_("Move to one split"), N_("fixed by moving images to another split: {count}")),
    "merge": (N_("Merge the classes"), N_("fixed by merging classes; images moved: {count}")),
}
"""What each action is called, on a button and in the history of edits."""


def offered(cases: Sequence[Case]) -> list[str]:
    """The actions that at least one of the cases offers, the suggested ones first."""
    by_rank = sorted((rank, fix.action) for case in cases for rank, fix in enumerate(case.fixes))
    return list(dict.fromkeys(action for _, action in by_rank))


def clear(cases: Sequence[Case], action: str) -> list[tuple[Case, Fix]]:
    """The cases with exactly one mend of this action, and that mend: where there are several, a person chooses."""
    found = [(case, [fix for fix in case.fixes if fix.action == action]) for case in cases]
    return [(case, own[0]) for case, own in found if len(own) == 1]


def ways(case: Case, most: int) -> list[Fix]:
    """A person's choices for one case: its mends; where one keeps a single image, each of the first `most` instead."""
    found = []
    for fix in case.fixes:
        found.append(fix)
        kept = {*range(len(case.images))} - {*fix.places}
        if fix.action == "exclude" and fix.places and len(kept) == 1:
            others = [place for place in range(min(most, len(case.images))) if place not in kept]
            found += [fix._replace(places=tuple(n for n in range(len(case.images)) if n != place)) for place in others]
    return found


def apply(name: str, cases: Sequence[Case], action: str) -> Dataset:
    """Mend all cases that are `clear` about this action, in one edit; the others stay as they are.

    UserError where no case is left, where the data set is built in, or where an image or a class is no longer where
    the case saw it.
    """
    return apply_each(name, clear(cases, action))


def apply_each(name: str, chosen: Sequence[tuple[Case, Fix]]) -> Dataset:
    """Mend each case by the mend chosen for it, all of one action, in one edit. UserError as `apply`."""
    if not chosen:
        raise UserError(
            "There is nothing that can be fixed that way all at once. Fix the cases one by one, or choose another fix."
        )
    _, done = ACTIONS[chosen[0][1].action]

    def change(before: Dataset) -> tuple[Dataset, Note]:
        new = {(entry.label, entry.content): entry for entry in before.entries}
        changed: dict[tuple[str, str], Entry] = {}
        classes = set(before.classes)
        for case, fix in chosen:
            if fix.action in ("relabel", "merge") and fix.to not in before.classes:
                raise UserError(
                    "The data set '{name}' no longer has the class '{label}'. It was changed in the meantime: reload "
                    "it.",
                    name=before.name, label=fix.to,
                )  # fmt: skip
            if fix.action == "merge":
                classes = (classes - {fix.label}) | {fix.to}
            for place in _places(before, changed, case, fix):
                if place not in new:
                    raise UserError(
                        "The data set '{name}' has no image '{image}' there. It was changed in the meantime: reload "
                        "it.",
                        name=before.name, image=place[1],
                    )  # fmt: skip
                changed[place] = _fixed(changed.get(place, new[place]), fix)
        taken: set[tuple[str, str]] = set(new) - set(changed)
        entries = []
        for entry in before.entries:
            place = (entry.label, entry.content)
            entry = changed.get(place, entry)
            # What a class has already is not put there twice.
            if place not in changed or (entry.label, entry.content) not in taken:
                entries.append(entry)
                taken.add((entry.label, entry.content))
        after = replace(before, entries=tuple(entries), classes=tuple(sorted(classes)))
        return after, Note(done, {"count": len(changed)})

    return history.edit(name, change)


def _places(dataset: Dataset, changed: Mapping[tuple[str, str], Entry], case: Case, fix: Fix) -> list[tuple[str, str]]:
    """(class, content) of every entry that a mend changes, as it was before any was `changed`."""
    if fix.action == "merge":  # also what an earlier case has merged into this class
        places = [(entry.label, entry.content) for entry in dataset.entries]
        return [place for place in places if (changed[place].label if place in changed else place[0]) == fix.label]
    images = [case.images[place] for place in fix.places]
    if fix.action == "move":  # in every class it is in: a content never lies in two splits
        contents = {image.content for image in images}
        return [(entry.label, entry.content) for entry in dataset.entries if entry.content in contents]
    return [(image.label, image.content) for image in images]


def _fixed(entry: Entry, fix: Fix) -> Entry:
    match fix.action:
        case "exclude":
            return replace(entry, excluded=True)
        case "move":
            return replace(entry, split=fix.to)
        case _:
            return replace(entry, label=fix.to)
