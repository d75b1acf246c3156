"""The front door: draw, and watch what the computer takes it for, stroke by stroke.

`streamlit run` reads this file twice: the server imports it once for `app`, and runs it as `__main__` for each visitor.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st

from core import jobs
from ui import frame, home
from ui.words import _


@asynccontextmanager
async def start(_app: st.App) -> AsyncIterator[None]:
    """Begin work with the server: Streamlit itself would wait for the first browser."""
    jobs.start_in_background()
    yield


if __name__ == "__main__":
    with frame.page("Sketch", _("Draw something, and watch the computer guess what it is.")):
        home.try_it(home.choose_run())
else:
    app = st.App(__file__, lifespan=start)
