"""Names that other people gave are text on every page: never a picture, a link, a formula or an icon."""

import numpy as np
import pytest
from google.protobuf.message import Message

from core.data import datasets, edits
from core.data.manifest import Dataset
from core.jobs import service
from core.jobs.engine import Prediction
from core.results import runs
from tests.pages.test_train import Bench

NASTY = "![x](http;;evil.example) [y](z) $q^2$ :material/home; :red[r] ~~s~~ `c` &amp; www.evil.example"
"""As nasty as a class name may be: it holds no / : * < > | or quotes where these are refused."""
CLASS = NASTY.replace("/", "∕").replace(":", "꞉")[:59]
FILE = "-- ![x](http://evil.example/x.png) :smile: <b> **b**.png"
# What a renderer of markup is given; all else in an element is data that is shown as it is.
MARKUP = {
    "alert": ("body",), "markdown": ("body",), "heading": ("body",), "toast": ("body",), "expander": ("label",),
    "button": ("label", "help"), "download_button": ("label", "help"), "page_link": ("label",),
    "popover": ("label", "help"), "dialog": ("title",), "checkbox": ("label", "help"), "progress": ("text",),
    "metric": ("label", "body", "delta"), "radio": ("label", "options"), "menu_button": ("label", "options"),
    "tab": ("label",), "spinner": ("text",), "selectbox": ("label",), "multiselect": ("label",),
}  # fmt: skip


class Oracle(Bench):
    """An engine that takes every image for the first class."""

    def predict(self, keys, rgb):
        return [Prediction(key, runs.find(key).classes, (0.75, 0.25), 4.0, 4.0) for key in keys]

    def predict_many(self, key, pictures):
        return np.tile(np.float32([0.75, 0.25]), (len(pictures), 1))


@pytest.fixture(autouse=True)
def oracle(monkeypatch) -> Oracle:
    engine = Oracle()
    monkeypatch.setattr(service, "engine", lambda: engine)
    return engine


@pytest.fixture
def nasty(photo) -> Dataset:
    """Two classes with such names, one image left out."""
    datasets.create("pets")
    for seed, label in enumerate((CLASS, "dogs")):
        edits.add_images("pets", label, [(FILE, photo(100 * seed + n)) for n in range(6)])
    return edits.exclude_images("pets", [datasets.load("pets").entries[0]])


def markup(block: object) -> list[str]:
    """Every text below a block that a renderer of markup gets."""
    proto = getattr(block, "proto", None)
    found = _texts(proto) if isinstance(proto, Message) else []
    for child in getattr(block, "children", {}).values():
        found += markup(child)
    return found


def _texts(proto: Message) -> list[str]:
    found = []
    for field, value in proto.ListFields():
        known = MARKUP.get(proto.DESCRIPTOR.name.lower().replace("_", ""), ())
        if field.name in known:
            found += [value] if isinstance(value, str) else list(value)
    return found


def test_a_nasty_name_is_possible():
    assert len(CLASS) < 60
