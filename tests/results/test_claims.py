"""Several servers on one home: who answers for a job, and that a claim dies with its server."""

import fcntl
import os

import pytest

from core.results.claims import CLAIM, Claimant
from core.storage import workspace
from core.storage.job_folder import Gone, JobFolder
from core.storage.locks import lock


@pytest.fixture
def job(tmp_path):
    folder = tmp_path / "job"
    folder.mkdir()
    return folder


def test_a_claim_stands_while_its_server_lives(job):
    one, two = Claimant(), Claimant()
    one.claim(job)
    assert one.holds(job)
    assert not one.elsewhere(job)
    assert two.elsewhere(job)
    one.close()  # as the kernel does when it is killed
    assert not two.elsewhere(job)
    two.claim(job)
    assert two.holds(job)


def test_what_was_released_is_nobodys(job):
    one, two = Claimant(), Claimant()
    one.claim(job)
    two.release(job)
    assert one.holds(job)
    one.release(job)
    assert not one.holds(job)
    assert not two.elsewhere(job)


def test_the_signs_of_dead_servers_are_cleared_away_and_those_of_living_ones_stay():
    living = Claimant()
    (workspace.servers() / "dead").touch()
    newer = Claimant()
    assert set(os.listdir(workspace.servers())) == {living.name, newer.name}


def test_the_command_line_makes_no_claim_but_holds_the_lock(job):
    server = Claimant()
    with JobFolder(job).alone():
        assert server.elsewhere(job)
    assert not server.elsewhere(job)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"../../etc/passwd", b"a" * 5000, b"a\0b", b"."])
def test_a_damaged_claim_is_nobodys(job, content):
    (job / CLAIM).write_bytes(content)
    assert not Claimant().elsewhere(job)


def test_a_job_whose_folder_is_gone_cannot_be_claimed(tmp_path):
    with pytest.raises(Gone):
        Claimant().claim(tmp_path / "gone")
    assert not (tmp_path / "gone").exists()


def test_a_server_whose_file_is_locked_is_alive(job):
    server = Claimant()
    (job / CLAIM).write_text("other")
    (workspace.servers() / "other").touch()
    assert not server.elsewhere(job)
    held = lock(workspace.servers() / "other", fcntl.LOCK_EX)
    assert server.elsewhere(job)
    os.close(held)
