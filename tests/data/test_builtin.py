import multiprocessing
import time

import numpy as np
import pytest

from core.data import builtin, datasets, edits, images, manifest
from core.data.ink import has_ink
from core.errors import UserError
from core.storage import workspace


@pytest.fixture(autouse=True)
def few_drawings(monkeypatch):
    """The same makers, making little."""
    monkeypatch.setattr(builtin, "SHAPES_PER_CLASS", {"train": 6, "validation": 2, "test": 2})


def test_they_are_listed_before_they_are_made():
    assert datasets.list_names() == ["shapes", "digits"]
    assert not workspace.datasets().exists()


def test_shapes():
    dataset = datasets.load("shapes")
    assert dataset.classes == ("circle", "rectangle", "triangle")
    assert dataset.counts()["circle"] == {"train": 6, "validation": 2, "test": 2}
    assert (dataset.kind, dataset.read_only) == ("drawing", True)
    picture = images.decode(dataset.image_path(dataset.entries[0]))
    assert has_ink(picture)
    assert picture[0, 0].min() > 200
    datasets.check_trainable(dataset)


def test_digits():
    seen = []
    builtin.ensure("digits", lambda done, total: seen.append((done, total)))
    dataset = datasets.load("digits")
    assert dataset.classes == tuple("0123456789")
    assert len(dataset.entries) == 1797
    assert seen[-1] == (1797, 1797)
    shares = [len(dataset.live(split)) / 1797 for split in ("train", "validation", "test")]
    assert np.allclose(shares, (0.7, 0.15, 0.15), atol=0.01)
    picture = images.decode(dataset.image_path(dataset.entries[0]))
    assert picture.shape == (builtin.DIGIT_SIDE, builtin.DIGIT_SIDE, 3)
    assert picture[0].min() > 240
    assert picture.min() < 60


def test_they_cannot_be_changed_but_copied():
    for change in (
        lambda: edits.add_class("shapes", "star"),
        lambda: edits.set_kind("shapes", "photo"),
        lambda: edits.add_images("shapes", "star", []),
    ):
        with pytest.raises(UserError, match=r"built in and cannot be changed\. Make a copy"):
            change()
    with pytest.raises(UserError, match="cannot be deleted"):
        datasets.delete("shapes")
    copied = datasets.copy("shapes", "my shapes")
    assert copied.fingerprint == datasets.load("shapes").fingerprint
    assert edits.add_class("my shapes", "star").classes[2] == "star"


def test_they_are_made_once_and_again_when_their_maker_changes(monkeypatch):
    first = datasets.load("shapes")
    made = (first.folder / "manifest.json").stat().st_mtime_ns
    assert datasets.load("shapes") == first
    assert (first.folder / "manifest.json").stat().st_mtime_ns == made
    monkeypatch.setattr(builtin, "SHAPES_SEED", 8)
    monkeypatch.setattr(builtin, "_version", lambda name: "another")
    second = datasets.load("shapes")
    assert second.built == "another"
    assert second.fingerprint != first.fingerprint
    assert sorted(p.name for p in workspace.datasets().iterdir()) == [".locks", "shapes"]


def test_stopping_leaves_nothing():
    def stop(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        builtin.ensure("shapes", stop)
    assert [p.name for p in workspace.datasets().iterdir()] == [".locks"]


def _load_shapes(_: int) -> str:
    return datasets.load("shapes").fingerprint


def test_two_processes_may_race(few_drawings):
    with multiprocessing.get_context("fork").Pool(3) as pool:
        start = time.monotonic()
        fingerprints = set(pool.map(_load_shapes, range(3)))
    assert len(fingerprints) == 1
    assert time.monotonic() - start < 60
    assert manifest.read(workspace.datasets() / "shapes" / "manifest.json", "shapes").fingerprint in fingerprints
