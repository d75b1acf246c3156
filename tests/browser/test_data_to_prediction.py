"""The way of a visitor with images of their own: import a zip, train on it, have an upload recognised."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Locator, Page, expect

from core.data import datasets, edits
from tests.app import choose, complaints, go, set_knobs, settle, train, upload

SIGNS = ("arrow", "cross", "ring")
PER_CLASS = 12


def sign(label: str, seed: int) -> Image.Image:
    """A sign in black ink on white, 64x64, somewhere on the sheet and a little crooked."""
    rng = np.random.default_rng((SIGNS.index(label), seed))
    size, (x, y) = rng.uniform(14, 20), rng.uniform(26, 38, 2)
    sheet = Image.new("L", (64, 64), 255)

    def line(*corners: tuple[float, float]) -> None:
        points = [(x + size * a + rng.normal(0, 1), y + size * b + rng.normal(0, 1)) for a, b in corners]
        ImageDraw.Draw(sheet).line(points, fill=0, width=3)

    if label == "arrow":
        line((-1, 0), (1, 0))
        line((0, -1), (1, 0), (0, 1))
    elif label == "cross":
        line((-1, -1), (1, 1))
        line((-1, 1), (1, -1))
    else:
        line(*[(np.cos(angle), np.sin(angle)) for angle in np.linspace(0, 2 * np.pi, 16)])
    return sheet


@pytest.fixture
def signs_zip(encoded, zipped) -> Callable[[str], Path]:
    """signs_zip("signs") -> a zip of twelve drawings of each sign, and a file that is no image."""

    def make(name: str) -> Path:
        files = {f"{label}/{n}.png": encoded(sign(label, n)) for label in SIGNS for n in range(PER_CLASS)}
        return zipped(files | {"ring/shopping list.txt": b"milk, bread"}, f"{name}.zip")

    return make


def import_zip(page: Page, path: Path) -> None:
    """Make a data set of a zip, which gives it its name, and wait until it is shown."""
    page.get_by_role("button", name="New data set").click()
    dialog = page.get_by_role("dialog")
    upload(dialog, path)
    dialog.get_by_role("button", name="Create").click()
    expect(dialog).to_be_hidden()
    expect(page).to_have_url(re.compile(f"dataset={path.stem}"))


def images(page: Page) -> Locator:
    """The number of images that the Data page tells. Below it there may still be the one of the page before."""
    return page.get_by_test_id("stMetric").filter(has_text="Images").get_by_test_id("stMetricValue").first


def test_import_a_zip_train_on_it_and_predict_an_upload(page, app, signs_zip, tmp_path):
    go(page, app, "Data")
    import_zip(page, signs_zip("signs"))
    expect(images(page)).to_have_text("36")
    expect(page.get_by_text("Could not be used: 1.")).to_be_visible()
    page.get_by_text("Details").click()
    expect(page.get_by_text("ring/shopping list.txt")).to_be_visible()

    page.get_by_role("link", name="Train on this data set").click()
    expect(page.get_by_role("heading", name="Train", exact=True)).to_be_visible()
    settle(page)
    set_knobs(page, epochs=10, patience=10, batch_size=8)
    train(page)
    expect(page.get_by_text("images that it was not trained on")).to_be_visible()

    page.get_by_role("link", name="Sketch").click()
    expect(page.get_by_role("heading", name="Sketch", exact=True)).to_be_visible()
    choose(page, "Classify with", re.compile("^signs"))
    page.get_by_role("radio", name="Upload").click()
    for label in SIGNS:
        unseen = tmp_path / f"what is this {label}.png"
        sign(label, 1000).save(unseen)
        upload(page, unseen)
        winner = page.get_by_test_id("stMain").locator("h2")
        expect(winner).to_have_text(re.compile(rf"{label}, \d+%", re.IGNORECASE))


def test_a_new_data_set_begins_without_what_was_left_in_a_closed_dialog(page, app, signs_zip):
    go(page, app, "Data")
    dialog = page.get_by_role("dialog")
    for _visit in range(2):
        page.get_by_role("button", name="New data set").click()
        settle(page)
        expect(dialog.get_by_role("textbox", name="Name")).to_have_value("")
        expect(dialog.get_by_text("unused.zip")).to_have_count(0)
        dialog.get_by_role("textbox", name="Name").fill("never made")
        upload(dialog, signs_zip("unused"))
        expect(dialog.get_by_text("unused.zip")).to_be_visible()
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()


def test_create_waits_for_a_file_that_is_still_on_its_way(page, app, signs_zip):
    held = []
    page.route("**/_stcore/upload_file/**", lambda route: held.append(route))
    go(page, app, "Data")
    page.get_by_role("button", name="New data set").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Name").fill("slow")
    dialog.get_by_role("textbox", name="Name").press("Tab")
    create = dialog.get_by_role("button", name="Create")
    expect(create).to_be_enabled()
    with page.expect_request("**/_stcore/upload_file/**"):
        upload(dialog, signs_zip("slow"))
    expect(create).to_be_hidden()
    while not held:
        page.wait_for_timeout(50)
    held.pop().continue_()
    create.click()
    expect(page).to_have_url(re.compile("dataset=slow"))
    expect(images(page)).to_have_text("36")


def test_names_are_text_and_fetch_nothing(page, app, home):
    name = "![x](http&#58;&#47;&#47;e.cc) $q^2$ www.e.cc a@b.cc ~~s~~"
    datasets.create("names")
    for label in (name, "rings"):
        edits.add_images("names", label, [(name, np.array(sign("ring", n))) for n in range(5)])
    edits.exclude_images("names", [datasets.load("names").entries[0]])
    seen, main = complaints(page), page.get_by_test_id("stMain")
    go(page, app, "Data", dataset="names")
    expect(page.get_by_role("radio", name=name)).to_be_visible()
    page.get_by_role("radio", name="left out").click()
    expect(main.get_by_test_id("stCheckbox").filter(has_text=name)).to_be_visible()
    expect_text_alone(main)
    address = "![x](http://e.example/x.png) [y](http://e.example) :smile:"
    go(page, app, "Train", run=address)
    expect(page.get_by_test_id("stAlert").filter(has_text=address)).to_be_visible()
    expect_text_alone(main)
    assert seen == []


def expect_text_alone(where: Locator) -> None:
    """No link, picture or formula came out of a text with markup; links to pages are not of them."""
    written = where.get_by_test_id("stMarkdownContainer")
    expect(written.locator("a, img, .katex, del, code")).to_have_count(0)


def test_an_import_survives_a_refresh_and_another_visitor_finds_it(page, visit, app, signs_zip):
    go(page, app, "Data")
    import_zip(page, signs_zip("kept"))
    expect(images(page)).to_have_text("36")
    page.reload()
    expect(page.get_by_role("combobox", name="Data set")).to_have_value("kept")
    expect(images(page)).to_have_text("36")
    other = visit()
    go(other, app, "Data")
    choose(other, "Data set", "kept")
    expect(images(other)).to_have_text("36")


def test_undo_brings_a_deleted_image_back(page, app, signs_zip):
    go(page, app, "Data")
    import_zip(page, signs_zip("undone"))
    expect(images(page)).to_have_text("36")
    thumbnails = page.get_by_test_id("stMain").get_by_test_id("stCheckbox")
    expect(thumbnails).to_have_count(PER_CLASS)
    thumbnails.first.click()
    page.get_by_role("button", name="Delete images").click()
    expect(images(page)).to_have_text("35")
    expect(thumbnails).to_have_count(PER_CLASS - 1)
    page.get_by_role("button", name="Undo: deleted").click()
    expect(images(page)).to_have_text("36")
    expect(thumbnails).to_have_count(PER_CLASS)
