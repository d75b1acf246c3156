"""The Predict page as a visitor meets it, with an engine that answers without workers."""

import csv
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from core.config import make_config
from core.errors import UserError
from core.jobs import service
from core.jobs.engine import MOST_RUNS, Prediction
from core.results import runs
from core.results.runs import Run
from core.storage.workspace import ROOT
from tests.pages.visitor import labelled, opened, says
from ui.predict import batch
from ui.widgets import probabilities


class Oracle:
    "An engine whose every run says probability it is of its first class, and that remembers what it was asked."

    def __init__(self):
        self.share = {}  # {run's key: probability of its first class}; 0.9 where it is not told
        self.asked = []
        self.damaged = set()  # keys

    def _row(self, key):
        first, others = self.share.get(key, 0.9), len(runs.find(key).classes) - 1
        return (first, *[(1 - first) / others] * others)

    def predict(self, keys, rgb):
        self.asked += keys
        return [
            UserError("The model is damaged.")
            if key in self.damaged
            else Prediction(key, runs.find(key).classes, self._row(key), 30.0, 4.4)
            for key in keys
        ]

    def predict_many(self, key, pictures):
        if key in self.damaged:
            raise UserError("The model is damaged.")
        self.asked += [key] * len(pictures)
        return np.array([self._row(key)] * len(pictures), np.float32)

    def imagenet(self, rgb):
        return [("tabby", 0.6), ("tiger cat", 0.3), ("lynx", 0.05), ("fox", 0.03), ("hare", 0.02)]


@pytest.fixture(autouse=True)
def oracle(monkeypatch) -> Oracle:
    engine = Oracle()
    monkeypatch.setattr(service, "engine", lambda: engine)
    return engine


@pytest.fixture
def finished(pets) -> Callable[..., Run]:
    """finished("small_cnn", epochs=3) -> a finished run of `pets`."""

    def make(strategy: str, **settings: object) -> Run:
        run = runs.create(make_config(pets, strategy, settings), pets)
        runs.job(run.key).set_state("done", accuracy=0.75)
        return runs.find(run.key)

    return make


@pytest.fixture
def png(photo, encoded) -> Callable[[int], tuple[str, bytes, str]]:
    """png(3) -> the third of many photos, as a file that can be uploaded."""
    return lambda n: (f"photo {n}.png", encoded(photo(n)), "image/png")


def uploaded(page, *files: tuple[str, bytes, str]):
    labelled(page.file_uploader, "Images or zips of images").set_value(list(files)).run()
    assert not page.exception
    return page


def chosen(page) -> list[str]:
    return labelled(page.multiselect, "Models to compare").value


def bars(page) -> list[str]:
    return [element.proto.body for element in page.get("html")]


def test_without_a_finished_run_the_page_says_what_to_do(pets):
    runs.create(make_config(pets, "small_cnn"), pets)
    page = opened("3_Predict")
    assert says(page.info, "No trained models yet")
    assert not page.multiselect


def test_the_run_of_the_address_comes_first_and_its_data_sets_other_runs_with_it(finished):
    one, two = finished("small_cnn"), finished("shapes_cnn")
    page = opened("3_Predict", run=one.key)
    assert chosen(page) == [one.key, two.key]
    assert page.query_params["runs"] == f"{one.key},{two.key}"
    assert "run" not in page.query_params


def test_the_address_carries_the_choice(finished):
    one, two = finished("small_cnn"), finished("shapes_cnn")
    assert chosen(opened("3_Predict", runs=one.key)) == [one.key]
    assert chosen(opened("3_Predict", runs=f"gone,{two.key}")) == [two.key]
    assert chosen(opened("3_Predict", runs="gone")) == [two.key, one.key]


def test_an_address_that_names_very_many_runs_asks_only_some_and_says_so(finished, oracle, png):
    keys = [finished("small_cnn", seed=seed).key for seed in range(MOST_RUNS + 3)]
    page = opened("3_Predict", runs=",".join(keys))
    assert chosen(page) == keys[:MOST_RUNS]
    assert says(page.caption, f"At most {MOST_RUNS} models can be compared at once; the link names {len(keys)}.")
    uploaded(page, png(1))
    assert set(oracle.asked) == set(keys[:MOST_RUNS])


def test_every_strategy_is_preselected_before_one_of_them_twice(finished):
    first, *same = [finished("small_cnn", seed=seed) for seed in range(8)]
    other = finished("digits_cnn")
    by_key = {run.key: run for run in reversed([other, first, *same])}
    keys = batch.preselected(by_key, first.key)
    assert keys[:2] == [first.key, other.key]
    assert len(keys) == len(set(keys)) == batch.PRESELECTED


def test_a_line_of_pixels_is_looked_at_too(finished, encoded):
    finished("small_cnn")
    line = encoded(np.zeros((1, 1000, 3), np.uint8))
    page = uploaded(opened("3_Predict"), ("line.png", line, "image/png"))
    assert [title.value for title in page.subheader] == ["Cats, 90%"]


def test_what_is_no_image_is_told_at_once_where_nothing_else_was_given(finished, png):
    finished("small_cnn")
    broken = ("text.png", b"I am a text", "image/png")
    page = uploaded(opened("3_Predict"), broken)
    assert labelled(page.expander, "Could not be used: 1").proto.expanded
    assert says(page.text, "text.png: This file is text")
    page = uploaded(opened("3_Predict"), broken, png(1))
    assert not labelled(page.expander, "Could not be used: 1").proto.expanded


def test_one_image_gets_a_card_from_every_run_and_whether_they_agree(finished, png, oracle):
    one, two = finished("small_cnn"), finished("shapes_cnn")
    page = uploaded(opened("3_Predict"), png(1))
    assert [title.value for title in page.subheader] == ["Cats, 90%", "Cats, 90%"]
    assert len(bars(page)) == 2
    assert says(page.markdown, "All 2 agree: cats.")
    assert says(page.caption, "pets · 75.0% accuracy · 4 ms")
    assert says(page.caption, "Answered in 30 ms")
    oracle.share[one.key] = 0.2
    page.run()
    assert {title.value for title in page.subheader} == {"Cats, 90%", "Dogs, 80%"}
    assert says(page.markdown, "They disagree:** cats (Shapes CNN); dogs (Small CNN).")
    assert set(oracle.asked) == {one.key, two.key}


def test_many_images_give_a_table_and_no_answer_is_asked_for_twice(finished, png, oracle):
    one, two = finished("small_cnn"), finished("shapes_cnn")
    page = opened("3_Predict", runs=one.key)
    uploaded(page, png(1), png(2), png(3))
    [table] = page.dataframe
    assert list(table.value["file"]) == ["photo 1.png", "photo 2.png", "photo 3.png"]
    assert list(table.value[f"{one.key} answer"]) == ["cats"] * 3
    assert table.value[f"{one.key} share"].tolist() == pytest.approx([0.9] * 3)
    assert all(address.startswith("data:image/jpeg;base64,") for address in table.value["picture"])
    assert oracle.asked == [one.key] * 3
    labelled(page.multiselect, "Models to compare").set_value([one.key, two.key]).run()
    assert oracle.asked == [one.key] * 3 + [two.key] * 3
    assert page.dataframe[0].value["agree"].all()
    assert says(page.markdown, "They agree on 3 of 3 images.")
    uploaded(page, png(1), png(2), png(3), png(4))
    assert oracle.asked[6:] == [one.key, two.key]


def test_a_damaged_model_is_named_and_the_others_answer(finished, png, oracle):
    one, two = finished("small_cnn"), finished("shapes_cnn")
    oracle.damaged = {two.key}
    page = uploaded(opened("3_Predict"), png(1))
    assert [title.value for title in page.subheader] == ["Cats, 90%"]
    assert [error.value for error in page.error] == ["The model is damaged."]
    uploaded(page, png(1), png(2))
    assert list(page.dataframe[0].value) == ["picture", "file", f"{one.key} answer", f"{one.key} share"]
    assert len(page.error) == 1
    assert says(page.error, ": The model is damaged.")
    oracle.damaged = {one.key, two.key}
    page = uploaded(opened("3_Predict"), png(1), png(2))
    assert len(page.error) == 2
    assert not page.dataframe


def test_a_file_that_is_no_image_is_named(finished, png):
    finished("small_cnn")
    page = uploaded(opened("3_Predict"), png(1), ("broken.png", b"text", "image/png"))
    assert labelled(page.expander, "Could not be used: 1")
    assert says(page.text, "broken.png: This file is text")
    assert [title.value for title in page.subheader] == ["Cats, 90%"]


def test_too_many_images_are_refused(finished, png, monkeypatch):
    monkeypatch.setattr(batch, "MAX_IMAGES", 2)
    finished("small_cnn")
    page = uploaded(opened("3_Predict"), png(1), png(2), png(3))
    assert says(page.error, "3 images are too many at once")
    assert not page.dataframe


def test_what_the_pretrained_network_sees(finished, png, oracle, monkeypatch):
    finished("small_cnn")
    page = uploaded(opened("3_Predict"), png(1))
    toggle = labelled(page.toggle, "What does the pretrained network see?")
    toggle.set_value(True).run()
    assert re.findall(r">([a-z ]+)<", "".join(bars(page)))[:5] == ["tabby", "tiger cat", "lynx", "fox", "hare"]

    def missing(rgb):
        raise UserError("The ImageNet weights of {title} are missing.", title="EfficientNet-Lite0")

    monkeypatch.setattr(oracle, "imagenet", missing)
    page.run()
    assert says(page.error, "The ImageNet weights of EfficientNet-Lite0 are missing.")
    assert [title.value for title in page.subheader] == ["Cats, 90%"]


def test_runs_with_other_classes_stand_beside_each_other_and_only_their_equals_are_compared(finished):
    def prediction(key, classes):
        return Prediction(key, classes, (0.7, 0.3), 1.0, 1.0)

    trained = [finished("small_cnn"), finished("shapes_cnn"), finished("digits_cnn")]
    said = [prediction(run.key, ("cats", "dogs")) for run in trained[:2]] + [prediction(trained[2].key, ("a", "b"))]
    assert probabilities.agreement(trained, said) == ["**All 2 agree: cats.**"]
    assert probabilities.agreement(trained[1:], said[1:]) == []


def test_names_are_as_short_as_tells_the_runs_apart(finished):
    one, two, other = finished("small_cnn"), finished("small_cnn", seed=1), finished("shapes_cnn")
    assert probabilities.names([one, other]) == {one.key: "Small CNN", other.key: "Shapes CNN"}
    assert len(set(probabilities.names([one, two]).values())) == 2


def test_the_csv_holds_every_probability(finished):
    run = finished("small_cnn")
    pictures = [batch.Upload("고양이, 1.png", "1a", b"", ""), batch.Upload("2.png", "2b", b"", "")]
    rows = ([0.25, 0.75], [1.0, 0.0])
    known = {batch.name(run, picture): np.array(row) for picture, row in zip(pictures, rows, strict=True)}
    written = batch.as_csv(pictures, [run], known).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(written))) == [
        ["File", "Small CNN", "Small CNN: cats", "Small CNN: dogs"],
        ["고양이, 1.png", "dogs", "0.250000", "0.750000"],
        ["2.png", "cats", "1.000000", "0.000000"],
    ]


SCRIPT = """
import sys
from tests.pages.visitor import opened
opened("3_Predict")
loaded = {"tensorflow", "keras"} & set(sys.modules)
assert not loaded, loaded
"""


def test_the_page_never_imports_tensorflow(finished):
    # In a process of its own: another test may have imported it here.
    finished("small_cnn")
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
                          capture_output=True, text=True, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
