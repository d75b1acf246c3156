"""What a run is: every knob declared once, the configuration they make, and the key that names its run."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Protocol

from core.catalog import weights
from core.catalog.backbones import BACKBONES
from core.catalog.strategies import STRATEGIES, Strategy
from core.errors import UserError
from core.i18n import N_
from core.storage.typed import typed

KEY_LENGTH = 16
FEW = 1000
"""Photos: no more than these are looked at in more pixels, which takes no longer than many in fewer."""
SMALLER = 2 / 3
"""Of the image size: how images are shown at first where a training begins with smaller ones."""
FILL_MODES = {
    "auto": N_("Automatic"),
    "nearest": N_("Nearest (edge)"),
    "constant": N_("Constant (shade)"),
    "reflect": N_("Reflect (mirror)"),
    "wrap": N_("Wrap (around)"),
}
"""What shows where a moved image no longer covers its frame; "auto" is a photo's edge repeated, a drawing's paper."""


@dataclass(frozen=True)
class Knob:
    """One number or choice a person may change; slider, command line, validation and message all come from here."""

    name: str
    title: str
    help: str
    kind: type  # int, float, bool or str
    low: float = 0.0
    high: float = 1.0
    step: float = 1.0
    unit: str = ""
    choices: tuple = ()

    def coerce(self, value: object) -> int | float | bool | str:
        """Return `value` as this knob's type, or raise a UserError. Text is accepted, as a command line gives it."""
        if self.kind is bool:
            known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
            if str(value).lower() not in known:
                raise UserError("'{knob}' is on or off; got {value!r}. Use true or false.", knob=self.name, value=value)
            return known[str(value).lower()]
        if self.choices:
            chosen = next((choice for choice in self.choices if value in (choice, str(choice))), None)
            if chosen is None:
                allowed = ", ".join(str(choice) for choice in self.choices)
                raise UserError(
                    "'{knob}' must be one of {allowed}; got {value!r}.", knob=self.name, allowed=allowed, value=value
                )
            return chosen
        try:
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            raise UserError(
                "'{knob}' needs a number; got {value!r}. Give one from {low:g} to {high:g}.",
                knob=self.name, value=value, low=self.low, high=self.high,
            ) from None  # fmt: skip
        if self.kind is int and not number.is_integer():
            raise UserError(
                "'{knob}' needs a whole number; got {value!r}. Give one from {low:g} to {high:g}.",
                knob=self.name, value=value, low=self.low, high=self.high,
            )  # fmt: skip
        if not self.low <= number <= self.high:
            raise UserError(
                "'{knob}' must lie between {low:g} and {high:g}; got {value:g}.",
                knob=self.name, low=self.low, high=self.high, value=number,
            )  # fmt: skip
        # Ten digits: 0.1 + 0.2 and 0.3 are the same setting, so they must give the same key.
        return int(number) if self.kind is int else float(f"{number:.10g}")


KNOBS: dict[str, Knob] = {
    knob.name: knob
    for knob in (
        Knob("backbone", N_("Pretrained network"), N_("The network, pretrained on ImageNet, that extracts the "
                                                      "features."),
             str, choices=tuple(BACKBONES)),
        Knob("image_size", N_("Image size"),
             N_("Images are resized to this width and height. With few photos, some networks use a larger default."),
             int, 32, 384, 2, "px"),
        Knob("epochs", N_("Maximum epochs"), N_("How many times training goes through the training set."), int, 1, 200),
        Knob("batch_size", N_("Batch size"), N_("Images per training step."), int, choices=(8, 16, 32, 64, 128, 256)),
        Knob("learning_rate", N_("Learning rate"), N_("How far one training step changes the weights."),
             float, choices=(0.00001, 0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01)),
        Knob("patience", N_("Patience"),
             N_("Stop when validation accuracy has not improved for this many epochs; the best epoch is kept."),
             int, 1, 200, 1, N_("epochs")),
        Knob("progressive_resizing", N_("Progressive resizing"),
             N_("Train this share of the epochs at two thirds of the width and height, which is faster. Patience "
                "counts from the full size on."),
             float, 0, 0.9, 0.05),
        Knob("views", N_("Augmented views"),
             N_("How many augmented versions of each image are computed and kept. After that they are reused."),
             int, 1, 32),
        Knob("rotation", N_("Rotation"), N_("Rotate each image by up to this angle, in either direction."),
             float, 0, 180, 1, "°"),
        Knob("width_shift", N_("Width shift"), N_("Shift horizontally by up to this share of the width."),
             float, 0, 0.5, 0.01),
        Knob("height_shift", N_("Height shift"), N_("Shift vertically by up to this share of the height."),
             float, 0, 0.5, 0.01),
        Knob("shear", N_("Shear"), N_("Shear each image by up to this angle, in either direction."),
             float, 0, 45, 0.5, "°"),
        Knob("zoom", N_("Zoom"), N_("Zoom in or out by up to this share."), float, 0, 0.9, 0.01),
        Knob("horizontal_flip", N_("Horizontal flip"), N_("Flip half of the images left to right."), bool),
        Knob("vertical_flip", N_("Vertical flip"), N_("Flip half of the images upside down."), bool),
        Knob("brightness", N_("Brightness"), N_("Make each image darker or lighter by up to this share."),
             float, 0, 0.9, 0.01),
        Knob("channel_shift", N_("Channel shift"),
             N_("Add or subtract up to this value in each channel; black is 0, white is 255."),
             float, 0, 150, 1, N_("levels")),
        Knob("fill_mode", N_("Fill mode"),
             N_("How to fill pixels outside the moved image. Automatic: repeat the edge of a photo, white paper for "
                "a drawing."),
             str, choices=tuple(FILL_MODES)),
        Knob("fill_value", N_("Fill shade"), N_("Only for the fill mode “Constant”: 0 is black, 255 is white."),
             int, 0, 255, 1, N_("levels")),
        Knob("seed", N_("Seed"), N_("The same seed and settings give the same result."), int, 0, 999_999),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random changes made to each training image. All zero and off: images pass unchanged.

    Angles in degrees, shifts and zoom as shares of the image's side (0.2 zooms between 0.8 and 1.2), brightness as a
    share of each level, channel_shift and fill_value in levels of 255. Made by `make_config` or `make_augmentation`.
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
    fill_mode: str = "auto"  # a name in FILL_MODES
    fill_value: int = 0

    @property
    def changes_nothing(self) -> bool:
        """Whether images pass as they are; a fill alone shows nowhere."""
        return replace(self, fill_mode="auto", fill_value=0) == Augmentation()


AUGMENTATION_KNOBS = tuple(f.name for f in fields(Augmentation))


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides the outcome of a training, and nothing else. Made by `make_config`."""

    fingerprint: str  # of the data set's live entries
    prepare: str  # how images become input: "photo" or "drawing" (see core.data.images.network_input)
    strategy: str
    image_size: int
    epochs: int
    batch_size: int
    learning_rate: float
    patience: int
    seed: int = 0
    backbone: str = ""  # a name in core.catalog.backbones, where the strategy has one
    weights: str = ""  # the hash of the weights it begins with, where it is pretrained
    views: int = 0
    progressive_resizing: float = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)

    @property
    def small_epochs(self) -> int:
        """How many epochs, from the first, show smaller images (progressive resizing); never all of them."""
        return min(round(self.progressive_resizing * self.epochs), self.epochs - 1)

    def shown_size(self, epoch: int) -> int:
        """Width and height of the training images of an epoch, pixels; the first epoch is number 0."""
        return math.ceil(SMALLER * self.image_size) if epoch < self.small_epochs else self.image_size

    @property
    def key(self) -> str:
        """The run's name: a hash of the canonical JSON of this configuration."""
        settings = asdict(self)
        if not self.progressive_resizing:
            del settings["progressive_resizing"]  # runs of before there was this knob keep their names
        canonical = json.dumps(settings, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:KEY_LENGTH]

    @classmethod
    def from_json(cls, value: dict) -> "TrainConfig":
        """The configuration that `asdict` made. Raises KeyError or TypeError where a later version made it."""
        return typed(cls, {**value, "augmentation": typed(Augmentation, value["augmentation"])})


def strategy_named(name: str) -> Strategy:
    """The row of the registry, or a UserError naming those there are."""
    if name not in STRATEGIES:
        raise UserError(
            "There is no strategy '{name}'. Choose one of: {known}.", name=name, known=", ".join(STRATEGIES)
        )
    return STRATEGIES[name]


class Material(Protocol):
    """What is learned from: a data set, or images that are only looked at. `kind`: "photo" or "drawing"."""

    @property
    def fingerprint(self) -> str:
        """Hash of a data set's live entries."""

    @property
    def kind(self) -> str | None: ...

    @property
    def n_images(self) -> int: ...


def defaults(row: Strategy, material: Material, backbone: object = None) -> dict[str, object]:
    """Every knob of a strategy with its default; where the row leaves the image size open, it is the `backbone`'s."""
    values = row.defaults | {"seed": 0}
    if values.get("image_size") == 0:
        known = BACKBONES.get(str(backbone)) or BACKBONES[values["backbone"]]
        few = material.kind == "photo" and material.n_images <= FEW
        values["image_size"] = (few and known.fine_size) or known.image_size
    return values


def make_augmentation(knobs: dict[str, object]) -> Augmentation:
    """Build an Augmentation from knobs (`{name: value}`); those left out change nothing. UserError as for `coerce`."""
    return Augmentation(**{name: KNOBS[name].coerce(value) for name, value in knobs.items()})


def make_config(material: Material, strategy: str, knobs: dict[str, object] | None = None) -> TrainConfig:
    """Build a TrainConfig from a strategy's defaults for a data set and changed knobs (`{name: value}`).

    Values are validated. Raises UserError for an unknown strategy, a knob the strategy does not have, a value out of
    bounds, images too small for the network, or pretrained weights that are not at hand.
    """
    row = strategy_named(strategy)
    values = defaults(row, material, (knobs or {}).get("backbone"))
    for name, value in (knobs or {}).items():
        if name not in values or name not in KNOBS:
            raise UserError(
                "'{strategy}' has no setting '{name}'. It has: {known}.",
                strategy=strategy, name=name, known=", ".join(n for n in values if n in KNOBS),
            )  # fmt: skip
        values[name] = value
    values = {name: KNOBS[name].coerce(value) for name, value in values.items()}
    augmentation = make_augmentation({name: values.pop(name) for name in AUGMENTATION_KNOBS if name in values})
    known = BACKBONES.get(str(values.get("backbone")))
    if known and values["image_size"] < known.smallest_size:
        raise UserError(
            "{title} needs images of at least {smallest} px; got {size}. Choose a larger image size.",
            title=known.title, smallest=known.smallest_size, size=values["image_size"],
        )  # fmt: skip
    if row.pretrained:
        values["weights"] = weights.find(values["backbone"]).hash
    return TrainConfig(
        fingerprint=material.fingerprint,
        prepare=material.kind,
        strategy=strategy,
        augmentation=augmentation,
        **({"image_size": row.image_size} | values),
    )
