"""What tests of learning get: a small data set, random weights, and Keras' memory given back."""

import pytest

from core import config
from core.catalog import weights
from core.data import datasets, edits
from core.learn import devices, features, recipes
from tests.learn import pretrained


@pytest.fixture(autouse=True)
def forgetful(monkeypatch):
    monkeypatch.setattr(recipes, "FEWEST_STEPS", 1)  # a small data set is a short training
    yield
    devices.free_memory()


@pytest.fixture
def pets(photo):
    """Two classes of eight pictures: bright and dark."""
    datasets.create("pets", "photo")
    for offset, label in ((0, "bright"), (100, "dark")):
        pictures = [photo(offset + n) // (1 if label == "bright" else 3) for n in range(8)]
        edits.add_images("pets", label, [(str(n), picture) for n, picture in enumerate(pictures)])
    return datasets.load("pets")


@pytest.fixture
def random_weights(monkeypatch, tmp_path):
    """Networks whose "ImageNet weights" are random but always the same; float32 without measuring."""
    monkeypatch.setattr(features, "network", pretrained.network)
    monkeypatch.setattr(config.weights, "find", lambda name: weights.Weights(tmp_path / name, "0" * 64))
    monkeypatch.setattr(devices, "fastest", lambda name, rate, candidates=(): "float32")
