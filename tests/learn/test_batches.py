import numpy as np

from core.learn.batches import Batches


def show(rows: np.ndarray, number: int) -> np.ndarray:
    """What a network would be shown: the row, and which time it is."""
    return np.stack([rows, np.full(len(rows), number)], axis=1)


def shown(batches: Batches, number: int) -> tuple[np.ndarray, np.ndarray]:
    return tuple(np.concatenate(part) for part in zip(*batches.epoch(number), strict=True))


def test_each_epoch_shows_every_image_once_in_a_new_order():
    batches = Batches(show, np.arange(10), 4, seed=5)
    first, second = shown(batches, 0)[1], shown(batches, 1)[1]
    assert sorted(first) == sorted(second) == list(range(10))
    assert not np.array_equal(first, second)


def test_images_stay_with_their_labels_and_the_epoch_is_the_round():
    images, labels = shown(Batches(show, 100 + np.arange(10), 4, seed=1), 3)
    assert np.array_equal(images[:, 0] + 100, labels)
    assert set(images[:, 1]) == {3}


def test_several_rounds_an_epoch_show_each_image_in_each():
    images, labels = shown(Batches(show, np.arange(5), 4, rounds=3), 1)
    assert np.array_equal(images[:, 0], labels)
    assert sorted(map(tuple, images)) == [(row, number) for row in range(5) for number in (3, 4, 5)]


def test_a_data_set_for_keras_goes_through_the_epochs_from_any_on():
    batches = Batches(show, np.arange(10), 4, seed=5)
    resumed = list(batches.dataset(1).take(2 * len(batches)))
    expected = [*batches.epoch(1), *batches.epoch(2)]
    for (images, labels), (those, theirs) in zip(resumed, expected, strict=True):
        assert np.array_equal(images, those)
        assert np.array_equal(labels, theirs)


def test_images_may_be_larger_in_later_rounds():
    def growing(rows: np.ndarray, number: int) -> np.ndarray:
        return np.full((len(rows), 4 + number, 4 + number, 3), number, np.uint8)

    batches = Batches(growing, np.arange(6), 4, resized=True)
    shapes = [tuple(images.shape) for images, _ in batches.dataset().take(2 * len(batches))]
    assert shapes == [(4, 4, 4, 3), (2, 4, 4, 3), (4, 5, 5, 3), (2, 5, 5, 3)]


def test_what_is_only_examined_ends_and_begins_again_with_the_same():
    once = Batches(show, np.arange(10), 4).once()
    first, again = ([labels.numpy() for _, labels in once] for _ in range(2))
    assert once.cardinality() == len(first) == 3
    assert sorted(np.concatenate(first)) == list(range(10))
    assert np.array_equal(np.concatenate(first), np.concatenate(again))
