"""Folders of jobs: written by whoever works there, held meanwhile, and never made anew once they are deleted."""

import errno
import shutil

import pytest

from core.errors import UserError
from core.storage import workspace
from core.storage.job_folder import RESERVED_BYTES, Gone, JobFolder


@pytest.fixture
def folder(home):
    path = home / "job"
    path.mkdir()
    return path


@pytest.fixture
def job(folder):
    return JobFolder(folder)


def test_a_deleted_folder_stays_deleted(folder, job):
    job.set_state("running")
    shutil.rmtree(folder)
    with pytest.raises(Gone):
        job.write_json("history.json", {})
    with pytest.raises(Gone):
        job.set_state("done")
    with pytest.raises(Gone), job.alone():
        pass
    job.request_cancel()
    job.withdraw_cancel()
    assert not job.cancel_requested
    assert not job.held
    assert not folder.exists()


def test_a_folder_deleted_in_the_middle_of_a_write_stays_deleted(folder, job):
    def write():
        with job.replacing("model") as temporary:
            temporary.write_text("half")
            shutil.rmtree(folder)

    with pytest.raises(Gone):
        write()
    assert not folder.exists()


def test_a_file_that_is_missing_elsewhere_does_not_mean_the_folder_is_gone(folder, job):
    with pytest.raises(FileNotFoundError), job.replacing("model"):
        (folder / "other").read_text()


def test_a_folder_is_held_by_one_at_a_time(job):
    assert not job.held
    with job.alone():
        assert job.held
    assert not job.held


def test_the_reserve_is_given_back_for_the_last_state(folder, job):
    job.reserve()
    assert (folder / "reserve").stat().st_size == RESERVED_BYTES
    job.set_state("running")
    assert (folder / "reserve").exists()
    job.set_state("failed")
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
