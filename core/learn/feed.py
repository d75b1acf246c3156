"""Batches for Keras: memory-mapped images in, shuffled and augmented, the same for the same seed and epoch."""

import keras
import numpy as np

from core.config import Augmentation
from core.learn import augment

UNCHANGED = Augmentation()


class Feed(keras.utils.PyDataset):
    """(batch, size, size, channels) uint8 images with their labels, in an order drawn anew each epoch.

    The order and the augmentation of epoch e depend on the seed and e alone, so a resumed training sees what an
    uninterrupted one would have seen.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        batch_size: int,
        augmentation: Augmentation = UNCHANGED,
        prepare: str = "photo",
        seed: int = 0,
        first_epoch: int = 0,
    ):
        super().__init__()
        self.images, self.labels, self.batch = images, labels, batch_size
        self.seed, self.epoch = seed, first_epoch
        self.augmentation, self.prepare = augmentation, prepare
        self._shuffle()

    def __len__(self) -> int:
        return -(-len(self.labels) // self.batch)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        # Sorted, so that a memory map is read front to back; the order within a batch does not matter.
        chosen = np.sort(self.order[index * self.batch : (index + 1) * self.batch])
        images = self.images[chosen]
        if self.augmentation != UNCHANGED:
            rng = np.random.default_rng((self.seed, self.epoch, index))
            drawn = augment.draw(self.augmentation, len(chosen), rng)
            images = augment.apply(images, augment.matrices(drawn, *images.shape[1:3]), self.prepare)
        return images, self.labels[chosen]

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self._shuffle()

    def _shuffle(self) -> None:
        self.order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.labels))
