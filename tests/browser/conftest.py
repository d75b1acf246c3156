import os
import shutil
from pathlib import Path

import pytest

from tests import app as handful


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def browser():
    if handful.CHROMIUM is None:
        if os.environ.get("HANDFUL_BROWSER") == "required":
            pytest.fail("chromium is required here but not installed: apt-get install chromium")
        pytest.skip("chromium is not installed: apt-get install chromium")
    with handful.chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory, browser):
    """A home in which the built-in classifier is trained already, to be copied."""
    home = tmp_path_factory.mktemp("trained")
    with handful.running(home) as app:
        page = browser.new_page()
        page.goto(app.url)
        page.get_by_text("Draw a circle, a rectangle or a triangle").wait_for(timeout=120_000)
        page.close()
    return home


@pytest.fixture
def app(trained_home, tmp_path):
    """A running server whose built-in classifier is ready."""
    shutil.copytree(trained_home, tmp_path / "home")
    with handful.running(tmp_path / "home") as app:
        yield app


@pytest.fixture
def page(browser):
    context = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()
