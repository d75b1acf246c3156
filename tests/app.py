"""The real app in a process of its own, and a person's hand on its pages: for browser tests and benchmarks."""

import math
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import psutil
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect, sync_playwright

from core.catalog.knobs import KNOBS

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = shutil.which("chromium")
CHROMIUM_OPTIONS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
)  # fmt: skip
QUIET_MS = 200
SLIDER_MS = 400  # a slider tells the server only after a moment, and nothing shows when it has


class App:
    """A server on a free port with its own HANDFUL_HOME; its log is `home/server.log`."""

    def __init__(self, home: Path):
        self.home = home
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> "App":
        self.started = time.perf_counter()
        command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.port", str(self.port),
                   "--server.address", "127.0.0.1", "--server.headless", "true"]  # fmt: skip
        environment = os.environ | {"HANDFUL_HOME": str(self.home)}
        environment.pop("DASK_SCHEDULER_ADDRESS", None)
        self.home.mkdir(parents=True, exist_ok=True)
        with open(self.home / "server.log", "a") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        deadline = time.time() + 60
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1)
                return self
            except OSError:
                if time.time() > deadline or self.process.poll() is not None:
                    raise RuntimeError((self.home / "server.log").read_text()) from None
                time.sleep(0.05)

    def workers(self) -> list[psutil.Process]:
        """The server's worker processes, those that have imported TensorFlow or are about to."""
        return [
            child for child in psutil.Process(self.process.pid).children(recursive=True)
            if "spawn_main" in " ".join(child.cmdline())
        ]  # fmt: skip

    def kill(self) -> None:
        """As a power cut would: no chance to tidy up."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()


@contextmanager
def running(home: Path) -> Iterator[App]:
    app = App(home).start()
    try:
        yield app
    finally:
        app.stop()


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_OPTIONS))
        yield browser
        browser.close()


# Corners in shares of the canvas; the circle as a polygon of many.
SHAPES = {
    "circle": [(0.5 + 0.32 * math.cos(a / 12 * math.pi), 0.5 + 0.3 * math.sin(a / 12 * math.pi)) for a in range(25)],
    "rectangle": [(0.2, 0.3), (0.8, 0.31), (0.79, 0.72), (0.21, 0.7), (0.2, 0.3)],
    "triangle": [(0.5, 0.2), (0.8, 0.75), (0.2, 0.77), (0.5, 0.2)],
}


def canvas(page: Page) -> Locator:
    """The drawing area, once it is there."""
    found = page.locator("canvas.upper-canvas").first
    found.wait_for(timeout=60_000)
    return found


def draw(page: Page, shape: str) -> None:
    """Draw one of SHAPES with the mouse, in one stroke."""
    box = canvas(page).bounding_box()
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in SHAPES[shape]]
    page.mouse.move(*points[0])
    page.mouse.down()
    for x, y in points[1:]:
        page.mouse.move(x, y, steps=6)
    page.mouse.up()


def go(page: Page, app: App, name: str = "", **query: str) -> None:
    """Open a page by its address, the home page where no name is given, and wait until all of it is there."""
    page.goto(f"{app.url}/{name}?{urlencode(query)}")
    settle(page)


IDLE = """quietMs => {
    const app = document.querySelector("[data-testid=stApp]");
    if (app?.dataset.testScriptState !== "notRunning") { window.idleSince = null; return false; }
    window.idleSince ??= performance.now();
    return performance.now() - window.idleSince > quietMs;
}"""


def settle(page: Page) -> None:
    """Wait until the page has a heading and its script has ended, and does not begin anew at once.

    A click reaches the server and comes back before the page tells that its script runs; while it runs, what it has
    not come to yet is there twice.
    """
    page.locator("h1").wait_for()
    page.evaluate("window.idleSince = null")
    page.wait_for_function(IDLE, arg=QUIET_MS)


def choose(page: Page, label: str, option: str | re.Pattern) -> None:
    """Choose an option of a list."""
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option).click()
    settle(page)


def slide(page: Page, label: str, place: int) -> None:
    """Set a slider; where it offers a few choices, `place` counts them from 0."""
    slider = page.get_by_role("slider", name=label)
    # Filling it moves it silently; the last step is a key's, which Streamlit hears.
    low = int(slider.get_attribute("min"))
    slider.fill(str(place - 1 if place > low else low + 1))
    slider.press("ArrowRight" if place > low else "ArrowLeft")
    expect(slider).to_have_value(str(place))
    page.wait_for_timeout(SLIDER_MS)
    settle(page)


def set_knobs(page: Page, **knobs: object) -> None:
    """Set knobs on the Train page, named and with values as in core.config."""
    page.get_by_text("Hyperparameters", exact=True).click()
    for name, value in knobs.items():
        knob = KNOBS[name]
        if name == "seed":
            page.get_by_role("spinbutton", name=knob.title).fill(str(value))
            page.get_by_role("spinbutton", name=knob.title).press("Enter")
        else:
            slide(page, knob.title, knob.choices.index(value) if knob.choices else value)


def train(page: Page) -> str:
    """Press Train and return the key of the run that is shown then."""
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_url(re.compile("run="))
    return parse_qs(urlsplit(page.url).query)["run"][0]


def upload(where: Page | Locator, *files: Path) -> None:
    """Give files to the one uploader there."""
    where.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(files)


def complaints(page: Page) -> list[str]:
    """A list that grows with whatever the page does that it should not: errors, and requests to other machines."""
    found = []

    def console(message: ConsoleMessage) -> None:
        # Streamlit looks for its server below each page's address first, in vain, and goes on.
        if message.type == "error" and "/_stcore/" not in message.location["url"]:
            found.append(f"console: {message.text}")

    def address(url: str) -> None:
        if urlsplit(url).hostname not in ("127.0.0.1", None):  # data: and blob: have no host
            found.append(f"asked elsewhere: {url}")

    page.on("console", console)
    page.on("pageerror", lambda error: found.append(f"script: {error}"))
    page.on("request", lambda request: address(request.url))
    page.on("websocket", lambda socket: address(socket.url))
    return found
