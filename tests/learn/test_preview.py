"""What the Augment page previews in the server is, pixel for pixel, what a worker's training shows."""

import numpy as np
import pytest

from core.augmentation import transforms
from core.catalog.strategies import PRESETS, STRATEGIES
from core.config import make_config
from core.data import arrays, datasets, edits
from core.learn import devices, recipes
from core.learn.batches import Batches
from ui.augment import lab

KNOBS = PRESETS["everything"].knobs | {"brightness": 0.3, "channel_shift": 40, "fill_mode": "reflect", "seed": 11}


@pytest.fixture
def dataset(request, photo, drawing):
    """Two classes of eight photos, or of eight drawings."""
    make = {"photo": photo, "drawing": drawing}[request.param]
    datasets.create("own", request.param)
    for offset, label in ((0, "a"), (100, "b")):
        edits.add_images("own", label, [(str(n), make(offset + n)) for n in range(8)])
    return datasets.load("own")


def previewed(dataset, entry, config, n: int) -> np.ndarray:
    """The page's variants of a data set's image: (n, size, size, channels) uint8."""
    row = STRATEGIES[config.strategy]
    picture = lab.LabImage(entry.content, dataset.image_path(entry).read_bytes(), (64, 48))
    shown = arrays.prepared(picture.file, dataset.kind, config.image_size, row.channels)
    return lab.Setting(row, dataset.kind, picture, shown, config.augmentation, config.seed).variants(n)


@pytest.mark.parametrize(
    ("dataset", "strategy"), [("photo", "small_cnn"), ("drawing", "shapes_cnn"), ("drawing", "small_cnn")],
    indirect=["dataset"],
)  # fmt: skip
def test_the_preview_is_the_first_training_batch(dataset, strategy, monkeypatch):
    monkeypatch.setattr(devices, "fastest", lambda name, rate: "float32")
    config = make_config(dataset, strategy, KNOBS | {"batch_size": 8, "epochs": 3})
    train = recipes.make_recipe(config, 2, dataset, lambda **values: None).data("train")
    entries = dataset.live("train")
    named = Batches(lambda rows, number: rows, train.labels, 8, config.seed)
    batches = Batches(train.load, train.labels, 8, config.seed)
    for epoch in (0, 1, 2):
        rows, _labels = next(named.epoch(epoch))
        images, _labels = next(batches.epoch(epoch))
        assert images.shape[1] == config.shown_size(epoch)
        for image, row in zip(images, rows, strict=True):
            variant = previewed(dataset, entries[row], config, 3)[epoch]
            assert np.array_equal(image, transforms.resized(variant[np.newaxis], len(image))[0])


@pytest.mark.parametrize("dataset", ["photo"], indirect=True)
def test_the_preview_is_what_a_pretrained_network_describes(dataset, random_weights):
    knobs = KNOBS | {"image_size": 64, "views": 2}
    config = make_config(dataset, "bottleneck_augmented", knobs)
    pictures, _labels = recipes.input_images(config, dataset, "train", lambda **values: None)
    recipe = recipes.make_recipe(config, 2, dataset, lambda **values: None)
    entry = dataset.live("train")[3]
    for number, view in enumerate(recipe.views):
        [seen] = pictures.view(np.array([3]), view)
        assert np.array_equal(seen, previewed(dataset, entry, config, 2)[number])
