import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from core.catalog import weights
from core.catalog.backbones import BACKBONES
from core.catalog.knobs import KNOBS
from core.catalog.strategies import STRATEGIES
from core.config import FEW, TrainConfig, defaults, make_config
from core.errors import UserError
from core.storage import workspace


def material(fingerprint="f", kind="photo", n_images=FEW + 1) -> SimpleNamespace:
    return SimpleNamespace(fingerprint=fingerprint, kind=kind, n_images=n_images)


def config(**knobs) -> TrainConfig:
    return make_config(material(), "small_cnn", knobs)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_has_valid_defaults(strategy):
    values = defaults(STRATEGIES[strategy], material())
    assert make_config(material(), strategy).key == make_config(material(), strategy, values).key
    own_size = {"image_size"} if "backbone" in values else set()
    assert values.keys() == {*STRATEGIES[strategy].defaults, "seed"} | own_size
    assert values.keys() <= KNOBS.keys()


@pytest.fixture
def accepted():
    """accepted(name, content) lays a file in the place of a network's weights and accepts it; its sha256."""

    def lay(name: str, content: bytes = b"weights") -> str:
        path = workspace.pretrained() / BACKBONES[name].weights_file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return weights.accept(name).hash

    return lay


@pytest.mark.parametrize("strategy", [name for name, row in STRATEGIES.items() if "backbone" in row.defaults])
def test_each_network_brings_its_image_size_and_its_weights(strategy, accepted):
    row, size = STRATEGIES[strategy], STRATEGIES[strategy].defaults.get("image_size")
    for name in ("efficientnet_lite0", "vgg16"):
        sha256 = accepted(name)
        made = make_config(material(), strategy, {"backbone": name})
        assert made.image_size == (size or BACKBONES[name].image_size) == defaults(row, material(), name)["image_size"]
        assert (made.backbone, made.weights) == (name, sha256 if row.pretrained else "")
        assert make_config(material(), strategy, {"backbone": name, "image_size": 96}).image_size == 96


def test_few_photos_are_looked_at_in_more_pixels_where_the_network_gains_by_them(accepted):
    accepted("vgg16")
    for name in ("efficientnet_lite0", "vgg16"):
        row = BACKBONES[name]
        sizes = {
            (kind, n): make_config(material(kind=kind, n_images=n), "bottleneck", {"backbone": name}).image_size
            for kind in ("photo", "drawing") for n in (FEW, FEW + 1)
        }  # fmt: skip
        assert sizes.pop(("photo", FEW)) == (row.fine_size or row.image_size)
        assert set(sizes.values()) == {row.image_size}
    fixed = STRATEGIES["full_training"].defaults["image_size"]
    assert make_config(material(n_images=1), "full_training").image_size == fixed


def test_the_first_epochs_show_smaller_images_where_asked():
    asked = config(image_size=150, epochs=50, progressive_resizing=0.6)
    assert asked.small_epochs == 30
    assert [asked.shown_size(epoch) for epoch in (0, 29, 30, 49)] == [100, 100, 150, 150]
    assert config(image_size=150, progressive_resizing=0).shown_size(0) == 150
    assert [config(epochs=1).small_epochs, config(epochs=4, progressive_resizing=0.9).small_epochs] == [0, 3]
    smallest = config(image_size=KNOBS["image_size"].low, progressive_resizing=0.6)
    assert smallest.shown_size(0) == 22  # what the small CNN can still look at


# (strategy, kind, number of images, knobs): the key that Handful has always given it. Runs are found by these.
KEYS = {
    ("small_cnn", "photo", 5000, ()): "2ebadf687df8a0b5",
    ("small_cnn", "photo", 50, ()): "2ebadf687df8a0b5",
    ("small_cnn", "drawing", 50, ()): "74ea27557c953a63",
    ("small_cnn", "photo", 50, (("progressive_resizing", 0),)): "867dc5d17b85ca9b",
    ("small_cnn", "photo", 50, (("epochs", 3), ("rotation", 12.5), ("fill_mode", "wrap"))): "388cdb1eb664df2c",
    ("shapes_cnn", "drawing", 50, ()): "0618cced67c91ee1",
    ("digits_cnn", "drawing", 50, ()): "91dafeaf9155b630",
    ("bottleneck", "photo", 5000, ()): "05e8e1aeffed466e",
    ("bottleneck", "photo", 50, ()): "76e3453fe8fdd941",
    ("bottleneck", "photo", 50, (("backbone", "vgg16"),)): "8b3d19fa3dd18a00",
    ("bottleneck_augmented", "photo", 50, ()): "f02ae5a56567a3ca",
    ("feature_extraction", "photo", 50, ()): "1b61eeb318cea51d",
    ("fine_tuning", "photo", 50, ()): "7c734f2a545d16a2",
    ("fine_tuning", "photo", 50, (("backbone", "xception"), ("image_size", 96), ("seed", 7))): "d1b5b4037443371a",
    ("full_training", "photo", 50, ()): "2d5872e7809d9ae2",
    ("full_training", "photo", 50, (("backbone", "vgg16"),)): "b175aa5df05b0109",
}


@pytest.mark.parametrize(("strategy", "kind", "n_images", "knobs"), KEYS)
def test_equal_questions_keep_their_keys(strategy, kind, n_images, knobs, monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "find", lambda name: weights.Weights(tmp_path / name, "0" * 64))
    made = make_config(material("f", kind, n_images), strategy, dict(knobs))
    assert made.key == KEYS[strategy, kind, n_images, knobs]


def test_a_run_written_by_the_first_version_is_read_with_its_key():
    augmentation = {
        "rotation": 0.0, "width_shift": 0.0, "height_shift": 0.0, "shear": 11.5, "zoom": 0.2, "horizontal_flip": True,
        "vertical_flip": False, "brightness": 0.0, "channel_shift": 0.0, "fill_mode": "auto", "fill_value": 0,
    }  # fmt: skip
    written = {
        "fingerprint": "f", "prepare": "photo", "strategy": "small_cnn", "image_size": 150, "epochs": 50,
        "batch_size": 32, "learning_rate": 0.001, "patience": 15, "seed": 0, "backbone": "", "weights": "", "views": 0,
        "augmentation": augmentation,
    }  # fmt: skip
    assert TrainConfig.from_json(written).key == "867dc5d17b85ca9b"
    assert TrainConfig.from_json(written | {"progressive_resizing": 0.7}).key == "2ebadf687df8a0b5"


def test_other_versions_of_the_code_give_another_key(monkeypatch):
    keys = [config().key]
    for version in ("INPUT_VERSION", "RECIPE_VERSION"):
        with monkeypatch.context() as raised:
            raised.setattr(f"core.config.{version}", 2)
            keys.append(config().key)
    assert len(set(keys)) == 3


def test_progressive_resizing_is_part_of_the_key():
    assert config(progressive_resizing=0.5).key != config(progressive_resizing=0.6).key


def test_other_weights_give_another_key(accepted):
    keys = set()
    for content in (b"these", b"those"):
        accepted("vgg16", content)
        keys.add(make_config(material(), "bottleneck", {"backbone": "vgg16"}).key)
    assert len(keys) == 2


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_missing_weights_stop_only_what_begins_with_them(strategy):
    if not STRATEGIES[strategy].pretrained:
        assert make_config(material(), strategy).weights == ""
        return
    with pytest.raises(UserError, match="The ImageNet weights of ResNet50 are missing"):
        make_config(material(), strategy, {"backbone": "resnet50"})


def test_equal_settings_written_differently_give_one_key():
    assert config(shear=15).key == config(shear=15.0).key == config(shear="15").key
    assert config(zoom=0.1 + 0.2).key == config(zoom=0.3).key
    assert config(horizontal_flip="yes").key == config(horizontal_flip=True).key
    assert config(epochs=7.0).key == config(epochs="7").key


@pytest.mark.parametrize("changed", [{"seed": 1}, {"epochs": 3}, {"rotation": 1}, {"learning_rate": 0.01}])
def test_other_settings_give_another_key(changed):
    assert config(**changed).key != config().key


def test_data_and_preparation_are_part_of_the_key():
    keys = {make_config(material(f, p), "shapes_cnn").key for f in ("a", "b") for p in ("photo", "drawing")}
    assert len(keys) == 4


def test_a_config_survives_json():
    for made in (config(rotation=12), replace(config(), recipe_version=2), config(progressive_resizing=0)):
        assert TrainConfig.from_json(json.loads(json.dumps(made.to_json()))) == made


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"epochs": 0}, "'epochs' must lie between 1 and 200; got 0."),
        ({"epochs": 1.5}, "'epochs' needs a whole number; got 1.5."),
        ({"epochs": "many"}, "'epochs' needs a number; got 'many'."),
        ({"epochs": "inf"}, "'epochs' needs a whole number"),
        ({"rotation": "nan"}, "'rotation' must lie between"),
        ({"rotation": None}, "'rotation' needs a number"),
        ({"batch_size": 17}, "'batch_size' must be one of 8, 16"),
        ({"horizontal_flip": "perhaps"}, "'horizontal_flip' is on or off; got 'perhaps'."),
        ({"dropout": 0.5}, "'small_cnn' has no setting 'dropout'. It has: image_size"),
        ({"backbone": "vgg16"}, "'small_cnn' has no setting 'backbone'. It has: image_size"),
    ],
)
def test_bad_knobs_say_what_to_do(knobs, said):
    with pytest.raises(UserError) as caught:
        config(**knobs)
    assert str(caught.value).startswith(said)


def test_an_unknown_network_names_the_known_ones():
    with pytest.raises(UserError, match=r"'backbone' must be one of efficientnet_lite0, vgg16.*; got 'vgg61'"):
        make_config(material(), "fine_tuning", {"backbone": "vgg61"})


def test_unknown_strategy_names_the_known_ones():
    with pytest.raises(UserError, match=r"no strategy 'vgg99'.*small_cnn"):
        make_config(material(), "vgg99")


def test_images_too_small_for_the_network_are_refused():
    with pytest.raises(UserError, match="Xception needs images of at least 71 px; got 64"):
        make_config(material(), "full_training", {"backbone": "xception", "image_size": 64})
