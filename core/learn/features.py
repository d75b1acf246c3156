"""Extract features with a frozen pretrained network: computed once for each view of an image, and kept for all runs.

A view is one augmented version of an image, or the image as it is.
"""

import math
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache

import keras
import numpy as np
import tensorflow as tf

from core.augmentation import transforms
from core.catalog import weights
from core.catalog.backbones import BACKBONES
from core.catalog.versions import INPUT_VERSION
from core.config import Augmentation, TrainConfig
from core.errors import UserError
from core.learn import backbones, devices, quantized
from core.learn.batches import Loader
from core.learn.feature_store import Store
from core.learn.inference_graph import fold_normalization, freeze
from core.storage import disk_cache, workspace

BATCH = 64
PROBE = 16  # images in a measurement: number formats compare as they do with more, and sooner
BUDGET_BYTES = 8 * 1024**3
"""What all stored features may take on disk; the least recently used go first."""
SHARE_OF_DISK = 0.5  # of the space that is free
OUTPUTS = ("block", "features")
"""What enters the last block of the network, and what leaves it, pooled to a vector."""
LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class View:
    """One augmented version of each image; by default the image as it is.

    Attributes:
        augmentation: The ranges of the random changes.
        seed: The seed of the run.
        number: Which of the versions, from 0.
    """

    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0
    number: int = 0


@dataclass(frozen=True)
class InputImages:
    """Images as a network takes them.

    Attributes:
        images: (n, size, size, channels) uint8.
        contents: The hash of each image's content.
        kind: The kind of the data set, "photo" or "drawing".
    """

    images: np.ndarray
    contents: Sequence[str]
    kind: str

    def view(self, rows: np.ndarray, view: View) -> np.ndarray:
        """Make a view of some images, (len(rows), size, size, channels) uint8."""
        seeds = [transforms.seed(self.contents[row], view.seed, view.number) for row in rows]
        return transforms.variants(self.images[rows], view.augmentation, self.kind, seeds)


@dataclass(frozen=True)
class StoredRows:
    """One output of the network for one view of images, read from disk.

    Attributes:
        store: Where it is kept. It is not deleted while this object lives.
        array: The rows of the store, (m, ...) float16.
        places: The place in `array` of each of the n images.
    """

    store: Store
    array: np.ndarray
    places: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        return self.array[self.places[rows]]


class FeatureExtractor:
    """The pretrained network of a configuration, as a graph of constants that is built when it is first needed."""

    def __init__(self, config: TrainConfig, check: Callable[[], None]):
        """Remember the configuration.

        Args:
            config: The configuration of a run.
            check: Called while the speed of number formats is measured; may raise to stop.
        """
        self.config, self.check = config, check

    @cached_property
    def dtype(self) -> str:
        """The fastest dtype policy for this network on this machine, or `quantized.DTYPE`."""
        candidates = devices.dtypes()
        if BACKBONES[self.config.backbone].chain and quantized.available() and not devices.gpus():
            candidates.append(quantized.DTYPE)
        name = f"{self.config.backbone} folded and frozen {self.config.image_size}px"
        return devices.fastest(name, self._images_per_second, candidates)

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Compute both outputs.

        Args:
            images: (n, size, size, 3) uint8.

        Returns:
            {"block": (n, h, w, c), "features": (n, d)}, float16.
        """
        block, features = self._graph(self.dtype)(tf.constant(images))
        return {"block": block.numpy(), "features": features.numpy()}

    def extract(
        self, images: InputImages, views: Sequence[View], output: str, on_progress: Callable[[int, int], None]
    ) -> Loader:
        """Compute one output for all views of images, as far as it is not on disk yet.

        Where there is no room to keep the "block" of all views, nothing of it is kept: every batch is computed when it
        is loaded.

        Args:
            images: The n images.
            views: The views; round r shows view r modulo their number.
            output: One of OUTPUTS.
            on_progress: Called with the number of images done and their total, over all views; may raise to stop, and
                what is done then stays.
        """
        n, total = len(images.contents), len(images.contents) * len(views)
        kept = OUTPUTS if self._has_room(total) else ("features",)
        if output not in kept:
            return lambda rows, number: self(images.view(rows, views[number % len(views)]))[output]
        stored = []
        for number, view in enumerate(views):
            first = number * n
            stores = {name: self._store(view, name).held() for name in kept}
            self._fill(stores, output, images, view, lambda done, first=first: on_progress(first + done, total))
            disk_cache.keep_budget(list(workspace.feature_cache().glob("*")), BUDGET_BYTES)
            store = stores[output]
            stored.append(StoredRows(store, store.array(), store.places(images.contents)))
        return lambda rows, number: stored[number % len(stored)][rows]

    def _fill(
        self,
        stores: dict[str, Store],
        output: str,
        images: InputImages,
        view: View,
        on_progress: Callable[[int], None],
    ) -> None:
        """Compute the images that one output lacks, and keep what `stores` are for."""
        if not stores[output].missing(images.contents):
            return
        with ExitStack() as locks:
            for store in stores.values():
                locks.enter_context(store.writing())
            missing = np.array(sorted(stores[output].missing(images.contents)))  # another process may have filled it
            for start in range(0, len(missing), BATCH):
                on_progress(len(images.contents) - len(missing) + start)
                rows = missing[start : start + BATCH]
                values = self(images.view(rows, view))
                for name, store in stores.items():
                    store.append([images.contents[row] for row in rows], values[name])

    def _store(self, view: View, output: str) -> Store:
        config = self.config
        return Store(
            {
                "network": config.backbone,
                "weights": config.weights,
                "size": config.image_size,
                "output": output,
                "prepare": config.kind,
                "input": INPUT_VERSION,
                "dtype": self.dtype,
                "view": asdict(view),
            }
        )

    def _has_room(self, images: int) -> bool:
        """Whether the "block" of so many images can be kept."""
        shape = self._store(View(), "block").shape or self._graph(self.dtype).outputs[0].shape[1:]
        room = min(BUDGET_BYTES, SHARE_OF_DISK * shutil.disk_usage(workspace.feature_cache().parent).free)
        return images * 2 * math.prod(shape) <= room

    def _graph(self, dtype: str) -> Callable:
        return _graph(self.config.backbone, self.config.weights, self.config.image_size, dtype)

    def _images_per_second(self, dtype: str) -> float:
        size, graph = self.config.image_size, self._graph(dtype)
        noise = tf.constant(np.random.default_rng(0).integers(0, 256, (PROBE, size, size, 3), np.uint8))
        return PROBE * devices.steps_per_second(lambda: graph(noise)[1].numpy(), self.check)


@lru_cache(maxsize=2)  # strategies often use the same network; two while dtypes are compared
def _graph(backbone: str, weights_hash: str, size: int, dtype: str) -> Callable:
    integers = dtype == quantized.DTYPE
    with devices.policy("float32" if integers else dtype):
        whole, pool = fold_normalization(network(backbone, weights_hash, size)), pooling(backbone)
        below, block = backbones.split(whole, BACKBONES[backbone])

    def in_floats(images: tf.Tensor) -> list[tf.Tensor]:
        entering = below(images, training=False)
        return [entering, block(entering, training=False)]

    ends = [below.layers[-1].name, whole.layers[-1].name]
    compute = quantized.outputs(whole, ends) if integers else in_floats

    def run(images: tf.Tensor) -> list[tf.Tensor]:
        entering, leaving = compute(images)
        return [_to_float16(entering), _to_float16(pool(leaving))]

    return freeze(run, [None, size, size, 3])


def network(backbone: str, weights_hash: str, size: int) -> keras.Model:
    """Build a pretrained network under the current dtype policy: (n, size, size, 3) uint8 -> feature maps.

    Raises:
        UserError: The weights there are not those of this sha256.
    """
    found = weights.find(backbone)
    if found.hash != weights_hash:
        raise UserError(
            "The weights of {name} in '{path}' have changed since this run was queued: their sha256 is {hash}. Press "
            "Train again to use these.",
            name=BACKBONES[backbone].title,
            path=found.path,
            hash=found.hash,
        )
    return backbones.build(BACKBONES[backbone], size, found.path)


def pooling(backbone: str) -> keras.Layer:
    """Make the layer that turns feature maps into one vector in the network's own way."""
    layers = {"flatten": keras.layers.Flatten, "average": keras.layers.GlobalAveragePooling2D}
    return layers[BACKBONES[backbone].pooling](name="pooling")


def _to_float16(values: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.clip_by_value(tf.cast(values, tf.float32), -LARGEST, LARGEST), tf.float16)
