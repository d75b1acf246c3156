import errno
import os

import pytest

from core.errors import UserError
from core.storage import workspace


def test_the_home_is_the_repository_unless_it_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv("HANDFUL_HOME")
    assert workspace.home() == workspace.ROOT
    monkeypatch.setenv("HANDFUL_HOME", str(tmp_path))
    assert workspace.home() == tmp_path.resolve()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANDFUL_HOME", "relative")
    assert workspace.home() == tmp_path.resolve() / "relative"


@pytest.mark.parametrize("named", ["", "  "])
def test_an_empty_home_is_refused(monkeypatch, named):
    monkeypatch.setenv("HANDFUL_HOME", named)
    with pytest.raises(UserError, match="HANDFUL_HOME is empty"):
        workspace.datasets()


def test_a_home_that_is_missing_is_made(monkeypatch, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for home in (tmp_path / "new" / "deep", tmp_path / "link"):
        monkeypatch.setenv("HANDFUL_HOME", str(home))
        workspace.check_home()
        assert home.is_dir()


def test_a_home_that_cannot_be_one(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    for home, words in (("file", "names a file"), ("file/below", "cannot be used"), ("a", "cannot be used")):
        monkeypatch.setenv("HANDFUL_HOME", str(tmp_path / home))
        with pytest.raises(UserError) as error:
            workspace.check_home()
        assert words in str(error.value)
        assert str(tmp_path) not in str(error.value)


def test_a_home_that_may_not_be_written(monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # the tests' user may be allowed everything
    with pytest.raises(UserError, match="may not write into its home"):
        workspace.check_home()


def test_a_file_in_the_place_of_a_folder(home):
    (home / "data").write_text("")
    with pytest.raises(UserError, match="what should be a folder there is something else"):
        workspace.write_json(workspace.datasets() / "x" / "y.json", 1)


@pytest.mark.parametrize("number", sorted(workspace.REFUSALS))
def test_what_the_disk_refuses_is_told_without_the_home(home, number):
    path = home / "data" / "file"
    with pytest.raises(UserError) as error, workspace.replacing(path):
        raise OSError(number, os.strerror(number), str(path))
    assert "'data/file'" in str(error.value)
    assert str(home) not in str(error.value)
    assert not list(path.parent.iterdir())


def test_a_bug_stays_a_bug(home):
    with pytest.raises(OSError, match="Bad file descriptor"), workspace.replacing(home / "file"):
        raise OSError(errno.EBADF, "Bad file descriptor")
    assert list(home.iterdir()) == []


def test_a_file_replaces_and_a_folder_does_not(home):
    workspace.write_json(home / "file", 1)
    workspace.write_json(home / "file", 2)
    assert workspace.read_json(home / "file") == 2

    def make(content: str) -> None:
        with workspace.replacing(home / "folder") as folder:
            folder.mkdir()
            (folder / "x").write_text(content)

    make("first")
    with pytest.raises(UserError, match="'folder' was created by somebody else"):
        make("second")
    assert (home / "folder" / "x").read_text() == "first"
    assert sorted(path.name for path in home.iterdir()) == ["file", "folder"]
