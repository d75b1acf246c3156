"""Settings come from the environment, at each call."""

import os

import pytest

from core import settings
from core.settings import Settings

VARIABLES = ("HANDFUL_HOME", "DASK_SCHEDULER_ADDRESS", "HANDFUL_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS")


@pytest.fixture(autouse=True)
def _unset(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_without_variables_the_defaults_hold():
    assert settings.read() == Settings()


def test_variables_are_read_at_each_call(monkeypatch):
    for name, value in zip(VARIABLES, ("/srv/handful", "tcp://dask:8786", "info", "0"), strict=True):
        monkeypatch.setenv(name, value)
    assert settings.read() == Settings("/srv/handful", "tcp://dask:8786", "INFO", onednn=False)


def test_defaults_for_libraries_leave_what_is_set(monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    monkeypatch.setenv("KERAS_BACKEND", "")  # undone after the test
    monkeypatch.delenv("KERAS_BACKEND")
    settings.set_defaults({"TF_ENABLE_ONEDNN_OPTS": "1", "KERAS_BACKEND": "tensorflow"})
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert os.environ["KERAS_BACKEND"] == "tensorflow"


def test_a_child_process_gets_changed_variables_and_this_one_keeps_its_own():
    child = settings.environment(HANDFUL_LOG_LEVEL="DEBUG")
    assert child == os.environ | {"HANDFUL_LOG_LEVEL": "DEBUG"}
    assert "HANDFUL_LOG_LEVEL" not in os.environ
