"""The server's memory and open files after hundreds of short visits: what a visitor leaves behind when they go.

A visit is what a browser does, without the browser: it fetches the app's files, opens a page's connection, asks for the
script to be run, waits until it has, fetches the page's images, and goes. Run it with the number of visits, 500 where
none is given.
"""

import asyncio
import gzip
import re
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks import machine
from tests import app as handful

PAGES = ("", "Data", "Augment", "Train", "Predict")
EVERY = 50
VISIT_S = 60  # a page that takes longer is an error


def fetch(address: str) -> bytes:
    request = urllib.request.Request(address, headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request) as answer:
        content = answer.read()
        return gzip.decompress(content) if answer.headers["Content-Encoding"] == "gzip" else content


async def visit(app: handful.App, page: str) -> None:
    """Open a page, have its script run to the end once, look at its images, and leave."""
    for file in re.findall(r'(?:src|href)="\./(static/[^"]+)"', fetch(app.url).decode()):
        fetch(f"{app.url}/{file}")
    address = app.url.replace("http", "ws") + "/_stcore/stream"
    async with websockets.connect(address, subprotocols=["streamlit"], max_size=None) as connection:
        message = BackMsg()
        message.rerun_script.page_name = page
        await connection.send(message.SerializeToString())
        pictures: set[str] = set()
        async for received in connection:
            answer = ForwardMsg.FromString(received)
            pictures.update(image.url for image in answer.delta.new_element.imgs.imgs)
            if answer.WhichOneof("type") == "script_finished":
                break
        for picture in pictures:
            fetch(app.url + picture)


def report(app: handful.App, visits: int) -> None:
    process = psutil.Process(app.process.pid)
    memory = process.memory_full_info()
    print(
        f"{visits:4} visits: {memory.rss / 2**20:4.0f} MiB resident, {memory.uss / 2**20:4.0f} MiB its own, "
        f"{process.num_fds()} files, {process.num_threads()} threads",
        flush=True,
    )


def main() -> None:
    visits = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    print(machine.describe())
    with machine.fresh_home() as home, handful.running(Path(home)) as app:
        while not any('"done"' in status.read_text() for status in Path(home).glob("weights/runs/*/status.json")):
            time.sleep(1)  # the built-in classifier
        began = time.perf_counter()
        for number in range(visits + 1):
            if number % EVERY == 0:
                report(app, number)
            asyncio.run(asyncio.wait_for(visit(app, PAGES[number % len(PAGES)]), VISIT_S))
        print(f"{visits} visits took {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
