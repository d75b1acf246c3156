"""The configuration of a run, made of hyperparameters, and the key that names the run."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Protocol

from core.catalog import weights
from core.catalog.backbones import BACKBONES, Backbone
from core.catalog.knobs import KNOBS
from core.catalog.strategies import STRATEGIES, Strategy
from core.catalog.versions import INPUT_VERSION, RECIPE_VERSION
from core.errors import UserError
from core.storage.typed import typed

KEY_LENGTH = 16
FEW = 1000
"""So few photos get a network's `fine_size`: they take no longer than many at its usual size."""
SMALLER = 2 / 3
"""The share of the width and height that progressive resizing begins with."""


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random changes made to each training image; by default there are none.

    Attributes:
        rotation: The largest angle, in degrees.
        width_shift: The largest shift, as a share of the width.
        height_shift: The largest shift, as a share of the height.
        shear: The largest angle, in degrees.
        zoom: The largest change of size: 0.2 zooms between 0.8 and 1.2.
        horizontal_flip: Whether half of the images are flipped left to right.
        vertical_flip: Whether half of the images are flipped upside down.
        brightness: The largest change of each level, as a share of it.
        channel_shift: The largest shift of a channel, in levels of 255.
        fill_mode: A name in `core.catalog.knobs.FILL_MODES`.
        fill_value: The shade of the fill mode "constant", in levels of 255.
    """

    rotation: float = 0.0
    width_shift: float = 0.0
    height_shift: float = 0.0
    shear: float = 0.0
    zoom: float = 0.0
    horizontal_flip: bool = False
    vertical_flip: bool = False
    brightness: float = 0.0
    channel_shift: float = 0.0
    fill_mode: str = "auto"
    fill_value: int = 0

    @property
    def changes_nothing(self) -> bool:
        """Whether images stay as they are. A fill without a movement is never seen."""
        return replace(self, fill_mode="auto", fill_value=0) == Augmentation()


AUGMENTATION_KNOBS = tuple(f.name for f in fields(Augmentation))


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides the result of a training, and nothing else. Made by `make_config`.

    Attributes:
        fingerprint: The hash of the data set's live images and labels.
        kind: The kind of the data set, "photo" or "drawing", which says how images become input
            (`core.data.images.network_input`).
        strategy: A name in STRATEGIES.
        backbone: A name in BACKBONES; empty for strategies with a network of their own.
        weights: The sha256 of the ImageNet weights; empty for strategies that train from scratch.
        views: How many augmented versions of each image have their features extracted.
        progressive_resizing: The share of the epochs with smaller images.
        input_version: `INPUT_VERSION` when the run was queued.
        recipe_version: `RECIPE_VERSION` when the run was queued.

    The other attributes are the hyperparameters of the same name in KNOBS.
    """

    fingerprint: str
    kind: str
    strategy: str
    image_size: int
    epochs: int
    batch_size: int
    learning_rate: float
    patience: int
    seed: int = 0
    backbone: str = ""
    weights: str = ""
    views: int = 0
    progressive_resizing: float = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    input_version: int = 1
    recipe_version: int = 1

    @property
    def small_epochs(self) -> int:
        """How many epochs, from the first, show smaller images; never all of them."""
        return min(round(self.progressive_resizing * self.epochs), self.epochs - 1)

    def shown_size(self, epoch: int) -> int:
        """Give the width and height of the training images of an epoch, in pixels; epochs count from 0."""
        return math.ceil(SMALLER * self.image_size) if epoch < self.small_epochs else self.image_size

    @property
    def key(self) -> str:
        """The name of the run: a hash of the canonical JSON of this configuration."""
        canonical = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:KEY_LENGTH]

    def to_json(self) -> dict:
        """Convert to the form in which a run stores its configuration, and from which its key is made."""
        value = asdict(self)
        value["prepare"] = value.pop("kind")
        return {name: setting for name, setting in value.items() if setting != ADDED_LATER.get(name)}

    @classmethod
    def from_json(cls, value: dict) -> "TrainConfig":
        """Read what `to_json` made.

        Raises:
            KeyError: A field is missing, or a later version added one.
            TypeError: A value is of another type.
        """
        settings = {**value, "augmentation": typed(Augmentation, value["augmentation"]), "kind": value["prepare"]}
        del settings["prepare"]
        return typed(cls, settings)


ADDED_LATER = {"progressive_resizing": 0.0, "input_version": 1, "recipe_version": 1}
"""Fields that the first runs did not have, with the values that these had: left out, so that their keys stay."""


def strategy_named(name: str) -> Strategy:
    """Look up a strategy. Raises UserError, which lists the strategies, for an unknown name."""
    if name not in STRATEGIES:
        raise UserError(
            "There is no strategy '{name}'. Choose one of: {known}.", name=name, known=", ".join(STRATEGIES)
        )
    return STRATEGIES[name]


class DatasetLike(Protocol):
    """A data set, or images from elsewhere that are checked like one.

    Attributes:
        fingerprint: The hash of its live images and labels.
        kind: "photo" or "drawing".
        n_images: How many images there are.
    """

    @property
    def fingerprint(self) -> str: ...

    @property
    def kind(self) -> str | None: ...

    @property
    def n_images(self) -> int: ...


def default_image_size(backbone: Backbone, dataset: DatasetLike) -> int:
    """Choose the image size for a data set, in pixels: few photos are shown larger where that helps a network."""
    is_small = dataset.kind == "photo" and dataset.n_images <= FEW
    return backbone.fine_size if is_small and backbone.fine_size else backbone.image_size


def defaults(strategy: Strategy, dataset: DatasetLike, backbone: str | None = None) -> dict[str, object]:
    """List the hyperparameters of a strategy with their defaults, in the order of the interface.

    Args:
        strategy: The strategy.
        dataset: The data set to train on.
        backbone: The network for which the image size is chosen; without one, or for a network that this version does
            not have, the strategy's default network.
    """
    values = strategy.defaults | {"seed": 0}
    if "backbone" not in values:
        return values
    row = BACKBONES.get(backbone) or BACKBONES[values["backbone"]]
    # What the strategy itself says of the image size comes second and wins.
    return {"backbone": values["backbone"], "image_size": default_image_size(row, dataset), **values}


def resolve(
    strategy: Strategy, backbone: str | None, dataset: DatasetLike, chosen: Mapping[str, object]
) -> dict[str, object]:
    """Settle every hyperparameter of a strategy.

    Args:
        strategy: The strategy.
        backbone: The network for strategies that use a pretrained one, unless `chosen` names another.
        dataset: The data set to train on.
        chosen: The hyperparameters that differ from the defaults, as values or as text.

    Returns:
        All hyperparameters of the strategy, validated.

    Raises:
        UserError: The strategy does not have a hyperparameter, a value is not possible, or the images are too small
            for the network.
    """
    values = defaults(strategy, dataset, chosen.get("backbone", backbone))
    for name in chosen:
        if name not in values:
            raise UserError(
                "'{strategy}' has no setting '{name}'. It has: {known}.",
                strategy=strategy.name,
                name=name,
                known=", ".join(values),
            )
    if backbone and "backbone" in values:
        values["backbone"] = backbone
    values = {name: KNOBS[name].coerce(value) for name, value in (values | chosen).items()}
    row = BACKBONES.get(values.get("backbone"))
    if row and values["image_size"] < row.smallest_size:
        raise UserError(
            "{title} needs images of at least {smallest} px; got {size}. Choose a larger image size.",
            title=row.title,
            smallest=row.smallest_size,
            size=values["image_size"],
        )
    return values


def make_augmentation(knobs: Mapping[str, object]) -> Augmentation:
    """Build an Augmentation from some of its hyperparameters; those left out change nothing.

    Raises:
        UserError: A value is not possible.
    """
    return Augmentation(**{name: KNOBS[name].coerce(value) for name, value in knobs.items()})


def make_config(
    dataset: DatasetLike, strategy: str, knobs: Mapping[str, object] | None = None, backbone: str | None = None
) -> TrainConfig:
    """Build the configuration of a run.

    Args:
        dataset: The data set to train on.
        strategy: A name in STRATEGIES.
        knobs: The hyperparameters that differ from the defaults.
        backbone: The network for strategies that use a pretrained one, unless `knobs` names another.

    Raises:
        UserError: The strategy is unknown, `resolve` refuses a hyperparameter, or the pretrained weights are missing.
    """
    row = strategy_named(strategy)
    values = resolve(row, backbone, dataset, knobs or {})
    augmentation = Augmentation(**{name: values.pop(name) for name in AUGMENTATION_KNOBS if name in values})
    return TrainConfig(
        fingerprint=dataset.fingerprint,
        kind=dataset.kind,
        strategy=strategy,
        augmentation=augmentation,
        weights=weights.find(values["backbone"]).hash if row.pretrained else "",
        input_version=INPUT_VERSION,
        recipe_version=RECIPE_VERSION,
        **({"image_size": row.image_size} | values),
    )
