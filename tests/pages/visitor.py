"""A visitor's hands and eyes on a page run by AppTest."""

from collections.abc import Iterable, Iterator

from google.protobuf.message import Message
from streamlit.testing.v1 import AppTest

from core.storage.workspace import ROOT


def opened(page: str, **query: str) -> AppTest:
    """A page opened by its address: `opened("2_Train", dataset="pets")`."""
    app = AppTest.from_file(ROOT / "streamlit_app.py", default_timeout=60).switch_page(f"pages/{page}.py")
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def labelled(elements: Iterable, label: str):
    return next(element for element in elements if element.label == label)


def press(app: AppTest, label: str) -> None:
    labelled(app.button, label).click().run()
    assert not app.exception


def says(elements: Iterable, text: str) -> bool:
    return any(text in element.value for element in elements)


def elements(app: AppTest) -> Iterator[Message]:
    "Every element that the page sends, original sent; of a container what it says itself."
    return _elements(app._tree)


def _elements(node: object) -> Iterator[Message]:
    if isinstance(getattr(node, "proto", None), Message):
        yield node.proto
    for child in getattr(node, "children", {}).values():
        yield from _elements(child)
