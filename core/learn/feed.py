"""Batches for Keras, from memory maps: shuffled anew each epoch, the same for the same seed and epoch."""

from collections.abc import Callable

import keras
import numpy as np

Read = Callable[[np.ndarray, int], np.ndarray]
"""(rows, round) -> what the network is shown of these images, the round-th time it is shown them: (n, ...)."""


class Feed(keras.utils.PyDataset):
    """Batches of (what `read` gives, labels), `rounds` times each image an epoch.

    The order in epoch e depends on the seed and e alone, so a resumed training sees what an uninterrupted one would
    have seen. A round is never shown twice: epoch e shows the rounds e * rounds to (e + 1) * rounds - 1.
    """

    def __init__(
        self, read: Read, labels: np.ndarray, batch_size: int, seed: int = 0, first_epoch: int = 0, rounds: int = 1
    ):
        super().__init__()
        self.read, self.labels, self.batch = read, labels, batch_size
        self.seed, self.epoch, self.rounds = seed, first_epoch, rounds
        self._shuffle()

    def __len__(self) -> int:
        return -(-len(self.order) // self.batch)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        # Sorted, so that a memory map is read front to back; the order within a batch does not matter.
        rounds, rows = np.divmod(np.sort(self.order[index * self.batch : (index + 1) * self.batch]), len(self.labels))
        first = self.epoch * self.rounds
        parts = [self.read(rows[rounds == number], first + number) for number in np.unique(rounds)]
        return np.concatenate(parts), self.labels[rows]

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self._shuffle()

    def _shuffle(self) -> None:
        rng = np.random.default_rng((self.seed, self.epoch))
        self.order = rng.permutation(len(self.labels) * self.rounds)


def in_order(array: np.ndarray) -> Read:
    """Every round shows the rows of `array` as they are."""
    return lambda rows, number: array[rows]
