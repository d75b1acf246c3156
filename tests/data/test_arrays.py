import os
from pathlib import Path

import numpy as np
import pytest

from core.data import arrays, datasets, edits, images
from core.errors import UserError
from core.storage import workspace


@pytest.fixture
def pets(photo):
    datasets.create("pets")
    edits.add_images("pets", "cats", [(f"cat {n}", photo(n)) for n in range(8)])
    edits.add_images("pets", "dogs", [(f"dog {n}", photo(100 + n)) for n in range(6)])
    edits.add_class("pets", "birds")
    return datasets.load("pets")


def cached() -> list[str]:
    return sorted(p.name for p in workspace.array_cache().iterdir())


def test_rows_labels_and_entries_belong_together(pets):
    pictures, labels, entries = arrays.decoded(pets, "photo", 20, 3)
    assert (pictures.shape, pictures.dtype, labels.dtype) == ((14, 20, 20, 3), np.uint8, np.int64)
    assert isinstance(pictures, np.memmap)
    assert not pictures.flags.writeable
    assert entries == pets.live()
    assert [pets.live_classes[label] for label in labels] == [e.label for e in entries]
    for picture, entry in zip(pictures, entries, strict=True):
        expected = images.network_input(images.decode(pets.image_path(entry)), "photo", 20, 3)
        assert np.array_equal(picture, expected)


def test_splits_and_ways_have_arrays_of_their_own(pets):
    for split in ("train", "validation", "test"):
        pictures, _, entries = arrays.decoded(pets, "photo", 12, 1, split)
        assert pictures.shape == (len(pets.live(split)), 12, 12, 1)
        assert {e.split for e in entries} == {split}
    assert arrays.decoded(pets, "drawing", 12, 1, "test")[0].shape == (2, 12, 12, 1)
    assert len(cached()) == 4


def test_decoded_once(pets):
    calls = []
    arrays.decoded(pets, "photo", 12, 3, on_progress=lambda done, total: calls.append((done, total)))
    arrays.decoded(pets, "photo", 12, 3, on_progress=lambda done, total: calls.append("again"))
    assert calls == [(n, 14) for n in range(1, 15)]
    # A new name or class changes no pixel.
    edits.rename_class("pets", "cats", "kittens")
    labels = arrays.decoded(datasets.load("pets"), "photo", 12, 3, on_progress=lambda *_: calls.append("again"))[1]
    assert len(calls) == 14
    assert labels.tolist() == [1] * 8 + [0] * 6


def test_nothing_to_decode(pets):
    pictures, labels, entries = arrays.decoded(pets, "photo", 12, 3, "none")
    assert (pictures.shape, labels.shape, entries) == ((0, 12, 12, 3), (0,), ())


def test_cancelling_leaves_nothing(pets):
    def stop(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        arrays.decoded(pets, "photo", 12, 3, on_progress=stop)
    assert cached() == []


def test_an_image_that_is_gone(pets):
    pets.image_path(pets.entries[3]).unlink()
    with pytest.raises(UserError, match="There is no file"):
        arrays.decoded(pets, "photo", 12, 3)
    assert cached() == []


def test_the_least_recently_used_go_first(pets, monkeypatch):
    for age, size in ((300, 10), (100, 11), (200, 12)):
        path = arrays.decoded(pets, "photo", size, 1)[0].filename
        os.utime(path, (1e9 - age, 1e9 - age))
    kept = arrays.decoded(pets, "photo", 11, 1)[0]
    monkeypatch.setattr(arrays, "BUDGET_BYTES", 14 * (11 * 11 + 13 * 13) + 300)
    arrays.decoded(pets, "photo", 13, 1)
    assert len(cached()) == 2
    assert os.path.exists(kept.filename)
    monkeypatch.setattr(arrays, "BUDGET_BYTES", 1)
    large = arrays.decoded(pets, "photo", 14, 1)[0]
    assert len(cached()) == 1
    assert large.shape == (14, 14, 14, 1)
    # Dropped files stay readable for whoever has them open.
    assert kept.sum() > 0


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", b"not an array at all"])
def test_a_damaged_array_is_made_anew(pets, damage):
    path = arrays.decoded(pets, "photo", 10, 1)[0].filename
    expected = np.array(arrays.decoded(pets, "photo", 10, 1)[0])
    Path(path).write_bytes(damage)
    assert np.array_equal(arrays.decoded(pets, "photo", 10, 1)[0], expected)
