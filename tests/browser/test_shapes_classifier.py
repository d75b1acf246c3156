"""What the built-in classifier, as a new installation has trained it, makes of figures by another generator."""

from pathlib import Path

import numpy as np
import pytest

from core.jobs import service
from core.learn import predict
from core.results import runs
from tests.figures import KINDS, figures


@pytest.fixture
def home(installation, monkeypatch) -> Path:
    """The one that the first visitor came to: no server is needed."""
    monkeypatch.setenv("HANDFUL_HOME", str(installation.home))
    return installation.home


def accuracy(drawn: list[tuple[str, str, np.ndarray]]) -> dict[str, float]:
    """{kind: share of its figures that the built-in classifier recognises}."""
    [run] = [run for run in runs.every() if run.dataset == service.BUILTIN_SET]
    answers = predict.predict_many(run.key, [rgb for _, _, rgb in drawn]).argmax(axis=1)
    kinds = np.array([kind for kind, _, _ in drawn])
    right = np.array(run.classes)[answers] == kinds
    return {kind: right[kinds == kind].mean() for kind in KINDS}


def test_narrow_ovals_and_rectangles_are_told_apart(home):
    found = accuracy(figures(200, 0, (3, 6), ("plain",)))
    assert min(found["circle"], found["rectangle"]) >= 0.97, found
    assert found["triangle"] >= 0.96, found


def test_ends_that_cross_gaps_dashes_and_several_strokes(home):
    found = accuracy(figures(200, 1, (1, 6)))
    assert np.mean(list(found.values())) >= 0.96, found
    assert min(found.values()) >= 0.94, found
