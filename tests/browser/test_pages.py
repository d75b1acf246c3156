"""Every page, as the first one that is opened, in each language, on a phone, by day and by night."""

import re
import shutil

import pytest
from playwright.sync_api import Page, expect

from tests import app as handful
from tests.app import ROOT, complaints, go
from ui.i18n import translations
from ui.page import PAGES

# name: its address below the server's
ADDRESSES = {
    name: "" if file == "streamlit_app.py" else re.sub(r"pages/\d+_(\w+)\.py", r"\1", file)
    for name, (file, _icon) in PAGES.items()
    if (ROOT / file).exists()
}

every_page = pytest.mark.parametrize("name", ADDRESSES)


def heading(page: Page) -> str:
    return page.locator("h1").inner_text()


def expect_whole(page: Page, name: str) -> None:
    """The page is there, and nothing on it says that something went wrong."""
    expect(page.locator("h1")).to_have_text(name)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)
    expect(page.locator("body")).not_to_contain_text("Traceback")


@every_page
def test_a_page_opened_first_on_a_fresh_server_works(name, installation, page, tmp_path):
    home = shutil.copytree(installation.home, tmp_path / "installation", ignore=shutil.ignore_patterns("server.log"))
    seen = complaints(page)
    with handful.running(home) as app:
        go(page, app, ADDRESSES[name])
        expect_whole(page, name)
        assert seen == []
        # While it runs: workers whose server is stopped may say that they lost it.
        assert "Traceback" not in (home / "server.log").read_text()


@every_page
def test_a_korean_visitor_is_met_in_korean_and_can_switch_to_english(name, app, visit):
    page = visit(locale="ko-KR")
    go(page, app, ADDRESSES[name])
    expect_whole(page, translations("ko")[name])
    lead = page.get_by_test_id("stMain").get_by_test_id("stMarkdownContainer").locator("p").first
    expect(lead).to_have_css("word-break", "keep-all")  # or words would break anywhere
    go(page, app, ADDRESSES[name], lang="en")
    expect_whole(page, name)


def test_the_language_that_was_chosen_stays_from_page_to_page_and_over_a_refresh(app, page):
    go(page, app)
    page.get_by_role("radio", name="한국어").click()
    for name in ADDRESSES:
        page.get_by_role("link", name=translations("ko")[name], exact=True).click()
        expect(page.locator("h1")).to_have_text(translations("ko")[name])
    page.reload()
    expect(page.locator("h1")).to_have_text(translations("ko")[name])


@every_page
def test_nothing_is_wider_than_a_phone(name, app, visit):
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    go(page, app, ADDRESSES[name])
    expect_whole(page, name)
    # Streamlit scrolls a part of the page, so the document alone would never be too wide.
    widths = "() => [document.scrollingElement, document.querySelector('[data-testid=stMain]')].map(e => e.scrollWidth)"
    assert max(page.evaluate(widths)) <= 390


@every_page
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_by_day_and_by_night(name, scheme, app, visit):
    page = visit(color_scheme=scheme)
    seen = complaints(page)
    go(page, app, ADDRESSES[name])
    expect_whole(page, name)
    paper, ink = page.locator("h1").evaluate(
        """(heading) => [getComputedStyle(document.querySelector("[data-testid=stApp]")).backgroundColor,
                         getComputedStyle(heading).color]"""
    )
    assert (brightness(paper) > 200 > 100 > brightness(ink)) is (scheme == "light")
    assert (brightness(ink) > 200 > 100 > brightness(paper)) is (scheme == "dark")
    assert seen == []


def brightness(color: str) -> float:
    """The mean of "rgb(251, 248, 242)", from 0 to 255."""
    channels = [float(number) for number in re.findall(r"[\d.]+", color)[:3]]
    return sum(channels) / 3
