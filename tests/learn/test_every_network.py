"""Every strategy that uses a pretrained network on the default one, and fine-tuning on each of the others.

Fine-tuning alone uses all that is known of a network: its preprocessing, where its last block begins, its pooling, and
what batch normalisation must not learn. Trained, saved, and asked in a clean process.
"""

import gc
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from core.catalog.backbones import BACKBONES
from core.catalog.strategies import STRATEGIES
from core.data import images
from core.learn import backbones, predict
from tests.learn.pretrained import backbone_of, taught

WITH_A_BACKBONE = [row.name for row in STRATEGIES.values() if "backbone" in row.defaults]
DEFAULT = next(iter(BACKBONES))
ASK = """
import gc, hashlib, json, sys
gc.disable()
import keras, numpy as np
for line in sys.stdin:
    images, *paths = json.loads(line)
    shown = np.load(images)
    for path in paths:
        model = keras.models.load_model(path, compile=False)
        hashes = [hashlib.sha256(array.tobytes()).hexdigest() for array in model.get_weights()]
        print(json.dumps([np.asarray(model(shown, training=False)).tolist(), hashes]), flush=True)
    del model
    gc.collect()
"""


@pytest.fixture
def quick():
    """No time spent on making the two steps of each training faster, nor on garbage while they last."""
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    tf.config.run_functions_eagerly(True)
    gc.disable()
    yield
    gc.enable()
    tf.config.run_functions_eagerly(False)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})


@pytest.fixture
def saved(monkeypatch):
    """{folder of a run: the model it published, as it was in memory}."""
    models, save = {}, keras.Model.save

    def remember(model, path, *arguments, **options):
        if Path(path).name == "model.keras":  # written under this name in a temporary folder
            models[Path(path).parents[1]] = model
        save(model, path, *arguments, **options)

    monkeypatch.setattr(keras.Model, "save", remember)
    return models


@pytest.fixture(scope="module")
def elsewhere():
    """A process in which nothing of Handful's has been imported: ASK."""
    with subprocess.Popen(
        [sys.executable, "-c", ASK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.stdin.close()


@pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`")
@pytest.mark.parametrize(
    "backbone",
    [pytest.param(name, marks=() if name == DEFAULT else pytest.mark.slow) for name in BACKBONES],
)
def test_strategies_on_every_network(pets, random_weights, quick, saved, backbone, photo, tmp_path, elsewhere):
    strategies = WITH_A_BACKBONE if backbone == DEFAULT else ["fine_tuning"]
    trained = {name: taught(pets, name, backbone) for name in strategies}
    pictures = [photo(500), photo(501)]
    size = trained["fine_tuning"].config.image_size
    shown = np.stack([images.network_input(picture, "photo", size, 3) for picture in pictures])
    np.save(tmp_path / "shown.npy", shown)
    models = [run.folder / "model.keras" for run in trained.values()]
    told = ask(elsewhere, tmp_path / "shown.npy", models)

    before = backbones.split(backbone_of(trained["fine_tuning"].config), BACKBONES[backbone])
    for (name, run), (answer, hashes) in zip(trained.items(), told, strict=True):
        frozen_has_not_moved(set(hashes), *before, STRATEGIES[name].learns)
        assert np.array(answer) == pytest.approx(np.asarray(saved[run.folder](shown, training=False)), abs=1e-5)
        if backbone == DEFAULT:  # as pages ask it
            [second] = np.array(answer).T
            assert predict.predict_many(run.key, pictures)[:, 1] == pytest.approx(second, abs=1e-5)


def ask(process, images, models):
    """What saved models say of (n, size, size, 3) uint8 images in a file: probabilities and hashes of their weights."""
    process.stdin.write(json.dumps([str(path) for path in (images, *models)]) + "\n")
    process.stdin.flush()
    return [json.loads(process.stdout.readline()) for _model in models]


def frozen_has_not_moved(after, below, block, learns):
    """`below` and `block`: the pretrained network's two parts as they were; `after`: the hashes of all weights."""
    if learns == "network":
        return

    # By content: Keras numbers unnamed layers anew in each model, and a saved model may order them anew.
    def same(layer):
        return all(hashlib.sha256(array.tobytes()).hexdigest() in after for array in layer.get_weights())

    for layer in weighted(below) + (weighted(block) if learns == "head" else []):
        assert same(layer), f"{layer.name} moved"
    if learns == "block":
        kept = [same(layer) for layer in weighted(block)]
        still = [isinstance(layer, keras.layers.BatchNormalization) for layer in weighted(block)]
        assert all(unmoved for unmoved, normalises in zip(kept, still, strict=True) if normalises)
        assert not all(kept)


def weighted(model):
    """The layers with weights, those inside of models among them."""
    flat = model._flatten_layers(include_self=False)
    return [layer for layer in flat if layer.weights and not isinstance(layer, keras.Model)]
