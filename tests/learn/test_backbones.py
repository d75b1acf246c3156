"""Every network of the registry: its size, its preprocessing, its weights, and where it is cut."""

import importlib
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras.src.utils import file_utils
from sklearn.datasets import load_sample_image

from core.catalog import weights
from core.catalog.backbones import BACKBONES
from core.data import images
from core.errors import UserError
from core.learn import backbones, inference_graph

LITE, VGG = BACKBONES["efficientnet_lite0"], BACKBONES["vgg16"]
MODULES = {"resnet50": "resnet", "densenet121": "densenet", "nasnet_mobile": "nasnet"}

every_backbone = pytest.mark.parametrize(
    "backbone",
    [
        pytest.param(row, id=name, marks=() if row in (LITE, VGG) else pytest.mark.slow)
        for name, row in BACKBONES.items()
    ],
)
keras_backbone = pytest.mark.parametrize(
    "backbone",
    [
        pytest.param(row, id=name, marks=() if row is VGG else pytest.mark.slow)
        for name, row in BACKBONES.items()
        if row is not LITE
    ],
)


@pytest.fixture
def bfloat16():
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


def some_images(size: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, size, size, channels), np.uint8)


def close(a, b, tolerance: float = 1e-4) -> bool:
    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    return np.abs(a - b).max() <= tolerance * np.abs(b).max()


def reference(backbone) -> tuple[keras.Model, object]:
    """Keras' own network with random weights, its normalisations included, and its own preprocessing."""
    keras.utils.set_random_seed(0)
    function = getattr(keras.applications, backbone.builder.split(":")[1])
    module = importlib.import_module(f"keras.applications.{MODULES.get(backbone.name, backbone.name)}")
    size = backbone.smallest_size
    model = function(include_top=False, weights=None, input_shape=(size, size, 3))
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, value.shape) for value in layer.get_weights()])
    return model, module.preprocess_input


def is_simple(layer) -> bool:
    if isinstance(layer, keras.layers.MaxPooling2D):
        return layer.padding == "valid"
    return (
        type(layer) is keras.layers.Conv2D and layer.use_bias and layer.activation is keras.activations.relu
        and (layer.padding, layer.strides, layer.dilation_rate, layer.groups) == ("same", (1, 1), (1, 1), 1)
    )  # fmt: skip


@every_backbone
def test_builds_from_its_smallest_size_on(backbone):
    model = backbones.build(backbone, backbone.smallest_size)
    assert model.count_params() == backbone.parameters
    assert model.output_shape[1] >= 1
    assert backbone.smallest_size <= backbone.image_size
    prepare, *rest = model.layers[1:]
    assert backbone.chain == (isinstance(prepare, keras.layers.Normalization) and all(map(is_simple, rest)))
    with pytest.raises(UserError, match=f"at least {backbone.smallest_size} px"):
        backbones.build(backbone, backbone.smallest_size - 1)


@every_backbone
def test_the_last_block_goes_on_where_the_frozen_part_ends(backbone):
    model = backbones.build(backbone, backbone.smallest_size)
    frozen, block = backbones.split(model, backbone)
    x = some_images(backbone.smallest_size)
    np.testing.assert_array_equal(block(frozen(x)), model(x))
    assert frozen.count_params() + block.count_params() == backbone.parameters
    assert 0 < block.count_params() < backbone.parameters / 2
    assert {id(v) for v in frozen.variables + block.variables} == {id(v) for v in model.variables}


@keras_backbone
def test_the_table_names_the_weights_that_keras_would_fetch(backbone, monkeypatch):
    class Asked(Exception):
        pass

    def get_file(fname, origin, file_hash="", **_):
        raise Asked(fname, origin, file_hash)

    monkeypatch.setattr(file_utils, "get_file", get_file)
    with pytest.raises(Asked) as raised:
        getattr(keras.applications, backbone.builder.split(":")[1])(include_top=False, input_shape=(224, 224, 3))
    known = backbone.weights_hash.removeprefix("md5:")
    assert raised.value.args == (backbone.weights_file, backbone.weights_url, known)


@keras_backbone
def test_images_give_what_keras_gives_after_its_own_preprocessing(backbone, tmp_path):
    model, preprocess = reference(backbone)
    path = tmp_path / "network.h5"
    model.save(path)
    x = some_images(backbone.smallest_size)
    expected = model(preprocess(x.astype(np.float32)))
    ours = backbones.build(backbone, backbone.smallest_size, path)
    assert close(ours(x), expected)
    assert close(ours(x.astype(np.float32)), expected)
    folded = inference_graph.fold_normalization(ours)
    assert close(folded(x), expected)
    assert normalisations(folded) <= normalisations(ours) * 0.55  # DenseNet normalises before it convolves


def normalisations(model: keras.Model) -> int:
    return sum(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)


def notop(path: Path, dtype: str) -> keras.Model:
    """VGG16 with random weights; `path` gets them in the layout of Keras' own no-top downloads."""
    model, _ = reference(VGG)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}_{part}_1:0" for part in "Wb"[: len(layer.weights)]]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, value in zip(names, layer.get_weights(), strict=True):
                group[name] = value.astype(dtype)
    return model


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_vgg16_reads_the_layout_of_keras_own_download(dtype, tmp_path):
    model = notop(tmp_path / "notop.h5", dtype)
    x = some_images(32)
    expected = model(keras.applications.vgg16.preprocess_input(x.astype(np.float32)))
    assert close(backbones.build(VGG, 32, tmp_path / "notop.h5")(x), expected, 1e-4 if dtype == "float32" else 5e-3)


@pytest.mark.filterwarnings("ignore:Skipping nested container")  # Keras counts the layer that prepares the images
def test_weights_may_be_in_keras_newer_format(tmp_path):
    model, preprocess = reference(VGG)
    path = tmp_path / "network.weights.h5"
    model.save_weights(path)
    x = some_images(32)
    assert close(backbones.build(VGG, 32, path)(x), model(preprocess(x.astype(np.float32))))


def test_weights_load_in_full_precision_under_mixed_bfloat16(bfloat16, tmp_path):
    notop(tmp_path / "notop.h5", "float32")
    for backbone, path in ((VGG, tmp_path / "notop.h5"), (LITE, weights.find(LITE.name).path)):
        keras.config.set_dtype_policy("float32")
        x = some_images(64)
        full = backbones.build(backbone, 64, path)
        keras.config.set_dtype_policy("mixed_bfloat16")
        mixed = backbones.build(backbone, 64, path)
        for ours, theirs in zip(mixed.get_weights(), full.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        assert mixed.compute_dtype == "bfloat16"
        frozen, block = backbones.split(mixed, backbone)
        np.testing.assert_array_equal(block(frozen(x)), mixed(x))


def test_grey_images_are_rgb_with_equal_channels():
    keras.utils.set_random_seed(0)
    grey = backbones.build(LITE, 32, weights.find(LITE.name).path, channels=1)
    rgb = backbones.build(LITE, 32, weights.find(LITE.name).path)
    x = some_images(32, 1)
    assert close(grey(x), rgb(x.repeat(3, axis=-1)))


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_another_networks_weights_are_refused_by_name(tmp_path):
    model, _ = reference(VGG)
    path = tmp_path / "network.weights.h5"
    model.save_weights(path)
    junk = tmp_path / "junk.h5"
    junk.write_bytes(b"junk")
    for backbone, file in ((BACKBONES["mobilenet"], path), (VGG, junk), (LITE, path)):
        with pytest.raises(UserError, match=str(file.name)):
            backbones.build(backbone, 32, file)


def test_random_weights_follow_the_seed():
    values = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        values.append(backbones.build(LITE, 32).get_weights()[0])
    np.testing.assert_array_equal(values[0], values[1])
    assert not np.array_equal(values[0], values[2])


def test_a_saved_network_needs_nothing_of_ours(tmp_path):
    model = backbones.build(BACKBONES["efficientnet_lite0"], 32)
    model.save(tmp_path / "model.keras")
    layers = keras.models.load_model(tmp_path / "model.keras").layers
    assert {type(layer).__module__.split(".")[0] for layer in layers} == {"keras"}
    x = some_images(32)
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "model.keras")(x), model(x), rtol=1e-5, atol=1e-6)


def test_the_lite_preprocessing_is_that_of_its_weights():
    model = backbones.build(LITE, 32)
    x = some_images(32)
    prepared = keras.Model(model.input, model.get_layer("prepare").output)(x)
    np.testing.assert_allclose(prepared, (x.astype(np.float32) - 127) / 128, atol=1e-6)


def test_imagenet_has_a_thousand_names_in_the_usual_order():
    labels = backbones.imagenet_labels()
    assert len(labels) == 1000
    known = {0: "tench", 1: "goldfish", 281: "tabby", 340: "zebra", 954: "banana", 985: "daisy", 999: "toilet tissue"}
    assert {number: labels[number] for number in known} == known


def test_the_classifier_knows_what_is_on_real_photos():
    model = backbones.imagenet_classifier(weights.find(LITE.name).path)
    assert model.count_params() == LITE.parameters + 1280 * 1000 + 1000
    photos = [images.network_input(load_sample_image(name), "photo", 224, 3) for name in ("flower.jpg", "china.jpg")]
    probabilities = np.asarray(model(np.stack(photos)))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    for row, expected in zip(probabilities, ("daisy", "palace"), strict=True):
        assert expected in [backbones.imagenet_labels()[number] for number in row.argsort()[-5:]]
