"""Augmented images per second at 150x150: Handful, Keras' ImageDataGenerator and random layers, albumentations.

All get the same 256 images, (150, 150, 3) uint8, and make of each one a variant by the tutorials' largest setting
(rotation 40°, shifts, shear and zoom 20%, horizontal flip) with brightness besides. Ours and albumentations give uint8,
Keras' two float32. The rows take turns; the figure is the median of the rounds.

Then the Augment page in Chromium: from the click on "New draw" to 20 new variants at 150x150.
"""

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from playwright.sync_api import Page

from benchmarks import machine
from benchmarks.sketch import WATCH
from core.augmentation import transforms
from tests import app as browser_app

SIDE, N, BATCH, CLICKS = 150, 256, 32, 40
BRIGHTNESS = 0.2
Variants = Callable[[np.ndarray], object]
"""A batch, (n, 150, 150, 3) uint8 -> its variants."""


def handful() -> Variants:
    from core.catalog.strategies import PRESETS
    from core.config import make_augmentation

    augmentation = make_augmentation(PRESETS["everything"].knobs | {"brightness": BRIGHTNESS})
    counter = iter(range(10**9))
    return lambda batch: transforms.variants(batch, augmentation, "photo", [(1, next(counter)) for _ in batch])


def image_data_generator() -> Variants:
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    generator = ImageDataGenerator(
        rotation_range=40, width_shift_range=0.2, height_shift_range=0.2, shear_range=np.rad2deg(0.2), zoom_range=0.2,
        horizontal_flip=True, brightness_range=(1 - BRIGHTNESS, 1 + BRIGHTNESS), fill_mode="nearest",
    )  # fmt: skip
    return lambda batch: next(generator.flow(batch, batch_size=len(batch), shuffle=False))


def random_layers() -> Variants:
    """As a tf.data pipeline runs them: compiled, on a batch."""
    import keras
    import tensorflow as tf

    common = {"fill_mode": "nearest", "interpolation": "bilinear"}
    angle = np.rad2deg(0.2) / 90
    layers = keras.Sequential([
        keras.layers.RandomRotation(40 / 360, **common),
        keras.layers.RandomTranslation(0.2, 0.2, **common),
        keras.layers.RandomShear(angle, angle, **common),
        keras.layers.RandomZoom(0.2, 0.2, **common),
        keras.layers.RandomFlip("horizontal"),
        keras.layers.RandomBrightness(BRIGHTNESS, value_range=(0, 255)),
    ])  # fmt: skip
    run = tf.function(lambda batch: layers(batch, training=True))
    return lambda batch: run(tf.constant(batch)).numpy()


def albumentations() -> Variants:
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # else it asks a server on the internet
    import albumentations as library
    import cv2

    degrees = float(np.rad2deg(0.2))
    pipeline = library.Compose([
        library.Affine(
            rotate=(-40, 40), translate_percent=(-0.2, 0.2), shear={"x": (-degrees, degrees), "y": (0, 0)},
            scale={"x": (0.8, 1.2), "y": (0.8, 1.2)}, keep_ratio=False, border_mode=cv2.BORDER_REPLICATE, p=1,
        ),
        library.HorizontalFlip(p=0.5),
        library.RandomBrightnessContrast((-BRIGHTNESS, BRIGHTNESS), (0, 0), p=1),
    ], seed=0)  # fmt: skip
    return lambda batch: [pipeline(image=image)["image"] for image in batch]


ROWS = {
    "Handful": handful,
    "ImageDataGenerator": image_data_generator,
    "Keras' random layers": random_layers,
    "albumentations": albumentations,
}


def pictures(folder: Path) -> np.ndarray:
    """(256, 150, 150, 3) uint8: the first photos of the folder, or squares of noise where it has none."""
    from core.data import images

    files = sorted(folder.glob("**/*.jpg"))[:N]
    if len(files) < N:
        coarse = np.random.default_rng(0).integers(0, 256, (N, 15, 15, 3), np.uint8)
        return coarse.repeat(10, axis=1).repeat(10, axis=2)
    return np.stack([images.network_input(images.decode(file, SIDE), "photo", SIDE, 3) for file in files])


def rate(variants: Variants, shown: np.ndarray) -> float:
    start = time.perf_counter()
    for first in range(0, N, BATCH):
        variants(shown[first : first + BATCH])
    return N / (time.perf_counter() - start)


def on_the_page(home: Path) -> None:
    with browser_app.running(home) as app, browser_app.chromium() as browser:
        page = browser.new_page(locale="en-US")
        page.goto(app.url)
        # The built-in classifier is trained then, and the machine quiet.
        page.get_by_text("Draw a circle, a rectangle or a triangle").wait_for(timeout=240_000)
        browser_app.go(page, app, "Augment", dataset="digits")
        browser_app.choose(page, "Preview for strategy", "Small CNN")
        page.get_by_text("Large the original, 150 x 150 pixels").wait_for()
        page.evaluate(WATCH)
        times = [clicked(page) for _ in range(CLICKS)]
    middle, worst = statistics.median(times), machine.percentile_95(times)
    print(f'"New draw" to 20 new variants in Chromium: median {middle:.0f} ms, p95 {worst:.0f} ms')


def clicked(page: Page) -> float:
    """Milliseconds from one click to the first new picture, which comes with all the others."""
    page.evaluate("window.handfulChanged = null")
    page.get_by_role("button", name="New draw").click()
    page.wait_for_function("window.handfulChanged !== null")
    browser_app.settle(page)
    return page.evaluate("window.handfulChanged - window.handfulMouseUp")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=machine.SHARED / "cats_vs_dogs")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print(machine.describe())
    shown = pictures(options.data)
    rows = {name: make() for name, make in ROWS.items()}
    for variants in rows.values():
        variants(shown[:BATCH])
    rates: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(options.rounds):
        for name, variants in rows.items():
            rates[name].append(rate(variants, shown))
    ours = statistics.median(rates["Handful"])
    for name, measured in rates.items():
        middle = statistics.median(measured)
        span = f"{min(measured):,.0f} to {max(measured):,.0f}"
        print(f"{name:22} {middle:8,.0f} images/s ({span}); Handful is {ours / middle:.1f} times as fast")
    with machine.fresh_home() as home:
        on_the_page(Path(home))


if __name__ == "__main__":
    main()
