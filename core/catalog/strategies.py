"""The training strategies, as data that the server reads without importing TensorFlow."""

from dataclasses import dataclass, field

from core.i18n import N_


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """One way to train a model.

    Attributes:
        name: The name in a `TrainConfig` and on the command line.
        title: The name in the interface.
        summary: What it does, in a sentence or two.
        icon: A Material symbol.
        optimizer: "adam", "rmsprop" or "sgd", configured as in Keras but for `optimizer_settings`.
        channels: 1 for gray images, 3 for RGB.
        defaults: The hyperparameters that a person may set, with the settings of the source. Strategies with a
            pretrained network also have the image size, which defaults to that of the network.
        source: Where the strategy comes from.
        optimizer_settings: Arguments of the optimizer.
        decays: Whether the learning rate falls to zero along a cosine (Loshchilov and Hutter 2017).
        network: A function of `core.learn.networks`; empty where the network is a row of `core.catalog.backbones`,
            which the hyperparameter "backbone" chooses.
        learns: What is trained: the whole "network", or of a pretrained one a new "head", or the head and the last
            "block".
        image_size: The width and height of images in pixels, where it is no hyperparameter.
        every_view: Whether each epoch shows all augmented views of an image, instead of the next one.
    """

    name: str
    title: str
    summary: str
    icon: str
    optimizer: str
    channels: int
    defaults: dict
    source: str
    optimizer_settings: dict = field(default_factory=dict)
    decays: bool = False
    network: str = ""
    learns: str = "network"
    image_size: int | None = None
    every_view: bool = False

    @property
    def pretrained(self) -> bool:
        """Whether it begins with weights trained on ImageNet."""
        return self.learns != "network"


_BLOG = "F. Chollet, Building powerful image classification models using very little data, Keras blog, 2016"
_NO_AUGMENTATION = {
    "rotation": 0.0,
    "width_shift": 0.0,
    "height_shift": 0.0,
    "shear": 0.0,
    "zoom": 0.0,
    "horizontal_flip": False,
    "vertical_flip": False,
    "brightness": 0.0,
    "channel_shift": 0.0,
    "fill_mode": "auto",
    "fill_value": 0,
}
# The 2016 script's shear of 0.2 was in radians: 11.5 degrees.
_SHEAR_ZOOM_FLIP = _NO_AUGMENTATION | {"shear": 11.5, "zoom": 0.2, "horizontal_flip": True}
_EVERYTHING = _SHEAR_ZOOM_FLIP | {"rotation": 40.0, "width_shift": 0.2, "height_shift": 0.2}
_SLIGHT = _NO_AUGMENTATION | {
    "rotation": 5.0,
    "width_shift": 0.05,
    "height_shift": 0.05,
    "zoom": 0.1,
    "horizontal_flip": True,
    "fill_mode": "reflect",
}
# Slanted and turned copies stand in for hands that are missing; letters and digits must not be mirrored.
_HANDS = _NO_AUGMENTATION | {"rotation": 12.0, "shear": 15.0, "zoom": 0.15, "width_shift": 0.05, "height_shift": 0.05}
_PRETRAINED = {"backbone": "efficientnet_lite0"}

STRATEGIES: dict[str, Strategy] = {
    row.name: row
    for row in (
        Strategy(
            name="small_cnn",
            title=N_("Small CNN"),
            summary=N_("Three convolution blocks trained from scratch: the classic baseline for a few hundred photos."),
            icon="grid_on",
            optimizer="adam",
            channels=3,
            # The source has RMSprop, batches of 16, one size: docs/strategies.md tells what changed and why.
            defaults={
                "image_size": 150,
                "epochs": 50,
                "batch_size": 32,
                "learning_rate": 0.001,
                "patience": 15,
                "progressive_resizing": 0.7,
                **_SHEAR_ZOOM_FLIP,
            },
            source=_BLOG,
            decays=True,
            network="small_cnn",
        ),
        Strategy(
            name="shapes_cnn",
            title=N_("Shapes CNN"),
            summary=N_("A small network for line drawings at 24 x 24 pixels. Learns circles and triangles in seconds."),
            icon="category",
            optimizer="adam",
            channels=1,
            # A high rate that falls to zero learns more of the many built-in hands than 0.001 does in as few epochs.
            defaults={
                "epochs": 12,
                "batch_size": 64,
                "learning_rate": 0.003,
                "patience": 4,
                **_NO_AUGMENTATION,
                "horizontal_flip": True,
                "vertical_flip": True,
            },
            source="After T. Kim's 24x24 hand-drawn shapes tutorial (tykimos.github.io, 2017), with input cropped to "
            "the ink",
            decays=True,
            network="shapes_cnn",
            image_size=24,
        ),
        Strategy(
            name="digits_cnn",
            title=N_("Digits CNN"),
            summary=N_("The classic network for handwritten digits at 28 x 28 pixels."),
            icon="pin",
            optimizer="adam",
            channels=1,
            # The source has 60,000 images and batches of 128; on two thousand, smaller batches make enough steps.
            defaults={"epochs": 30, "batch_size": 32, "learning_rate": 0.001, "patience": 8, **_HANDS},
            source="F. Chollet, Simple MNIST convnet, Keras code examples, 2015",
            network="digits_cnn",
            image_size=28,
        ),
        Strategy(
            name="bottleneck",
            title=N_("Bottleneck features"),
            summary=N_(
                "A pretrained network extracts the features of each image once, and a small classifier is trained on "
                "them."
            ),
            icon="bolt",
            optimizer="rmsprop",
            channels=3,
            defaults=_PRETRAINED | {"epochs": 50, "batch_size": 16, "learning_rate": 0.001, "patience": 10},
            source=_BLOG,
            learns="head",
        ),
        Strategy(
            name="bottleneck_augmented",
            title=N_("Bottleneck features, augmented"),
            summary=N_("The same with several augmented versions of each image, whose features are extracted once."),
            icon="auto_fix_high",
            optimizer="rmsprop",
            channels=3,
            # The source calls this impossible, because its features are computed before training begins. Strong changes
            # move an image's features away from those of unchanged images: docs/strategies.md.
            defaults=_PRETRAINED
            | {"views": 4, "epochs": 40, "batch_size": 32, "learning_rate": 0.0003, "patience": 10, **_SLIGHT},
            source=_BLOG,
            learns="head",
            every_view=True,
        ),
        Strategy(
            name="feature_extraction",
            title=N_("Feature extraction"),
            summary=N_(
                "The pretrained network is frozen; a new head is trained on freshly augmented images in every epoch."
            ),
            icon="filter_alt",
            optimizer="rmsprop",
            channels=3,
            # The source's rate of 0.00002 is for VGG16's large features and 30 epochs of 2,000 images.
            defaults=_PRETRAINED
            | {"views": 8, "epochs": 30, "batch_size": 16, "learning_rate": 0.0003, "patience": 8, **_EVERYTHING},
            source="F. Chollet, Deep Learning with Python, Manning, 2017, section 5.3.1",
            learns="head",
        ),
        Strategy(
            name="fine_tuning",
            title=N_("Fine-tuning"),
            summary=N_(
                "Trains the head on bottleneck features first, then the last block of the pretrained network with it."
            ),
            icon="tune",
            optimizer="sgd",
            channels=3,
            defaults=_PRETRAINED
            | {"views": 8, "epochs": 30, "batch_size": 16, "learning_rate": 0.0001, "patience": 8, **_SHEAR_ZOOM_FLIP},
            source=_BLOG,
            optimizer_settings={"momentum": 0.9},
            learns="block",
        ),
        Strategy(
            name="full_training",
            title=N_("Full training"),
            summary=N_("The same large network from random weights: shows what pretraining is worth."),
            icon="restart_alt",
            optimizer="adam",
            channels=3,
            defaults=_PRETRAINED
            | {
                "image_size": 96,
                "epochs": 8,
                "batch_size": 32,
                "learning_rate": 0.001,
                "patience": 10,
                **_SHEAR_ZOOM_FLIP,
            },
            source="The comparison in F. Chollet, Deep Learning with Python, Manning, 2017, section 5.3",
            decays=True,
        ),
    )
}

LADDER = ("bottleneck", "bottleneck_augmented", "feature_extraction", "fine_tuning", "small_cnn", "full_training")
"""The strategies for photos, quickest first: those that "Train the ladder" trains."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A well-known setting of the augmentation.

    Attributes:
        title: The name in the interface.
        summary: What it does and where it comes from.
        icon: A Material symbol.
        knobs: Its hyperparameters with their values.
    """

    title: str
    summary: str
    icon: str
    knobs: dict


PRESETS: dict[str, Preset] = {
    "everything": Preset(
        title=N_("Everything"),
        summary=N_(
            "Rotation 40°, shifts, shear and zoom 20%, flip: the first example of the Keras blog's 2016 tutorial."
        ),
        icon="all_inclusive",
        knobs=_EVERYTHING,
    ),
    "shear_zoom_flip": Preset(
        title=N_("Shear, zoom, flip"),
        summary=N_("What the Keras blog's 2016 tutorial trains with. Its shear of 0.2 was in radians: 11.5°."),
        icon="flip",
        knobs=_SHEAR_ZOOM_FLIP,
    ),
    "gentle": Preset(
        title=N_("Gentle"),
        summary=N_("Rotation 20°, shifts 10%: a careful setting of many tutorials."),
        icon="spa",
        knobs=_NO_AUGMENTATION | {"rotation": 20.0, "width_shift": 0.1, "height_shift": 0.1},
    ),
    "drawings": Preset(
        title=N_("For drawings"),
        summary=N_("Slight rotation and shear, like another person's handwriting, on white paper and never flipped."),
        icon="draw",
        knobs=_HANDS,
    ),
    "none": Preset(title=N_("None"), summary=N_("No augmentation."), icon="block", knobs=_NO_AUGMENTATION),
}
