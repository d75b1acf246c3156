"""Folders of jobs: written by whoever works there, held meanwhile, and never made anew once they are deleted."""

import errno
import shutil

import pytest

from core.errors import UserError
from core.storage import job_folder, workspace


@pytest.fixture
def folder(home):
    path = home / "job"
    path.mkdir()
    return path


def test_a_deleted_folder_stays_deleted(folder):
    job_folder.write_json(folder / "status.json", {"state": "running"})
    shutil.rmtree(folder)
    with pytest.raises(job_folder.Gone):
        job_folder.write_json(folder / "status.json", {"state": "done"})
    with pytest.raises(job_folder.Gone):
        job_folder.write_status(folder, {"state": "done"}, last=True)
    with pytest.raises(job_folder.Gone), job_folder.alone(folder):
        pass
    job_folder.wish_cancel(folder)
    job_folder.withdraw_cancel(folder)
    assert not job_folder.cancel_wished(folder)
    assert not job_folder.is_held(folder)
    assert not folder.exists()


def test_a_folder_deleted_in_the_middle_of_a_write_stays_deleted(folder):
    def write():
        with job_folder.replacing(folder / "model") as temporary:
            temporary.write_text("half")
            shutil.rmtree(folder)

    with pytest.raises(job_folder.Gone):
        write()
    assert not folder.exists()


def test_a_file_that_is_missing_elsewhere_does_not_mean_the_folder_is_gone(folder):
    with pytest.raises(FileNotFoundError), job_folder.replacing(folder / "model"):
        (folder / "other").read_text()


def test_a_folder_is_held_by_one_at_a_time(folder):
    assert not job_folder.is_held(folder)
    with job_folder.alone(folder):
        assert job_folder.is_held(folder)
    assert not job_folder.is_held(folder)


def test_the_reserve_is_given_back_for_the_last_state(folder):
    job_folder.reserve(folder)
    assert (folder / "reserve").stat().st_size == job_folder.RESERVED_BYTES
    job_folder.write_status(folder, {"state": "running"}, last=False)
    assert (folder / "reserve").exists()
    job_folder.write_status(folder, {"state": "failed"}, last=True)
    assert not (folder / "reserve").exists()


@pytest.mark.parametrize(
    ("number", "told"), [(errno.ENOSPC, "disk is full"), (errno.EDQUOT, "disk is full"), (errno.EROFS, "read-only")]
)
def test_a_disk_that_takes_nothing_is_told_in_one_sentence(folder, number, told):
    path = folder / "status.json"
    workspace.write_json(path, 1)

    def write():
        with workspace.replacing(path) as temporary:
            temporary.write_text("2")
            raise OSError(number, "no")

    with pytest.raises(UserError, match=told) as error:
        write()
    assert str(workspace.home()) not in str(error.value)
    assert workspace.read_json(path) == 1
    assert list(folder.iterdir()) == [path]
