"""The Augment page as a visitor meets it: what is shown is what training shows, and bad input is answered in words."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from core.augmentation import transforms
from core.catalog.strategies import PRESETS, STRATEGIES
from core.config import AUGMENTATION_KNOBS, make_augmentation, make_config
from core.data import arrays, contact_sheet, datasets
from core.jobs import service
from core.results import runs
from tests.pages.test_train import Bench, finish
from tests.pages.visitor import labelled, opened, press, says
from ui.augment import ablation, lab


@pytest.fixture(autouse=True)
def bench(monkeypatch):
    engine = Bench()
    monkeypatch.setattr(service, "engine", lambda: engine)
    return engine


def knob(app, name: str, strategy: str = "small_cnn"):
    return app.get_by_key(f"knob_{strategy}_{name}")


@pytest.fixture
def page(pets):
    """The page for `pets` as the small CNN sees them."""
    app = opened("4_Augment", dataset="pets")
    labelled(app.selectbox, "Preview for strategy").set_value("small_cnn").run()
    return app


def pictures(app) -> list[str]:
    return [html.proto.body for html in app.get("html")]


def test_the_page_shows_variants_and_every_knob_has_its_bounds(page):
    assert not page.exception
    assert pictures(page)[0].count("<img") == 21
    for name in AUGMENTATION_KNOBS:
        if name != "fill_value":
            assert knob(page, name).value == STRATEGIES["small_cnn"].defaults[name]


def test_a_preset_sets_the_knobs_and_a_moved_knob_leaves_it(page):
    presets = labelled(page.button_group, "Presets")
    assert presets.value == "shear_zoom_flip"
    presets.set_value("everything").run()
    assert {name: knob(page, name).value for name in ("rotation", "shear")} == {"rotation": 40, "shear": 11.5}
    knob(page, "rotation").set_value(10.0).run()
    assert labelled(page.button_group, "Presets").value is None
    assert says(page.caption, "Custom setting")


def test_a_new_draw_changes_the_variants_and_the_seed_brings_them_back(page):
    first, seed = pictures(page)[0], knob(page, "seed").value
    press(page, "New draw")
    assert pictures(page)[0] != first
    knob(page, "seed").set_value(seed).run()
    assert pictures(page)[0] == first


def test_without_changes_every_variant_is_the_image(page):
    labelled(page.button_group, "Presets").set_value("none").run()
    shown = pictures(page)[0].split('src="')[1:]
    assert len({picture.split('"')[0] for picture in shown}) == 1


def test_the_fill_shade_is_offered_only_where_it_counts(page):
    assert "Fill shade (levels)" not in [slider.label for slider in page.slider]
    knob(page, "fill_mode").set_value("constant").run()
    assert knob(page, "fill_value").value == 0


@pytest.mark.parametrize("name", [name for name in AUGMENTATION_KNOBS if name != "fill_value"])
def test_every_knob_has_a_sweep(page, name):
    page.button_group(key="lab-sweep").set_value(name).run()
    assert not page.exception
    assert "<figcaption" in pictures(page)[1]


def test_use_in_training_hands_over_the_very_settings(page):
    knob(page, "rotation").set_value(33.0).run()
    labelled(page.button, "Use in training").click().run()
    page.switch_page("pages/2_Train.py").run()  # AppTest does not follow by itself
    assert not page.exception
    assert labelled(page.radio, "Strategy").value == "small_cnn"
    assert knob(page, "rotation").value == 33
    press(page, "Train")
    assert runs.every()[0].config.augmentation.rotation == 33


def test_a_text_file_that_calls_itself_a_picture_is_refused_in_words(page):
    page.button_group(key="lab-source").set_value("upload").run()
    labelled(page.file_uploader, "An image file").set_value(
        [("letter.png", b"Dear Ann, how are you?", "image/png")]
    ).run()
    assert says(page.error, "This file is text, not an image")
    assert not page.exception


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (np.full((1, 1, 3), 90, np.uint8), "only 1 x 1 pixels"),
        (np.full((10, 10_000, 3), 90, np.uint8), "10000 x 10 pixels, so it is badly distorted"),
        (np.full((40, 40), 90, np.uint8), "no color"),
        (np.full((40, 40, 4), 90, np.uint8), "laid on white"),
        (np.random.default_rng(0).integers(0, 2, (40, 40, 3), np.uint8), "brightest pixel is 1 of 255"),
    ],
    ids=["1x1", "panorama", "greyscale", "alpha", "rescaled"],
)
def test_odd_pictures_are_augmented_and_told_about(page, encoded, picture, said):
    page.button_group(key="lab-source").set_value("upload").run()
    labelled(page.file_uploader, "An image file").set_value([("odd.png", encoded(picture), "image/png")]).run()
    assert not page.exception
    assert not page.error
    assert says(page.warning, said)
    assert pictures(page)[0].count("<img") == 21


def test_a_set_without_images_says_where_they_come_from():
    datasets.create("empty")
    assert says(opened("4_Augment", dataset="empty").info, "no images in this data set")


def test_the_zip_holds_what_is_shown(pets):
    entry = pets.live("train")[0]
    picture = lab.LabImage(entry.content, pets.image_path(entry).read_bytes(), (64, 48))
    row, augmentation = STRATEGIES["small_cnn"], make_augmentation(PRESETS["everything"].knobs)
    setting = lab.Setting(row, "photo", picture, lab.prepared(row, picture, pets), augmentation, 4)
    variants = setting.variants(7)
    with zipfile.ZipFile(contact_sheet.variants_zip(setting.shown, variants, {"seed": 4})) as archive:
        names = archive.namelist()
        third = np.array(Image.open(io.BytesIO(archive.read("variant_03.png"))))
        sheet = Image.open(io.BytesIO(archive.read("contact_sheet.png")))
        assert json.loads(archive.read("settings.json")) == {"seed": 4}
    assert len(names) == 10
    assert np.array_equal(third, variants[2])
    assert sheet.width > 5 * 150


def test_a_run_shows_what_it_was_fed(pets, bench):
    run = bench.train(make_config(pets, "small_cnn", {"seed": 3}), pets)
    finish(run.key)
    app = opened("2_Train", dataset="pets", run=run.key)
    assert says(app.markdown, "Training input")
    shown, labels = lab._fed(run.key)
    entry = pets.live("train")[0]
    own = arrays.prepared(pets.image_path(entry), "photo", 150, 3)
    seeds = [transforms.seed(entry.content, 3, 0)]
    variant = transforms.variants(own[np.newaxis], run.config.augmentation, "photo", seeds)
    assert np.array_equal(shown[0], transforms.resized(variant, 100)[0])
    assert labels[:2] == ["cats", "dogs"]


def test_whether_it_helps_is_measured_with_and_without_over_three_seeds(bench, monkeypatch):
    dataset = datasets.load("shapes")
    app = opened("4_Augment", dataset="shapes")
    press(app, "Run the comparison (6 trainings)")
    asked = runs.every()
    assert len(asked) == 6
    assert {run.config.strategy for run in asked} == {"shapes_cnn"}
    assert {run.config.seed for run in asked} == set(ablation.SEEDS)
    assert {run.config.augmentation.changes_nothing for run in asked} == {True, False}
    for run in asked:
        finish(run.key, 0.5, len(run.classes))
    app = opened("4_Augment", dataset="shapes")
    assert says(app.markdown, "No clear difference")
    assert says(app.caption, "on 4 validation images")
    assert "Run the comparison (6 trainings)" not in [button.label for button in app.button]
    assert dataset.kind == "drawing"


def test_flips_are_checked_with_the_newest_network(pets, bench, page):
    assert says(page.caption, "once a model is trained on this data set")
    run = bench.train(make_config(pets, "small_cnn", {"horizontal_flip": False}), pets)
    finish(run.key)
    mirrored = []

    def predict_many(key, batch):
        mirrored.append(len(mirrored) > 0)
        return np.array([[0.1, 0.9] if mirrored[-1] or index >= 6 else [0.9, 0.1] for index in range(len(batch))])

    bench.predict_many = predict_many
    page.run()
    press(page, "Check with a trained model: Horizontal flip")
    assert says(page.warning, "“cats” 100%, flipped 0% (often predicted as “dogs”)")
