"""The hyperparameters that a person may set, declared once for widgets, command line and validation."""

from dataclasses import dataclass

from core.catalog.backbones import BACKBONES
from core.errors import UserError
from core.i18n import N_

FILL_MODES = {
    "auto": N_("Automatic"),
    "nearest": N_("Nearest (edge)"),
    "constant": N_("Constant (shade)"),
    "reflect": N_("Reflect (mirror)"),
    "wrap": N_("Wrap (around)"),
}
"""How to fill pixels outside a moved image; "auto" repeats the edge of a photo and gives a drawing white paper."""


@dataclass(frozen=True)
class Knob:
    """A hyperparameter that a person may set. Its widget, its command-line option and its validation come from here.

    Attributes:
        name: The name in a `TrainConfig` and on the command line.
        title: The name in the interface.
        help: What it does, in a sentence or two.
        kind: The type of its values: int, float, bool or str.
        low: The least number.
        high: The greatest number.
        step: The step of its slider.
        unit: The unit of the number, such as "px" or "°".
        choices: The only values possible, where they are listed.
    """

    name: str
    title: str
    help: str
    kind: type
    low: float = 0.0
    high: float = 1.0
    step: float = 1.0
    unit: str = ""
    choices: tuple = ()

    def coerce(self, value: object) -> int | float | bool | str:
        """Convert a value to this hyperparameter's type.

        Args:
            value: The value, or the text that a command line gives for it.

        Raises:
            UserError: The value is of the wrong type, out of range or not among the choices.
        """
        if self.kind is bool:
            return self._boolean(value)
        return self._choice(value) if self.choices else self._number(value)

    def _boolean(self, value: object) -> bool:
        known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if str(value).lower() not in known:
            raise UserError("'{knob}' is on or off; got {value!r}. Use true or false.", knob=self.name, value=value)
        return known[str(value).lower()]

    def _choice(self, value: object) -> int | float | str:
        for choice in self.choices:
            if value in (choice, str(choice)):
                return choice
        allowed = ", ".join(str(choice) for choice in self.choices)
        raise UserError(
            "'{knob}' must be one of {allowed}; got {value!r}.", knob=self.name, allowed=allowed, value=value
        )

    def _number(self, value: object) -> int | float:
        bounds = {"knob": self.name, "low": self.low, "high": self.high}
        try:
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            raise UserError(
                "'{knob}' needs a number; got {value!r}. Give one from {low:g} to {high:g}.", value=value, **bounds
            ) from None
        if self.kind is int and not number.is_integer():
            raise UserError(
                "'{knob}' needs a whole number; got {value!r}. Give one from {low:g} to {high:g}.",
                value=value,
                **bounds,
            )
        if not self.low <= number <= self.high:
            raise UserError("'{knob}' must lie between {low:g} and {high:g}; got {value:g}.", value=number, **bounds)
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
