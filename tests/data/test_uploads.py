"""Loose images: what is found in files and zips, what is left out, and how many are too many."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from core.data.uploads import found_in
from core.errors import UserError


def opened(path: Path) -> io.BytesIO:
    file = io.BytesIO(path.read_bytes())
    file.name = path.name
    return file


@pytest.fixture
def mixed(zipped, photo, encoded) -> io.BytesIO:
    """A zip with images at three depths, hidden files, and a text."""
    files = {path: encoded(photo(n)) for n, path in enumerate(("a.png", "b/c.png", "b/d/e/f.jpg"))}
    hidden = {"__MACOSX/b/._c.png": b"x", ".DS_Store": b"x", "b/Thumbs.db": b"x"}
    return opened(zipped(files | hidden | {"b/notes.txt": b"milk"}, "mixed.ZIP"))


def test_a_zip_gives_its_images_at_any_depth_and_names_the_rest_but_for_hidden_files(mixed):
    images, others = found_in([mixed], 10)
    assert [image.path for image in images] == ["a.png", "b/c.png", "b/d/e/f.jpg"]
    assert [item.name for item in others] == ["b/notes.txt"]


def test_files_come_as_they_are_beside_zips(mixed, tmp_path):
    (tmp_path / "one.png").write_bytes(b"not looked at yet")
    images, _others = found_in([opened(tmp_path / "one.png"), mixed], 4)
    assert len(images) == 4
    assert images[0].read() == images[0].read() == b"not looked at yet"


def test_too_many_images_are_refused_before_they_are_read(mixed):
    with pytest.raises(UserError, match="3 images are too many at once; at most 2"):
        found_in([mixed], 2)


@pytest.mark.parametrize("entry", ["../a.png", "/a.png"])
def test_a_zip_that_points_outside_is_left_out_as_a_whole(entry, zipped: Callable[..., Path]):
    images, [refused] = found_in([opened(zipped({entry: b"x", "b.png": b"x"}))], 2)
    assert not images
    assert refused.name == "set.zip"
    assert "Make the zip" in refused.template


def test_a_text_called_zip_is_left_out_and_the_others_are_there(mixed, tmp_path):
    (tmp_path / "a.zip").write_text("text")
    images, others = found_in([opened(tmp_path / "a.zip"), mixed], 10)
    assert len(images) == 3
    assert [item.name for item in others] == ["a.zip", "b/notes.txt"]
    assert "is not a zip" in others[0].template
