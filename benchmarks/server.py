"""From the server's start to a usable first page, and the server process's memory with ten sessions open."""

import time
from pathlib import Path

import psutil

from benchmarks import machine
from tests import app as handful

SESSIONS = 10


def main() -> None:
    print(machine.describe())
    with machine.fresh_home() as home, handful.chromium() as browser:
        for start in ("first start, nothing trained", "later start"):
            with handful.running(Path(home)) as app:
                page = browser.new_page()
                page.goto(app.url)
                handful.canvas(page)
                print(f"{start}: first page usable after {time.perf_counter() - app.started:.1f} s")
                page.get_by_text("Draw a circle, a rectangle or a triangle").wait_for(timeout=180_000)
                print(f"{start}: shapes classifier ready after {time.perf_counter() - app.started:.1f} s")
                if start == "later start":
                    pages = [page, *(browser.new_page() for _ in range(SESSIONS - 1))]
                    for number, one in enumerate(pages):
                        one.goto(app.url + ("", "/Data", "/Train")[number % 3])
                        one.get_by_role("heading").first.wait_for(timeout=60_000)
                    time.sleep(3)
                    memory = psutil.Process(app.process.pid).memory_info().rss / 2**20
                    print(f"server process with {SESSIONS} sessions open: {memory:.0f} MiB")
                page.close()


if __name__ == "__main__":
    main()
