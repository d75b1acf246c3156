"""Several networks look at one image: uploads, a zip and its table on the Predict page, strokes on the home page."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from core.data.synthetic_shapes import generate
from core.jobs import service
from tests.app import ROOT, complaints, draw, go, settle, upload


@pytest.fixture(scope="module")
def rival(app) -> str:
    """The key of a run of another strategy on the built-in shapes, hardly trained."""
    command = [sys.executable, "-m", "core", "train", "--dataset", service.BUILTIN_SET, "--strategy", "digits_cnn",
               "--set", "epochs=1", "--json"]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"HANDFUL_HOME": str(app.home)}, capture_output=True,
                          text=True, check=True)  # fmt: skip
    return json.loads(done.stdout)["key"]


@pytest.fixture
def drawings(tmp_path) -> list[Path]:
    """Drawings of shapes as files, each named after its shape."""
    files = []
    for number, (label, pixels) in enumerate(generate(2, seed=5)):
        files.append(tmp_path / f"{label} {number}.png")
        Image.fromarray(pixels).save(files[-1])
    return files


def answers(page: Page) -> list[str]:
    """The words above the bars of each card."""
    return page.get_by_test_id("stMain").locator("h3").all_inner_texts()


def test_one_upload_is_seen_by_every_network_and_many_make_a_table(page, app, rival, drawings, encoded, zipped):
    seen = complaints(page)
    go(page, app, "Predict", run=rival)
    expect(page).to_have_url(re.compile(f"runs={rival}%2C"))
    upload(page, drawings[0])
    expect(page.get_by_test_id("stMain").locator("h3")).to_have_count(2)
    expect(page.get_by_test_id("stMain").get_by_test_id("stHtml")).to_have_count(2)
    expect(page.get_by_text(re.compile("All 2 agree|They disagree"))).to_be_visible()

    inside = {f"deep/inside/{file.name}": file.read_bytes() for file in drawings[1:]}
    upload(page, zipped(inside | {"__MACOSX/._x.png": b"x", "deep/broken.png": b"text"}))
    expect(page.get_by_text(re.compile(f"They agree on \\d of {len(drawings)} images"))).to_be_visible()
    page.get_by_text("Could not be used: 1").click()
    expect(page.get_by_text("deep/broken.png")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download all probabilities (CSV)").click()
    head, *rows = csv.reader(download.value.path().read_text("utf-8-sig").splitlines())
    assert [row[0] for row in rows] == [drawings[0].name, *inside]
    column = head.index("Shapes CNN")
    right = sum(row[column] in row[0] for row in rows)
    assert right >= len(rows) - 1
    assert sum(map(float, rows[0][column + 1 : column + 4])) == pytest.approx(1, abs=1e-4)

    page.get_by_role("radio", name="한국어").click()
    expect(page.locator("h1")).to_have_text("예측")
    expect(page.get_by_text(re.compile(f"이미지 {len(drawings)}개 중"))).to_be_visible()
    assert seen == []


def test_what_the_pretrained_network_sees(page, app, drawings):
    go(page, app, "Predict")
    upload(page, drawings[0])
    page.get_by_text("What does the pretrained network see?").click()
    expect(page.get_by_text("top 5 of its 1,000")).to_be_visible()


def test_strokes_on_the_home_page_are_seen_by_every_strategy_at_once(page, app, rival):
    go(page, app)
    page.get_by_text("Compare all strategies").click()
    settle(page)
    draw(page, "triangle")
    expect(page.get_by_text(re.compile("All 2 agree|They disagree"))).to_be_visible()
    settle(page)
    assert len(answers(page)) == 3  # with the one above what teaches it
    assert answers(page)[0].startswith("Triangle, ")
