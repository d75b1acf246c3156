"""What a strategy trains, on what, and how its result becomes one network: a recipe for each way to learn.

A strategy that trains a whole network is shown images. One that leaves a pretrained network as it is, or all of it but
the last block, is shown what the frozen part makes of them (core.learn.features): only the rest of it runs.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace

import keras
import numpy as np

from core.augmentation import transforms
from core.catalog.backbones import BACKBONES
from core.catalog.strategies import STRATEGIES
from core.config import TrainConfig
from core.data import arrays
from core.data.manifest import Dataset
from core.learn import backbones, devices, features, networks
from core.learn.batches import Batches, Read, in_order

WORTH_MEASURING_PX = 64  # networks on smaller images train in seconds: measuring would take longer than it saves
STEPS_TOGETHER = 512  # of a head, at most: a second or two, for which a request to cancel waits
FEWEST_STEPS = 20  # of an epoch, where a whole network learns: of a handful of images each is shown several times
READ, EXTRACTED = 0.05, 0.6  # shares of the whole job done once images are read, and once features are extracted

ReportProgress = Callable[..., None]
"""Takes fields of `runs.Progress`, and may raise to stop."""


@dataclass(frozen=True)
class Examples:
    """One split.

    Attributes:
        read: Gives what the trained part is shown, by row.
        labels: (n,) int64.
    """

    read: Read
    labels: np.ndarray

    @property
    def width(self) -> int:
        """The length of each row, where rows are vectors."""
        return self.read(np.array([0]), 0).shape[1]


class Recipe(ABC):
    """Everything about a run's training but the training itself.

    Attributes:
        dtype: The dtype policy in which the trained part runs fastest here.
        rounds: How often an epoch shows each training image.
        resized: Whether training images are smaller in the first epochs.
    """

    dtype: str
    rounds = 1
    resized = False

    def __init__(self, config: TrainConfig, classes: int, dataset: Dataset, report: ReportProgress):
        self.config, self.classes, self.dataset, self.report = config, classes, dataset, report

    @abstractmethod
    def examples(self, split: str) -> Examples:
        """Give what the trained part is shown of a split: "train", "validation" or "test"."""

    @abstractmethod
    def build(self) -> keras.Model:
        """Make the model that is trained, not yet compiled."""

    @abstractmethod
    def finish(self, trained: keras.Model) -> tuple[keras.Model, keras.Model]:
        """Make two models in float32 of the trained one: their answers do not depend on what is fastest here.

        Returns:
            The whole network, from images 0..255 to probabilities, and the part of it that answers what `examples`
            reads.
        """

    def _fastest(self, name: str, network: Callable[[str, int], keras.Model]) -> str:
        """Find the dtype policy in which a network of two classes trains fastest."""
        config = self.config

        def rate(dtype: str) -> float:
            return devices.training_rate(compiled(network(dtype, 2), config, 1), config.batch_size, self.report)

        self.report(stage="measuring", step=0, steps=0)
        return devices.fastest(f"{name} {config.image_size}px batch {config.batch_size}", rate)


class WholeNetwork(Recipe):
    """All of a network learns, from images augmented anew every epoch."""

    def __init__(self, config: TrainConfig, classes: int, dataset: Dataset, report: ReportProgress):
        super().__init__(config, classes, dataset, report)
        self.rounds = max(1, round(FEWEST_STEPS / (len(dataset.live("train")) / config.batch_size)))
        self.resized = config.small_epochs > 0
        self.dtype = "float32"
        if config.image_size >= WORTH_MEASURING_PX:
            name = STRATEGIES[config.strategy].network or config.backbone
            self.dtype = self._fastest(f"{name} learning", self._trainable)

    def examples(self, split: str) -> Examples:
        images, labels = input_images(self.config, self.dataset, split, self.report)
        if split != "train":
            return Examples(in_order(images.images), labels)
        config = self.config

        def read(rows: np.ndarray, number: int) -> np.ndarray:
            view = features.View(config.augmentation, config.seed, number)
            size = config.shown_size(number // self.rounds)
            return transforms.shrunk(images.seen(rows, view, config.kind), size)

        return Examples(read, labels)

    def build(self) -> keras.Model:
        model = self._trainable(self.dtype, self.classes)
        return networks.of_any_size(model) if self.resized else model

    def finish(self, trained: keras.Model) -> tuple[keras.Model, keras.Model]:
        model = self._network("float32", self.classes)
        model.set_weights(trained.get_weights())
        return model, model

    def _trainable(self, dtype: str, classes: int) -> keras.Model:
        return networks.fused(self._network(dtype, classes))

    def _network(self, dtype: str, classes: int) -> keras.Model:
        config, strategy = self.config, STRATEGIES[self.config.strategy]
        with devices.policy(dtype):
            if strategy.network:
                return getattr(networks, strategy.network)(config.image_size, strategy.channels, classes)
            body = backbones.build(BACKBONES[config.backbone], config.image_size)
            for layer in body.layers:
                if isinstance(layer, keras.layers.BatchNormalization):
                    layer.momentum = networks.MOMENTUM
            return keras.Model(body.input, networks.dense_head(features.pooling(config.backbone)(body.output), classes))


class Head(Recipe):
    """A new head learns, from the pooled features of a pretrained network."""

    def __init__(self, config: TrainConfig, classes: int, dataset: Dataset, report: ReportProgress):
        super().__init__(config, classes, dataset, report)
        self.frozen, self.views = features.Frozen(config, report), _views(config)
        self.dtype = self.frozen.dtype
        if STRATEGIES[config.strategy].every_view:
            self.rounds = len(self.views)

    def examples(self, split: str) -> Examples:
        views = self.views if split == "train" else AS_IT_IS
        return _extracted(self.frozen, self.dataset, split, "features", self.report, views)

    def build(self) -> keras.Model:
        return _dense(self.examples("train").width, self.classes)

    def finish(self, trained: keras.Model) -> tuple[keras.Model, keras.Model]:
        config = self.config
        head = _dense(trained.input_shape[1], self.classes)
        head.set_weights(trained.get_weights())
        body = features.network(config.backbone, config.weights, config.image_size)
        return keras.Model(body.input, head(features.pooling(config.backbone)(body.output))), head


class LastBlock(Recipe):
    """The head and the last block of a pretrained network learn, from what enters that block.

    The head has learned from bottleneck features before, so that its first errors do not spoil the block; the
    statistics of batch normalisation stay what they are.
    """

    def __init__(self, config: TrainConfig, classes: int, dataset: Dataset, report: ReportProgress):
        super().__init__(config, classes, dataset, report)
        self.frozen, self.views = features.Frozen(config, report), _views(config)
        self.dtype = self._fastest(f"{config.backbone} last block", self._trainable)

    def examples(self, split: str) -> Examples:
        views = self.views if split == "train" else AS_IT_IS
        return _extracted(self.frozen, self.dataset, split, "block", self.report, views)

    def build(self) -> keras.Model:
        bottleneck = [
            _extracted(self.frozen, self.dataset, split, "features", self.report, AS_IT_IS)
            for split in ("train", "validation")
        ]
        head = _bottleneck_head(*bottleneck, self.classes, self.config, self.report)
        model = self._trainable(self.dtype, self.classes)
        for layer in ("hidden", "probability"):
            model.get_layer(layer).set_weights(head.get_layer(layer).get_weights())
        return model

    def finish(self, trained: keras.Model) -> tuple[keras.Model, keras.Model]:
        below, block = self._parts("float32", self.classes)
        block.set_weights(trained.get_weights())
        return keras.Model(below.input, block(below.output)), block

    def _trainable(self, dtype: str, classes: int) -> keras.Model:
        return self._parts(dtype, classes)[1]

    def _parts(self, dtype: str, classes: int) -> tuple[keras.Model, keras.Model]:
        """Make the part that stays as it is, and the last block with a head."""
        config = self.config
        with devices.policy(dtype):
            whole = features.network(config.backbone, config.weights, config.image_size)
            below, block = backbones.split(whole, BACKBONES[config.backbone])
            for layer in block._flatten_layers():
                if isinstance(layer, keras.layers.BatchNormalization):
                    layer.trainable = False
            head = networks.dense_head(features.pooling(config.backbone)(block.output), classes)
            return below, keras.Model(block.input, head)


RECIPES: dict[str, type[Recipe]] = {"network": WholeNetwork, "head": Head, "block": LastBlock}
"""By what of a network a strategy trains: `Strategy.learns`."""


def prepare(config: TrainConfig, classes: int, dataset: Dataset, report: ReportProgress) -> Recipe:
    """Make the recipe of a configuration."""
    return RECIPES[STRATEGIES[config.strategy].learns](config, classes, dataset, report)


def compiled(model: keras.Model, config: TrainConfig, epoch_steps: int) -> keras.Model:
    """Compile a model with its strategy's optimizer and the loss that fits its output."""
    strategy = STRATEGIES[config.strategy]
    rate = config.learning_rate
    if strategy.decays:
        rate = keras.optimizers.schedules.CosineDecay(rate, config.epochs * epoch_steps)
    make = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop, "sgd": keras.optimizers.SGD}
    loss = "binary_crossentropy" if model.output_shape[-1] == 1 else "sparse_categorical_crossentropy"
    optimizer = make[strategy.optimizer](rate, **strategy.optimizer_settings)
    # A head's step is shorter than the way through Python to the next. Keras would run past the end of an epoch that
    # they do not divide.
    most = STEPS_TOGETHER if strategy.learns == "head" else 1
    together = max(n for n in range(1, most + 1) if epoch_steps % n == 0)
    # Left to Keras, XLA would compile for longer on a GPU than most of these trainings last.
    model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False, steps_per_execution=together)
    # Variables that a first step makes have TensorFlow trace it a second time.
    optimizer.build(model.trainable_variables)
    model.compute_metrics(None, np.zeros(1), np.zeros((1, model.output_shape[-1]), np.float32))
    model.reset_metrics()
    return model


def _bottleneck_head(
    train: Examples, validation: Examples, classes: int, config: TrainConfig, report: ReportProgress
) -> keras.Model:
    """Train a head as the strategy "bottleneck" does; returns it at its best epoch."""
    names = ("epochs", "batch_size", "learning_rate", "patience")
    row = STRATEGIES["bottleneck"]
    basics = replace(config, strategy=row.name, **{name: row.defaults[name] for name in names})
    batches = Batches(train.read, train.labels, basics.batch_size, config.seed)
    model = compiled(_dense(train.width, classes), basics, len(batches))
    best = keras.callbacks.EarlyStopping(
        "val_accuracy", mode="max", patience=basics.patience, restore_best_weights=True
    )
    heartbeat = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: report())
    held_out = Batches(validation.read, validation.labels, features.BATCH)
    model.fit(
        batches.dataset(),
        steps_per_epoch=len(batches),
        validation_data=held_out.once(),
        validation_steps=len(held_out),
        epochs=basics.epochs,
        callbacks=[best, heartbeat],
        shuffle=False,
        verbose=0,
    )
    return model


def _dense(width: int, classes: int) -> keras.Model:
    inputs = keras.Input((width,))
    return keras.Model(inputs, networks.dense_head(inputs, classes))


AS_IT_IS = [features.View()]


def _views(config: TrainConfig) -> list[features.View]:
    """List the augmented versions in which an image is shown; where nothing changes, the image as it is."""
    if config.augmentation.changes_nothing:
        return AS_IT_IS
    return [features.View(config.augmentation, config.seed, number) for number in range(config.views)]


def input_images(
    config: TrainConfig, dataset: Dataset, split: str, report: ReportProgress
) -> tuple[features.InputImages, np.ndarray]:
    """Read a split's images as the network takes them.

    Returns:
        The images, and their labels, (n,) int64.
    """

    def on_progress(done: int, total: int) -> None:
        report(step=done, steps=total, **({"share": READ * done / total} if split == "train" else {}))

    strategy = STRATEGIES[config.strategy]
    images, labels, entries = arrays.decoded(
        dataset, config.kind, config.image_size, strategy.channels, split, on_progress=on_progress
    )
    return features.InputImages(images, [entry.content for entry in entries]), labels


def _extracted(
    frozen: features.Frozen,
    dataset: Dataset,
    split: str,
    output: str,
    report: ReportProgress,
    views: list[features.View],
) -> Examples:
    """Extract what the frozen network makes of a split."""
    images, labels = input_images(frozen.config, dataset, split, report)
    start = time.monotonic()
    first = None

    def on_progress(done: int, total: int) -> None:
        nonlocal first
        first = done if first is None else first
        speed = (done - first) / (time.monotonic() - start) or None
        share = {"share": READ + (EXTRACTED - READ) * done / total} if split == "train" else {}
        eta_s = speed and (total - done) / speed
        report(
            stage="describing",
            dtype=frozen.dtype,
            step=done,
            steps=total,
            images_per_second=speed,
            eta_s=eta_s,
            **share,
        )

    return Examples(frozen.read(images, views, output, on_progress), labels)
