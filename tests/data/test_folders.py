"""Folders as people have them: pipes, links, names that are not UTF-8, and depths that nobody walks by hand."""

import os
from pathlib import Path

import pytest

from core.data import datasets, folders, importing
from core.data.folder_layout import LONGEST_PATH
from core.errors import UserError


@pytest.fixture
def pets(class_files, tmp_path) -> Path:
    for name, content in class_files({"cats": 5, "dogs": 5}).items():
        path = tmp_path / "pets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "pets"


def test_what_is_no_file_is_named_and_never_opened(pets):
    os.mkfifo(pets / "cats" / "x.jpg")
    (pets / "cats" / "to x.jpg").symlink_to("x.jpg")
    (pets / "cats" / "zeros.jpg").symlink_to("/dev/zero")
    (pets / "dogs" / "gone.jpg").symlink_to("nowhere.jpg")
    (pets / "dogs" / "circle.jpg").symlink_to("circle.jpg")
    (pets / "mice").symlink_to("cats")
    report = importing.import_source(pets, "pets")
    assert report.added == 10
    assert {item.name: str(item).partition(": ")[2] for item in report.skipped} == {
        "cats/to x.jpg": "It is a pipe, a socket or a device, not a file.",
        "cats/x.jpg": "It is a pipe, a socket or a device, not a file.",
        "cats/zeros.jpg": "It is a pipe, a socket or a device, not a file.",
        "dogs/circle.jpg": "It is a link to a file that is not there.",
        "dogs/gone.jpg": "It is a link to a file that is not there.",
        "mice": "A link to a folder is not followed. Put the folder itself there.",
    }


def test_a_link_to_a_file_is_read(pets, class_files):
    (pets / "other.bin").write_bytes(class_files({"x": 1}, seed=3)["x/0.png"])
    (pets / "cats" / "link.png").symlink_to("../other.bin")
    assert importing.import_source(pets, "pets").added == 11


def test_a_pipe_called_zip_is_refused(tmp_path):
    os.mkfifo(tmp_path / "x.zip")
    with pytest.raises(UserError, match=r"'x\.zip' is neither a file nor a folder"):
        importing.import_source(tmp_path / "x.zip", "x")
    with pytest.raises(UserError, match="a pipe"):
        folders.check_file(tmp_path / "x.zip")


def test_folders_of_links_are_told(pets, tmp_path):
    (tmp_path / "links").mkdir()
    for label in ("cats", "dogs"):
        (tmp_path / "links" / label).symlink_to(pets / label)
    with pytest.raises(UserError) as error:
        importing.import_source(tmp_path / "links", "links")
    assert str(error.value).endswith(
        "'cats', 'dogs' were left out: A link to a folder is not followed. Put the folder itself there."
    )


def test_names_that_are_not_utf8_are_kept_readable(pets, class_files):
    odd = class_files({"x": 12}, seed=2).values()
    korean = pets / os.fsdecode("고양이".encode("cp949"))
    korean.mkdir()
    names = [*(f"{n}.png".encode() for n in range(5)), b"\xb0\xed\xbe\xe7.png", b"caf\xe9.png"]
    for raw, content in zip(names, odd, strict=False):
        (korean / os.fsdecode(raw)).write_bytes(content)
    importing.import_source(pets, "pets")
    dataset = datasets.load("pets")
    assert dataset.classes == ("cats", "dogs", "고양이")
    assert {"고양이/고양.png", "고양이/café.png"} <= {entry.source for entry in dataset.entries}
    importing.export_zip("pets", pets.parent / "out.zip")
    assert importing.import_source(pets.parent / "out.zip", "again").added == 17
    assert ("고양이", korean / names[5].decode(errors="surrogateescape")) in importing.scan_folder(pets)


def test_a_path_that_is_too_long_is_left_out(pets):
    (pets / "cats" / "/".join("d" * (LONGEST_PATH // 2))).mkdir(parents=True)
    [item] = folders.contents(pets).skipped
    assert item.name.startswith("cats/d/d")
    assert f"at most {LONGEST_PATH} can be read" in str(item)
