"""Recipes: what a strategy trains, on which inputs, and how the result becomes one network.

A strategy that trains a whole network feeds it images. One that freezes a pretrained network, or all of it but the last
block, feeds the part that learns with the features that the frozen part extracts (`core.learn.features`).
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
from core.learn.batches import Batches, Loader, from_array

WORTH_MEASURING_PX = 64  # networks on smaller images train in seconds: measuring would take longer than it saves
MOST_STEPS_PER_EXECUTION = 512  # of a head: a second or two, for which a request to cancel waits
FEWEST_STEPS = 20  # in an epoch of a whole network: a handful of images is shown several times
READ_SHARE, EXTRACTED_SHARE = (
    0.05,
    0.6,
)  # of the whole job is done once images are read, and once features are extracted

ReportProgress = Callable[..., None]
"""Takes fields of `runs.Progress`, and may raise to stop."""
UNCHANGED = [features.View()]
"""The only view of images that are not augmented."""


@dataclass(frozen=True)
class SplitData:
    """The inputs and labels of a split.

    Attributes:
        load: Gives the inputs of the trained part, by row.
        labels: (n,) int64.
    """

    load: Loader
    labels: np.ndarray

    @property
    def width(self) -> int:
        """The length of an input that is a vector."""
        return self.load(np.array([0]), 0).shape[1]


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
        """Prepare the training of a configuration with so many classes."""
        self.config, self.classes, self.dataset, self.report = config, classes, dataset, report

    @abstractmethod
    def data(self, split: str) -> SplitData:
        """Read a split, "train", "validation" or "test", as the trained part takes it."""

    @abstractmethod
    def build(self) -> keras.Model:
        """Build the model that is trained, not yet compiled."""

    @abstractmethod
    def finish(self, trained: keras.Model) -> tuple[keras.Model, keras.Model]:
        """Rebuild the trained model in float32, so that its predictions do not depend on what is fastest here.

        Returns:
            The whole network, from images 0..255 to probabilities, and the part of it that takes the inputs of `data`.
        """

    def _fastest(self, name: str, network: Callable[[str, int], keras.Model]) -> str:
        """Find the dtype policy in which a network trains fastest.

        Args:
            name: The name under which the measurement is remembered.
            network: Builds the network for a dtype policy and a number of classes.
        """
        config = self.config

        def rate(dtype: str) -> float:
            model = compile_model(network(dtype, 2), config, 1)
            return devices.training_rate(model, config.batch_size, self.report)

        self.report(stage="measuring", step=0, steps=0)
        return devices.fastest(f"{name} {config.image_size}px batch {config.batch_size}", rate)


class WholeNetwork(Recipe):
    """Trains all of a network, from images that are augmented anew in every round."""

    def __init__(self, config: TrainConfig, classes: int, dataset: Dataset, report: ReportProgress):
        super().__init__(config, classes, dataset, report)
        self.rounds = max(1, round(FEWEST_STEPS / (len(dataset.live("train")) / config.batch_size)))
        self.resized = config.small_epochs > 0
        self.dtype = "float32"
        if config.image_size >= WORTH_MEASURING_PX:
            name = STRATEGIES[config.strategy].network or config.backbone
            self.dtype = self._fastest(
                f"{name} learning",
                lambda dtype, classes: networks.with_fused_normalization(self._network(dtype, classes)),
            )

    def data(self, split: str) -> SplitData:
        images, labels = input_images(self.config, self.dataset, split, self.report)
        if split != "train":
            return SplitData(from_array(images.images), labels)

        def load(rows: np.ndarray, number: int) -> np.ndarray:
            view = features.View(self.config.augmentation, self.config.seed, number)
            return transforms.resized(images.view(rows, view), self.config.shown_size(number // self.rounds))

        return SplitData(load, labels)

    def build(self) -> keras.Model:
        model = self._network(self.dtype, self.classes)
        return networks.with_fused_normalization(networks.of_any_size(model) if self.resized else model)

    def finish(self, trained: keras.Model) -> tuple[keras.Model, keras.Model]:
        model = self._network("float32", self.classes)
        model.set_weights(trained.get_weights())
        return model, model

    def _network(self, dtype: str, classes: int) -> keras.Model:
        """Build the network from Keras' own layers, so that it can be saved and exported."""
        config, strategy = self.config, STRATEGIES[self.config.strategy]
        with devices.policy(dtype):
            if strategy.network:
                return getattr(networks, strategy.network)(config.image_size, strategy.channels, classes)
            body = backbones.build(BACKBONES[config.backbone], config.image_size)
            for layer in body.layers:
                if isinstance(layer, keras.layers.BatchNormalization):
                    layer.momentum = networks.MOMENTUM
            return keras.Model(body.input, networks.dense_head(features.pooling(config.backbone)(body.output), classes))


class FrozenBackbone(Recipe):
    """Trains on what a frozen pretrained network extracts from images, and from a fixed number of views of them."""

    def __init__(self, config: TrainConfig, classes: int, dataset: Dataset, report: ReportProgress):
        super().__init__(config, classes, dataset, report)
        self.extractor = features.FeatureExtractor(config, report)
        self.views = UNCHANGED
        if not config.augmentation.changes_nothing:
            self.views = [features.View(config.augmentation, config.seed, number) for number in range(config.views)]

    def extract(self, split: str, output: str, views: list[features.View]) -> SplitData:
        """Extract the features of a split: one of `features.OUTPUTS`."""
        images, labels = input_images(self.config, self.dataset, split, self.report)
        on_progress = ExtractionProgress(self.report, self.extractor.dtype, split)
        return SplitData(self.extractor.extract(images, views, output, on_progress), labels)


class Head(FrozenBackbone):
    """Trains a new head on the pooled features of a pretrained network."""

    def __init__(self, config: TrainConfig, classes: int, dataset: Dataset, report: ReportProgress):
        super().__init__(config, classes, dataset, report)
        self.dtype = self.extractor.dtype
        if STRATEGIES[config.strategy].every_view:
            self.rounds = len(self.views)

    def data(self, split: str) -> SplitData:
        return self.extract(split, "features", self.views if split == "train" else UNCHANGED)

    def build(self) -> keras.Model:
        return head_model(self.data("train").width, self.classes)

    def finish(self, trained: keras.Model) -> tuple[keras.Model, keras.Model]:
        config = self.config
        head = head_model(trained.input_shape[1], self.classes)
        head.set_weights(trained.get_weights())
        body = features.network(config.backbone, config.weights, config.image_size)
        return keras.Model(body.input, head(features.pooling(config.backbone)(body.output))), head


class LastBlock(FrozenBackbone):
    """Trains a head and the last block of a pretrained network on what enters that block.

    The head is trained on bottleneck features first, so that its first errors do not spoil the block. The statistics of
    batch normalization stay what they are.
    """

    def __init__(self, config: TrainConfig, classes: int, dataset: Dataset, report: ReportProgress):
        super().__init__(config, classes, dataset, report)
        self.dtype = self._fastest(
            f"{config.backbone} last block", lambda dtype, classes: self._split(dtype, classes)[1]
        )

    def data(self, split: str) -> SplitData:
        return self.extract(split, "block", self.views if split == "train" else UNCHANGED)

    def build(self) -> keras.Model:
        train, validation = (self.extract(split, "features", UNCHANGED) for split in ("train", "validation"))
        head = train_bottleneck_head(train, validation, self.classes, self.config, self.report)
        _frozen, model = self._split(self.dtype, self.classes)
        for layer in ("hidden", "probability"):
            model.get_layer(layer).set_weights(head.get_layer(layer).get_weights())
        return model

    def finish(self, trained: keras.Model) -> tuple[keras.Model, keras.Model]:
        frozen, block = self._split("float32", self.classes)
        block.set_weights(trained.get_weights())
        return keras.Model(frozen.input, block(frozen.output)), block

    def _split(self, dtype: str, classes: int) -> tuple[keras.Model, keras.Model]:
        """Build the frozen part of the network, and its last block with a head."""
        config = self.config
        with devices.policy(dtype):
            whole = features.network(config.backbone, config.weights, config.image_size)
            frozen, block = backbones.split(whole, BACKBONES[config.backbone])
            for layer in block._flatten_layers():
                if isinstance(layer, keras.layers.BatchNormalization):
                    layer.trainable = False
            head = networks.dense_head(features.pooling(config.backbone)(block.output), classes)
            return frozen, keras.Model(block.input, head)


RECIPES: dict[str, type[Recipe]] = {"network": WholeNetwork, "head": Head, "block": LastBlock}
"""By what of a network a strategy trains: `Strategy.learns`."""


def make_recipe(config: TrainConfig, classes: int, dataset: Dataset, report: ReportProgress) -> Recipe:
    """Make the recipe of a configuration."""
    return RECIPES[STRATEGIES[config.strategy].learns](config, classes, dataset, report)


def compile_model(model: keras.Model, config: TrainConfig, epoch_steps: int) -> keras.Model:
    """Compile a model with its strategy's optimizer and the loss that fits its output."""
    strategy = STRATEGIES[config.strategy]
    rate = config.learning_rate
    if strategy.decays:
        rate = keras.optimizers.schedules.CosineDecay(rate, config.epochs * epoch_steps)
    optimizers = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop, "sgd": keras.optimizers.SGD}
    optimizer = optimizers[strategy.optimizer](rate, **strategy.optimizer_settings)
    loss = "binary_crossentropy" if model.output_shape[-1] == 1 else "sparse_categorical_crossentropy"
    # A step of a head takes less time than Python takes to start the next. The number divides the epoch, because Keras
    # would run past its end.
    most = MOST_STEPS_PER_EXECUTION if strategy.learns == "head" else 1
    steps_per_execution = max(n for n in range(1, most + 1) if epoch_steps % n == 0)
    # Left to Keras, XLA would compile for longer on a GPU than most of these trainings last.
    model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False, steps_per_execution=steps_per_execution)
    # If the first step created variables, TensorFlow would trace it a second time.
    optimizer.build(model.trainable_variables)
    model.compute_metrics(None, np.zeros(1), np.zeros((1, model.output_shape[-1]), np.float32))
    model.reset_metrics()
    return model


def train_bottleneck_head(
    train: SplitData, validation: SplitData, classes: int, config: TrainConfig, report: ReportProgress
) -> keras.Model:
    """Train a head as the strategy "bottleneck" does, and return it at its best epoch."""
    names = ("epochs", "batch_size", "learning_rate", "patience")
    row = STRATEGIES["bottleneck"]
    config = replace(config, strategy=row.name, **{name: row.defaults[name] for name in names})
    batches = Batches(train.load, train.labels, config.batch_size, config.seed)
    held_out = Batches(validation.load, validation.labels, features.BATCH)
    model = compile_model(head_model(train.width, classes), config, len(batches))
    keep_best = keras.callbacks.EarlyStopping(
        "val_accuracy", mode="max", patience=config.patience, restore_best_weights=True
    )
    heartbeat = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: report())
    model.fit(
        batches.dataset(),
        steps_per_epoch=len(batches),
        validation_data=held_out.once(),
        validation_steps=len(held_out),
        epochs=config.epochs,
        callbacks=[keep_best, heartbeat],
        shuffle=False,
        verbose=0,
    )
    return model


def head_model(width: int, classes: int) -> keras.Model:
    """Build the head alone: features (n, width) -> probabilities."""
    inputs = keras.Input((width,))
    return keras.Model(inputs, networks.dense_head(inputs, classes))


def input_images(
    config: TrainConfig, dataset: Dataset, split: str, report: ReportProgress
) -> tuple[features.InputImages, np.ndarray]:
    """Read a split's images as the network takes them.

    Returns:
        The images, and their labels, (n,) int64.
    """

    def on_progress(done: int, total: int) -> None:
        report(step=done, steps=total, **({"share": READ_SHARE * done / total} if split == "train" else {}))

    channels = STRATEGIES[config.strategy].channels
    images, labels, entries = arrays.decoded(
        dataset, config.kind, config.image_size, channels, split, on_progress=on_progress
    )
    return features.InputImages(images, [entry.content for entry in entries], config.kind), labels


class ExtractionProgress:
    """Reports how far the extraction of a split's features is, and how fast."""

    def __init__(self, report: ReportProgress, dtype: str, split: str):
        self.report, self.dtype, self.is_train = report, dtype, split == "train"
        self.start, self.done_before = time.monotonic(), None

    def __call__(self, done: int, total: int) -> None:
        """Report that so many images are done of a total."""
        if self.done_before is None:
            self.done_before = done  # their features were on disk
        speed = (done - self.done_before) / (time.monotonic() - self.start) or None
        fields = {"share": READ_SHARE + (EXTRACTED_SHARE - READ_SHARE) * done / total} if self.is_train else {}
        self.report(
            stage="describing",
            dtype=self.dtype,
            step=done,
            steps=total,
            images_per_second=speed,
            eta_s=speed and (total - done) / speed,
            **fields,
        )
