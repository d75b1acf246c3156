"""The peer: the small CNN as the 2016 tutorial's script trains it, with today's Keras and its ImageDataGenerator.

F. Chollet, "Building powerful image classification models using very little data", Keras blog, 2016: three blocks,
batches of 16, RMSprop, rescale 1/255, shear 0.2, zoom 0.2, horizontal flip. Prints one JSON line.
"""

import json
import sys
import time

import keras
from keras import layers
from keras.src.legacy.preprocessing.image import ImageDataGenerator


def main(folder: str, epochs: int) -> None:
    keras.utils.set_random_seed(0)
    augmented = ImageDataGenerator(rescale=1 / 255, shear_range=0.2, zoom_range=0.2, horizontal_flip=True)
    plain = ImageDataGenerator(rescale=1 / 255)
    options = {"target_size": (150, 150), "batch_size": 16, "class_mode": "binary"}
    training = augmented.flow_from_directory(f"{folder}/train", seed=0, **options)
    validation = plain.flow_from_directory(f"{folder}/validation", shuffle=False, **options)

    model = keras.Sequential([keras.Input((150, 150, 3))])
    for filters in (32, 32, 64):
        model.add(layers.Conv2D(filters, 3, activation="relu"))
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dropout(0.5))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])

    start = time.perf_counter()
    history = model.fit(training, validation_data=validation, epochs=epochs, verbose=0).history
    seconds = time.perf_counter() - start
    images = epochs * (training.samples + validation.samples)
    print(json.dumps({"images_per_second": images / seconds, "seconds": seconds, "accuracy": history["val_accuracy"]}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
