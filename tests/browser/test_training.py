"""Trainings as visitors meet them: they outlive a refresh, a second tab, a killed worker and a killed server."""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from core.data import datasets, edits
from core.data.synthetic_shapes import generate
from core.results import runs
from tests.app import go, set_knobs, train

LONG = {"epochs": 200, "patience": 200, "batch_size": 8}  # ends by Cancel only
SHORT = {"epochs": 24, "patience": 24, "batch_size": 8}


@pytest.fixture
def hands(home) -> str:
    """The name of a data set so small that an epoch takes less than a second."""
    if "hands" not in datasets.list_names():
        datasets.create("hands", "drawing")
        drawn = list(generate(20, 3))
        for label in ("circle", "rectangle", "triangle"):
            edits.add_images(
                "hands", label, [(str(n), image) for n, (kind, image) in enumerate(drawn) if kind == label]
            )
    return "hands"


@pytest.fixture
def train_page(app, hands, visit) -> Iterator[Callable[..., Page]]:
    """train_page(run=KEY) -> the Train page of another visitor, with the small data set chosen."""

    def opened(**query: str) -> Page:
        page = visit()
        go(page, app, "Train", dataset=hands, **query)
        return page

    yield opened
    for run in runs.every():  # what a test that failed leaves behind would keep the next one waiting
        if run.live:
            runs.job(run.key).request_cancel()


def epochs_done(key: str) -> int:
    return len(runs.history(key).get("loss", ()))


def kept_epochs(key: str) -> list[float]:
    """How long each finished epoch took: were one trained again, its loss would be the same, but never its time."""
    return runs.history(key)["seconds"]


def epoch_shown(page: Page) -> int:
    """The epoch under way, as soon as the page tells it."""
    text = page.get_by_test_id("stProgress").filter(has_text=re.compile(r"epoch [1-9]\d* of")).inner_text()
    return int(re.search(r"epoch (\d+) of", text)[1])


def wait(condition: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.time() + seconds
    while not condition():
        assert time.time() < deadline, "waited in vain"
        time.sleep(0.05)


def expect_done(page: Page) -> None:
    expect(page.get_by_text("images that it was not trained on")).to_be_visible(timeout=120_000)


def test_a_refresh_finds_the_training_going_on_and_cancel_stops_it_at_once(train_page):
    page = train_page()
    set_knobs(page, **LONG, seed=1)
    key = train(page)
    wait(lambda: epochs_done(key) >= 2)
    before = epoch_shown(page)
    page.reload()
    after = epoch_shown(page)
    assert after >= before
    wait(lambda: epochs_done(key) > after)
    assert runs.find(key).state == "running"
    page.get_by_role("button", name="Cancel").click()
    pressed = time.time()
    expect(page.get_by_text(re.compile(r"Cancelled after \d+ finished epochs"))).to_be_visible()
    assert runs.find(key).state == "cancelled"
    assert runs.find(key).changed - pressed < 2


def test_two_visitors_share_one_training_and_a_third_is_answered_from_the_cache(train_page):
    earlier = {run.key for run in runs.every()}
    one, two = train_page(), train_page()
    for page in (one, two):
        set_knobs(page, **SHORT, seed=2)
    key = train(one)
    assert train(two) == key
    assert runs.find(key).live  # else the second one did not share, but was answered from the cache
    for page in (one, two):
        assert epoch_shown(page) > 0
        expect(page.get_by_text("Queue")).to_have_count(0)
    for page in (one, two):
        expect_done(page)
    assert {run.key for run in runs.every()} - earlier == {key}
    assert epochs_done(key) == SHORT["epochs"]
    done = runs.find(key)
    third = train_page()
    set_knobs(third, **SHORT, seed=2)
    assert train(third) == key
    expect(third.get_by_text("Answered from the cache")).to_be_visible()
    expect_done(third)
    assert runs.find(key).changed == done.changed


def test_a_second_visitor_sees_the_queue_and_waits_in_it(train_page):
    first = train_page()
    set_knobs(first, **LONG, seed=3)
    running = train(first)
    assert epoch_shown(first) > 0
    second = train_page()
    expect(second.get_by_text("hands · in progress")).to_be_visible()
    set_knobs(second, **LONG, seed=4)
    waiting = train(second)
    expect(second.get_by_text("Runs ahead in the queue: 1.")).to_be_visible()
    assert [run.state for run in map(runs.find, (running, waiting))] == ["running", "queued"]
    first.reload()
    expect(first.get_by_text("hands · waiting")).to_be_visible()
    second.get_by_test_id("stMain").get_by_role("button", name="Cancel").first.click()
    expect(second.get_by_text("Cancelled after 0 finished epochs")).to_be_visible()
    first.get_by_role("button", name="Cancel").first.click()
    expect(first.get_by_text("Cancelled after")).to_be_visible()
    assert [run.state for run in map(runs.find, (running, waiting))] == ["cancelled", "cancelled"]


def test_a_killed_worker_is_replaced_while_one_watches(train_page):
    page = train_page()
    set_knobs(page, **SHORT, seed=5)
    key = train(page)
    wait(lambda: epochs_done(key) >= 5)
    worker, kept = runs.progress(key).process, kept_epochs(key)
    os.kill(worker, signal.SIGKILL)
    expect_done(page)
    assert runs.progress(key).process != worker
    assert kept_epochs(key)[: len(kept) - 1] == kept[:-1]  # a kill may cost the epoch just written
    assert epochs_done(key) == SHORT["epochs"]


def test_a_killed_server_goes_on_where_it_was(app, train_page):
    page = train_page()
    set_knobs(page, **SHORT, seed=6)
    key = train(page)
    wait(lambda: epochs_done(key) >= 5)
    app.kill()
    kept = kept_epochs(key)
    assert len(kept) < SHORT["epochs"]
    app.start()
    later = train_page(run=key)
    assert epoch_shown(later) >= len(kept)
    expect_done(later)
    expect_done(page)  # which stayed open and found the new server by itself
    assert kept_epochs(key)[: len(kept) - 1] == kept[:-1]  # a kill may cost the epoch just written
    assert epochs_done(key) == SHORT["epochs"]
