"""What `fit` is given for a run, whatever its strategy: what to show, what learns, and what becomes of it.

A strategy that learns a whole network is shown images. One that leaves a pretrained network as it is, or all of it but
the last block, is shown what the frozen part makes of them (core.learn.features): only the rest of it runs.
"""

import time
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
from core.learn import augment_gpu, backbones, devices, features, networks
from core.learn.batches import Feed, Read, in_order

WORTH_MEASURING_PX = 64  # networks on smaller images train in seconds: measuring would take longer than it saves
STEPS_TOGETHER = 512  # of a head, at most: a second or two, for which a wish to cancel waits
FEWEST_STEPS = 20  # of an epoch, where a whole network learns: of a handful of images each is shown several times
READ, DESCRIBED = 0.05, 0.6  # shares of the whole job behind us when images are read, and when they are described
Report = Callable[..., None]


@dataclass(frozen=True)
class Examples:
    """One split: `read` gives what the learning part is shown, by row; labels (n,) int64."""

    read: Read
    labels: np.ndarray

    @property
    def width(self) -> int:
        """The length of each row, where rows are vectors."""
        return self.read(np.array([0]), 0).shape[1]


@dataclass(frozen=True)
class Lesson:
    """Everything about a run's training but the training itself.

    `build()` makes the model that learns, not yet compiled. `finish(learned)` turns it into two models in float32,
    whose answers do not depend on which number format is fastest here: the whole network, from images 0..255 to
    probabilities, and the part of it that answers what `examples(split)` reads.
    """

    dtype: str
    build: Callable[[], keras.Model]
    finish: Callable[[keras.Model], tuple[keras.Model, keras.Model]]
    examples: Callable[[str], Examples]
    rounds: int = 1  # how often an epoch shows each training image
    resized: bool = False  # whether training images are smaller in the first epochs


def prepare(config: TrainConfig, classes: int, dataset: Dataset, report: Report) -> Lesson:
    """The lesson of a configuration. report(...) takes fields of `runs.Progress`, and may raise to stop."""
    learns = STRATEGIES[config.strategy].learns
    return {"network": _whole, "head": _head, "block": _last_block}[learns](config, classes, dataset, report)


def compiled(model: keras.Model, config: TrainConfig, epoch_steps: int) -> keras.Model:
    """`model` with its strategy's optimizer, and the loss that fits its output."""
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


def _whole(config: TrainConfig, classes: int, dataset: Dataset, report: Report) -> Lesson:
    """All of a network learns, from images augmented anew every epoch."""
    strategy = STRATEGIES[config.strategy]
    rounds = max(1, round(FEWEST_STEPS / (len(dataset.live("train")) / config.batch_size)))

    def network(dtype: str, classes: int = classes) -> keras.Model:
        with devices.policy(dtype):
            if strategy.network:
                return getattr(networks, strategy.network)(config.image_size, strategy.channels, classes)
            body = backbones.build(BACKBONES[config.backbone], config.image_size)
            for layer in body.layers:
                if isinstance(layer, keras.layers.BatchNormalization):
                    layer.momentum = networks.MOMENTUM
            return keras.Model(body.input, networks.dense_head(features.pooling(config.backbone)(body.output), classes))

    def learning(dtype: str, classes: int = classes) -> keras.Model:
        return networks.fused(network(dtype, classes))

    def build() -> keras.Model:
        return networks.of_any_size(learning(dtype)) if config.small_epochs else learning(dtype)

    def examples(split: str) -> Examples:
        shown, labels = pictures(config, dataset, split, report)

        def read(rows: np.ndarray, number: int) -> np.ndarray:
            view = features.View(config.augmentation, config.seed, number)
            return transforms.shrunk(shown.seen(rows, view, config.prepare), config.shown_size(number // rounds))

        return Examples(read if split == "train" else in_order(shown.images), labels)

    def finish(learned: keras.Model) -> tuple[keras.Model, keras.Model]:
        model = network("float32")
        model.set_weights(learned.get_weights())
        return model, model

    name = f"{strategy.network or config.backbone} learning"
    dtype = "float32"
    if config.image_size >= WORTH_MEASURING_PX:
        dtype = _fastest(name, config, learning, report)
    return Lesson(dtype, build, finish, examples, rounds, resized=config.small_epochs > 0)


def _head(config: TrainConfig, classes: int, dataset: Dataset, report: Report) -> Lesson:
    """A new head learns, from the pooled features of a pretrained network."""
    frozen, views = features.Frozen(config, report), _views(config)

    def examples(split: str) -> Examples:
        return _described(frozen, dataset, split, "features", report, views if split == "train" else None)

    def finish(learned: keras.Model) -> tuple[keras.Model, keras.Model]:
        head = _dense(learned.input_shape[1], classes)
        head.set_weights(learned.get_weights())
        body = features.network(config.backbone, config.weights, config.image_size)
        return keras.Model(body.input, head(features.pooling(config.backbone)(body.output))), head

    rounds = len(views) if STRATEGIES[config.strategy].every_view else 1
    return Lesson(frozen.dtype, lambda: _dense(examples("train").width, classes), finish, examples, rounds)


def _last_block(config: TrainConfig, classes: int, dataset: Dataset, report: Report) -> Lesson:
    """The head and the last block of a pretrained network learn, from what enters that block.

    The head has learned from bottleneck features before, so that its first errors do not spoil the block; the
    statistics of batch normalisation stay what they are.
    """
    backbone, frozen, views = BACKBONES[config.backbone], features.Frozen(config, report), _views(config)

    def parts(dtype: str, classes: int = classes) -> tuple[keras.Model, keras.Model]:
        with devices.policy(dtype):
            whole = features.network(config.backbone, config.weights, config.image_size)
            below, block = backbones.split(whole, backbone)
            for layer in block._flatten_layers():
                if isinstance(layer, keras.layers.BatchNormalization):
                    layer.trainable = False
            head = networks.dense_head(features.pooling(config.backbone)(block.output), classes)
            return below, keras.Model(block.input, head)

    def examples(split: str) -> Examples:
        return _described(frozen, dataset, split, "block", report, views if split == "train" else None)

    def build() -> keras.Model:
        plain = [_described(frozen, dataset, split, "features", report) for split in ("train", "validation")]
        head = _bottleneck_head(*plain, classes, config, report)
        _, model = parts(dtype)
        for layer in ("hidden", "probability"):
            model.get_layer(layer).set_weights(head.get_layer(layer).get_weights())
        return model

    def finish(learned: keras.Model) -> tuple[keras.Model, keras.Model]:
        below, block = parts("float32")
        block.set_weights(learned.get_weights())
        return keras.Model(below.input, block(below.output)), block

    dtype = _fastest(f"{backbone.name} last block", config, lambda dtype, classes: parts(dtype, classes)[1], report)
    return Lesson(dtype, build, finish, examples)


def _bottleneck_head(
    train: Examples, validation: Examples, classes: int, config: TrainConfig, report: Report
) -> keras.Model:
    """A head as the strategy "bottleneck" teaches it, at its best epoch."""
    names = ("epochs", "batch_size", "learning_rate", "patience")
    row = STRATEGIES["bottleneck"]
    basics = replace(config, strategy=row.name, **{name: row.defaults[name] for name in names})
    feed = Feed(train.read, train.labels, basics.batch_size, config.seed)
    model = compiled(_dense(train.width, classes), basics, len(feed))
    best = keras.callbacks.EarlyStopping(
        "val_accuracy", mode="max", patience=basics.patience, restore_best_weights=True
    )
    alive = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: report())
    held_out = Feed(validation.read, validation.labels, features.BATCH)
    model.fit(
        feed.dataset(), steps_per_epoch=len(feed), validation_data=held_out.once(), validation_steps=len(held_out),
        epochs=basics.epochs, callbacks=[best, alive], shuffle=False, verbose=0,
    )  # fmt: skip
    return model


def _dense(width: int, classes: int) -> keras.Model:
    inputs = keras.Input((width,))
    return keras.Model(inputs, networks.dense_head(inputs, classes))


def _views(config: TrainConfig) -> list[features.View]:
    """The augmented versions an image is seen in; where nothing changes, the image itself."""
    if config.augmentation.changes_nothing:
        return [features.View()]
    return [features.View(config.augmentation, config.seed, number) for number in range(config.views)]


def pictures(config: TrainConfig, dataset: Dataset, split: str, report: Report) -> tuple[features.Pictures, np.ndarray]:
    """A split's images as the network reads them, and their labels (n,) int64."""

    def on_progress(done: int, total: int) -> None:
        report(step=done, steps=total, **({"share": READ * done / total} if split == "train" else {}))

    strategy = STRATEGIES[config.strategy]
    images, labels, entries = arrays.decoded(
        dataset, config.prepare, config.image_size, strategy.channels, split, on_progress=on_progress
    )
    batch_size = features.BATCH if strategy.pretrained else config.batch_size
    transform = augment_gpu.fastest(config, batch_size, report)
    return features.Pictures(images, [entry.content for entry in entries], transform), labels


def _described(
    frozen: features.Frozen, dataset: Dataset, split: str, output: str, report: Report,
    views: list[features.View] | None = None,
) -> Examples:  # fmt: skip
    """What the frozen network makes of a split, by default of its images as they stand."""
    shown, labels = pictures(frozen.config, dataset, split, report)
    start = time.monotonic()
    first = None

    def on_progress(done: int, total: int) -> None:
        nonlocal first
        first = done if first is None else first
        speed = (done - first) / (time.monotonic() - start) or None
        report(
            stage="describing", dtype=frozen.dtype, step=done, steps=total, images_per_second=speed,
            eta_s=speed and (total - done) / speed,
            **({"share": READ + (DESCRIBED - READ) * done / total} if split == "train" else {}),
        )  # fmt: skip

    return Examples(frozen.read(shown, views or [features.View()], output, on_progress), labels)


def _fastest(name: str, config: TrainConfig, network: Callable[[str, int], keras.Model], report: Report) -> str:
    """The dtype policy in which a network of two classes trains fastest."""

    def rate(dtype: str) -> float:
        return devices.training_rate(compiled(network(dtype, 2), config, 1), config.batch_size, report)

    report(stage="measuring", step=0, steps=0)
    return devices.fastest(f"{name} {config.image_size}px batch {config.batch_size}", rate)
