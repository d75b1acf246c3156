import errno
import io
import json
import os
import random
import threading
import time
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from core.data import datasets, edits, history, importing, manifest
from core.data.manifest import Dataset, Entry, clean_label, clean_name
from core.data.splits import SPLITS, assign
from core.errors import UserError
from core.storage import workspace


@pytest.fixture
def pets(photo) -> str:
    """A data set of 10 cats and 10 dogs."""
    datasets.create("pets")
    edits.add_images("pets", "cats", [(f"cat {n}", photo(n)) for n in range(10)])
    edits.add_images("pets", "dogs", [(f"dog {n}", photo(100 + n)) for n in range(10)])
    return "pets"


def stored(name: str) -> set[str]:
    return {p.name for p in (workspace.datasets() / name / "images").iterdir()}


@pytest.mark.parametrize(
    ("name", "clean"), [("pets", "pets"), (" my  pets ", "my pets"), ("고양이 2", "고양이 2"), ("ᄀ\u1161_-", "가_-")]
)
def test_good_names(name, clean):
    assert clean_name(name) == clean
    assert datasets.create(name).name == clean
    assert clean in datasets.list_names()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "needs a name"),
        ("  ", "needs a name"),
        ("..", "because of '.'"),
        ("../pets", "because of '.'"),
        ("a/b", "because of '/'"),
        ("a\\b", "because of"),
        ("a\0b", "because of '\\x00'"),
        (".arrays", "because of '.'"),
        ("-rf", "because of '-'"),
        ("x" * 61, "has 61 characters"),
        ("ㅎ" * 100, "has 100 characters"),
        ("shapes", "already a data set 'shapes'"),
        ("DIGITS", "already a data set 'digits'"),
        ("Pets", "already a data set 'pets'"),
    ],
)
def test_bad_names(name, words):
    datasets.create("pets")
    with pytest.raises(UserError) as error:
        datasets.create(name)
    assert words in str(error.value)
    assert datasets.list_names() == ["shapes", "digits", "pets"]


def test_a_data_set_that_is_not_there():
    with pytest.raises(UserError, match=r"no data set 'none'. Choose one of these: shapes, digits"):
        datasets.load("none")


@pytest.mark.parametrize("label", ["", "a/b", "..", ".x", "x.", "a\x07b", "Test", "val", 'a"b', "x" * 61])
def test_bad_labels(label):
    with pytest.raises(UserError):
        clean_label(label)


def test_a_new_data_set_takes_the_kind_of_its_first_images(photo, drawing):
    assert datasets.create("new").kind is None
    assert datasets.create("given", "photo").kind == "photo"
    edits.add_images("new", "rings", [("a", drawing(1))])
    edits.add_images("given", "rings", [("a", drawing(1))])
    assert datasets.load("new").kind == "drawing"
    assert datasets.load("given").kind == "photo"
    edits.add_images("new", "sights", [("b", photo(1)), ("c", photo(2))])
    assert datasets.load("new").kind == "drawing"
    with pytest.raises(UserError, match="photos or drawings"):
        edits.set_kind("new", "sketch")


def test_adding_images(pets, photo, encoded):
    before = datasets.load(pets)
    report = edits.add_images(
        pets,
        "cats",
        [("new.png", encoded(photo(50))), ("a.bmp", encoded(photo(3), "BMP")), ("twice", photo(50)), ("x", b"text")],
    )
    assert (report.dataset, report.added) == ("pets", 1)
    assert [tuple(d) for d in report.duplicates] == [("a.bmp", "cat 3"), ("twice", "new.png")]
    assert [s.name for s in report.skipped] == ["x"]
    assert "is text, not an image" in str(report.skipped[0])
    after = datasets.load(pets)
    assert after.entries[:20] == before.entries
    assert after.image_path(after.entries[-1]).exists()
    assert not list(workspace.datasets().glob(".writing-*"))


def test_adding_nothing_is_not_an_edit(pets):
    before = datasets.load(pets)
    assert edits.add_images(pets, "birds", [("x", b"text")]).added == 0
    assert datasets.load(pets) == before


def test_counts_and_live(pets):
    dataset = datasets.load(pets)
    assert dataset.counts() == {"cats": dict(zip(SPLITS, (7, 2, 1), strict=True)), "dogs": {**dataset.counts()["cats"]}}
    chosen = dataset.live("test")
    edits.exclude_images(pets, chosen)
    excluded = datasets.load(pets)
    assert len(excluded.live()) == 20 - len(chosen)
    assert excluded.counts()["cats"]["test"] == 0
    assert excluded.fingerprint != dataset.fingerprint
    edits.exclude_images(pets, chosen, excluded=False)
    assert datasets.load(pets).fingerprint == dataset.fingerprint


def test_classes(pets):
    assert edits.add_class(pets, "birds").classes == ("birds", "cats", "dogs")
    assert datasets.load(pets).live_classes == ("cats", "dogs")
    assert edits.rename_class(pets, "cats", "Katzen").counts()["Katzen"]["train"] == 7
    assert edits.rename_class(pets, "Katzen", "katzen").classes == ("birds", "dogs", "katzen")
    for change, words in (
        (lambda: edits.add_class(pets, "dogs"), "already a class 'dogs'"),
        (lambda: edits.add_class(pets, "Dogs"), "upper and lower case only"),
        (lambda: edits.rename_class(pets, "katzen", "dogs"), "move the images there instead"),
        (lambda: edits.rename_class(pets, "cats", "x"), "has no class 'cats'. It has: birds, dogs, katzen"),
        (lambda: edits.delete_class(pets, "fish"), "has no class 'fish'"),
    ):
        with pytest.raises(UserError) as error:
            change()
        assert words in str(error.value)
    assert edits.delete_class(pets, "dogs").classes == ("birds", "katzen")


def test_moving_and_deleting_images(pets, photo):
    edits.add_images(pets, "dogs", [("a cat", photo(0))])
    dataset = datasets.load(pets)
    cat, dog = (next(e for e in dataset.entries if e.source == source) for source in ("cat 0", "a cat"))
    assert cat.image == dog.image
    assert cat.split == dog.split
    assert Counter(e.label for e in edits.move_images(pets, [dog], "cats").entries) == {"cats": 10, "dogs": 10}
    history.undo(pets)
    assert len(edits.delete_images(pets, [cat]).entries) == 20
    history.undo(pets)
    assert len(edits.delete_images(pets, [cat.image]).entries) == 19
    with pytest.raises(UserError, match="was changed in the meantime"):
        edits.delete_images(pets, [cat])
    assert "wolves" in edits.move_images(pets, [dataset.entries[1]], "wolves").classes


def test_a_content_changes_its_split_in_all_classes(pets, photo):
    edits.add_images(pets, "dogs", [("a cat", photo(0))])
    image = next(e for e in datasets.load(pets).entries if e.source == "a cat")
    edits.move_split(pets, [image], "test")
    assert [e.split for e in datasets.load(pets).entries if e.image == image.image] == ["test", "test"]
    with pytest.raises(UserError, match="no split 'exam'"):
        edits.move_split(pets, [image], "exam")


def test_undo_goes_back_step_by_step_and_survives_a_restart(pets, photo):
    states = [datasets.load(pets)]
    for change in (
        lambda: edits.rename_class(pets, "cats", "kittens"),
        lambda: edits.delete_images(pets, [datasets.load(pets).entries[0]]),
        lambda: edits.set_kind(pets, "drawing"),
        lambda: edits.add_images(pets, "birds", [("b", photo(70))]),
    ):
        change()
        states.append(datasets.load(pets))
    manifest._parsed.cache_clear()
    assert str(history.can_undo(pets)) == "added an image to 'birds'"
    undone = []
    for state in reversed(states[:-1]):
        undone.append(str(history.undo(pets)))
        assert datasets.load(pets) == state
        assert stored(pets) >= {e.image for e in state.entries}
    assert undone == [
        "added an image to 'birds'",
        "changed the kind to 'drawing'",
        "deleted an image",
        "renamed the class 'cats' to 'kittens'",
    ]
    assert str(history.undo(pets)) == "added 10 images to 'dogs'"
    assert str(history.undo(pets)) == "added 10 images to 'cats'"
    assert history.can_undo(pets) is None
    with pytest.raises(UserError, match="nothing to undo"):
        history.undo(pets)
    assert stored(pets) == set()


def test_images_stay_as_long_as_an_undo_may_need_them(pets):
    image = datasets.load(pets).entries[0].image
    edits.delete_images(pets, [image])
    for number in range(history.KEEP_EDITS - 1):
        edits.add_class(pets, f"class {number}")
    assert image in stored(pets)
    edits.add_class(pets, "one more")
    assert image not in stored(pets)
    assert len(list((workspace.datasets() / pets / "history").iterdir())) == history.KEEP_EDITS


def test_stopped_between_remembering_and_writing(pets):
    history._remember(workspace.datasets() / pets)
    before = datasets.load(pets)
    assert str(history.undo(pets)) == "added 10 images to 'dogs'"
    assert datasets.load(pets).counts()["cats"] == before.counts()["cats"]


def test_a_failing_edit_changes_nothing(pets, photo):
    before, images = datasets.load(pets), stored(pets)

    def pictures():
        yield "one", photo(60)
        raise RuntimeError("the browser went away")

    with pytest.raises(RuntimeError):
        edits.add_images(pets, "cats", pictures())
    assert datasets.load(pets) == before
    assert stored(pets) == images
    assert not list(workspace.datasets().glob(".writing-*"))


def test_edits_at_the_same_time_are_all_kept(pets, photo):
    threads = [
        threading.Thread(target=edits.add_images, args=(pets, f"class {n}", [("x", photo(200 + n))])) for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(datasets.load(pets).classes) == 8
    assert len(datasets.load(pets).entries) == 26


def test_copy_delete_restore(pets, photo):
    original = datasets.load(pets)
    copied = datasets.copy(pets, "Mine")
    assert copied.fingerprint == original.fingerprint
    edits.delete_class("Mine", "cats")
    assert datasets.load(pets) == original
    assert history.can_undo("Mine") is not None
    datasets.delete(pets)
    assert datasets.list_names() == ["shapes", "digits", "Mine"]
    assert datasets.list_deleted() == ["pets"]
    assert datasets.restore(pets) == original
    assert str(history.undo(pets)) == "added 10 images to 'dogs'"
    datasets.delete(pets)
    datasets.create("PETS")
    with pytest.raises(UserError, match="already a data set 'PETS'"):
        datasets.restore(pets)
    datasets.purge()
    with pytest.raises(UserError, match="no deleted data set"):
        datasets.restore(pets)


def test_the_bin_is_not_bottomless(monkeypatch):
    monkeypatch.setattr(datasets, "KEEP_DELETED", 2)
    for name in ("a", "b", "c"):
        datasets.create(name)
        datasets.delete(name)
        os.utime(workspace.datasets() / ".deleted" / name, (0, ord(name)))
    assert datasets.list_deleted() == ["c", "b"]


def test_a_damaged_manifest_is_told(pets):
    (workspace.datasets() / pets / "manifest.json").write_text("{")
    with pytest.raises(UserError, match=r"manifest\.json. is damaged"):
        datasets.load(pets)


def test_check_trainable(pets):
    def check(counts: dict[str, tuple[int, int, int]]) -> None:
        entries = [
            Entry(f"{label}{split}{n}.png", label, split, "")
            for label, numbers in counts.items()
            for split, number in zip(SPLITS, numbers, strict=True)
            for n in range(number)
        ]
        datasets.check_trainable(Dataset("x", "photo", False, tuple(counts), tuple(entries)))

    datasets.check_trainable(datasets.load(pets))
    check({"a": (3, 1, 1), "b": (3, 2, 0), "empty": (0, 0, 0)})
    for counts, words in (
        ({}, "no images yet"),
        ({"a": (9, 1, 1)}, "only one class, 'a'"),
        ({"a": (9, 1, 1), "cats": (2, 0, 0)}, "at least 5 images; 'cats' has 2. Add 3 more."),
        ({"a": (9, 1, 1), "b": (0, 4, 4)}, "'b' has no training images"),
        ({"a": (9, 0, 1), "b": (9, 0, 4)}, "no validation images"),
    ):
        with pytest.raises(UserError) as error:
            check(counts)
        assert words in str(error.value)


def test_splits_of_new_classes():
    for count in range(1, 200):
        shares = Counter(assign([("a", f"{n:04x}") for n in range(count)]).values())
        assert shares["train"] >= shares["validation"] >= 0
        if count >= 5:
            assert min(shares[split] for split in SPLITS) >= 1
        for split, share in zip(SPLITS, (0.7, 0.15, 0.15), strict=True):
            assert abs(shares[split] - share * count) <= 1


@pytest.mark.parametrize("seed", range(30))
def test_splits_of_random_sets_that_grow(seed):
    """Whatever is added in whatever order: nothing moves, one content has one split, shares stay near 70/15/15."""
    rng = random.Random(seed)
    placed: list[tuple[str, str, str]] = []
    for _ in range(rng.randint(1, 8)):
        known = {(label, content) for label, content, _ in placed}
        new = {(rng.choice("abc"), f"{rng.randrange(400):04x}") for _ in range(rng.randint(0, 60))} - known
        split_of = assign(rng.sample(sorted(new), len(new)), placed)
        assert split_of == assign(new, placed)
        assert all(split_of[content] == split for _, content, split in placed)
        placed += [(label, content, split_of[content]) for label, content in sorted(new)]
    owners: dict[str, set[str]] = {}
    for _, content, split in placed:
        owners.setdefault(content, set()).add(split)
    assert all(len(splits) == 1 for splits in owners.values())
    if placed:
        train = sum(split == "train" for _, _, split in placed) / len(placed)
        assert len(placed) < 40 or 0.55 < train < 0.85


def test_a_folder_without_a_manifest_is_in_nobodys_way(pets, photo):
    """As a check leaves it that still writes while its data set is deleted."""
    datasets.delete(pets)
    leftover = workspace.datasets() / pets / "checks"
    leftover.mkdir(parents=True)
    (leftover / "status.json").write_text("{}")
    assert pets not in datasets.list_names()
    assert datasets.create(pets).entries == ()
    assert not leftover.exists()
    assert edits.add_images(pets, "cats", [("x", photo(1))]).added == 1
    datasets.delete(pets)
    leftover.mkdir(parents=True)
    assert len(datasets.restore(pets).entries) == 1


def test_who_loses_the_race_for_a_name_is_told(pets):
    with pytest.raises(UserError, match="by somebody else"), workspace.replacing(workspace.datasets() / pets) as folder:
        folder.mkdir()
    assert len(datasets.load(pets).entries) == 20
    assert not list(workspace.datasets().glob(".writing-*"))


def test_a_name_that_grows_in_lower_case():
    name = "\u1fb7" * 60  # three letters each in lower case, 420 bytes together
    assert datasets.create(name).name == name
    datasets.delete(name)
    assert datasets.list_deleted() == [name]


def test_locks_of_names_that_differ_in_case_only_are_one():
    with manifest.locked("Pets", "pets"):
        pass
    assert len(list((workspace.datasets() / ".locks").iterdir())) == 1


def manifests(good: dict) -> dict[str, bytes]:
    """Damaged manifests and ones of another version, by what is wrong with them."""
    entry = good["entries"][0]
    changed = {
        "later version": {"format": 2},
        "unknown kind": {"kind": "film"},
        "classes of another type": {"classes": "cats"},
        "class unknown": {"classes": ["dogs"]},
        "entries of another type": {"entries": 5},
        "image elsewhere": {"entries": [["../../x.png", *entry[1:]]]},
        "unknown split": {"entries": [[*entry[:2], "exam", *entry[3:]]]},
        "short entry": {"entries": [entry[:3]]},
        "edit of another type": {"edit": ["{x}", {}]},
    }
    whole = json.dumps(good).encode()
    return {name: json.dumps(good | change).encode() for name, change in changed.items()} | {
        "empty": b"", "cut": whole[: len(whole) // 2], "not UTF-8": b"\xff\xfe" + whole[1:], "a list": b"[]",
        "null": b"null", "deep": b"[" * 100_000,
    }  # fmt: skip


def test_a_damaged_manifest_stops_nobody_else(pets):
    datasets.create("other")
    path = workspace.datasets() / pets / "manifest.json"
    good = path.read_bytes()
    for wrong, content in manifests(json.loads(good)).items():
        path.unlink()
        path.write_bytes(content)
        with pytest.raises(datasets.Damaged) as error:
            datasets.load(pets)
        assert f"'{pets}' cannot be read: 'data/pets/manifest.json' is damaged" in str(error.value), wrong
        assert str(workspace.home()) not in str(error.value), wrong
        assert pets in datasets.list_names()
        assert datasets.load("other").entries == ()
        with pytest.raises(UserError):
            edits.add_class(pets, "birds")
    assert str(history.undo(pets)) == "a change that can no longer be read"
    assert datasets.load(pets).counts()["cats"]["train"] == 7
    path.write_bytes(b"")
    datasets.delete(pets)
    assert datasets.list_names() == ["shapes", "digits", "other"]


def test_a_damaged_history_is_passed_over(pets, photo):
    states = [datasets.load(pets)]
    for label in ("birds", "fish"):
        edits.add_class(pets, label)
        states.append(datasets.load(pets))
    kept = sorted((workspace.datasets() / pets / "history").glob("*.json"))
    for content in (b"", b"{}"):
        kept[-1].unlink()
        kept[-1].write_bytes(content)
    (kept[-1].parent / "notes.json").write_text("by hand")
    edits.delete_images(pets, [states[0].entries[0]])
    assert str(history.undo(pets)) == "deleted an image"
    assert datasets.load(pets) == states[2]
    history.undo(pets)
    assert datasets.load(pets) == states[0]
    assert stored(pets) == {entry.image for entry in states[0].entries}


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "The disk is full: 'data/pets"), (errno.EDQUOT, "The disk is full"),
        (errno.EROFS, "is read-only"), (errno.EACCES, "may not write there"),
    ],
)  # fmt: skip
def test_a_disk_that_refuses_loses_nothing(pets, photo, monkeypatch, number, words):
    before, images = datasets.load(pets), stored(pets)

    def refuse(path: Path, content: bytes) -> int:
        raise OSError(number, os.strerror(number), str(path))

    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", refuse)
        for change in (
            lambda: edits.add_images(pets, "cats", [("new", photo(99))]),
            lambda: edits.add_class(pets, "birds"),
            lambda: datasets.create("more"),
            lambda: datasets.copy(pets, "more"),
        ):
            with pytest.raises(UserError) as error:
                change()
            assert words.partition(": 'data")[0] in str(error.value)
            assert str(workspace.home()) not in str(error.value)
    assert datasets.load(pets) == before
    assert stored(pets) == images
    assert datasets.list_names() == ["shapes", "digits", "pets"]
    assert not list(workspace.datasets().glob(".writing-*"))
    assert edits.add_images(pets, "cats", [("new", photo(99))]).added == 1


def test_a_full_disk_between_the_images_and_the_manifest(pets, photo, monkeypatch):
    images = stored(pets)

    def refuse(path: Path, value: object) -> None:
        with workspace.saving(path):
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(workspace, "write_json", refuse)
        with pytest.raises(UserError, match="The disk is full"):
            edits.add_images(pets, "cats", [("new", photo(99))])
    assert stored(pets) == images
    assert str(history.undo(pets)) == "added 10 images to 'dogs'"


def test_what_killed_processes_left_is_cleared(pets):
    old = time.time() - workspace.LEFTOVER_AFTER_S - 1
    gone = [workspace.datasets() / ".writing-a", workspace.home() / "weights" / "runs" / "key" / ".writing-b"]
    young = workspace.datasets() / pets / ".writing-c"
    for folder in (*gone, young):
        (folder / "images").mkdir(parents=True)
    with workspace.temporary_beside(workspace.datasets() / "x") as living:
        for folder in (*gone, living):
            os.utime(folder, (old, old))
        datasets.purge()
        assert living.exists()
    assert not living.exists()
    assert not any(folder.exists() for folder in gone)
    assert young.exists()


def test_the_bin_forgets_by_age_and_size(photo, monkeypatch):
    for name in ("old", "big", "new"):
        datasets.create(name)
        edits.add_images(name, "cats", [("x", photo(1))])
        datasets.delete(name)
    (workspace.datasets() / ".deleted" / "half").mkdir()
    week = time.time() - datasets.KEEP_DELETED_S
    os.utime(workspace.datasets() / ".deleted" / "old", (week, week))
    os.utime(workspace.datasets() / ".deleted" / "big", (week + 60, week + 60))
    datasets.purge(datasets.KEEP_DELETED_S)
    assert datasets.list_deleted() == ["new", "big"]
    assert not (workspace.datasets() / ".deleted" / "half").exists()
    monkeypatch.setattr(datasets, "KEEP_DELETED_BYTES", 1)
    datasets.purge(datasets.KEEP_DELETED_S)
    assert datasets.list_deleted() == ["new"]


def test_a_zip_is_made_of_one_moment(pets):
    """An edit that would remove images waits until the zip is whole."""
    editing = threading.Thread(target=lambda: [history.undo(pets), history.undo(pets)])

    class Slow(io.BytesIO):
        def write(self, content: bytes) -> int:
            if not editing.ident:
                editing.start()
                editing.join(0.05)
            return super().write(content)

    file = Slow()
    importing.export_zip(pets, file)
    editing.join()
    with zipfile.ZipFile(file) as archive:
        assert len(archive.namelist()) == 20
    assert stored(pets) == set()
