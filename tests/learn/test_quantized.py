"""Frozen networks in 8-bit integers: what they give, for which networks, and when they are chosen."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from core.catalog.backbones import BACKBONES
from core.data import arrays
from core.learn import devices, features, predict, quantized
from core.learn.batches import from_array
from core.learn.inference_graph import freeze
from core.storage import workspace
from tests.learn.pretrained import asked, backbone_of, taught

integers = pytest.mark.skipif(not quantized.available(), reason="this processor has no instructions for integers")


def relative_error(ours, theirs) -> float:
    ours, theirs = (np.asarray(values, np.float32) for values in (ours, theirs))
    return np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)


@integers
@pytest.mark.parametrize("backbone", [row.name for row in BACKBONES.values() if row.chain])
def test_integers_give_nearly_what_the_network_gives(pets, random_weights, backbone, photo):
    settings = asked(pets, "bottleneck", backbone, image_size=64)
    pictures = np.stack([photo(number, (64, 64)) for number in range(4)])
    exact, near = (features._graph(backbone, settings.weights, 64, dtype) for dtype in ("float32", quantized.DTYPE))
    for ours, theirs in zip(near(tf.constant(pictures)), exact(tf.constant(pictures)), strict=True):
        assert ours.shape == theirs.shape
        assert 0 < relative_error(ours, theirs) < 0.1
    alone = [near(tf.constant(pictures[number : number + 1])) for number in range(4)]
    for together, parts in zip(near(tf.constant(pictures)), zip(*alone, strict=True), strict=True):
        np.testing.assert_array_equal(together, np.concatenate(parts))


@integers
def test_a_black_border_is_not_what_the_network_pads_with(pets, random_weights):
    """The first layer's padding is the mean colour, so that a mean grey image has no border for the network."""
    network = backbone_of(asked(pets, "bottleneck", "vgg16"))
    grey = np.rint(np.ravel(network.get_layer("prepare").mean)).astype(np.uint8)
    shown = tf.constant(np.broadcast_to(grey, (1, 32, 32, 3)))
    [first] = freeze(quantized.outputs(network, ["block1_conv1"]), [None, 32, 32, 3])(shown)
    assert np.ptp(first, axis=(1, 2)).max() == 0


@integers
def test_a_run_on_integers_is_served_in_full_precision(pets, random_weights, monkeypatch):
    monkeypatch.setattr(devices, "fastest", lambda name, rate, candidates=("float32",): candidates[-1])
    run = taught(pets, "fine_tuning", "vgg16")
    kept = [workspace.read_json(path)["dtype"] for path in workspace.feature_cache().glob("*/about.json")]
    assert set(kept) == {quantized.DTYPE}
    shown, *_ = arrays.decoded(pets, "photo", run.config.image_size, 3, "validation")
    served = predict.in_batches(keras.models.load_model(run.folder / "model.keras"), from_array(shown), len(shown))
    with np.load(run.folder / "predictions_validation.npz") as scored:
        assert served == pytest.approx(scored["probabilities"], abs=0.05)


@pytest.mark.parametrize(
    ("told", "expected"), [("flags : fma avx512_vnni", True), ("flags : fma avx2", False), (None, False)]
)
def test_integers_need_their_instructions(told, expected, monkeypatch, tmp_path):
    cpu = tmp_path / "cpuinfo"
    if told:
        cpu.write_text(told)
    monkeypatch.setattr(quantized, "CPU", cpu)
    assert quantized.available() == expected
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert not quantized.available()


@pytest.mark.parametrize(("backbone", "offered"), [("vgg16", True), ("resnet50", False)])
def test_integers_are_one_candidate_of_the_measurement_for_chains(pets, random_weights, backbone, offered, monkeypatch):
    asked_for = []
    monkeypatch.setattr(quantized, "available", lambda: True)
    monkeypatch.setattr(devices, "fastest", lambda name, rate, candidates: asked_for.extend(candidates) or "float32")
    assert features.FeatureExtractor(asked(pets, "bottleneck", backbone), lambda: None).dtype == "float32"
    assert (quantized.DTYPE in asked_for) == offered
