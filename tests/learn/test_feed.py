import numpy as np

from core.config import Augmentation
from core.learn.feed import Feed


def feed(**more):
    images = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1).repeat(8, 1).repeat(8, 2)
    return Feed(images, np.arange(10), 4, **more)


def test_each_epoch_shows_every_image_once_in_a_new_order():
    one = feed(seed=5)
    first = np.concatenate([one[i][1] for i in range(len(one))])
    one.on_epoch_end()
    second = np.concatenate([one[i][1] for i in range(len(one))])
    assert sorted(first) == sorted(second) == list(range(10))
    assert not np.array_equal(first, second)


def test_images_stay_with_their_labels():
    images, labels = feed(seed=1)[1]
    assert np.array_equal(images[:, 0, 0, 0], labels)


def test_a_resumed_feed_continues_the_interrupted_one():
    through = feed(seed=5, augmentation=Augmentation(rotation=90), prepare="drawing")
    through.on_epoch_end()
    resumed = feed(seed=5, augmentation=Augmentation(rotation=90), prepare="drawing", first_epoch=1)
    for index in range(3):
        assert np.array_equal(through[index][0], resumed[index][0])
