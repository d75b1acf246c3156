"""Batches for Keras, from memory maps: shuffled anew each epoch, the same for the same seed and epoch."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

Read = Callable[[np.ndarray, int], np.ndarray]
"""(rows, round) -> what the network is shown of these images, the round-th time it is shown them: (n, ...)."""
PREFETCHED = 2  # batches that are made while the network learns from the one before


@dataclass(frozen=True)
class Batches:
    """Batches of (what `read` gives, labels), `rounds` times each image an epoch.

    What an epoch shows depends on the seed and its number alone, so a resumed training sees what an uninterrupted one
    would have seen. A round is never shown twice: epoch e shows the rounds e * rounds to (e + 1) * rounds - 1.
    """

    read: Read
    labels: np.ndarray
    batch_size: int
    seed: int = 0
    rounds: int = 1
    resized: bool = False  # whether images, (n, height, width, channels), are larger in some rounds than in others

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-self.images // self.batch_size)

    @property
    def images(self) -> int:
        """Images shown in an epoch."""
        return len(self.labels) * self.rounds

    def epoch(self, number: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The batches of one epoch; the first is number 0."""
        order = np.random.default_rng((self.seed, number)).permutation(self.images)
        for start in range(0, self.images, self.batch_size):
            # Sorted, so that a memory map is read front to back; the order within a batch does not matter.
            rounds, rows = np.divmod(np.sort(order[start : start + self.batch_size]), len(self.labels))
            first = number * self.rounds
            parts = [self.read(rows[rounds == seen], first + seen) for seen in np.unique(rounds)]
            yield np.concatenate(parts), self.labels[rows]

    def dataset(self, first_epoch: int = 0) -> tf.data.Dataset:
        """All epochs from one on, without an end: `fit` takes `len(feed)` steps for each."""

        def epochs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for number in itertools.count(first_epoch):
                yield from self.epoch(number)

        like = self.read(np.arange(1), 0)
        shape = [None, None, None, like.shape[-1]] if self.resized else [None, *like.shape[1:]]
        signature = tf.TensorSpec(shape, like.dtype), tf.TensorSpec([None], self.labels.dtype)
        options = tf.data.Options()
        # There is nothing to tune, and the tuner can hold up the end of `fit` for seconds.
        options.autotune.enabled = False
        endless = tf.data.Dataset.from_generator(epochs, output_signature=signature)
        return endless.prefetch(PREFETCHED).with_options(options)

    def once(self) -> tf.data.Dataset:
        """The first epoch alone, as often as it is iterated over."""
        return self.dataset().take(len(self)).apply(tf.data.experimental.assert_cardinality(len(self)))


def in_order(array: np.ndarray) -> Read:
    """Every round shows the rows of `array` as they are."""
    return lambda rows, number: array[rows]
