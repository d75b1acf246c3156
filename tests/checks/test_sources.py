"""The tutorials' layouts, as they are."""

import shutil

import pytest

from core.checks import sources
from core.checks.registry import CHECKS
from core.data import importing
from core.errors import UserError


def placed(source):
    with sources.opened(str(source)) as opened:
        return sorted((item.label, item.split) for item in opened.items)


@pytest.mark.parametrize("wrapping", ["", "train/", "dogs-vs-cats/train/"])
def test_kaggles_flat_files(tmp_path, zipped, photo, encoded, wrapping):
    files = {f"{wrapping}{kind}.{n}.jpg": encoded(photo(n), "JPEG") for kind in ("cat", "dog") for n in range(5)}
    expected = [("cat", None)] * 5 + [("dog", None)] * 5
    assert placed(zipped(files)) == expected
    shutil.unpack_archive(zipped(files), tmp_path / "flat")
    assert placed(tmp_path / "flat") == expected
    assert importing.import_source(tmp_path / "flat", "flat").added == 10


def test_class_folders_inside_splits(clean):
    assert placed(clean).count(("cats", "train")) == 6


def test_a_zip_in_a_zip_is_refused_with_a_hint(zipped):
    with pytest.raises(UserError, match="is an archive inside the data set"):
        placed(zipped({"train.zip": b"PK", "cats/1.jpg": b"x"}))


def test_names_that_an_import_refuses_are_looked_at(tmp_path, class_files, zipped, look, finding):
    path = zipped(class_files({"Cats": 5, "cats": 5}))
    with pytest.raises(UserError, match="upper and lower case"):
        importing.import_source(path, "pets")
    assert finding(look(path), "names").cases[0].fixes[0].action == "merge"


def test_nothing_there_is_said(tmp_path):
    with pytest.raises(UserError, match="There is no data set"):
        placed("nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="There are no images in it"):
        placed(tmp_path / "empty")


def test_photos_that_cannot_be_read_are_no_reason_to_delete_and_their_class_is_missed(
    class_files, zipped, look, finding
):
    files = class_files({"dogs": 8}) | {f"cats/{n}.HEIC": b"x" for n in range(8)} | {"docs/a.txt": b"x", "birds/": b""}
    report = look(zipped(files))
    assert {case.about for case in finding(report, "too_small").cases} == {"birds", "cats"}
    hidden = CHECKS["hidden"]
    assert "no images" not in hidden.title
    assert "Delete" not in hidden.help
    assert "docs/a.txt" in {case.images[0].name for case in finding(report, "hidden").cases}
    photos = finding(report, "unreadable").cases
    assert {case.images[0].name for case in photos} == {f"cats/{n}.HEIC" for n in range(8)}
    assert {str(case.note) for case in photos} == {"HEIC photos cannot be read. Save them as JPEG first."}
    assert "elete" not in CHECKS["unreadable"].help
