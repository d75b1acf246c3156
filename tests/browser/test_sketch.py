"""Drawing with the mouse on the home page, and what the page answers."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.app import SHAPES, canvas, draw, go, settle

INVITATION = "Draw a circle, a rectangle or a triangle"


def expect_winner(page: Page, name: str) -> None:
    expect(page.get_by_test_id("stMain").locator("h2")).to_have_text(re.compile(rf"^{name.capitalize()}, \d+%$"))


def bars(page: Page) -> dict[str, int]:
    """{class: percent}, from the longest bar to the shortest."""
    text = page.get_by_test_id("stMain").get_by_test_id("stHtml").inner_text()
    return {name: int(percent) for name, percent in re.findall(r"(\w+)\s+(\d+)%", text)}


def button(page: Page, name: str) -> Locator:
    """One of the page's own buttons: the canvas has an Undo in its toolbar too."""
    return page.get_by_test_id("stButton").get_by_role("button", name=name)


def ink(page: Page) -> int:
    """How many pixels on the canvas are dark."""
    return page.locator("canvas.dc-canvas.lower-canvas").evaluate(
        """(canvas) => {
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return data.filter((value, i) => i % 4 === 0 && value < 128 && data[i + 3] > 128).length;
        }"""
    )


def test_a_new_installation_learns_by_itself_while_one_can_already_draw(installation):
    assert installation.answer.startswith("Triangle, ")


def test_each_shape_is_recognised_with_a_bar_for_every_class(page, app):
    go(page, app)
    for shape in SHAPES:
        expect(page.get_by_text(INVITATION)).to_be_visible()
        draw(page, shape)
        expect_winner(page, shape)
        shown = bars(page)
        assert set(shown) == set(SHAPES)
        assert next(iter(shown)) == shape
        assert sum(shown.values()) == pytest.approx(100, abs=1)
        button(page, "Clear").click()
        settle(page)  # the invitation may stand there before the new canvas does


def test_every_stroke_changes_the_bars_and_undo_takes_them_back(page, app):
    go(page, app)
    widths = page.get_by_test_id("stMain").get_by_test_id("stHtml")
    draw(page, "circle")
    expect_winner(page, "circle")
    after_one = widths.inner_html()
    draw(page, "triangle")
    expect(widths).not_to_have_js_property("innerHTML", after_one)
    button(page, "Undo").click()
    expect(widths).to_have_js_property("innerHTML", after_one)
    button(page, "Undo").click()
    expect(page.get_by_text(INVITATION)).to_be_visible()
    expect(button(page, "Undo")).to_be_disabled()
    settle(page)  # until then the canvas before is there too
    canvas(page)
    assert ink(page) == 0


def test_a_drawing_survives_a_change_of_page(page, app):
    go(page, app)
    draw(page, "rectangle")
    expect_winner(page, "rectangle")
    drawn = ink(page)
    assert drawn > 1000
    page.get_by_role("link", name="Data").click()
    expect(page.get_by_role("heading", name="Data", exact=True)).to_be_visible()
    page.get_by_role("link", name="Sketch").click()
    expect_winner(page, "rectangle")
    canvas(page)
    assert ink(page) == pytest.approx(drawn, rel=0.05)
