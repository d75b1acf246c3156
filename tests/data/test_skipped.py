"""What an import that failed says of the files it left out, and what a successful one says of its classes."""

import io

import pytest

from core.data import importing
from core.data.manifest import Duplicate, Skipped
from core.data.skipped import sentences
from core.errors import UserError

HEIC = "HEIC photos cannot be read. Save them as JPEG first."


def said(sources: object) -> str:
    with pytest.raises(UserError) as error:
        importing.import_source(sources, "pets")
    assert str(error.value).startswith(error.value.template.format(**error.value.values))
    return str(error.value)


def photographed(files: dict[str, bytes], label: str, suffix: str) -> dict[str, bytes]:
    """The files of a class as a telephone saves them."""
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
    return {
        path.replace(".png", suffix) if path.startswith(label) else path: heic if path.startswith(label) else content
        for path, content in files.items()
    }


def test_photos_that_cannot_be_read_are_counted_by_class(class_files, zipped):
    files = class_files({"cats": 8, "dogs": 8})
    assert said(zipped(photographed(files, "cats", ".HEIC"))).endswith(f"8 files of 'cats' were left out: {HEIC}")
    everything = said(zipped(photographed(files, "", ".heic")))
    assert f"8 files of 'cats' were left out: {HEIC} 8 files of 'dogs' were left out: {HEIC}" in everything
    kept = class_files({"cats": 2, "dogs": 8}) | photographed(class_files({"cats": 6}, seed=1), "cats", ".heif")
    assert said(zipped(kept)) == (
        f"Each class needs at least 5 images; 'cats' has 2. Add 3 more. 6 files of 'cats' were left out: {HEIC}"
    )


def test_files_that_are_something_else_are_told_with_the_reason(class_files, zipped):
    files = class_files({"dogs": 8}) | {f"cats/{n}.jpg": b"<!doctype html><html>" for n in range(7)}
    assert "'cats' has 0. Add 5 more. 7 files of 'cats' were left out: This file is a web page" in said(zipped(files))


def test_images_that_all_look_the_same_are_told(class_files, zipped):
    files = class_files({"dogs": 8, "cats": 1})
    files |= {f"cats/{n}.png": files["cats/0.png"] for n in range(1, 8)}
    assert "'cats' has 1. Add 4 more. 7 files of 'cats' were left out: They are identical" in said(zipped(files))


@pytest.mark.parametrize("folder", ["images", "train"])
def test_labels_in_a_table_are_told(class_files, zipped, folder):
    files = {path.replace("x", folder): content for path, content in class_files({"x": 8}).items()}
    assert "'labels.csv' was left out: Tables are not read" in said(zipped(files | {"labels.csv": b"0.png,cat"}))


def test_hidden_files_are_no_news(class_files, zipped):
    assert said(zipped(class_files({"cats": 6}) | {"cats/.DS_Store": b"x"})).endswith("add at least one more class.")


def test_few_names_and_many_names():
    items = [Skipped(f"{n}.csv", "No.", {}) for n in range(5)]
    assert " ".join(map(str, sentences(items[:1]))) == "'0.csv' was left out: No."
    assert " ".join(map(str, sentences(items[:2]))) == "'0.csv', '1.csv' were left out: No."
    assert " ".join(map(str, sentences(items))) == "'0.csv', '1.csv', '2.csv' and 2 more were left out: No."
    assert len(sentences([], [Duplicate("a/1", "a/2"), Duplicate("a/3", "a/2"), Duplicate("b/1", "b/2")])) == 4


def test_an_empty_folder_is_named(class_files, zipped, tmp_path):
    files = class_files({"cats": 5, "dogs": 5}) | {
        "birds/": b"",
        "mice/.DS_Store": b"x",
        "docs/a.txt": b"x",
        "mice/": b"",
    }
    report = importing.import_source(zipped(files | {"__MACOSX/": b"", "dogs/": b""}), "zip")
    names = {item.name: str(item) for item in report.skipped}
    assert set(names) == {"birds", "mice", "mice/.DS_Store", "docs", "docs/a.txt"}
    assert names["birds"] == "birds: An empty folder, so it is not a class."
    assert "None of the folder's files can be read as an image" in names["docs"]
    for path, content in files.items():
        if not path.endswith("/"):
            (tmp_path / "f" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "f" / path).write_bytes(content)
    (tmp_path / "f" / "birds").mkdir()
    assert {item.name for item in importing.import_source(tmp_path / "f", "folder").skipped} == set(names)


def test_classes_without_training_images_are_told(class_files, zipped):
    files = {f"train/{path}": content for path, content in class_files({"cat": 5, "dog": 5}).items()}
    files |= {f"test/{path}": content for path, content in class_files({"cats": 5, "dogs": 5}, seed=1).items()}
    [note] = importing.import_source(zipped(files), "pets").notes
    assert str(note).startswith("These classes have no training images: cats, dogs.")
    assert importing.import_source(zipped(class_files({"a": 5, "b": 5})), "fine").notes == ()
    more = io.BytesIO(
        zipped(
            {f"test/{p}": c for p, c in class_files({"c": 3}, seed=2).items()} | {"train/a/x.txt": b""}, "m.zip"
        ).read_bytes()
    )
    more.name = "more.zip"
    importing.import_into(more, "fine")


def test_sets_of_splits_by_their_other_names(class_files, zipped):
    files = {
        f"{split}/{path}": content
        for seed, split in enumerate(("Train_Set", "val_set", "test_set"))
        for path, content in class_files({"cats": 5, "dogs": 5}, seed).items()
    }
    importing.import_source(zipped(files), "pets")
    assert importing.datasets.load("pets").counts()["cats"] == {"train": 5, "validation": 5, "test": 5}


def test_a_split_beside_classes_is_said_to_be_no_class(class_files, zipped):
    words = said(zipped(class_files({"cats": 5, "train": 5})))
    assert words.startswith(
        "The folders train are next to cats. 'train' is the name of a split, so it cannot be a class"
    )
