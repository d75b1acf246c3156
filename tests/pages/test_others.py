"""What other people brought, on every page: names are text and never markup, and hundreds of classes stay few bytes."""

import time
from collections.abc import Iterator
from html import escape
from itertools import chain

import numpy as np
import pytest
from google.protobuf.message import Message
from streamlit.testing.v1 import AppTest

from core.checks import store
from core.checks.registry import CHECKS
from core.checks.report import Case, CaseImage, CheckReport, Finding, Fix
from core.config import make_config
from core.data import datasets, edits, manifest
from core.data.manifest import Dataset, Entry, Note
from core.data.normalize import normalise
from core.errors import UserError
from core.jobs import service
from core.jobs.engine import Prediction
from core.results import runs
from core.results.runs import Run
from core.storage.workspace import ROOT, write_json
from tests.pages.test_train import Bench, finish
from tests.pages.visitor import elements, labelled, opened, says
from ui import i18n
from ui.widgets import canvas

CLASS = "![x](http&#58;&#47;&#47;e.cc) $q^2$ www.e.cc a@b.cc"
FILE = "-- ![x](http://e.example/x.png) :smile: :material/home: <b>.png"
# Where Streamlit shows texts as they are. Everywhere else it reads markup, and names have to be kept from it.
PLAIN = {
    ("Selectbox", "options"), ("Selectbox", "default"), ("Selectbox", "raw_value"), ("MultiSelect", "options"),
    ("MultiSelect", "raw_values"), ("VegaLiteChart", "spec"), ("Html", "body"), ("Text", "body"), ("Image", "alt"),
    ("TextInput", "default"), ("TextInput", "value"), ("UploadedFileInfo", "name"), ("FileURLs", "name"),
}  # fmt: skip
MOST_BYTES = 400_000  # of one page, pictures included


class Oracle(Bench):
    """An engine that takes every image for the first class."""

    def _row(self, key: str) -> tuple[float, ...]:
        return (0.75, *[0.25 / (len(runs.find(key).classes) - 1)] * (len(runs.find(key).classes) - 1))

    def predict(self, keys, rgb):
        return [Prediction(key, runs.find(key).classes, self._row(key), 4.0, 4.0) for key in keys]

    def predict_many(self, key, pictures):
        return np.tile(np.float32(self._row(key)), (len(pictures), 1))


@pytest.fixture(autouse=True)
def oracle(monkeypatch, drawing) -> None:
    engine = Oracle()
    monkeypatch.setattr(service, "engine", lambda: engine)
    monkeypatch.setattr(canvas, "image_from", lambda source, key: drawing(1))


def looks(dataset: Dataset) -> Iterator[tuple[str, AppTest]]:
    """The name of each page and view that is about a data set, and the page."""
    page = opened("1_Data", dataset=dataset.name)
    yield "images", page
    labelled(page.button_group, "Show").set_value("excluded").run()
    yield "left out", page
    yield "check", opened("1_Data", dataset=dataset.name, view="check")
    yield "augment", opened("4_Augment", dataset=dataset.name)


def works(run: Run, png: bytes) -> Iterator[tuple[str, AppTest]]:
    """The name of each page that asks the workers about a run, and the page."""
    yield "train", opened("2_Train", run=run.key)
    home = AppTest.from_file(ROOT / "streamlit_app.py", default_timeout=60)
    home.query_params["run"] = run.key
    yield "sketch", home.run()
    page = opened("3_Predict", runs=run.key)
    for n in (1, 2):
        files = [(FILE, png + bytes(n), "image/png") for n in range(n)]
        labelled(page.file_uploader, "Images or zips of images").set_value(files).run()
        yield f"predict {n}", page


@pytest.fixture
def png(photo, encoded) -> bytes:
    return encoded(photo(1))


def finished(dataset: Dataset) -> Run:
    run = runs.create(make_config(dataset, "small_cnn"), dataset)
    finish(run.key)
    return runs.find(run.key)


@pytest.fixture
def nasty(photo) -> Dataset:
    """Two classes of which one has such a name, one image left out."""
    datasets.create("pets")
    for seed, label in enumerate((CLASS, "dogs")):
        edits.add_images("pets", label, [(FILE, photo(100 * seed + n)) for n in range(7)])
    return edits.exclude_images("pets", [datasets.load("pets").entries[0]])


@pytest.fixture
def many(photo) -> Dataset:
    """600 classes with the same five images in each, one of them left out."""
    folder = datasets.create("many", "photo").folder
    images = [normalise(photo(n, (8, 8))) for n in range(6)]
    for stored in images:
        stored.write(folder / "images")
    labels = [f"class {n:03}" for n in range(600)]
    splits = ("train", "train", "train", "validation", "test")
    entries = [Entry(images[n].image, label, splits[n], f"{n}.png") for label in labels for n in range(5)]
    entries.append(Entry(images[5].image, labels[0], "train", "left out", excluded=True))
    manifest.write(Dataset("many", "photo", False, tuple(labels), tuple(entries)), folder)
    return datasets.load("many")


def checked(dataset: Dataset) -> None:
    """A report of a check that names the first image and its class in every way."""
    entry = dataset.live()[0]
    image = CaseImage(entry.source, entry.label, entry.split, entry.image, entry.content)
    fixes = (Fix("relabel", (0,), "dogs"), Fix("merge", (), entry.label, "dogs"), Fix("exclude", (0,)))
    case = Case((image,), Note("{name} of {label!r}", {"name": entry.source, "label": entry.label}), fixes)
    finding = Finding(next(iter(CHECKS)), "serious", (case,))
    report = CheckReport(
        dataset.name, dataset.fingerprint, "photo", len(dataset.entries), (finding,), (), time.time(), 12.0
    )
    store.save(dataset.name, report)


def texts(message: Message) -> Iterator[tuple[str, str, str]]:
    """(message, field, text) of every text in a message."""
    for field, value in message.ListFields():
        for part in [value] if isinstance(value, (str, bytes, int, float, Message)) else value:
            if isinstance(part, Message):
                yield from texts(part)
            elif isinstance(part, str) and field.name not in ("id", "query_string", "form_id"):
                yield message.DESCRIPTOR.name, field.name, part


def test_names_are_text_on_every_page(nasty, png):
    checked(nasty)
    named = (CLASS, FILE, i18n.plain(CLASS), escape(CLASS))
    for view, page in chain(looks(nasty), works(finished(nasty), png)):
        assert not page.exception, view
        sent = [text for element in elements(page) for text in texts(element)]
        if view != "predict 2":  # whose table is sent in bytes
            assert any(name in text for name in named for *_place, text in sent), view
        for message, field, text in sent:
            if (message, field) not in PLAIN:
                assert CLASS not in text, (view, message, field)
                assert FILE not in text, (view, message, field)


def test_an_address_is_text_in_what_is_said_of_it():
    link = "![x](http://e.example/x)"
    page = opened("2_Train", run=link)
    assert not says(page.error, link)
    assert says(page.error, i18n.plain(link))


def test_a_page_of_600_classes_is_small(many, png):
    run = finished(many)
    confusion = np.full((600, 600), 1) + np.eye(600, dtype=int)
    confusion[3, 5] = 7
    result = {"accuracy": 0.9, "low": 0.8, "high": 0.95, "n": 4, "confusion": confusion.tolist()}
    write_json(runs.folder(run.key) / "evaluation.json", {"validation": result, "test": result})
    for view, page in chain(looks(many), works(run, png)):
        assert not page.exception, view
        assert sum(element.ByteSize() for element in elements(page)) < MOST_BYTES, view
        if view == "train":
            assert list(page.table[0].value.iloc[0]) == ["class 003", "class 005", "7 of 607"]


def test_an_engine_that_cannot_start_is_told_on_pages_that_open(nasty, png, monkeypatch):
    def engine():
        raise UserError("No scheduler at {address}.", address="nowhere")

    run = finished(nasty)
    monkeypatch.setattr(service, "engine", engine)
    for view, page in works(run, png):
        assert not page.exception, view
        assert says(page.error, "No scheduler at nowhere."), view
        if view == "train":  # what is there without the workers is shown
            assert labelled(page.button, "Train")
            assert labelled(page.metric, "Accuracy on test").value == "50.0%"
        if view == "sketch":
            assert says(page.subheader, "Teach it")
