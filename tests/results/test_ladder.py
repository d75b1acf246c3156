"""Which strategies are worth comparing on a data set, and which of them can run."""

import pytest

from core.catalog.strategies import LADDER, STRATEGIES
from core.data import datasets
from core.data.manifest import Dataset
from core.results.ladder import plan, rungs


@pytest.fixture
def photos() -> Dataset:
    return datasets.create("photos", "photo")


def test_photos_take_the_ladder_and_drawings_begin_with_what_was_made_for_them():
    assert rungs("photo") == LADDER
    assert rungs("drawing") == ("shapes_cnn", "digits_cnn", *LADDER)
    assert set(rungs("drawing")) == set(STRATEGIES)


def test_every_rung_is_as_its_source_has_it(photos):
    configs, left_out = plan(photos, "efficientnet_lite0")
    assert tuple(config.strategy for config in configs) == LADDER
    assert not left_out
    for config in configs:
        assert config.epochs == STRATEGIES[config.strategy].defaults["epochs"]
        assert config.backbone == STRATEGIES[config.strategy].defaults.get("backbone", "")


def test_what_lacks_its_weights_is_left_out_and_the_others_stay(photos):
    configs, left_out = plan(photos, "vgg16")
    assert [(config.strategy, config.backbone) for config in configs] == [("small_cnn", ""), ("full_training", "vgg16")]
    assert list(left_out) == [name for name in LADDER if STRATEGIES[name].pretrained]
    assert {str(error).split(".")[0] for error in left_out.values()} == {"The ImageNet weights of VGG16 are missing"}
