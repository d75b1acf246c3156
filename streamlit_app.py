"""The front door: draw, and watch what the computer takes it for, stroke by stroke.

`streamlit run` reads this file twice: the server imports it once for `app`, and runs it as `__main__` for each visitor.
"""

import importlib
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import streamlit as st
from starlette.middleware import Middleware

from core import logs
from core.errors import UserError

HEAD_START_S = 2.0  # starting workers takes all of a small machine's processor, which the first page needs now


@asynccontextmanager
async def start(_app: st.App) -> AsyncIterator[None]:
    """Begin work with the server: Streamlit itself would wait for the first browser."""
    logs.configure()
    threading.Thread(target=prepare, name="handful-prepare", daemon=True).start()
    yield


def prepare() -> None:
    """Import what the first page needs while its browser is still loading, then start the workers."""
    while not st.runtime.exists():  # the canvas registers itself with a server
        time.sleep(0.01)
    for module in ("ui.sketch.home", "streamlit_drawable_canvas", "pyarrow"):
        importlib.import_module(module)
    time.sleep(HEAD_START_S)
    importlib.import_module("core.jobs.service").start_in_background()
    datasets = importlib.import_module("core.data.datasets")
    with suppress(UserError):  # what is wrong with the disk, every page tells
        datasets.purge(datasets.KEEP_DELETED_S)


if __name__ == "__main__":
    from ui import page
    from ui.i18n import _
    from ui.sketch import home

    with page.page("Sketch", _("Draw something and watch it being classified.")):
        home.try_it(home.choose_run())
else:
    from ui.addresses import PagesOnly

    app = st.App(__file__, lifespan=start, middleware=[Middleware(PagesOnly)])
