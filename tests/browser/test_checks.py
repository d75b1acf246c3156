"""The way of a visitor through a check: press, see what is wrong, mend it, undo it, find something fine, come back."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from core.checks.registry import CHECKS
from core.data import datasets, importing
from tests.app import complaints, go, settle

LEAK, BLANK = CHECKS["leaks"].title, CHECKS["low_information"].title
COUNTS = {"train": 8, "validation": 3, "test": 3}


@pytest.fixture
def spoiled(home, photo, encoded, zipped) -> str:
    """A data set with a copy of a training image among the test images, saved anew, and a grey sheet."""
    files = {}
    for split, count in COUNTS.items():
        for label in ("cats", "dogs"):
            for n in range(count):
                files[f"{split}/{label}/{n}.png"] = encoded(photo(len(files), (96, 128)))
    first = Image.open(io.BytesIO(files["train/cats/0.png"]))
    files["test/cats/copy.jpg"] = encoded(first, "JPEG", quality=70)
    files["train/dogs/blank.png"] = encoded(np.full((96, 128, 3), 200, np.uint8))
    importing.import_source(zipped(files, "spoiled.zip"), "spoiled")
    return "spoiled"


def heading(page: Page, title: str):
    return page.get_by_role("button", name=re.compile(rf"{title} · \d"))


def test_a_check_finds_what_is_mended_undone_and_found_fine(app, spoiled, page):
    seen = complaints(page)
    go(page, app, "Data", dataset=spoiled, view="check")
    page.get_by_role("button", name="Check this data set").click()
    expect(heading(page, LEAK)).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    expect(page.get_by_alt_text("test/cats/copy.jpg, class cats")).to_be_visible()

    page.get_by_role("button", name="Keep only 1").click()
    expect(page.get_by_text("The data set has changed since this check")).to_be_visible()
    expect(heading(page, LEAK)).to_have_count(0)
    assert len(datasets.load(spoiled).live()) == len(datasets.load(spoiled).entries) - 1
    page.get_by_role("button", name="Undo: fixed").click()
    expect(heading(page, LEAK)).to_be_visible()

    expect(heading(page, BLANK)).to_be_visible()
    heading(page, BLANK).click()
    fine = page.get_by_role("button", name="Mark as OK")
    expect(fine).to_have_count(2)
    fine.last.click()
    expect(heading(page, "Marked as OK")).to_be_visible()
    page.reload()
    settle(page)
    expect(heading(page, "Marked as OK")).to_be_visible()
    expect(heading(page, BLANK)).to_have_count(0)

    go(page, app, "Train", dataset=spoiled)
    page.get_by_role("link", name="to fix before training").click()
    expect(heading(page, LEAK)).to_be_visible()
    assert seen == []
