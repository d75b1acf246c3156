"""Which image teaches and which one examines: shares, and how images that are new find their place."""

from collections.abc import Collection, Iterable, Mapping

SPLITS = ("train", "validation", "test")
SHARES = {"train": 0.70, "validation": 0.15, "test": 0.15}
LEARNING_SHARES = {"train": 0.82, "validation": 0.18}
"""For sets that come with a test split of their own: validation is carved out of what is there for learning."""


def assign(
    new: Iterable[tuple[str, str]],
    placed: Collection[tuple[str, str, str]] = (),
    shares: Mapping[str, float] = SHARES,
) -> dict[str, str]:
    """Give every image a split: {content: split}, for the contents in `new` and in `placed`.

    new: (class, content hash) pairs; placed: (class, content hash, split) of images that keep their place. Class by
    class, in the order of their hashes (which is as good as random, and always the same), images go where most are
    missing; a class of 5 new images has one for validation and one for testing. A content has one split, whichever
    classes it is in.
    """
    split_of = {content: split for _, content, split in placed}
    counts: dict[str, dict[str, int]] = {}
    for label, _, split in placed:
        _count(counts, label, split, shares)
    waiting = []
    for label, content in sorted(set(new)):
        if content in split_of:
            _count(counts, label, split_of[content], shares)
        else:
            waiting.append((label, content))
    for label, content in waiting:
        if content not in split_of:
            split_of[content] = _most_missing(counts.get(label, {}), shares)
        _count(counts, label, split_of[content], shares)
    return split_of


def _most_missing(counts: Mapping[str, int], shares: Mapping[str, float]) -> str:
    total = sum(counts.values()) + 1
    # max takes the first of equals, so ties go to train, then validation.
    return max(shares, key=lambda split: shares[split] * total - counts.get(split, 0))


def _count(counts: dict[str, dict[str, int]], label: str, split: str, shares: Mapping[str, float]) -> None:
    if split in shares:
        of_class = counts.setdefault(label, {})
        of_class[split] = of_class.get(split, 0) + 1
