"""The home page as a visitor meets it, with an engine that answers without workers."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.config import make_config
from core.data import datasets
from core.errors import UserError
from core.jobs import cluster, service
from core.jobs.engine import Prediction
from core.results import runs
from core.results.runs import Progress
from core.storage import job_folder
from core.storage.workspace import ROOT
from tests.pages.visitor import labelled, says
from ui.sketch import home
from ui.widgets import canvas, probabilities


class Seer:
    """An engine that always answers the same, and remembers what it was asked to train."""

    shares = (0.02, 0.01, 0.97)
    builtin = ""  # the built-in classifier's run

    def __init__(self):
        self.submitted, self.asked = [], []

    def train(self, config, dataset):
        self.submitted.append(config.key)

    def predict(self, keys, rgb):
        self.asked.append(list(keys))
        return [Prediction(key, runs.find(key).classes, self.shares, 12.3, 4.5) for key in keys]


@pytest.fixture(autouse=True)
def seer(monkeypatch):
    engine = Seer()
    monkeypatch.setattr(service, "engine", lambda: engine)
    monkeypatch.setattr(service, "builtin_run", lambda: runs.find(engine.builtin) if engine.builtin else None)
    return engine


@pytest.fixture
def run(seer):
    """The built-in classifier's run, queued."""
    dataset = datasets.load(service.BUILTIN_SET)
    run = runs.create(make_config(dataset, service.BUILTIN_STRATEGY), dataset)
    runs.job(run.key).set_state("queued")
    seer.builtin = run.key
    return run


@pytest.fixture
def trained(run):
    runs.job(run.key).set_state("done", accuracy=0.98)
    return runs.find(run.key)


@pytest.fixture
def drawn(monkeypatch, drawing):
    """Something is on the canvas."""
    image = drawing(1, 288)
    monkeypatch.setattr(home.canvas, "image_from", lambda source, key: image)
    return image


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(ROOT / "streamlit_app.py", default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def test_a_trained_classifier_invites_to_draw(trained):
    app = opened()
    assert app.title[0].value == "Sketch"
    assert says(app.subheader, "Draw a circle, a rectangle or a triangle")
    assert labelled(app.button, "Undo").disabled
    assert labelled(app.button, "Clear").disabled


def test_a_drawing_is_answered_in_words_and_with_a_bar_for_every_class(trained, drawn):
    app = opened()
    assert app.header[0].value == "Triangle, 97%"
    assert says(app.caption, "Answered in 12 ms")
    [bars] = app.get("html")
    assert all(f">{name}<" in bars.proto.body for name in ("circle", "rectangle", "triangle"))


def test_a_doubtful_answer_is_said_with_doubt(trained, drawn, seer):
    seer.shares = (0.4, 0.35, 0.25)
    assert opened().header[0].value == "Perhaps circle, 40%"


def test_without_its_drawings_the_classifier_says_what_it_does():
    app = opened()
    assert says(app.subheader, "Training the built-in model")
    assert not says(app.subheader, "Teach it")


def test_while_the_classifier_trains_its_progress_shows(run, drawn):
    runs.job(run.key).set_state("running")
    runs.job(run.key).write_progress(Progress(stage="training", share=0.4, eta_s=12))
    app = opened()
    assert says(app.subheader, "Training the built-in model")
    [progress] = app.get("progress")
    assert (progress.proto.value, progress.proto.text) == (40, "Training · about 12 seconds left")
    assert not app.header


@pytest.mark.parametrize(("state", "message"), [("failed", job_folder.WORKER_LOST), ("cancelled", "")])
def test_a_classifier_that_broke_off_can_be_trained_again(run, seer, state, message):
    runs.job(run.key).set_state(state, message=message)
    app = opened()
    assert says(app.error, job_folder.WORKER_LOST) if message else says(app.info, "was stopped")
    labelled(app.button, "Train again").click().run()
    assert seer.submitted == [run.key]


def test_a_start_that_failed_says_why_and_can_be_tried_again(monkeypatch):
    again = []
    monkeypatch.setattr(service, "start_error", lambda: UserError("No room left."))
    monkeypatch.setattr(service, "start_in_background", lambda: again.append(1))
    app = opened()
    assert says(app.error, "No room left.")
    assert not says(app.subheader, "Training the built-in model")
    labelled(app.button, "Try again").click().run()
    assert again == [1]


def test_what_is_wrong_with_the_workers_is_said_on_the_page(trained, monkeypatch):
    monkeypatch.setattr(service, "troubles", lambda: [UserError(cluster.RESTARTING["predict"])])
    app = opened()
    assert says(app.warning, "The prediction worker stopped and is being restarted.")
    monkeypatch.setattr(service, "troubles", list)
    app.run()
    assert not app.warning


def test_any_finished_run_can_look_and_the_address_remembers_which(trained, pets):
    other = runs.create(make_config(pets, "small_cnn"), pets)
    runs.job(other.key).set_state("done", accuracy=0.9)
    app = opened()
    assert app.query_params["run"] == trained.key
    app = opened(run=other.key)
    assert labelled(app.selectbox, "Classify with").value == other.key


def finish(trained, strategy: str, accuracy: float, **settings: object) -> str:
    """The key of another finished run on the same images."""
    dataset = datasets.load(trained.dataset)
    run = runs.create(make_config(dataset, strategy, settings), dataset)
    runs.job(run.key).set_state("done", accuracy=accuracy)
    return run.key


def test_the_best_run_of_every_strategy_can_look_beside_the_chosen_one(trained, drawn, seer, pets):
    best = finish(trained, "small_cnn", 0.9, seed=1)
    finish(trained, "small_cnn", 0.8, seed=2)
    finish(trained, "shapes_cnn", 0.99, seed=3)
    digits = finish(trained, "digits_cnn", 0.95)
    app = opened(run=trained.key)
    assert seer.asked == [[trained.key]]
    labelled(app.toggle, "Compare all strategies trained on this data set").set_value(True).run()
    assert not app.exception
    assert seer.asked[1:] == [[trained.key, digits, best]]
    assert [title.value for title in app.subheader[:3]] == ["Triangle, 97%"] * 3
    assert len(app.get("html")) == 3
    assert says(app.markdown, "All 3 agree: triangle.")


def test_there_is_nothing_to_compare_with_one_strategy(trained, drawn, pets):
    other = runs.create(make_config(pets, "small_cnn"), pets)
    runs.job(other.key).set_state("done", accuracy=0.9)
    finish(trained, "shapes_cnn", 0.9, seed=1)
    assert not opened().toggle


def test_teaching_puts_the_drawing_into_a_copy_of_the_built_in_set(trained, drawn):
    app = opened()
    assert labelled(app.button, "Add to data set").disabled
    labelled(app.selectbox, "This is a ...").set_value("triangle").run()
    labelled(app.button, "Add to data set").click().run()
    assert not app.exception
    before, after = datasets.load("shapes"), datasets.load("my shapes")
    assert len(after.entries) == len(before.entries) + 1
    assert sum(after.counts()["triangle"].values()) == sum(before.counts()["triangle"].values()) + 1
    assert says(app.markdown, "Added to the data set “my shapes”")
    assert not app.info


def test_teaching_a_new_class(trained, drawn):
    app = opened()
    app.session_state["teach-label"] = "star"  # AppTest itself can only choose what is listed
    labelled(app.selectbox, "This is a ...").options.append("star")
    app.run()
    labelled(app.selectbox, "This is a ...").options.append("star")
    labelled(app.button, "Add to data set").click().run()
    assert "star" in datasets.load("my shapes").classes
    assert says(app.info, "'star' has 1. Add 4 more.")


def test_a_finished_run_of_a_strategy_that_is_gone_can_still_look(trained, pets):
    old = runs.create(replace(make_config(pets, "small_cnn"), strategy="gone_cnn"), pets)
    runs.job(old.key).set_state("done")
    assert "pets · gone_cnn" in probabilities.describe(runs.find(old.key))
    opened()


def test_a_finished_run_outlives_its_data_set(trained, pets):
    other = runs.create(make_config(pets, "small_cnn"), pets)
    runs.job(other.key).set_state("done")
    datasets.delete("pets")
    app = opened(run=other.key)
    assert not app.error
    assert not says(app.subheader, "Teach it")


def test_a_users_error_is_a_friendly_message(trained, drawn, seer, monkeypatch):
    def fail(keys, rgb):
        raise UserError("There is no file '{path}'. Check its name and folder.", path="model")

    monkeypatch.setattr(seer, "predict", fail, raising=False)
    assert says(opened().error, "There is no file 'model'.")
    assert says(opened(lang="ko").error, "'model' 파일이 없어요.")


def test_the_address_chooses_the_language(trained):
    app = opened(lang="ko")
    assert app.title[0].value == "스케치"
    assert app.query_params["lang"] == "ko"


def test_an_unknown_language_falls_back_to_english(trained):
    assert opened(lang="xx").title[0].value == "Sketch"


def test_blank_pictures_are_nothing_and_drawings_outlive_a_change_of_page(encoded, drawing):
    sheet = {"pictures": {}}
    blank, ink = np.full((288, 288, 3), 255, np.uint8), drawing(1, 288)
    assert canvas._picture(sheet, encoded(blank), 1) is None
    assert np.array_equal(canvas._picture(sheet, encoded(ink), 2), ink)
    assert np.array_equal(canvas._picture(sheet, None, 2), ink)  # a canvas that has just appeared with that drawing
    assert canvas._picture(sheet, None, 0) is None


SCRIPT = """
import sys
from streamlit.testing.v1 import AppTest
from core.jobs import service
app = AppTest.from_file("streamlit_app.py", default_timeout=60).run()
assert not app.exception and app.title, app
loaded = {"tensorflow", "keras"} & set(sys.modules)
assert not loaded, loaded
"""


def test_the_server_process_never_imports_tensorflow(home):
    # In a process of its own: another test may have imported it here.
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
                          capture_output=True, text=True, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_an_upload_on_which_nothing_can_be_seen_says_so(trained, seer, encoded, drawing):
    app = opened()
    app.button_group(key=f"{home.CANVAS}-source").set_value("upload").run()
    labelled(app.file_uploader, "An image file").set_value(
        [("blank.png", encoded(np.full((64, 64, 3), 255, np.uint8)), "image/png")]
    ).run()
    assert says(app.warning, "This image is blank")
    assert not app.header
    assert seer.asked == []
    white = np.dstack([np.full((64, 64, 3), 255, np.uint8), 255 - drawing(1)[:, :, 0]])
    labelled(app.file_uploader, "An image file").set_value([("ink.png", encoded(white), "image/png")]).run()
    assert not app.warning
    assert app.header[0].value == "Triangle, 97%"


def test_a_drawing_of_unbelievable_size_is_not_decoded():
    sheet = {"pictures": {}}
    with pytest.raises(UserError, match="too large"):
        canvas._picture(sheet, bytes(canvas.MAX_DRAWING + 1), 1)
