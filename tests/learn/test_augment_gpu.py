"""Where a training augments: on the processor, unless there is a GPU and a measurement says otherwise.

What the transform itself gives is compared with Keras' in tests/test_augment.py.
"""

import numpy as np
import pytest

from core.augmentation import transforms
from core.config import make_config
from core.data.manifest import Dataset
from core.learn import augment_gpu, devices, features
from core.storage import workspace


@pytest.fixture
def config():
    return make_config(Dataset("none", "photo", False, (), ()), "small_cnn", {"image_size": 32, "batch_size": 8})


def test_without_a_gpu_nothing_is_measured(config, monkeypatch):
    monkeypatch.setattr(devices, "fastest", lambda *arguments: pytest.fail("measured"))
    assert augment_gpu.fastest(config, 8, lambda: None) is transforms.apply


@pytest.mark.parametrize("faster", ["processor", "GPU"])
def test_with_a_gpu_a_measurement_decides_and_is_remembered(config, faster, monkeypatch):
    speeds = iter([2.0, 1.0] if faster == "processor" else [1.0, 2.0])
    monkeypatch.setattr(devices, "gpus", lambda: ["GPU:0"])
    monkeypatch.setattr(devices, "steps_per_second", lambda step, check: step() is not None and next(speeds))
    chosen = augment_gpu.fastest(config, 8, lambda: None)
    assert chosen is {"processor": transforms.apply, "GPU": augment_gpu.apply}[faster]
    assert augment_gpu.fastest(config, 8, lambda: None) is chosen  # or `speeds` would have ended
    [rates] = workspace.read_json(workspace.compute_choices()).values()
    assert set(rates["augmentation 32px batch 8"]) == {"processor", "GPU"}


def test_what_was_chosen_is_what_images_are_seen_through(config):
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    seen = features.InputImages(images, ["aa" * 12, "bb" * 12], lambda images, drawn, mode, value: 255 - images)
    assert np.array_equal(seen.seen(np.array([1]), features.View(config.augmentation), "photo"), 255 - images[1:])
