import io
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.data import archives, datasets, edits, history, importing
from core.data.folder_layout import Place, arrange, named_by_zip, named_by_zips, unwrapped
from core.data.manifest import Note
from core.errors import UserError
from core.storage import workspace


@pytest.fixture
def pets(class_files, zipped) -> Path:
    return zipped(class_files({"cats": 10, "dogs": 7}))


def left_behind() -> list[str]:
    return (
        [p.name for p in workspace.datasets().iterdir() if p.name != ".locks"] if workspace.datasets().exists() else []
    )


def unpack(path: Path, folder: Path) -> Path:
    zipfile.ZipFile(path).extractall(folder)
    return folder


def test_a_zip(pets):
    seen = []
    report = importing.import_source(pets, "pets", lambda done, total: seen.append((done, total)))
    assert (report.dataset, report.added, report.skipped, report.duplicates) == ("pets", 17, (), ())
    assert seen == [(n, 17) for n in range(1, 18)]
    dataset = datasets.load("pets")
    assert dataset.counts()["cats"] == {"train": 7, "validation": 2, "test": 1}
    assert dataset.kind == "photo"
    assert dataset.entries[0].source == "cats/0.png"
    datasets.check_trainable(dataset)
    assert history.can_undo("pets") is None


def test_a_folder_a_wrapped_folder_and_an_open_file_give_the_same(pets, tmp_path):
    importing.import_source(pets, "a")
    importing.import_source(unpack(pets, tmp_path / "around" / "pets"), "b")
    importing.import_source(str(tmp_path / "around"), "c")
    upload = io.BytesIO(pets.read_bytes())
    upload.name = "pets.zip"
    importing.import_source([upload], "d")
    assert len({datasets.load(name).fingerprint for name in "abcd"}) == 1


def test_one_zip_for_each_class(class_files, zipped):
    files = class_files({"cats": 6, "dogs": 6})
    flat = zipped({p.split("/")[1]: c for p, c in files.items() if p.startswith("cats")}, "cats.zip")
    inside = zipped({p: c for p, c in files.items() if p.startswith("dogs")}, "more.zip")
    importing.import_source([flat, inside], "pets")
    assert datasets.load("pets").classes == ("cats", "dogs")


def test_one_zip_for_each_split(class_files, zipped):
    train = zipped(class_files({"cats": 6, "dogs": 6}, seed=1), "train.zip")
    test = zipped(class_files({"cats": 3, "dogs": 3}, seed=2), "test.zip")
    importing.import_source([train, test], "pets")
    assert datasets.load("pets").counts()["cats"] == {"train": 5, "validation": 1, "test": 3}


def test_named_splits_are_kept(class_files, zipped, photo, encoded):
    files = {
        f"set/{split}/{path}": content
        for seed, (split, count) in enumerate({"train": 8, "val": 3, "Test": 2}.items())
        for path, content in class_files({"cats": count, "dogs": count}, seed).items()
    }
    twice = encoded(photo(77))
    files |= {"set/train/cats/x.png": twice, "set/Test/cats/y.png": twice, "set/val/cats/z.png": twice}
    files |= {"set/train/dogs/x.png": encoded(photo(78)), "set/val/cats/w.png": encoded(photo(78))}
    report = importing.import_source(zipped(files), "pets")
    dataset = datasets.load("pets")
    assert dataset.counts()["cats"] == {"train": 8, "validation": 4, "test": 3}
    assert {d.name for d in report.duplicates} == {"set/train/cats/x.png", "set/val/cats/z.png"}
    assert {d.same_as for d in report.duplicates} == {"set/Test/cats/y.png"}
    shared = [e for e in dataset.entries if e.source.endswith(("dogs/x.png", "w.png"))]
    assert [e.split for e in shared] == ["validation", "validation"]


def test_train_and_validation_alone_leave_test_empty(class_files, zipped):
    files = {
        f"{split}/{path}": content
        for seed, split in enumerate(("train", "validation"))
        for path, content in class_files({"cats": 6, "dogs": 6}, seed).items()
    }
    importing.import_source(zipped(files), "pets")
    assert datasets.load("pets").counts()["dogs"] == {"train": 6, "validation": 6, "test": 0}


def test_numbered_names(photo, encoded, zipped):
    files = {
        f"train/{label}.{n}.png": encoded(photo(seed + n))
        for label, seed in (("cat", 0), ("dog", 50))
        for n in range(6)
    }
    importing.import_source(zipped(files), "pets")
    assert datasets.load("pets").classes == ("cat", "dog")


def test_what_is_no_image_is_reported_by_name(class_files, zipped, photo, encoded):
    files = class_files({"cats": 6, "dogs": 6})
    files |= {
        "README.txt": b"hello",
        "cats/notes": b"hello",
        "cats/.DS_Store": b"x",
        "__MACOSX/cats/._0.png": b"x",
        "dogs/Thumbs.db": b"x",
        "dogs/phone.HEIC": b"x",
        "dogs/Icon\r.png": b"x",
        "dogs/fake.png": b"just text",
        "dogs/empty.jpg": b"",
        "dogs/cut.png": encoded(photo(500))[:500],
        "stray.png": encoded(photo(501)),
        "cats/copy.png": files["cats/0.png"],
    }
    report = importing.import_source(zipped(files), "pets")
    reasons = {skipped.name: str(skipped) for skipped in report.skipped}
    for name, words in {
        "README.txt": "ends in '.txt'",
        "cats/notes": "no extension",
        "cats/.DS_Store": "hidden",
        "__MACOSX/cats/._0.png": "hidden",
        "dogs/Thumbs.db": "hidden",
        "dogs/phone.HEIC": "HEIC",
        "dogs/Icon\r.png": "control characters",
        "dogs/fake.png": "is text, not an image",
        "dogs/empty.jpg": "is empty",
        "dogs/cut.png": "is truncated",
        "stray.png": "outside the class folders",
    }.items():
        assert words in reasons.pop(name)
    assert reasons == {}
    assert [tuple(d) for d in report.duplicates] == [("cats/copy.png", "cats/0.png")]
    assert report.added == 12


def with_entry(good: dict[str, bytes], **changes: object) -> bytes:
    """A zip of good entries and one more, whose ZipInfo has these changes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path, content in good.items():
            archive.writestr(path, content)
        info = zipfile.ZipInfo(str(changes.pop("path", "cats/x.png")))
        content = changes.pop("content", b"x")
        for name, value in changes.items():
            setattr(info, name, value)
        archive.writestr(info, content)
    return file.getvalue()


def patched(content: bytes, offset: int, value: bytes) -> bytes:
    """Change the last entry of the zip's directory at an offset of its record."""
    at = content.rindex(b"PK\x01\x02") + offset
    return content[:at] + value + content[at + len(value) :]


def nested(good: dict[str, bytes], prefix: str) -> bytes:
    return with_entry({prefix + path: content for path, content in good.items()}, path=prefix + "cats/x.png")


ZEROS = bytes(9 * 1024**2)
LINK = 0o120777 << 16
PIPE = 0o010644 << 16

# what is wrong: (the zip's bytes made from good entries, words of its message)
MALFORMED = {
    "empty file": (lambda good: b"", "'x.zip' is empty (0 bytes)"),
    "text": (lambda good: b"cats and dogs", "'x.zip' is not a zip"),
    "rar": (lambda good: b"Rar!\x1a\x07\x01\0", "is another kind of archive"),
    "gzip": (lambda good: b"\x1f\x8b\x08" + bytes(99), "is another kind of archive"),
    "cut off": (lambda good: with_entry(good)[:-300], "'x.zip' is truncated or damaged"),
    "no entries": (lambda good: b"PK\x05\x06" + bytes(18), "zip 'x.zip' is empty"),
    "no images": (lambda good: with_entry({}, path="a.txt"), "no images in it"),
    "parent": (lambda good: with_entry(good, path="../x.png"), "'../x.png' points outside"),
    "parent inside": (lambda good: with_entry(good, path="cats/../../x.png"), "points outside"),
    "absolute": (lambda good: with_entry(good, path="/etc/x.png"), "'/etc/x.png' has an absolute path"),
    "drive": (lambda good: with_entry(good, path="C:/x.png"), "'C:/x.png' has an absolute path"),
    "backslash": (lambda good: with_entry(good, path="cats\\..\\x.png"), "points outside"),
    "link": (lambda good: with_entry(good, external_attr=LINK), "'cats/x.png' is a link"),
    "pipe": (lambda good: with_entry(good, external_attr=PIPE), "neither a file nor a folder"),
    "password": (lambda good: patched(with_entry(good), 8, b"\x01"), "needs a password"),
    "method": (lambda good: patched(with_entry(good), 10, b"\x61\0"), "uses compression method 97"),
    "twice": (lambda good: with_entry(good, path="./cats/0.png"), "two entries 'cats/0.png'"),
    "zip inside": (lambda good: with_entry(good, path="cats/more.zip"), "'cats/more.zip' is an archive inside"),
    "zip bomb": (
        lambda good: with_entry(good, content=ZEROS, compress_type=zipfile.ZIP_DEFLATED),
        "times its packed size, as zip bombs do",
    ),
    "huge file": (lambda good: patched(with_entry(good), 24, struct.pack("<I", 2**31)), "has 2048 MB; a file may have"),
    "too deep": (
        lambda good: with_entry(good, path="cats/a/b/x.png"),
        "'cats/a/b/x.png' is nested too deeply: 3 folders",
    ),
    "three levels": (lambda good: nested(good, "train/big/"), "'train/big/cats/0.png' is nested too deeply: 3 folders"),
    "split beside": (lambda good: with_entry(good, path="test/cats/x.png"), "folders test are next to cats, dogs"),
    "no train": (
        lambda good: with_entry({"val/" + p: c for p, c in good.items()}, path="test/cats/x.png"),
        "but no train folder",
    ),
    "no class": (
        lambda good: with_entry({f"train/{n}.png": c for n, c in enumerate(good.values())}, path="test/x.png"),
        "are not in class folders",
    ),
    "bad class": (lambda good: with_entry(good, path="what?/x.png"), "class name 'what?' cannot be used"),
    "spelling": (lambda good: with_entry(good, path="Cats/x.png"), "differ in upper and lower case only"),
    "few images": (lambda good: with_entry(good, path="cows/x.png"), "at least 5 images; 'cows' has 0. Add 5 more."),
    "one class": (
        lambda good: with_entry({p: c for p, c in good.items() if "cats" in p}),
        "only one class, 'cats'",
    ),
}


@pytest.mark.parametrize("wrong", MALFORMED)
def test_each_malformed_zip_has_its_message_and_leaves_nothing(wrong, class_files, tmp_path):
    spoil, words = MALFORMED[wrong]
    (tmp_path / "x.zip").write_bytes(spoil(class_files({"cats": 6, "dogs": 6})))
    with pytest.raises(UserError) as error:
        importing.import_source(tmp_path / "x.zip", "pets")
    assert words in str(error.value)
    assert left_behind() == []


@pytest.mark.parametrize(
    ("limit", "value", "words"),
    [("MAX_ENTRIES", 16, "more than 16 files"), ("MAX_TOTAL_BYTES", 1000, "can be imported at once")],
)
def test_limits(pets, tmp_path, monkeypatch, limit, value, words):
    folder = unpack(pets, tmp_path / "pets")
    monkeypatch.setattr(archives, limit, value)
    for source in (pets, folder):
        with pytest.raises(UserError, match=words):
            importing.import_source(source, "pets")
    assert left_behind() == []


def test_a_lying_header_reads_no_more_than_it_promised(class_files, tmp_path):
    """The directory says 100 bytes; unpacked it would be 9 MB."""
    content = with_entry(class_files({"cats": 6, "dogs": 6}), content=ZEROS, compress_type=zipfile.ZIP_DEFLATED)
    (tmp_path / "x.zip").write_bytes(patched(content, 24, struct.pack("<I", 100)))
    report = importing.import_source(tmp_path / "x.zip", "pets")
    assert [s.name for s in report.skipped] == ["cats/x.png"]
    assert "does not match the zip's directory" in str(report.skipped[0])
    more = patched(with_entry(class_files({"cats": 6, "dogs": 6})), 24, struct.pack("<I", 100))
    (tmp_path / "x.zip").write_bytes(more)
    assert "promises 100 bytes of it but has 1" in str(importing.import_source(tmp_path / "x.zip", "more").skipped[0])


def test_a_wrong_checksum_skips_the_image(class_files, tmp_path):
    content = patched(with_entry(class_files({"cats": 6, "dogs": 6})), 16, b"\0\0\0\0")
    (tmp_path / "x.zip").write_bytes(content)
    assert "is damaged" in str(importing.import_source(tmp_path / "x.zip", "pets").skipped[0])


@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
def test_korean_names_without_the_utf8_flag(class_files, tmp_path, encoding):
    files = class_files({"AAAA": 5, "BBBB": 5})
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    # Names of equal length, so that only the bytes have to be replaced.
    content = file.getvalue()
    names = ("개1", "곰2") if encoding == "utf-8" else ("사자", "토끼")
    for ascii_name, korean in zip((b"AAAA", b"BBBB"), names, strict=True):
        content = content.replace(ascii_name, korean.encode(encoding))
    (tmp_path / "x.zip").write_bytes(content)
    importing.import_source(tmp_path / "x.zip", "동물")
    assert datasets.load("동물").classes == names


def test_decomposed_korean_names_are_one_class(photo, encoded, zipped):
    names = ["가", "\u1100\u1161", "나"]
    files = {f"{name}/{n}.png": encoded(photo(10 * i + n)) for i, name in enumerate(names) for n in range(5)}
    importing.import_source(zipped(files), "x")
    assert {k: sum(v.values()) for k, v in datasets.load("x").counts().items()} == {"가": 10, "나": 5}


@pytest.mark.parametrize("stop_at", [1, 9, 17])
def test_stopping_an_import_leaves_nothing(pets, stop_at):
    def stop(done: int, total: int) -> None:
        if done == stop_at:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        importing.import_source(pets, "pets", stop)
    assert left_behind() == []
    assert importing.import_source(pets, "pets").added == 17


def test_a_taken_name(pets):
    importing.import_source(pets, "pets")
    before = datasets.load("pets")
    for name in ("pets", "PETS", "shapes"):
        with pytest.raises(UserError, match="already a data set"):
            importing.import_source(pets, name)
    assert datasets.load("pets") == before


@pytest.mark.parametrize("kind", ["photo", "drawing"])
def test_export_and_import_give_the_same(class_files, zipped, photo, drawing, encoded, tmp_path, kind):
    files = class_files({"cats": 8, "개": 6})
    files |= {f"cats/p{n}.jpg": encoded(photo(600 + n), "JPEG") for n in range(4)}
    files |= {"cats/big.jpg": encoded(photo(700, (600, 800)), "JPEG"), "cats/d.png": encoded(drawing(1))}
    files["개/p0.jpg"] = files["cats/p0.jpg"]
    importing.import_source(zipped(files), "first")
    edits.set_kind("first", kind)
    edits.move_split("first", [e for e in datasets.load("first").entries if e.split == "test"], "train")
    edits.move_split("first", [e for e in datasets.load("first").live("validation")][:1], "test")
    edits.exclude_images("first", [datasets.load("first").live("train")[0]])
    importing.export_zip("first", tmp_path / "out.zip")
    importing.import_source(tmp_path / "out.zip", "second")
    first, second = datasets.load("first"), datasets.load("second")
    assert second.fingerprint == first.fingerprint
    assert {e.image for e in second.entries} == {e.image for e in first.live()}
    again = io.BytesIO()
    importing.export_zip("second", again)
    names = zipfile.ZipFile(tmp_path / "out.zip").namelist()
    assert zipfile.ZipFile(again).namelist() == names
    assert any(name.startswith("train/cats/big") for name in names)


def test_an_empty_set_cannot_be_exported(tmp_path):
    datasets.create("empty")
    with pytest.raises(UserError, match="no images to download"):
        importing.export_zip("empty", tmp_path / "out.zip")
    assert not (tmp_path / "out.zip").exists()


def test_scanning_a_folder(pets, tmp_path):
    folder = unpack(pets, tmp_path / "pets")
    (folder / "cats" / "x.txt").write_text("x")
    (folder / ".hidden").mkdir()
    os.symlink(folder / "cats", folder / "more cats")
    found = importing.scan_folder(folder)
    assert len(found) == 17
    assert all(path.parent.name == label and path.exists() for label, path in found)
    (folder / "cats" / "deep" / "er").mkdir(parents=True)
    (folder / "cats" / "deep" / "er" / "1.png").write_bytes(b"")
    with pytest.raises(UserError, match="is nested too deeply"):
        importing.scan_folder(folder)
    with pytest.raises(UserError, match="no folder"):
        importing.scan_folder(tmp_path / "none")


@pytest.mark.parametrize(
    ("files", "places"),
    [
        (["a/1.png", "b/2.png"], [Place(None, "a"), Place(None, "b")]),
        (["x/y/a/1.png", "x/y/b/2.png"], [Place(None, "a"), Place(None, "b")]),
        (["x/train/a/1.png", "x/valid/b/2.png"], [Place("train", "a"), Place("validation", "b")]),
        (["train/a/1.png", "train/b/2.png"], [Place(None, "a"), Place(None, "b")]),
        (["x/a.1.png", "x/b.2.png"], [Place(None, "a"), Place(None, "b")]),
        (["cats/a.1.png", "cats/a.2.png"], [Place(None, "cats"), Place(None, "cats")]),
        ([" a /1.png", "b/2.png"], [Place(None, "a"), Place(None, "b")]),
    ],
)
def test_layouts(files, places):
    assert arrange(unwrapped(files)) == places


def test_layouts_of_several_zips():
    assert named_by_zip(["1.png"], "cats") == ["cats/1.png"]
    assert named_by_zip(["a/1.png"], "Train") == ["Train/a/1.png"]
    assert named_by_zip(["a.1.png", "b.1.png"], "x") == ["a.1.png", "b.1.png"]
    assert isinstance(arrange(["a/1.png", "1.png"])[1], Note)


@pytest.mark.parametrize(
    ("zips", "named"),
    [
        ({"cats": "images", "dogs": "images", "birds": ""}, {"cats", "dogs", "birds"}),
        ({"cats": "images", "dogs": "Images"}, {"cats", "dogs"}),
        ({"cats": "cats", "dogs": "dogs"}, {"cats", "dogs"}),
        ({"cats-1": "cats", "cats-2": "cats", "dogs": "dogs"}, {"cats", "dogs"}),
        ({"cats (1)": "cats", "cats part 2": "cats", "dogs": "images"}, {"cats", "images"}),
        ({"a": "cats", "b": "dogs"}, {"cats", "dogs"}),
        ({"only": "images"}, {"images"}),
    ],
)
def test_one_folder_in_each_of_several_zips(zips, named):
    folders = [(stem, [f"{folder}/{n}.png".lstrip("/") for n in range(2)]) for stem, folder in zips.items()]
    places = [arrange(inside) for inside in named_by_zips(folders)]
    assert {place.label for inside in places for place in inside} == named


def test_zips_that_each_have_one_and_the_same_folder_are_the_classes(class_files, zipped):
    files = class_files({"cats": 5, "dogs": 5})
    zips = [
        zipped(
            {path.replace(label, "around/images"): content for path, content in files.items() if label in path}, name
        )
        for label, name in (("cats", "cats.zip"), ("dogs", "dogs.zip"))
    ]
    importing.import_source(zips, "pets")
    assert datasets.load("pets").classes == ("cats", "dogs")


def test_memory_does_not_grow_with_the_set(class_files, zipped, monkeypatch):
    """At most a few unpacked images wait while the others are worked on."""
    waiting, most = 0, 0
    read, normalise = importing._read, importing.normalise

    def reading(found):
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        return read(found)

    def normalising(content, white):
        nonlocal waiting
        stored = normalise(content, white)
        waiting -= 1
        return stored

    monkeypatch.setattr(importing, "_read", reading)
    monkeypatch.setattr(importing, "normalise", normalising)
    importing.import_source(zipped(class_files({"a": 60, "b": 60})), "x")
    assert most <= 20


def test_drawings_are_told_from_photos(drawing, encoded, zipped):
    files = {f"{label}/{n}.png": encoded(drawing(n + 50 * (label == "b"))) for label in "ab" for n in range(6)}
    importing.import_source(zipped(files), "x")
    assert datasets.load("x").kind == "drawing"
    assert np.unique([e.split for e in datasets.load("x").entries]).tolist() == ["test", "train", "validation"]


def test_an_entry_without_a_name_is_skipped(class_files, tmp_path):
    (tmp_path / "x.zip").write_bytes(with_entry(class_files({"cats": 6, "dogs": 6}), path=""))
    assert [s.name for s in importing.import_source(tmp_path / "x.zip", "pets").skipped] == [""]


def test_a_zip_can_be_added_to_a_data_set_in_one_edit(zipped, class_files):
    importing.import_source(zipped(class_files({"cats": 6, "dogs": 6})), "pets")
    known = class_files({"cats": 6, "dogs": 6})["dogs/0.png"]
    more = class_files({"dogs": 2, "mice": 7}, seed=1) | {"dogs/same.png": known, "mice/notes.txt": b"hello"}
    report = importing.import_into(zipped(more, "more.zip"), "pets")
    assert report.added == 9
    assert [duplicate.name for duplicate in report.duplicates] == ["dogs/same.png"]
    assert [item.name for item in report.skipped] == ["mice/notes.txt"]
    pets = datasets.load("pets")
    assert {label: sum(splits.values()) for label, splits in pets.counts().items()} == {"cats": 6, "dogs": 8, "mice": 7}
    assert pets.counts()["mice"]["validation"] >= 1
    history.undo("pets")
    assert datasets.load("pets").classes == ("cats", "dogs")


def test_a_zip_added_to_an_empty_set_keeps_the_splits_it_names(zipped, class_files):
    datasets.create("fresh")
    files = {f"train/{name}": content for name, content in class_files({"a": 3, "b": 3}).items()}
    files |= {f"test/{name}": content for name, content in class_files({"a": 2, "b": 2}, seed=1).items()}
    importing.import_into(zipped(files), "fresh")
    assert datasets.load("fresh").counts()["a"] == {"train": 3, "validation": 0, "test": 2}
    assert datasets.load("fresh").kind == "photo"


def test_a_folder_imported_again_is_found_again(tmp_path, class_files):
    for name, content in class_files({"cats": 5, "dogs": 5}).items():
        (tmp_path / "my pets" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "my pets" / name).write_bytes(content)
    first = importing.folder_as_dataset(tmp_path / "my pets")
    assert first.name == "my pets"
    assert importing.folder_as_dataset(tmp_path / "my pets").name == "my pets"
    (tmp_path / "my pets" / "cats" / "0.png").unlink()
    for name, content in class_files({"cats": 1}, seed=5).items():
        (tmp_path / "my pets" / name).write_bytes(content)
    assert importing.folder_as_dataset(tmp_path / "my pets").name == "my pets 2"
    assert datasets.list_names()[2:] == ["my pets", "my pets 2"]
