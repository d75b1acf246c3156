"""Starting: an engine that is slow, fails or never answers is told, and tried again; nobody queues behind it."""

import socket
import threading
import time
from types import SimpleNamespace

import pytest

from core.checks import store
from core.data import datasets, edits
from core.errors import UserError
from core.jobs import cluster, service
from core.results import runs


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """As in a process that has not started anything."""
    for name in ("_connecting", "_starting", "_builtin_keys"):
        monkeypatch.setattr(service, name, [])
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)


@pytest.fixture
def builtin(monkeypatch, photo):
    """A few images in place of the built-in drawings, which take seconds to make."""
    datasets.create("pets", "photo")
    for label, seed in (("cats", 0), ("dogs", 100)):
        edits.add_images("pets", label, [(str(n), photo(seed + n)) for n in range(6)])
    monkeypatch.setattr(service, "BUILTIN_SET", "pets")


class Ready:
    """An engine without workers."""

    open = True

    def __init__(self):
        self.done = []

    def warm_up(self, dataset):
        self.done.append("warm up")

    def resume(self):
        self.done.append("resume")

    def train(self, config, dataset):
        run = runs.create(config, dataset)
        runs.job(run.key).set_state("done", accuracy=0.9)
        return runs.find(run.key)

    def load(self, key):
        self.done.append(key)

    def troubles(self):
        return []


def test_all_visitors_get_the_same_engine(monkeypatch):
    monkeypatch.setattr(service, "Engine", Ready)
    assert service.engine() is service.engine()
    assert service.troubles() == []


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "127.0.0.1", "nonsense://x", "tcp://nowhere.invalid:8786"])
def test_a_wrong_address_is_told(monkeypatch, address):
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", address)
    for module in (cluster, service):
        monkeypatch.setattr(module, "CONNECT_S", 0.3)
    for _ in range(2):
        with pytest.raises(UserError, match="No Dask scheduler answers at DASK_SCHEDULER_ADDRESS"):
            service.engine()
    assert [str(error) for error in service.troubles()] == [
        f"No Dask scheduler answers at DASK_SCHEDULER_ADDRESS={address}. Start it, or unset the variable."
    ]


def test_a_scheduler_that_never_answers_is_told_to_everybody_at_once(monkeypatch):
    monkeypatch.setattr(service, "CONNECT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", f"tcp://127.0.0.1:{silent.getsockname()[1]}")
        told = []

        def ask():
            began = time.monotonic()
            with pytest.raises(UserError, match="No Dask scheduler answers"):
                service.engine()
            told.append(time.monotonic() - began)

        visitors = [threading.Thread(target=ask) for _ in range(10)]
        for visitor in visitors:
            visitor.start()
        for visitor in visitors:
            visitor.join()
        assert len(told) == 10
        assert max(told) < 2
        assert service.connecting()
        assert len(service.troubles()) == 1


def test_what_failed_is_tried_again_a_moment_later(monkeypatch):
    tries = []

    def fail():
        tries.append(1)
        raise UserError("No room.")

    monkeypatch.setattr(service, "Engine", fail)
    for _ in range(3):
        with pytest.raises(UserError, match="No room"):
            service.engine()
    assert len(tries) == 1
    monkeypatch.setattr(service, "RETRY_AFTER_S", 0.0)
    monkeypatch.setattr(service, "Engine", Ready)
    assert service.engine().troubles() == []


def test_a_lost_engine_is_replaced_and_goes_on_with_what_was_interrupted(monkeypatch, builtin):
    monkeypatch.setattr(service, "Engine", Ready)
    lost = service.engine()
    lost.open = False
    found = service.engine()
    assert found is not lost
    service.start_in_background().join()
    assert "resume" in found.done


def test_the_start_brings_the_built_in_classifier(monkeypatch, builtin):
    monkeypatch.setattr(service, "Engine", Ready)
    assert service.builtin_run() is None
    assert service.start_error() is None
    service.start_in_background().join()
    assert service.builtin_run().state == "done"
    assert service.start_error() is None
    assert service.engine().done == ["warm up", "resume", service.builtin_run().key]
    assert service.start_in_background() is service.start_in_background()


@pytest.mark.parametrize("error", [UserError("No room."), OSError(28, "No space left on device"), ValueError("bug")])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_start_that_fails_says_why_and_can_be_tried_again(monkeypatch, builtin, error):
    def fail(_self, _dataset):
        raise error

    monkeypatch.setattr(service, "Engine", Ready)
    with monkeypatch.context() as broken:
        broken.setattr(Ready, "warm_up", fail)
        service.start_in_background().join()
        assert str(error) in str(service.start_error())
        assert service.builtin_run() is None
    service.start_in_background().join()
    assert service.start_error() is None
    assert service.builtin_run()


def test_a_built_in_classifier_that_was_deleted_can_be_brought_back(monkeypatch, builtin):
    monkeypatch.setattr(service, "Engine", Ready)
    service.start_in_background().join()
    runs.delete(service.builtin_run().key)
    assert service.builtin_run() is None
    assert "deleted" in str(service.start_error())
    service.start_in_background().join()
    assert service.builtin_run().state == "done"


def test_a_data_set_is_deleted_when_its_check_has_stopped(monkeypatch, builtin):
    stopped = []
    engine = SimpleNamespace(stop=lambda kind, name: stopped.append((kind, name)))
    monkeypatch.setattr(service, "engine", lambda: engine)
    store.prepare("pets")
    store.job("pets").set_state("running")
    service.delete_dataset("pets")
    assert stopped == [("check", "pets")]
    assert "pets" not in datasets.list_names()
