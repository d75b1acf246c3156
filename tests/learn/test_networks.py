"""What becomes of a network before it learns, beside the network as it was."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from core.catalog.backbones import BACKBONES
from core.learn import backbones, features, networks


def convnet(**options):
    inputs = keras.Input((6, 5, 3))
    x = layers.Conv2D(4, 3, padding="same")(inputs)
    x = layers.BatchNormalization(momentum=0.8, **options)(x)
    x = layers.Dense(2)(layers.Flatten()(layers.Activation("relu")(x)))
    return keras.Model(inputs, layers.BatchNormalization()(x))


def test_a_network_of_any_size_answers_as_before_at_its_own_and_is_kept(tmp_path):
    fixed = networks.small_cnn(40, 3, 3)
    free = networks.of_any_size(fixed)
    free.set_weights(fixed.get_weights())
    images = np.random.default_rng(0).integers(0, 256, (5, 40, 40, 3), np.uint8)
    assert np.asarray(free(images)) == pytest.approx(np.asarray(fixed(images)), abs=1e-6)
    assert np.asarray(free(images[:, :27, :27])).shape == (5, 3)
    free.save(tmp_path / "checkpoint.keras")
    loaded = keras.models.load_model(tmp_path / "checkpoint.keras")
    assert np.asarray(loaded(images)) == pytest.approx(np.asarray(fixed(images)), abs=1e-6)


def named(variables):
    """(layer, variable) of each; a copy does without the scopes in which some networks put their layers' names."""
    return [variable.path.split("/")[-2:] for variable in variables]


@pytest.mark.parametrize(
    "name", ["small_cnn", "any size", *(pytest.param(name, marks=pytest.mark.slow) for name in BACKBONES)]
)
def test_quick_normalisation_leaves_the_weights_as_they_were_in_their_order(name):
    if name in BACKBONES:
        body = backbones.build(BACKBONES[name], BACKBONES[name].smallest_size)
        plain = keras.Model(body.input, networks.dense_head(features.pooling(name)(body.output), 3))
    else:
        plain = networks.small_cnn(40, 3, 3)
        plain = networks.of_any_size(plain) if name == "any size" else plain
    for layer in plain.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.7
    quick = networks.with_fused_normalization(plain)
    assert named(quick.weights) == named(plain.weights)
    assert named(quick.trainable_variables) == named(plain.trainable_variables)
    for ours, theirs in zip(quick.get_weights(), plain.get_weights(), strict=True):
        assert np.array_equal(ours, theirs)
    for ours, theirs in zip(quick.layers, plain.layers, strict=True):
        changes = isinstance(ours, networks.FusedBatchNormalization)
        assert changes == (type(theirs) is layers.BatchNormalization and len(theirs.input.shape) == 4)
        assert isinstance(ours, layers.InputLayer) or ours.get_config() == theirs.get_config()


@pytest.mark.parametrize("options", [{}, {"scale": False}, {"center": False}], ids=["both", "no scale", "no centre"])
def test_quick_normalisation_is_keras_own_but_for_rounding(options, tmp_path):
    plain = convnet(**options)
    quick = networks.with_fused_normalization(plain)
    assert [type(layer) for layer in quick.layers].count(networks.FusedBatchNormalization) == 1  # of feature maps only
    images = np.random.default_rng(0).normal(2, 3, (7, 6, 5, 3)).astype(np.float32)
    gradients = []
    for model in (plain, quick):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model(images, training=True) ** 3)
        gradients.append(tape.gradient(loss, model.trainable_variables))
    for ours, theirs in zip(gradients[1], gradients[0], strict=True):
        assert np.asarray(ours) == pytest.approx(np.asarray(theirs), abs=1e-4)
    for ours, theirs in zip(quick.get_weights(), plain.get_weights(), strict=True):  # moving averages among them
        assert ours == pytest.approx(theirs, abs=1e-5)
    answers = np.asarray(plain(images))
    assert np.asarray(quick(images)) == pytest.approx(answers, abs=1e-5)
    quick.save(tmp_path / "checkpoint.keras")
    loaded = keras.models.load_model(tmp_path / "checkpoint.keras")
    assert np.asarray(loaded(images)) == pytest.approx(answers, abs=1e-5)
