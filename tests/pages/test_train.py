"""The Train page as a visitor meets it: knobs from the registry, a training followed to its end, cache and queue."""

import os
import subprocess
import sys

import pytest

from core import jobs
from core.config import KNOBS, make_config
from core.data import datasets, edits
from core.paths import ROOT, write_json
from core.results import runs
from core.results.runs import Progress
from core.strategies import STRATEGIES
from tests.pages.visitor import labelled, opened, press, says
from ui import jobview


class Bench:
    """An engine without workers: what was asked for waits, until a test says what became of it."""

    def submit(self, config, dataset):
        run = runs.create(config, dataset)
        if run.state != "done":
            runs.set_state(run.key, "queued")
        return runs.find(run.key)

    def cancel(self, key):
        runs.set_state(key, "cancelled")

    def queue(self):
        return [run for run in runs.every() if run.live]


@pytest.fixture(autouse=True)
def bench(monkeypatch):
    engine = Bench()
    monkeypatch.setattr(jobs, "engine", lambda: engine)
    return engine


@pytest.fixture
def run(pets, bench):
    """A run of `pets` that waits."""
    return bench.submit(make_config(pets.fingerprint, pets.kind, "small_cnn", {"epochs": 7}), pets)


def finish(key: str) -> None:
    write_json(runs.folder(key) / "history.json", {"loss": [0.7, 0.4], "val_loss": [0.6, 0.5]})
    result = {"accuracy": 0.75, "low": 0.3, "high": 0.95, "n": 4, "confusion": [[2, 0], [1, 1]]}
    write_json(runs.folder(key) / "evaluation.json", {"validation": result, "test": result | {"accuracy": 0.5}})
    runs.set_state(key, "done", seconds=12.3, accuracy=0.75)


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_shows_its_knobs_with_its_own_settings(name):
    app = opened("2_Train")
    app.radio[0].set_value(name).run()
    assert not app.exception
    for knob, default in (STRATEGIES[name].defaults | {"seed": 0}).items():
        assert app.get_by_key(f"knob_{name}_{knob}").value == KNOBS[knob].coerce(default), knob
    assert says(app.caption, STRATEGIES[name].source)


def test_a_changed_knob_goes_into_the_run_and_can_be_reset(pets):
    app = opened("2_Train", dataset="pets")
    app.get_by_key("knob_small_cnn_epochs").set_value(3).run()
    press(app, "Train")
    run = runs.every()[0]
    assert (run.config.epochs, run.dataset, run.state) == (3, "pets", "queued")
    assert app.query_params["run"] == run.key
    assert says(app.caption, "Epochs at most 3")
    press(app, "Reset to the source's settings")
    assert app.get_by_key("knob_small_cnn_epochs").value == STRATEGIES["small_cnn"].defaults["epochs"]


def test_the_settings_of_an_earlier_run_come_back_into_the_widgets(run):
    finish(run.key)
    app = opened("2_Train", dataset="pets", run=run.key)
    press(app, "Use these settings")
    assert app.get_by_key("knob_small_cnn_epochs").value == 7
    assert app.radio[0].value == "small_cnn"


def test_an_idle_page_asks_for_nothing(pets, monkeypatch):
    asked = []
    monkeypatch.setattr(jobview, "_queue", asked.append)
    opened("2_Train", dataset="pets")
    assert not asked


def test_the_same_question_is_answered_from_the_cache(pets):
    app = opened("2_Train", dataset="pets")
    press(app, "Train")
    finish(runs.every()[0].key)
    press(app, "Train")
    assert says(app.toast, "Answered from the cache")
    assert says(app.toast, "in 12 seconds")
    assert len(runs.every()) == 1


def test_what_prevents_training_is_said_before(photo):
    datasets.create("one")
    edits.add_images("one", "cats", [(str(n), photo(n)) for n in range(6)])
    app = opened("2_Train", dataset="one")
    assert says(app.warning, "only one class")
    assert "Train" not in [button.label for button in app.button]


def test_a_running_training_shows_where_it_is(run):
    runs.set_state(run.key, "running")
    progress = Progress("training", 0.4, 3, 7, 5, 9, 0.51, 0.8, 515, 20, "CPU, 2 cores", "bfloat16")
    runs.write_progress(run.key, progress)
    app = opened("2_Train", dataset="pets", run=run.key)
    assert app.get("progress")[0].proto.text == "Training · epoch 3 of 7 · about 20 seconds left"
    assert labelled(app.metric, "Accuracy in training").value == "80.0%"
    assert says(app.caption, "CPU, 2 cores · bfloat16 · 515 images/s")
    assert not app.warning


def test_a_silent_worker_is_said_to_be_replaced(run, monkeypatch):
    runs.set_state(run.key, "running")
    runs.write_progress(run.key, Progress("training", epoch=1, epochs=7))
    monkeypatch.setattr(runs, "STALE_AFTER_S", -1)
    assert says(opened("2_Train", run=run.key).warning, "being replaced")


def test_a_finished_run_shows_its_accuracy_with_interval(run):
    finish(run.key)
    app = opened("2_Train", dataset="pets", run=run.key)
    assert says(app.markdown, "50.0% of 4 test images are recognised")
    metric = labelled(app.metric, "On validation images")
    assert (metric.value, metric.delta) == ("75.0%", "30.0% to 95.0%")
    assert says(app.caption, "Trained in 12 seconds, 2 epochs")
    assert says(app.markdown, "75.0% right")  # among the runs of this data set


def test_a_cancelled_run_resumes(run):
    app = opened("2_Train", dataset="pets", run=run.key)
    labelled(app.button, "Cancel").click().run()
    assert says(app.info, "Cancelled after 0 finished epochs")
    press(app, "Resume")
    assert runs.find(run.key).state == "queued"


def test_a_failed_run_says_why_and_trains_again(run):
    runs.set_state(run.key, "failed", message=runs.WORKER_LOST)
    app = opened("2_Train", dataset="pets", run=run.key)
    assert says(app.error, runs.WORKER_LOST)
    press(app, "Train again")
    assert runs.find(run.key).state == "queued"


def test_the_queue_shows_other_runs_and_cancels_them(run):
    app = opened("2_Train")
    assert says(app.markdown, "pets · waiting")
    press(app, "Cancel")
    assert runs.find(run.key).state == "cancelled"


def test_a_run_is_deleted(run):
    finish(run.key)
    app = opened("2_Train", dataset="pets", run=run.key)
    press(app, "Delete")
    assert runs.every() == []
    assert "run" not in app.query_params


def test_an_unknown_run_is_an_error_in_words_beside_a_working_page():
    app = opened("2_Train", run="0123456789abcdef")
    assert says(app.error, "0123456789abcdef")
    assert "Train" in [button.label for button in app.button]


@pytest.mark.parametrize("page", ["1_Data", "2_Train"])
def test_the_server_process_does_not_import_tensorflow(page):
    code = f"""
import sys
from types import SimpleNamespace
from streamlit.testing.v1 import AppTest
from core import jobs
from core.data import builtin
builtin.SHAPES_PER_CLASS = dict(train=4, validation=1, test=1)
jobs.engine = lambda: SimpleNamespace(queue=list)
app = AppTest.from_file("streamlit_app.py", default_timeout=60).switch_page("pages/{page}.py").run()
assert not app.exception
assert not {{"tensorflow", "keras"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=os.environ, check=True, timeout=120)
