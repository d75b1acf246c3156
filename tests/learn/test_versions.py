"""A result that changes needs a new version, or else the cache would answer with the old one.

`golden.json` holds what each version gives: {what: {version: {name: numbers}}}. Where one of these
tests fails because a result was meant to change, raise the version in `core.catalog.versions` and add the new output,
which the test prints, beside the old one.
"""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from core.augmentation import transforms
from core.catalog.strategies import PRESETS
from core.catalog.versions import INPUT_VERSION, RECIPE_VERSION
from core.config import make_augmentation, make_config
from core.data import arrays
from core.learn import recipes, training
from core.results import runs
from tests.learn.pretrained import taught

GOLDEN = Path(__file__).with_name("golden.json")
FEWEST_STEPS = recipes.FEWEST_STEPS  # as it is outside the tests
SIDE = 8


def hold(what: str, version: int, output: dict[str, list], **tolerance: float) -> None:
    """Compare an output with that of the same version before."""
    golden = json.loads(GOLDEN.read_text("utf-8"))[what].get(str(version), {})
    assert golden.keys() == output.keys(), f'{what}: "{version}": {json.dumps(output)}'
    for name, numbers in output.items():
        assert numbers == pytest.approx(golden[name], **tolerance), f'{what}: "{version}": {json.dumps(output)}'


def png(mode: str) -> bytes:
    """A circle and a line before a slope, 48 x 32 pixels; in the mode "RGBA" the slope is in the alpha channel."""
    slope = Image.linear_gradient("L").resize((48, 32))
    image = Image.new("RGB", slope.size, (250, 240, 230))
    drawing = ImageDraw.Draw(image)
    drawing.ellipse((6, 4, 30, 28), outline=(20, 40, 160), fill=(200, 60, 30), width=3)
    drawing.line((34, 2, 44, 30), fill=(10, 10, 10), width=2)
    if mode == "RGBA":
        image.putalpha(slope)
    encoded = io.BytesIO()
    image.convert(mode).save(encoded, "PNG")
    return encoded.getvalue()


def test_an_image_becomes_the_input_that_its_version_says():
    output = {
        f"{kind} {mode} {channels}": arrays.prepared(png(mode), kind, SIDE, channels).ravel().tolist()
        for kind in ("photo", "drawing")
        for mode, channels in (("RGB", 3), ("RGBA", 1), ("L", 1))
    }
    hold("input", INPUT_VERSION, output, abs=1)  # levels, which another build of a library may round differently


def test_augmentation_changes_an_image_as_its_version_says():
    image = arrays.prepared(png("RGB"), "photo", SIDE, 3)
    augmentation = make_augmentation(PRESETS["everything"].knobs | {"brightness": 0.2, "channel_shift": 30})
    output = {
        kind: transforms.variants(image[np.newaxis], augmentation, kind, [transforms.seed("ab" * 12, 3, 1)])
        .ravel()
        .tolist()
        for kind in ("photo", "drawing")
    }
    hold("augmentation", RECIPE_VERSION, output, abs=2)


@pytest.mark.parametrize("strategy", ["shapes_cnn", "digits_cnn", "small_cnn"])
def test_a_network_of_its_own_learns_as_its_version_says(pets, monkeypatch, strategy):
    monkeypatch.setattr(recipes, "FEWEST_STEPS", FEWEST_STEPS)
    size = {"image_size": 32} if strategy == "small_cnn" else {}
    run = runs.create(make_config(pets, strategy, {"epochs": 2, "batch_size": 8, **size}), pets)
    training.train(run.key)
    hold(strategy, RECIPE_VERSION, {"loss": runs.history(run.key)["loss"]}, rel=0.03)


@pytest.mark.parametrize("strategy", ["bottleneck_augmented", "fine_tuning"])
def test_a_pretrained_network_learns_as_its_version_says(pets, random_weights, strategy):
    run = taught(pets, strategy, "efficientnet_lite0", epochs=2)
    hold(strategy, RECIPE_VERSION, {"loss": runs.history(run.key)["loss"]}, rel=0.03)
