import numpy as np

from core.learn.feed import Feed


def show(rows: np.ndarray, number: int) -> np.ndarray:
    """What a network would be shown: the row, and which time it is."""
    return np.stack([rows, np.full(len(rows), number)], axis=1)


def epoch(batches: Feed) -> tuple[np.ndarray, np.ndarray]:
    parts = [batches[index] for index in range(len(batches))]
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def test_each_epoch_shows_every_image_once_in_a_new_order():
    one = Feed(show, np.arange(10), 4, seed=5)
    first = epoch(one)[1]
    one.on_epoch_end()
    second = epoch(one)[1]
    assert sorted(first) == sorted(second) == list(range(10))
    assert not np.array_equal(first, second)


def test_images_stay_with_their_labels_and_the_epoch_is_the_round():
    batches = Feed(show, 100 + np.arange(10), 4, seed=1, first_epoch=3)
    shown, labels = epoch(batches)
    assert np.array_equal(shown[:, 0] + 100, labels)
    assert set(shown[:, 1]) == {3}


def test_several_rounds_an_epoch_show_each_image_in_each():
    batches = Feed(show, np.arange(5), 4, rounds=3)
    batches.on_epoch_end()
    shown, labels = epoch(batches)
    assert np.array_equal(shown[:, 0], labels)
    assert sorted(map(tuple, shown)) == [(row, number) for row in range(5) for number in (3, 4, 5)]


def test_a_resumed_feed_continues_the_interrupted_one():
    through = Feed(show, np.arange(10), 4, seed=5)
    through.on_epoch_end()
    resumed = Feed(show, np.arange(10), 4, seed=5, first_epoch=1)
    assert np.array_equal(epoch(through)[0], epoch(resumed)[0])
