"""A place for a worker: filled again whatever ends its process, less often when processes never get to work."""

import sys

import pytest

from core.jobs import cluster


class Process:
    """What `multiprocessing` gives, without a process."""

    def __init__(self, **_options):
        self.running, self.main = False, None

    def start(self):
        self.running, self.main = True, sys.modules["__main__"].__spec__.name

    def is_alive(self):
        return self.running

    def kill(self):
        self.running = False

    def close(self):
        assert not self.running


@pytest.fixture
def clock(monkeypatch):
    """A list whose last entry is the time."""
    times = [1000.0]
    monkeypatch.setattr(cluster.time, "monotonic", lambda: times[-1])
    monkeypatch.setattr(cluster.multiprocessing, "get_context", lambda how: type("C", (), {"Process": Process}))
    return times


@pytest.fixture
def post(clock):
    post = cluster._Post("train", "tcp://127.0.0.1:1")
    post.tend(present=False)
    return post


def test_the_place_is_filled_at_once_when_a_worker_at_work_ends(post):
    for number in range(1, 101):
        assert post.name == f"train-{number}"
        post.tend(present=True)
        post.process.kill()
        post.tend(present=False)
        assert post.alive
        assert not post.present


def test_processes_that_end_while_starting_are_replaced_for_ever(post, clock):
    for failures in range(1, 101):
        post.process.kill()
        post.tend(present=False)
        assert post.failures == failures
        clock.append(clock[-1] + cluster.LONGEST_PAUSE_S)
        post.tend(present=False)
        assert post.alive
    post.tend(present=True)
    assert post.failures == 0


def test_between_starts_that_fail_there_is_a_pause(post, clock):
    for _ in range(10):
        post.process.kill()
        post.tend(present=False)
        assert not post.alive
        clock.append(clock[-1] + 0.1)
        post.tend(present=False)
        assert not post.alive
        clock.append(clock[-1] + cluster.LONGEST_PAUSE_S)
        post.tend(present=False)


def test_a_process_that_hangs_while_starting_is_replaced(post, clock):
    first = post.process
    clock.append(clock[-1] + cluster.START_S + 1)
    post.tend(present=False)
    assert not first.is_alive()
    post.tend(present=False)
    clock.append(clock[-1] + 1)
    post.tend(present=False)
    assert post.alive


def test_a_worker_does_not_run_the_servers_main_module_again(post):
    assert post.process.main == "__main__"
