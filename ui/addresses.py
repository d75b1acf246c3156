"""Addresses below a page, such as /Train/x: Streamlit answers them with a page whose parts are not found there."""

import re

import streamlit as st
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

# What Streamlit itself serves; its browser part looks for `_stcore` below each page too.
_SERVED = re.compile(r"/(_stcore|static|media|component|app|auth)/|.*/_stcore/")


class PagesOnly:
    """ASGI middleware that leads from an address below a page to the page, or to the one that says there is none."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        above = _above(scope) if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") else None
        answer = RedirectResponse(above) if above else self.app
        await answer(scope, receive, send)


def _above(scope: Scope) -> str | None:
    base = st.get_option("server.baseUrlPath").strip("/")
    path = scope["path"].removeprefix(f"/{base}" if base else "")
    first, *below = path.strip("/").split("/")
    if not below or _SERVED.match(path):
        return None
    # Relative, so that it is right behind a proxy too that serves Handful below an address of its own.
    up = "../" * (path.count("/") - 1)
    query = scope["query_string"].decode("latin-1")
    return f"{up}{first}" + (f"?{query}" if query else "")
