"""Pretrained networks on photos as visitors meet them: readiness, one training, and the whole ladder."""

import re

import pytest
from playwright.sync_api import Page, expect

from core.catalog.strategies import LADDER, STRATEGIES
from core.data import datasets, importing
from core.results import runs
from tests.app import choose, go, settle, train

NETWORK = "Pretrained network"


@pytest.fixture
def skies(home, photo, encoded, zipped) -> str:
    """The name of a data set of a dozen warm and a dozen cold pictures, which came as a zip."""
    if "skies" not in datasets.list_names():
        files = {}
        for label, faded in (("warm", 2), ("cold", 0)):  # channels: blue, red
            for n in range(12):
                picture = photo(100 * faded + n)
                picture[..., faded] //= 4
                files[f"{label}/{n}.png"] = encoded(picture)
        importing.import_source(zipped(files, "skies.zip"), "skies")
    return "skies"


@pytest.fixture
def train_page(app, skies, page) -> Page:
    go(page, app, "Train", dataset=skies)
    return page


def expect_row(page: Page, strategy: str, outcome: str) -> None:
    """The strategy's row in the comparison tells this."""
    title = re.compile(rf"{STRATEGIES[strategy].title}( best)?$")
    name = page.get_by_role("cell", name=title)
    row = page.get_by_test_id("stTable").get_by_role("row").filter(has=name)
    expect(row).to_contain_text(re.compile(outcome), timeout=180_000)


def test_a_pretrained_network_learns_from_a_few_photos(train_page, app):
    expect(train_page.get_by_role("radio", name="Bottleneck features", exact=False).first).to_be_checked()
    expect(train_page.get_by_role("combobox", name=NETWORK)).to_have_value("EfficientNet-Lite0 · ready")
    key = train(train_page)
    expect(train_page.get_by_role("heading", name="Bottleneck features · EfficientNet-Lite0 · skies")).to_be_visible()
    expect(train_page.get_by_text("images that it was not trained on")).to_be_visible(timeout=180_000)
    assert runs.find(key).accuracy == 1  # warm and cold could hardly be more different
    train_page.get_by_role("link", name="Classify an image").click()
    expect(train_page.get_by_role("heading", name="Predict", exact=True)).to_be_visible()


def test_a_network_that_is_not_here_says_so_before_anyone_presses_a_button(train_page):
    train_page.get_by_role("combobox", name=NETWORK).click()
    options = train_page.get_by_role("option")
    expect(options.first).to_have_text("EfficientNet-Lite0 · ready")
    expect(options.nth(1)).to_have_text("VGG16 · to be downloaded")
    options.nth(1).click()
    settle(train_page)
    expect(train_page.get_by_text("VGG16 is not installed yet")).to_be_visible()
    expect(train_page.get_by_role("link", name="vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5")).to_be_visible()
    expect(train_page.get_by_role("button", name="Download VGG16")).to_be_enabled()
    expect(train_page.get_by_role("button", name="Train", exact=True)).to_be_disabled()
    expect(train_page.get_by_text("Skipped until VGG16 is ready")).to_be_visible()
    train_page.get_by_role("radio", name="한국어").click()
    expect(train_page.get_by_role("combobox").nth(1)).to_have_value("VGG16 · 내려받아야 함")  # still the same choice
    train_page.get_by_role("radio", name="English").click()
    choose(train_page, NETWORK, re.compile("^EfficientNet-Lite0"))
    expect(train_page.get_by_role("button", name="Train", exact=True)).to_be_enabled()


def test_the_ladder_is_climbed_from_the_quickest_on_while_one_watches(train_page):
    train_page.get_by_role("button", name="Train the ladder").click()
    for name in LADDER[2:]:
        expect_row(train_page, name, "waiting|in progress")
    expect_row(train_page, "bottleneck", r"\d+(\.\d)?%")
    expect_row(train_page, "bottleneck_augmented", r"\d+(\.\d)?%")
    asked = {run.config.strategy: run for run in runs.every() if run.dataset == "skies"}
    ended = [name for name in LADDER if asked[name].state == "done"]
    assert tuple(ended) == LADDER[: len(ended)]
    for name in LADDER[2:]:
        runs.job(asked[name].key).request_cancel()
    expect_row(train_page, LADDER[-1], "cancelled")
    expect(train_page.get_by_text("Queue")).to_have_count(0)
    expect(train_page.get_by_role("link", name="Compare side by side")).to_be_visible()
