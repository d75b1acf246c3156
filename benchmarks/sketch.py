"""The live sketch: from image to probabilities through the workers, and from mouse-up to new bars in Chromium.

The first part is measured twice: with one visitor, and while a training runs beside it.
"""

import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from playwright.sync_api import TimeoutError

from benchmarks import machine
from tests import app as handful

PREDICTIONS, STROKES = 200, 40


def drawing() -> np.ndarray:
    """A triangle on a canvas: (288, 288, 3) uint8."""
    sheet = Image.new("RGB", (288, 288), "white")
    ImageDraw.Draw(sheet).line([(140, 60), (230, 220), (60, 215), (140, 60)], "black", 8)
    return np.array(sheet)


def through_the_workers() -> None:
    from core.config import make_config
    from core.data import datasets
    from core.jobs import service
    from core.jobs.kinds import TRAINING
    from core.results import runs

    service.start_in_background().join()
    engine, key = service.engine(), service.builtin_run().key
    while runs.find(key).state != "done":
        time.sleep(0.2)

    def measure() -> str:
        for _ in range(20):
            engine.predict([key], drawing())
        times = [engine.predict([key], drawing())[0].milliseconds for _ in range(PREDICTIONS)]
        return f"median {np.median(times):.0f} ms, p95 {machine.percentile_95(times):.0f} ms"

    print(f"image to probabilities, one visitor: {measure()}")
    digits = datasets.load("digits")
    busy = engine.train(make_config(digits, "small_cnn", {"epochs": 200}), digits)
    while runs.progress(busy.key).stage != "training" or runs.progress(busy.key).step == 0:
        time.sleep(0.2)
    print(f"image to probabilities, beside a training: {measure()}")
    assert runs.find(busy.key).state == "running", "the training ended too early to measure beside it"
    engine.cancel(TRAINING, busy.key)
    wished = time.perf_counter()
    while runs.find(busy.key).state == "running":
        time.sleep(0.02)
    print(f"a running training stops {time.perf_counter() - wished:.1f} s after Cancel")


def in_the_browser(home: Path) -> None:
    with handful.running(home) as app, handful.chromium() as browser:
        page = browser.new_page()
        page.goto(app.url)
        page.get_by_text("Draw a circle, a rectangle or a triangle").wait_for(timeout=120_000)
        box = handful.canvas(page).bounding_box()
        # The page itself takes the time: from the mouse-up it sees to the change of the bars.
        page.evaluate(WATCH)
        handful.draw(page, "triangle")
        page.get_by_text("Answered in").wait_for()
        times, rng = [], np.random.default_rng(0)
        for _ in range(STROKES):
            page.wait_for_timeout(700)
            page.evaluate("window.handfulChanged = null")
            x, y = box["x"] + rng.uniform(60, 220), box["y"] + rng.uniform(60, 220)
            page.mouse.move(x, y)
            page.mouse.down()
            page.mouse.move(x + 15, y + 10, steps=4)
            page.mouse.up()
            with suppress(TimeoutError):  # the same milliseconds and percentages as before: nothing to see
                page.wait_for_function("window.handfulChanged !== null", timeout=3_000)
                times.append(page.evaluate("window.handfulChanged - window.handfulMouseUp"))
    middle, worst = np.median(times), machine.percentile_95(times)
    print(f"mouse-up to new bars in Chromium, {len(times)} strokes: median {middle:.0f} ms, p95 {worst:.0f} ms")


WATCH = """() => {
    window.handfulChanged = null;
    const up = () => { window.handfulMouseUp = performance.now(); };
    document.addEventListener('mouseup', up, true);
    document.addEventListener('pointerup', up, true);
    new MutationObserver((changes) => {
        const element = (node) => node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement;
        const bars = (change) => element(change.target)?.closest('[data-testid="stHtml"]');
        if (window.handfulChanged === null && changes.some(bars))
            window.handfulChanged = performance.now();
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


def main() -> None:
    print(machine.describe())
    with machine.fresh_home() as home:
        through_the_workers()
        in_the_browser(Path(home))


if __name__ == "__main__":
    main()
