"""What a frozen pretrained network makes of images: computed once for each augmented view and kept, for all runs.

Two things are kept of each image: what enters the network's last block ("block"), and what leaves it, pooled to a
vector ("features").
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
from core.learn.batches import Read
from core.learn.feature_store import Store
from core.learn.inference_graph import folded, frozen
from core.storage import disk_cache, workspace

BATCH = 64
PROBE = 16  # images: number formats compare as they do with more, and sooner
BUDGET_BYTES = 8 * 1024**3
"""What all kept activations together may take on disk; those not used for longest go first."""
SHARE_OF_DISK = 0.5  # of the space that is free
OUTPUTS = ("block", "features")
LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class View:
    """The `number`-th augmented version of each image; as it stands, the image itself."""

    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0
    number: int = 0


@dataclass(frozen=True)
class InputImages:
    """Images as the network reads them, (n, size, size, 3) uint8, their contents' hashes, and what augments them."""

    images: np.ndarray
    contents: Sequence[str]

    def seen(self, rows: np.ndarray, view: View, prepare: str) -> np.ndarray:
        """A view of some of them, (rows, size, size, 3) uint8."""
        seeds = [transforms.seed(self.contents[row], view.seed, view.number) for row in rows]
        return transforms.variants(self.images[rows], view.augmentation, prepare, seeds)


class Frozen:
    """A configuration's pretrained network as a graph of constants, built when it is first needed.

    `check()` is called while number formats are compared, and may raise to stop.
    """

    def __init__(self, config: TrainConfig, check: Callable[[], None]):
        self.config, self.check = config, check

    @cached_property
    def dtype(self) -> str:
        """The fastest dtype policy for this network on this machine, or `quantized.DTYPE`."""
        integers = BACKBONES[self.config.backbone].chain and quantized.available() and not devices.gpus()
        return devices.fastest(
            f"{self.config.backbone} folded and frozen {self.config.image_size}px", self._rate,
            [*devices.dtypes(), *([quantized.DTYPE] if integers else [])],
        )  # fmt: skip

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """(n, size, size, 3) uint8 -> {"block": (n, h, w, c), "features": (n, d)}, float16."""
        block, features = self._graph(self.dtype)(tf.constant(images))
        return {"block": block.numpy(), "features": features.numpy()}

    def _graph(self, dtype: str) -> Callable:
        return _graph(self.config.backbone, self.config.weights, self.config.image_size, dtype)

    def _rate(self, dtype: str) -> float:
        size, graph = self.config.image_size, self._graph(dtype)
        noise = tf.constant(np.random.default_rng(0).integers(0, 256, (PROBE, size, size, 3), np.uint8))
        return PROBE * devices.steps_per_second(lambda: graph(noise)[1].numpy(), self.check)

    def read(
        self,
        pictures: InputImages,
        views: Sequence[View],
        output: str,
        on_progress: Callable[[int, int], None],
    ) -> Read:
        """Compute one output for all views of the pictures, and return what reads it: round r shows view r modulo n.

        Where there is no room to keep the "block" of all views, nothing of it is kept: every batch is computed when
        it is read. on_progress(done, total) counts images, and may raise to stop; what is done then stays.
        """
        n = len(pictures.contents)
        kept = OUTPUTS if self._has_room(len(views) * n) else ("features",)
        if output not in kept:
            prepare = self.config.kind
            return lambda rows, number: self(pictures.seen(rows, views[number % len(views)], prepare))[output]
        read = []
        for number, view in enumerate(views):
            stores = {name: self._store(view, name).held() for name in kept}
            self._fill(
                stores, output, pictures, view, lambda done, first=number * n: on_progress(first + done, len(views) * n)
            )
            disk_cache.keep_budget(list(workspace.feature_cache().glob("*")), BUDGET_BYTES)
            store = stores[output]
            read.append((store, store.array(), store.places(pictures.contents)))

        def rows_of(rows: np.ndarray, number: int) -> np.ndarray:
            _held, array, places = read[number % len(read)]
            return array[places[rows]]

        return rows_of

    def _store(self, view: View, output: str) -> Store:
        config = self.config
        return Store({
            "network": config.backbone, "weights": config.weights, "size": config.image_size, "output": output,
            "prepare": config.kind, "input": INPUT_VERSION, "dtype": self.dtype, "view": asdict(view),
        })  # fmt: skip

    def _fill(
        self,
        stores: dict[str, Store],
        output: str,
        pictures: InputImages,
        view: View,
        on_progress: Callable[[int], None],
    ) -> None:
        if not stores[output].missing(pictures.contents):
            return
        with ExitStack() as alone:
            for store in stores.values():
                alone.enter_context(store.writing())
            missing = np.array(sorted(stores[output].missing(pictures.contents)))
            for start in range(0, len(missing), BATCH):
                on_progress(len(pictures.contents) - len(missing) + start)
                rows = missing[start : start + BATCH]
                values = self(pictures.seen(rows, view, self.config.kind))
                for name, store in stores.items():
                    store.append([pictures.contents[row] for row in rows], values[name])

    def _has_room(self, images: int) -> bool:
        """Whether what enters the last block can be kept for this many images."""
        shape = self._store(View(), "block").shape or self._graph(self.dtype).outputs[0].shape[1:]
        room = min(BUDGET_BYTES, SHARE_OF_DISK * shutil.disk_usage(workspace.feature_cache().parent).free)
        return images * 2 * math.prod(shape) <= room


@lru_cache(maxsize=2)  # one strategy after the other asks for the same network; two while dtypes are compared
def _graph(backbone: str, weights_hash: str, size: int, dtype: str) -> Callable:
    integers = dtype == quantized.DTYPE
    with devices.policy("float32" if integers else dtype):
        whole, pool = folded(network(backbone, weights_hash, size)), pooling(backbone)
        below, block = backbones.split(whole, BACKBONES[backbone])

    def parts(images: tf.Tensor) -> list[tf.Tensor]:
        entering = below(images, training=False)
        return [entering, block(entering, training=False)]

    if integers:
        parts = quantized.outputs(whole, [below.layers[-1].name, whole.layers[-1].name])

    def run(images: tf.Tensor) -> list[tf.Tensor]:
        entering, leaving = parts(images)
        return [_half(entering), _half(pool(leaving))]

    return frozen(run, [None, size, size, 3])


def network(backbone: str, weights_hash: str, size: int) -> keras.Model:
    """A pretrained network with the weights of this sha256, (n, size, size, 3) uint8 -> feature maps.

    Built under the current dtype policy. Raises UserError when those weights are no longer there.
    """
    found = weights.find(backbone)
    if found.hash != weights_hash:
        raise UserError(
            "The weights of {name} in '{path}' have changed since this run was queued: their sha256 is {hash}. Press "
            "Train again to use these.",
            name=BACKBONES[backbone].title, path=found.path, hash=found.hash,
        )  # fmt: skip
    return backbones.build(BACKBONES[backbone], size, found.path)


def pooling(backbone: str) -> keras.Layer:
    """What makes one vector of feature maps, in the network's own way."""
    layers = {"flatten": keras.layers.Flatten, "average": keras.layers.GlobalAveragePooling2D}
    return layers[BACKBONES[backbone].pooling](name="pooling")


def _half(values: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.clip_by_value(tf.cast(values, tf.float32), -LARGEST, LARGEST), tf.float16)
