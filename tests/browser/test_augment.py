"""The way of a visitor through the augmentation lab: an image, a knob, other variants, a zip, and on to training."""

import io
import zipfile

from PIL import Image
from playwright.sync_api import Page, expect

from tests.app import complaints, draw, go, settle, slide


def variants(page: Page) -> list[str]:
    """What the grid shows, as data: addresses."""
    return page.locator("img[alt^='Variant ']").evaluate_all("all => all.map((image) => image.src)")


def test_a_knob_changes_what_is_shown_and_training_gets_it(app, page):
    seen = complaints(page)
    go(page, app, "Augment", dataset="shapes")
    expect(page.locator("img[alt='Variant 20']")).to_be_visible()
    page.get_by_role("spinbutton", name="Image").fill("3")
    page.get_by_role("spinbutton", name="Image").press("Enter")
    settle(page)
    before = variants(page)
    slide(page, "Rotation", 30)
    expect(page.locator("img[alt='Variant 1']")).not_to_have_attribute("src", before[0])
    assert len(variants(page)) == 20

    with page.expect_download() as download:
        page.get_by_role("button", name="Download the variants (zip)").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert len([name for name in archive.namelist() if name.startswith("variant_")]) == 20
        assert Image.open(io.BytesIO(archive.read("variant_01.png"))).size == (24, 24)
        assert Image.open(io.BytesIO(archive.read("contact_sheet.png"))).width > 100

    page.get_by_role("button", name="Use in training").click()
    expect(page.locator("h1")).to_have_text("Train")
    settle(page)
    expect(page.get_by_role("combobox", name="Data set")).to_have_value("shapes")
    page.get_by_text("Augmentation", exact=True).click()
    expect(page.get_by_role("slider", name="Rotation")).to_have_value("30")
    assert seen == []


def test_a_drawing_is_augmented_as_soon_as_it_is_there(app, page):
    go(page, app, "Augment", dataset="shapes")
    page.get_by_role("radio", name="Draw", exact=True).click()
    expect(page.get_by_text("Draw, upload or photograph something")).to_be_visible()
    draw(page, "triangle")
    expect(page.locator("img[alt='Variant 20']")).to_be_visible()
