"""What browser tests get: a server whose built-in classifier is trained already, and visitors to send there."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import app as handful
from tests.app import App

WAIT_MS = 60_000  # a machine that is busy with other things may take long, and only then

expect.set_options(timeout=WAIT_MS)


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if handful.CHROMIUM is None:
        if os.environ.get("HANDFUL_BROWSER") == "required":
            pytest.fail("chromium is required here but not installed: apt-get install chromium")
        pytest.skip("chromium is not installed: apt-get install chromium")
    with handful.chromium() as browser:
        yield browser


@dataclass(frozen=True)
class FirstVisit:
    """What somebody saw who came to a new installation, drew a triangle at once, and waited."""

    home: Path
    learning: str  # the words at the progress bar while the built-in classifier learned
    answer: str  # what the page said when that was over, without a click


@pytest.fixture(scope="session")
def first_visit(tmp_path_factory, browser, worker_id) -> FirstVisit:
    """Made once, by whichever test process comes first."""
    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent
    home, told = shared / "installed", shared / "first_visit.json"
    with open(shared / "first_visit.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            told.write_text(json.dumps(_first_visit(home, browser)))
        return FirstVisit(home, *json.loads(told.read_text()))


def _first_visit(home: Path, browser: Browser) -> tuple[str, str]:
    with handful.running(home) as app:
        page = browser.new_page(locale="en-US")
        page.goto(app.url)
        page.get_by_text("The computer is still learning its first shapes").wait_for(timeout=WAIT_MS)
        handful.draw(page, "triangle")
        learning = page.get_by_test_id("stProgress").filter(has_text="left")
        learning = learning.inner_text(timeout=WAIT_MS)
        page.get_by_text("Answered in").wait_for(timeout=2 * WAIT_MS)
        answer = page.get_by_test_id("stMain").locator("h2").inner_text()
        page.close()
    return learning, answer


@pytest.fixture(scope="module")
def app(first_visit, tmp_path_factory) -> Iterator[App]:
    """A running server whose built-in classifier is ready; one for all tests of a module."""
    home = shutil.copytree(first_visit.home, tmp_path_factory.mktemp("home"), dirs_exist_ok=True)
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
