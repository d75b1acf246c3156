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
from core.learn import backbones, lessons
from core.results import runs
from core.strategies import STRATEGIES
from tests.learn.pretrained import backbone_of, taught

WITH_A_BACKBONE = [row.name for row in STRATEGIES.values() if "backbone" in row.defaults]
DEFAULT = next(iter(BACKBONES))
PLAIN_GRAPHS = {"disable_meta_optimizer": True}  # fusing layers takes longer here than what it saves
ASK = f"""
import json, sys
import numpy as np
from core.learn import predict
import tensorflow as tf
tf.config.optimizer.set_experimental_options({PLAIN_GRAPHS})
pictures = list(np.load(sys.argv[1]))
print(json.dumps({{key: predict.predict_many(key, pictures).tolist() for key in sys.argv[2:]}}))
"""


@pytest.fixture
def quick(monkeypatch):
    """Two steps a training, and no time spent on making graphs faster."""
    monkeypatch.setattr(lessons, "FEWEST_STEPS", 1)
    tf.config.optimizer.set_experimental_options(PLAIN_GRAPHS)
    yield
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})


@pytest.mark.parametrize(
    "backbone",
    [pytest.param(name, marks=() if name == DEFAULT else pytest.mark.slow) for name in BACKBONES],
)
def test_every_strategy_on_every_network(pets, random_weights, quick, backbone, photo, tmp_path):
    trained = {name: taught(pets, name, backbone) for name in WITH_A_BACKBONE}
    pictures = [photo(500), photo(501)]
    answers = in_a_clean_process([run.key for run in trained.values()], pictures, tmp_path)

    before = backbones.split(backbone_of(trained["fine_tuning"].config), BACKBONES[backbone])
    for name, run in trained.items():
        model = keras.models.load_model(run.folder / "model.keras", compile=False)
        frozen_has_not_moved(model, *before, STRATEGIES[name].learns)
        shown = [images.network_input(picture, "photo", run.config.image_size, 3) for picture in pictures]
        [second] = np.asarray(model(np.stack(shown), training=False)).T
        assert np.array(answers[run.key])[:, 1] == pytest.approx(second, abs=1e-5)
        runs.delete(run.key)


def in_a_clean_process(keys, pictures, folder):
    np.save(folder / "pictures.npy", np.stack(pictures))
    command = [sys.executable, "-c", ASK, str(folder / "pictures.npy"), *keys]
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
