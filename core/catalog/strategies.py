"""The registry of strategies: what the server must know of each without importing TensorFlow.

`network` names a function of `core.learn.networks`; only a worker process resolves it. Strategies without one learn
with a network of `core.catalog.backbones`, which the knob `backbone` chooses.
"""

from dataclasses import dataclass, field

from core.i18n import N_


@dataclass(frozen=True)
class Strategy:
    """One way to learn. `defaults` lists exactly the knobs a person may change, with the source's own settings."""

    name: str
    title: str
    summary: str
    icon: str  # Material symbol
    optimizer: str  # "adam", "rmsprop" or "sgd", in Keras' configuration but for `optimizer_settings`
    channels: int  # 1: grey ink, 3: RGB
    defaults: dict
    source: str
    optimizer_settings: dict = field(default_factory=dict)
    decays: bool = False  # whether the learning rate falls to zero along a cosine (Loshchilov and Hutter 2017)
    network: str = ""
    learns: str = "network"  # all of it, or of a pretrained one the new "head", or the head and the last "block"
    image_size: int = 0  # pixels, where there is no knob for it
    every_view: bool = False  # an epoch shows all augmented views of an image, not the next one

    @property
    def pretrained(self) -> bool:
        """Whether it begins with weights learned from ImageNet."""
        return self.learns != "network"


_BLOG = "F. Chollet, Building powerful image classification models using very little data, Keras blog, 2016"
_NO_AUGMENTATION = {
    "rotation": 0.0, "width_shift": 0.0, "height_shift": 0.0, "shear": 0.0, "zoom": 0.0,
    "horizontal_flip": False, "vertical_flip": False, "brightness": 0.0, "channel_shift": 0.0,
    "fill_mode": "auto", "fill_value": 0,
}  # fmt: skip
# The 2016 script's shear of 0.2 was in radians: 11.5 degrees.
_SHEAR_ZOOM_FLIP = _NO_AUGMENTATION | {"shear": 11.5, "zoom": 0.2, "horizontal_flip": True}
_EVERYTHING = _SHEAR_ZOOM_FLIP | {"rotation": 40.0, "width_shift": 0.2, "height_shift": 0.2}
_SLIGHT = _NO_AUGMENTATION | {
    "rotation": 5.0, "width_shift": 0.05, "height_shift": 0.05, "zoom": 0.1, "horizontal_flip": True,
    "fill_mode": "reflect",
}  # fmt: skip
# Slanted and turned copies stand in for hands that are missing; letters and digits must not be mirrored.
_HANDS = _NO_AUGMENTATION | {"rotation": 12.0, "shear": 15.0, "zoom": 0.15, "width_shift": 0.05, "height_shift": 0.05}
_PRETRAINED = {"backbone": "efficientnet_lite0", "image_size": 0}  # the network's own size

STRATEGIES: dict[str, Strategy] = {
    row.name: row
    for row in (
        Strategy(
            "small_cnn", N_("Small CNN"),
            N_("Three convolution blocks trained from scratch: the classic baseline for a few hundred photos."),
            "grid_on", "adam", 3,
            # The source has RMSprop, batches of 16, one size: docs/strategies.md tells what changed, and why.
            {"image_size": 150, "epochs": 50, "batch_size": 32, "learning_rate": 0.001, "patience": 15,
             "progressive_resizing": 0.7, **_SHEAR_ZOOM_FLIP},
            _BLOG, decays=True, network="small_cnn",
        ),
        Strategy(
            "shapes_cnn", N_("Shapes CNN"),
            N_("A small network for line drawings at 24 x 24 pixels. Learns circles and triangles in seconds."),
            "category", "adam", 1,
            # A high rate that falls to zero learns more of the many built-in hands than 0.001 does in as few epochs.
            {"epochs": 12, "batch_size": 64, "learning_rate": 0.003, "patience": 4, **_NO_AUGMENTATION,
             "horizontal_flip": True, "vertical_flip": True},
            "After T. Kim's 24x24 hand-drawn shapes tutorial (tykimos.github.io, 2017), with input cropped to the ink",
            decays=True, network="shapes_cnn", image_size=24,
        ),
        Strategy(
            "digits_cnn", N_("Digits CNN"),
            N_("The classic network for handwritten digits at 28 x 28 pixels."),
            "pin", "adam", 1,
            # The source has 60,000 images and batches of 128; on two thousand, smaller batches make enough steps.
            {"epochs": 30, "batch_size": 32, "learning_rate": 0.001, "patience": 8, **_HANDS},
            "F. Chollet, Simple MNIST convnet, Keras code examples, 2015",
            network="digits_cnn", image_size=28,
        ),
        Strategy(
            "bottleneck", N_("Bottleneck features"),
            N_("A pretrained network extracts the features of each image once, and a small classifier is trained on "
               "them."),
            "bolt", "rmsprop", 3,
            _PRETRAINED | {"epochs": 50, "batch_size": 16, "learning_rate": 0.001, "patience": 10},
            _BLOG, learns="head",
        ),
        Strategy(
            "bottleneck_augmented", N_("Bottleneck features, augmented"),
            N_("The same with several augmented versions of each image, whose features are extracted once."),
            "auto_fix_high", "rmsprop", 3,
            # The source calls this impossible, because its features are computed before training begins. What changes
            # an image much takes its features away from those of images as they are: docs/strategies.md.
            _PRETRAINED | {"views": 4, "epochs": 40, "batch_size": 32, "learning_rate": 0.0003, "patience": 10,
                           **_SLIGHT},
            _BLOG, learns="head", every_view=True,
        ),
        Strategy(
            "feature_extraction", N_("Feature extraction"),
            N_("The pretrained network is frozen; a new head is trained on freshly augmented images in every epoch."),
            "filter_alt", "rmsprop", 3,
            # The source's rate of 0.00002 is for VGG16's large features and 30 epochs of 2,000 images.
            _PRETRAINED | {"views": 8, "epochs": 30, "batch_size": 16, "learning_rate": 0.0003, "patience": 8,
                           **_EVERYTHING},
            "F. Chollet, Deep Learning with Python, Manning, 2017, section 5.3.1", learns="head",
        ),
        Strategy(
            "fine_tuning", N_("Fine-tuning"),
            N_("Trains the head on bottleneck features first, then the last block of the pretrained network with it."),
            "tune", "sgd", 3,
            _PRETRAINED | {"views": 8, "epochs": 30, "batch_size": 16, "learning_rate": 0.0001, "patience": 8,
                           **_SHEAR_ZOOM_FLIP},
            _BLOG, optimizer_settings={"momentum": 0.9}, learns="block",
        ),
        Strategy(
            "full_training", N_("Full training"),
            N_("The same large network from random weights: shows what pretraining is worth."),
            "restart_alt", "adam", 3,
            _PRETRAINED | {"image_size": 96, "epochs": 8, "batch_size": 32, "learning_rate": 0.001, "patience": 10,
                           **_SHEAR_ZOOM_FLIP},
            "The comparison in F. Chollet, Deep Learning with Python, Manning, 2017, section 5.3", decays=True,
        ),
    )
}  # fmt: skip

LADDER = ("bottleneck", "bottleneck_augmented", "feature_extraction", "fine_tuning", "small_cnn", "full_training")
"""The strategies for photos, quickest first: what "Train the ladder" trains."""


@dataclass(frozen=True)
class Preset:
    """A known setting of the knobs that change images."""

    title: str
    summary: str
    icon: str  # Material symbol
    knobs: dict


PRESETS: dict[str, Preset] = {
    "everything": Preset(
        N_("Everything"),
        N_("Rotation 40°, shifts, shear and zoom 20%, flip: the first example of the Keras blog's 2016 tutorial."),
        "all_inclusive", _EVERYTHING,
    ),
    "shear_zoom_flip": Preset(
        N_("Shear, zoom, flip"),
        N_("What the Keras blog's 2016 tutorial trains with. Its shear of 0.2 was in radians: 11.5°."),
        "flip", _SHEAR_ZOOM_FLIP,
    ),
    "gentle": Preset(
        N_("Gentle"), N_("Rotation 20°, shifts 10%: a careful setting of many tutorials."), "spa",
        _NO_AUGMENTATION | {"rotation": 20.0, "width_shift": 0.1, "height_shift": 0.1},
    ),
    "drawings": Preset(
        N_("For drawings"),
        N_("Slight rotation and shear, like another person's handwriting, on white paper and never flipped."),
        "draw", _HANDS,
    ),
    "none": Preset(N_("None"), N_("No augmentation."), "block", _NO_AUGMENTATION),
}  # fmt: skip
