"""Logging is quiet unless HANDFUL_LOG_LEVEL asks for more."""

import logging
import os
import subprocess
import sys

import pytest

from core import logs
from core.storage.workspace import ROOT

LOG = """
import logging
from core import logs
logs.configure()
for name in ("core.jobs.engine", "ui.page", "library"):
    logging.getLogger(name).info("told by %s", name)
    logging.getLogger(name).warning("warned by %s", name)
"""


def run(code: str, **variables: str) -> str:
    """Run Python code in a process of its own; return what it writes to standard error."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=os.environ | variables, stderr=subprocess.PIPE,
                          check=True, text=True, timeout=120)  # fmt: skip
    return done.stderr


@pytest.mark.parametrize("level", ["", "warning", "nonsense"])
def test_warnings_alone_are_logged_by_default(level):
    told = run(LOG, HANDFUL_LOG_LEVEL=level)
    assert "told by" not in told
    assert told.count("warned by") == 3
    assert ("NONSENSE is not a level" in told) == (level == "nonsense")


def test_our_own_details_are_logged_on_request():
    told = run(LOG, HANDFUL_LOG_LEVEL="info")
    assert "told by core.jobs.engine" in told
    assert "told by ui.page" in told
    assert "told by library" not in told


@pytest.mark.parametrize(("level", "verbose"), [("DEBUG", True), ("INFO", True), ("WARNING", False), ("ERROR", False)])
def test_levels(monkeypatch, level, verbose):
    monkeypatch.setenv("HANDFUL_LOG_LEVEL", level)
    assert logs.level() == getattr(logging, level)
    assert logs.is_verbose() is verbose


@pytest.mark.slow
def test_tensorflow_starts_silently_unless_details_are_asked_for():
    start = "import core.learn"
    assert run(start, HANDFUL_LOG_LEVEL="") == ""
    assert run(start, HANDFUL_LOG_LEVEL="info")
