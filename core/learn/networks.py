"""Networks that learn from scratch. Each takes images as they are stored, 0..255, and rescales them itself.

Initial weights and dropout follow `keras.utils.set_random_seed`, which the caller sets.
"""

import keras
from keras import layers


def head(x, classes: int):
    """Features (n, d) -> probabilities: (n, classes) by softmax, or (n, 1), of the second class, for two classes.

    In float32 whatever the compute dtype, as Keras' mixed precision guide asks: probabilities need the digits.
    """
    if classes == 2:
        return layers.Dense(1, activation="sigmoid", dtype="float32", name="probability")(x)
    return layers.Dense(classes, activation="softmax", dtype="float32", name="probability")(x)


def shapes_cnn(size: int, channels: int, classes: int) -> keras.Model:
    """Small convnet for line drawings, dark ink on white: (n, size, size, channels) 0..255 -> probabilities.

    The plan of LeNet-5 (LeCun et al. 1998, "Gradient-based learning applied to document recognition") with today's
    parts: 3x3 filters and ReLU (Simonyan and Zisserman 2014), batch normalisation (Ioffe and Szegedy 2015) and dropout
    (Srivastava et al. 2014). The ink is made 1 and the paper 0, so that "same" padding continues the paper.
    """
    inputs = keras.Input((size, size, channels))
    x = layers.Rescaling(-1 / 255, offset=1.0)(inputs)
    for filters in (16, 32, 64):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.Activation("relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    x = layers.Dense(64, activation="relu")(x)
    x = layers.Dropout(0.4)(x)
    return keras.Model(inputs, head(x, classes), name="shapes_cnn")


def digits_cnn(size: int, channels: int, classes: int) -> keras.Model:
    """Keras' own "Simple MNIST convnet" (F. Chollet 2015, keras.io/examples/vision/mnist_convnet) on dark ink on white.

    (n, size, size, channels) 0..255 -> probabilities. It was made for 28x28 with white ink: the ink is made 1 inside.
    """
    inputs = keras.Input((size, size, channels))
    x = layers.Rescaling(-1 / 255, offset=1.0)(inputs)
    for filters in (32, 64):
        x = layers.Conv2D(filters, 3, activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.5)(x)
    return keras.Model(inputs, head(x, classes), name="digits_cnn")


def small_cnn(size: int, channels: int, classes: int) -> keras.Model:
    """The convnet of F. Chollet 2016, "Building powerful image classification models using very little data" (Keras blog).

    (n, size, size, channels) 0..255 -> probabilities. Made for 150x150 photos and two classes; unpadded convolutions
    as there, so `size` must be at least 22.
    """
    inputs = keras.Input((size, size, channels))
    x = layers.Rescaling(1 / 255)(inputs)
    for filters in (32, 32, 64):
        x = layers.Conv2D(filters, 3, activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    x = layers.Dense(64, activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    return keras.Model(inputs, head(x, classes), name="small_cnn")
