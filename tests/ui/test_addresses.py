"""Where an address below a page leads."""

import pytest

from ui.addresses import PagesOnly


def location(path: str, query: str = "", method: str = "GET") -> str | None:
    """Where the address leads; None where Streamlit answers itself."""
    sent = []

    async def streamlit(scope, receive, send):
        pass

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode()}
    # Nothing here waits, so one step is the whole answer; an event loop may be running in this thread already.
    with pytest.raises(StopIteration):
        PagesOnly(streamlit)(scope, None, send).send(None)
    return dict(sent[0]["headers"])[b"location"].decode() if sent else None


@pytest.mark.parametrize(
    ("path", "leads"),
    [("/a/b", "../a"), ("/Train/x/y", "../../Train"), ("/a/b/", "../../a"), ("//evil.example/x", "../../evil.example")],
)
def test_an_address_below_a_page_leads_to_the_page(path, leads):
    assert location(path) == leads


def test_the_query_goes_along():
    assert location("/Train/x", "run=1a&lang=ko") == "../Train?run=1a&lang=ko"


@pytest.mark.parametrize(
    "path",
    ["/", "/Train", "/Train/", "/static/js/a.js", "/_stcore/upload_file/a/b", "/media/a/b", "/Train/_stcore/health"],
)
def test_what_streamlit_serves_stays(path):
    assert location(path) is None


def test_an_upload_is_no_visit():
    assert location("/a/b", method="PUT") is None
