"""The peers: VGG16 on few photos as the tutorials' scripts train it, with today's Keras and its ImageDataGenerator.

- bottleneck, tuning: F. Chollet, "Building powerful image classification models using very little data", Keras blog,
  2016: batches of 16, rescale 1/255, features of the plain images, a head of 256 units; then the last block with
  SGD at 0.0001 and momentum 0.9.
- extraction: F. Chollet, Deep Learning with Python, 2017, section 5.3.1: the frozen network inside the model, batches
  of 20, RMSprop at 0.00002.

Prints one JSON line for each part as it ends.
"""

import argparse
import json
import time

import keras
from keras import layers
from keras.src.legacy.preprocessing.image import ImageDataGenerator

SIZE = (150, 150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="with train/ and validation/, each of class folders")
    parser.add_argument("weights", help="VGG16 without its classifier, in Keras' own layout")
    parser.add_argument("--parts", nargs="+", default=["bottleneck", "extraction", "tuning"])
    options = parser.parse_args()
    keras.utils.set_random_seed(0)
    top = bottleneck(options.folder, options.weights)
    if "extraction" in options.parts:
        extraction(options.folder, options.weights)
    if "tuning" in options.parts:
        tuning(options.folder, options.weights, top)


def vgg16(weights: str) -> keras.Model:
    return keras.applications.VGG16(include_top=False, weights=weights, input_shape=(*SIZE, 3))


def flow(folder: str, batch: int, shuffle: bool, **changes: object):
    options = {"target_size": SIZE, "batch_size": batch, "class_mode": "binary", "shuffle": shuffle, "seed": 0}
    return ImageDataGenerator(rescale=1 / 255, **changes).flow_from_directory(folder, **options)


def bottleneck(folder: str, weights: str) -> keras.Model:
    base, start = vgg16(weights), time.perf_counter()
    features, labels, images = {}, {}, 0
    for split in ("train", "validation"):
        photos = flow(f"{folder}/{split}", 16, shuffle=False)
        features[split], labels[split] = base.predict(photos, verbose=0), photos.classes
        images += photos.samples
    seconds = time.perf_counter() - start
    top = keras.Sequential([
        keras.Input(base.output_shape[1:]), layers.Flatten(), layers.Dense(256, activation="relu"),
        layers.Dropout(0.5), layers.Dense(1, activation="sigmoid"),
    ])  # fmt: skip
    top.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    held_out = (features["validation"], labels["validation"])
    history = top.fit(features["train"], labels["train"], batch_size=16, epochs=50, validation_data=held_out, verbose=0)
    tell("bottleneck", history, images_per_second=images / seconds, seconds=seconds)
    return top


def extraction(folder: str, weights: str) -> None:
    base = vgg16(weights)
    base.trainable = False
    model = keras.Sequential([
        base, layers.Flatten(), layers.Dense(256, activation="relu"), layers.Dense(1, activation="sigmoid"),
    ])  # fmt: skip
    model.compile(keras.optimizers.RMSprop(2e-5), "binary_crossentropy", metrics=["accuracy"])
    photos = flow(
        f"{folder}/train", 20, True, rotation_range=40, width_shift_range=0.2, height_shift_range=0.2,
        shear_range=0.2, zoom_range=0.2, horizontal_flip=True,
    )  # fmt: skip
    one_epoch("extraction", model, photos, flow(f"{folder}/validation", 20, False))


def tuning(folder: str, weights: str, top: keras.Model) -> None:
    base = vgg16(weights)
    block5 = [layer.name for layer in base.layers].index("block5_conv1")
    for layer in base.layers[:block5]:
        layer.trainable = False
    model = keras.Model(base.input, top(base.output))
    model.compile(keras.optimizers.SGD(1e-4, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    photos = flow(f"{folder}/train", 16, True, shear_range=0.2, zoom_range=0.2, horizontal_flip=True)
    one_epoch("tuning", model, photos, flow(f"{folder}/validation", 16, False))


def one_epoch(part: str, model: keras.Model, train, validation) -> None:
    start = time.perf_counter()
    history = model.fit(train, validation_data=validation, epochs=1, verbose=0)
    tell(part, history, seconds=time.perf_counter() - start)


def tell(part: str, history: keras.callbacks.History, **figures: float) -> None:
    accuracy = history.history["val_accuracy"]
    print(json.dumps({"part": part, "last": accuracy[-1], "best": max(accuracy), **figures}), flush=True)


if __name__ == "__main__":
    main()
