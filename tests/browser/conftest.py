"""What browser tests get: a server whose built-in classifier is trained already, and visitors to send there."""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import Error as PlaywrightError

from tests import app as handful
from tests.app import App

WAIT_MS = 60_000  # a machine that is busy with other things may take long, and only then
INSTALL_S = 480  # the same; a quiet machine takes half a minute
TEST_S = 600  # so that the first test, or the one that waits for it in the other process, outlasts INSTALL_S

expect.set_options(timeout=WAIT_MS)


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(TEST_S))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if handful.CHROMIUM is None:
        if os.environ.get("HANDFUL_BROWSER") == "required":
            pytest.fail("chromium is required here but not installed: apt-get install chromium")
        pytest.skip("chromium is not installed: apt-get install chromium")
    with handful.chromium() as browser:
        yield browser


@dataclass(frozen=True)
class Installation:
    """A server's home whose built-in classifier is trained."""

    home: Path
    answer: str  # what a page said that was opened and drawn on before; or what went wrong with it


@pytest.fixture(scope="session")
def installation(tmp_path_factory, browser) -> Installation:
    """Made once, by whichever test process comes first."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    home, told = shared / "installed", shared / "first_answer.json"
    with open(shared / "installed.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            shutil.rmtree(home, ignore_errors=True)  # what an attempt left that failed
            told.write_text(json.dumps(_install(home, browser)))
        return Installation(home, json.loads(told.read_text()))


def _install(home: Path, browser: Browser) -> str:
    """Start a server in an empty home, and wait until it has trained its classifier.

    Every browser test needs the home, so this waits for nothing that passes, and for no page: a visitor's page that
    fails is the failure of the one test that asks for its answer.
    """
    with handful.running(home) as app:
        page = browser.new_page(locale="en-US")
        try:
            page.goto(app.url)
            handful.draw(page, "triangle")
        except PlaywrightError as error:
            drawn = str(error)
        else:
            drawn = ""
        _wait_for_a_trained_run(home)
        try:
            page.get_by_text("Answered in").wait_for(timeout=WAIT_MS)
            answer = page.get_by_test_id("stMain").locator("h2").inner_text()
        except PlaywrightError as error:
            answer = drawn or str(error)
        page.close()
    return answer


def _wait_for_a_trained_run(home: Path) -> None:
    deadline = time.time() + INSTALL_S
    while not any(json.loads(file.read_text())["state"] == "done" for file in home.glob("weights/runs/*/status.json")):
        if time.time() > deadline:
            pytest.fail((home / "server.log").read_text())
        time.sleep(0.2)


@pytest.fixture(scope="module")
def app(installation, tmp_path_factory) -> Iterator[App]:
    """A running server whose built-in classifier is ready; one for all tests of a module."""
    home = shutil.copytree(installation.home, tmp_path_factory.mktemp("home"), dirs_exist_ok=True)
    with handful.running(home) as app:
        yield app


@pytest.fixture
def home(app, monkeypatch) -> Path:
    """The server's own home, so that tests can look at its files through core."""
    monkeypatch.setenv("HANDFUL_HOME", str(app.home))
    return app.home


@pytest.fixture
def visit(browser) -> Iterator[Callable[..., Page]]:
    """visit(**context options) -> a page of another visitor, who shares no cookie or session with the others."""
    contexts = []

    def new(**options: object) -> Page:
        wide = {"width": 1280, "height": 900}
        contexts.append(browser.new_context(**{"locale": "en-US", "viewport": wide} | options))
        contexts[-1].set_default_timeout(WAIT_MS)
        return contexts[-1].new_page()

    yield new
    for context in contexts:
        context.close()


@pytest.fixture
def page(visit) -> Page:
    return visit()
