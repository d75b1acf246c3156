"""The real app in a process of its own, and a person's hand on its pages: for browser tests and benchmarks."""

import math
import os
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

import psutil
from playwright.sync_api import Browser, Locator, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = shutil.which("chromium")
CHROMIUM_OPTIONS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
)  # fmt: skip


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
