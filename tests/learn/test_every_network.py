"""Every strategy that uses a pretrained network, on every network: trained, saved, and asked in a clean process."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from core.backbones import BACKBONES
from core.data import images
from core.learn import backbones, predict
from core.strategies import STRATEGIES
from tests.learn.pretrained import backbone_of, taught

WITH_A_BACKBONE = [row.name for row in STRATEGIES.values() if "backbone" in row.defaults]
DEFAULT = next(iter(BACKBONES))
ASK = """
import json, sys
import keras, numpy as np
models = [keras.models.load_model(path, compile=False) for path in sys.argv[2:]]
print(json.dumps([np.asarray(model(np.load(sys.argv[1]), training=False)).tolist() for model in models]))
"""


@pytest.fixture
def quick():
    """No time spent on making the two steps of each training faster."""
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})


@pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`")
@pytest.mark.parametrize(
    "backbone",
    [pytest.param(name, marks=() if name == DEFAULT else pytest.mark.slow) for name in BACKBONES],
)
def test_every_strategy_on_every_network(pets, random_weights, quick, backbone, photo, tmp_path):
    trained = {name: taught(pets, name, backbone) for name in WITH_A_BACKBONE}
    pictures = [photo(500), photo(501)]
    size = trained["bottleneck"].config.image_size
    shown = np.stack([images.network_input(picture, "photo", size, 3) for picture in pictures])
    models = [run.folder / "model.keras" for run in trained.values()]
    answers = in_a_clean_process(models, shown, tmp_path)

    before = backbones.split(backbone_of(trained["fine_tuning"].config), BACKBONES[backbone])
    for (name, run), path, answer in zip(trained.items(), models, answers, strict=True):
        model = keras.models.load_model(path, compile=False)
        frozen_has_not_moved(model, *before, STRATEGIES[name].learns)
        assert np.array(answer) == pytest.approx(np.asarray(model(shown, training=False)), abs=1e-5)
        if backbone == DEFAULT:  # as pages ask it
            [second] = np.array(answer).T
            assert predict.predict_many(run.key, pictures)[:, 1] == pytest.approx(second, abs=1e-5)


def in_a_clean_process(models, shown, folder):
    """What saved models say of (n, size, size, 3) uint8 images where nothing of Handful's has been imported."""
    np.save(folder / "shown.npy", shown)
    command = [sys.executable, "-c", ASK, str(folder / "shown.npy"), *map(str, models)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output.splitlines()[-1])


def frozen_has_not_moved(model, below, block, learns):
    """`below` and `block`: the pretrained network's two parts as they were."""
    if learns == "network":
        return
    # By content: Keras numbers unnamed layers anew in each model, and a saved model may order them anew.
    after = {array.tobytes() for array in model.get_weights()}
    for layer in weighted(below) + (weighted(block) if learns == "head" else []):
        assert all(array.tobytes() in after for array in layer.get_weights()), f"{layer.name} moved"
    if learns == "block":
        still = [isinstance(layer, keras.layers.BatchNormalization) for layer in weighted(block)]
        kept = [all(array.tobytes() in after for array in layer.get_weights()) for layer in weighted(block)]
        assert all(same for same, normalises in zip(kept, still, strict=True) if normalises)
        assert not all(kept)


def weighted(model):
    """The layers with weights, those inside of models among them."""
    flat = model._flatten_layers(include_self=False)
    return [layer for layer in flat if layer.weights and not isinstance(layer, keras.Model)]
