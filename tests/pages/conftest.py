"""What tests of pages get: small built-in data, and a data set of their own."""

import pytest

from core.data import builtin, datasets, edits
from core.data.manifest import Dataset


@pytest.fixture(autouse=True)
def few_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builtin, "SHAPES_PER_CLASS", {"train": 4, "validation": 1, "test": 1})


@pytest.fixture
def pets(photo) -> Dataset:
    """Six photos each of cats and dogs."""
    datasets.create("pets")
    for seed, label in enumerate(("cats", "dogs")):
        edits.add_images("pets", label, [(f"{label} {n}", photo(100 * seed + n)) for n in range(6)])
    return datasets.load("pets")
