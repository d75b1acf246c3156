"""The registry of strategies: what the server must know of each without importing TensorFlow.

`network` names a function of `core.learn.networks`; only a worker process resolves it.
"""

from dataclasses import dataclass

from core.words import N_


@dataclass(frozen=True)
class Strategy:
    """One way to learn. `defaults` lists exactly the knobs a person may change, with the source's own settings."""

    name: str
    title: str
    summary: str
    icon: str  # Material symbol
    network: str
    optimizer: str  # a Keras optimizer's name
    image_size: int  # pixels; where `defaults` has the knob, its value counts
    channels: int  # 1: grey ink, 3: RGB
    defaults: dict
    source: str


_NO_AUGMENTATION = {
    "rotation": 0.0, "width_shift": 0.0, "height_shift": 0.0, "shear": 0.0, "zoom": 0.0,
    "horizontal_flip": False, "vertical_flip": False,
}  # fmt: skip

STRATEGIES: dict[str, Strategy] = {
    row.name: row
    for row in (
        Strategy(
            "small_cnn", N_("Small CNN"),
            N_("Three convolution blocks learned from scratch: the classic first try on a few hundred photos."),
            "grid_on", "small_cnn", "rmsprop", 150, 3,
            # The 2016 script's shear of 0.2 was in radians: 11.5 degrees. Its batches of 16 became 32, which is faster.
            {"image_size": 150, "epochs": 50, "batch_size": 32, "learning_rate": 0.001, "patience": 10,
             **_NO_AUGMENTATION, "shear": 11.5, "zoom": 0.2, "horizontal_flip": True},
            "F. Chollet, Building powerful image classification models using very little data, Keras blog, 2016",
        ),
        Strategy(
            "shapes_cnn", N_("Shapes CNN"),
            N_("A small network for line drawings at 24 by 24 pixels: learns circles and triangles in seconds."),
            "category", "shapes_cnn", "adam", 24, 1,
            {"epochs": 10, "batch_size": 64, "learning_rate": 0.001, "patience": 4, **_NO_AUGMENTATION,
             "horizontal_flip": True, "vertical_flip": True},
            "After T. Kim's 24x24 hand-drawn shapes tutorial (tykimos.github.io, 2017), with input cropped to the ink",
        ),
        Strategy(
            "digits_cnn", N_("Digits CNN"),
            N_("The classic network for handwritten digits at 28 by 28 pixels."),
            "pin", "digits_cnn", "adam", 28, 1,
            # The source has 60,000 images and batches of 128; on two thousand, smaller batches make enough steps, and
            # slanted and turned copies stand in for the missing hands.
            {"epochs": 30, "batch_size": 32, "learning_rate": 0.001, "patience": 8, **_NO_AUGMENTATION,
             "rotation": 12.0, "shear": 15.0, "zoom": 0.15, "width_shift": 0.05, "height_shift": 0.05},
            "F. Chollet, Simple MNIST convnet, Keras code examples, 2015",
        ),
    )
}  # fmt: skip
