"""Batches for Keras, read from memory maps and shuffled anew each epoch.

A round shows every image once. An epoch has one round, or several where there are few images. The rounds of all epochs
are numbered through, so that each can show other augmented views.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

Loader = Callable[[np.ndarray, int], np.ndarray]
"""(rows, round number) -> the network's inputs for these images in that round: (len(rows), ...)."""
PREFETCHED = 2  # batches that are made while the network learns from the one before


@dataclass(frozen=True)
class Batches:
    """Batches of inputs and labels.

    What an epoch shows depends on the seed and its number alone, so a resumed training sees what an uninterrupted one
    would have seen. Epoch e shows the rounds e * rounds to (e + 1) * rounds - 1, so no round comes twice.

    Attributes:
        load: Gives the inputs.
        labels: (n,) int64.
        batch_size: Images in a batch; the last one of an epoch may have fewer.
        seed: The seed of the order.
        rounds: How often an epoch shows each image.
        resized: Whether inputs are images, (n, height, width, channels), that are larger in some rounds than in others.
    """

    load: Loader
    labels: np.ndarray
    batch_size: int
    seed: int = 0
    rounds: int = 1
    resized: bool = False

    def __len__(self) -> int:
        """Count the batches of an epoch."""
        return -(-self.images // self.batch_size)

    @property
    def images(self) -> int:
        """How many images an epoch shows."""
        return len(self.labels) * self.rounds

    def epoch(self, number: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the batches of one epoch; epochs count from 0."""
        order = np.random.default_rng((self.seed, number)).permutation(self.images)
        for start in range(0, self.images, self.batch_size):
            # Sorted, so that a memory map is read front to back; the order within a batch does not matter.
            rounds, rows = np.divmod(np.sort(order[start : start + self.batch_size]), len(self.labels))
            first = number * self.rounds
            parts = [self.load(rows[rounds == within], first + within) for within in np.unique(rounds)]
            yield np.concatenate(parts), self.labels[rows]

    def dataset(self, first_epoch: int = 0) -> tf.data.Dataset:
        """Give all epochs from one on, without an end: `fit` takes `len(batches)` steps for each."""

        def epochs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for number in itertools.count(first_epoch):
                yield from self.epoch(number)

        example = self.load(np.arange(1), 0)
        shape = [None, None, None, example.shape[-1]] if self.resized else [None, *example.shape[1:]]
        signature = tf.TensorSpec(shape, example.dtype), tf.TensorSpec([None], self.labels.dtype)
        options = tf.data.Options()
        # There is nothing to tune, and the tuner can hold up the end of `fit` for seconds.
        options.autotune.enabled = False
        endless = tf.data.Dataset.from_generator(epochs, output_signature=signature)
        return endless.prefetch(PREFETCHED).with_options(options)

    def once(self) -> tf.data.Dataset:
        """Give the first epoch alone, each time it is iterated over."""
        return self.dataset().take(len(self)).apply(tf.data.experimental.assert_cardinality(len(self)))


def from_array(array: np.ndarray) -> Loader:
    """Make a Loader that gives the rows of an array, the same in every round."""
    return lambda rows, number: array[rows]
