"""Every strategy that uses a pretrained network, on every network: trained, saved, and asked in a clean process."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from core.backbones import BACKBONES
from core.learn import backbones, predict
from core.strategies import STRATEGIES
from tests.learn.pretrained import backbone_of, taught

WITH_A_BACKBONE = [row.name for row in STRATEGIES.values() if "backbone" in row.defaults]
DEFAULT = next(iter(BACKBONES))
ASK = """
import json, sys
import numpy as np
from core.learn import predict
pictures = list(np.load(sys.argv[1]))
print(json.dumps({key: predict.predict_many(key, pictures).tolist() for key in sys.argv[2:]}))
"""


@pytest.mark.parametrize(
    "backbone",
    [pytest.param(name, marks=() if name == DEFAULT else pytest.mark.slow) for name in BACKBONES],
)
def test_strategies_on_every_network(pets, random_weights, backbone, photo, tmp_path):
    # The strategies that teach a head differ in the views they show, and full training is any network's `fit`. So
    # beyond the first network, where all are tried, one strategy for each way of freezing has to do: it takes minutes.
    names = WITH_A_BACKBONE if backbone == DEFAULT else ("bottleneck_augmented", "fine_tuning")
    trained = {name: taught(pets, name, backbone) for name in names}
    pictures = [photo(500), photo(501)]
    answers = in_a_clean_process([run.key for run in trained.values()], pictures, tmp_path)

    before = backbones.split(backbone_of(trained[names[0]].config), BACKBONES[backbone])
    for name, run in trained.items():
        model = keras.models.load_model(run.folder / "model.keras", compile=False)
        frozen_has_not_moved(model, *before, STRATEGIES[name].learns)
        assert np.array(answers[run.key]) == pytest.approx(predict.predict_many(run.key, pictures), abs=1e-5)


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
