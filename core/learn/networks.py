"""Networks that are trained from scratch. Each takes images as they are stored, 0..255, and rescales them itself.

Initial weights and dropout follow `keras.utils.set_random_seed`, which the caller sets.
"""

import keras
import tensorflow as tf
from keras import layers

MOMENTUM = 0.9  # of batch normalization: with a few hundred steps in all, the usual 0.99 lags behind


def head(x, classes: int):
    """Add the output layer: features (n, d) -> probabilities (n, classes), or (n, 1), of the second of two classes.

    It computes in float32 whatever the dtype policy, as Keras' mixed precision guide asks.
    """
    if classes == 2:
        return layers.Dense(1, activation="sigmoid", dtype="float32", name="probability")(x)
    return layers.Dense(classes, activation="softmax", dtype="float32", name="probability")(x)


def dense_head(features, classes: int):
    """Add the Keras blog's classifier of bottleneck features (n, d), from 2016: 256 units, dropout and `head`."""
    x = layers.Dense(256, activation="relu", name="hidden")(features)
    x = layers.Dropout(0.5)(x)
    return head(x, classes)


def shapes_cnn(size: int, channels: int, classes: int) -> keras.Model:
    """Build a small convnet for line drawings, dark ink on white: (n, size, size, channels) 0..255 -> probabilities.

    The design of LeNet-5 (LeCun et al. 1998, "Gradient-based learning applied to document recognition") with
    today's parts: 3x3 filters and ReLU (Simonyan and Zisserman 2014), batch normalization (Ioffe and Szegedy
    2015) and dropout (Srivastava et al. 2014). Ink becomes 1 and paper 0, so "same" padding is more paper.
    `size` must be at least 8.
    """
    inputs = keras.Input((size, size, channels))
    x = layers.Rescaling(-1 / 255, offset=1.0)(inputs)
    for filters in (16, 32, 64):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.MaxPooling2D()(x)  # before normalizing: a quarter of the work
        x = _normalized(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.4)(x)
    x = layers.Dense(128, activation="relu")(x)
    return keras.Model(inputs, head(x, classes), name="shapes_cnn")


def digits_cnn(size: int, channels: int, classes: int) -> keras.Model:
    """Build Keras' "Simple MNIST convnet" for dark ink on white: (n, size, size, channels) 0..255 -> probabilities.

    F. Chollet 2015, keras.io/examples/vision/mnist_convnet. Made for 28x28 and white ink on black, so the ink
    becomes 1 inside. `size` must be at least 10.
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
    """Build the Keras blog's convnet for little data: (n, size, size, channels) 0..255 -> probabilities.

    F. Chollet 2016, "Building powerful image classification models using very little data": its layers, with batch
    normalization (Ioffe and Szegedy 2015) in place of the biases of all but the first, where it would cost most and
    bring least. Made for 150x150 photos of two classes, its convolutions unpadded; `size` must be at least 22.
    """
    inputs = keras.Input((size, size, channels))
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.Conv2D(32, 3)(x)
    x = layers.MaxPooling2D()(x)  # before what follows a convolution: a quarter of the work
    x = layers.Activation("relu")(x)
    for filters in (32, 64):
        x = layers.Conv2D(filters, 3, use_bias=False)(x)
        x = layers.MaxPooling2D()(x)
        x = _normalized(x)
    x = layers.Flatten()(x)
    x = _normalized(layers.Dense(64, use_bias=False)(x))
    x = layers.Dropout(0.5)(x)
    return keras.Model(inputs, head(x, classes), name="small_cnn")


def of_any_size(model: keras.Model) -> keras.Model:
    """Copy an untrained chain of layers into a network for images of any size.

    Feature maps are resized to the shape that the dense layers behind them expect.

    Returns:
        (n, height, width, channels) -> probabilities, with weights of its own in the same order.
    """
    expected = {layer.name: layer.input.shape[1:3] for layer in model.layers if isinstance(layer, layers.Flatten)}

    def call(layer: keras.Layer, x: keras.KerasTensor, **options: object) -> keras.KerasTensor:
        if layer.name in expected:
            # Not the layer Resizing: by default Keras 3.15 has the layers behind it behave as in training.
            x = keras.ops.image.resize(x, expected[layer.name])
        return layer(x, **options)

    inputs = keras.Input((None, None, model.input_shape[-1]))
    return keras.models.clone_model(model, input_tensors=inputs, call_function=call)


def _normalized(x):
    x = layers.BatchNormalization(momentum=MOMENTUM)(x)
    return layers.Activation("relu")(x)


@keras.saving.register_keras_serializable("handful")
class FusedBatchNormalization(layers.BatchNormalization):
    """Keras' layer for feature maps (n, h, w, c), computed by one operation of TensorFlow in place of a dozen.

    The results are the same but for rounding. S. Ioffe and C. Szegedy, Batch Normalization, ICML 2015.
    """

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: None = None) -> tf.Tensor:
        learning = bool(training and self.trainable)
        normalized, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma if self.scale else tf.ones_like(self.moving_mean),
            offset=self.beta if self.center else tf.zeros_like(self.moving_mean),
            mean=[] if learning else self.moving_mean,
            variance=[] if learning else self.moving_variance,
            epsilon=self.epsilon,
            is_training=learning,
        )
        if learning:
            n = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
            variance *= (n - 1) / n  # TensorFlow divides by n - 1, Keras by n
            for average, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
                average.assign(average * self.momentum + value * (1 - self.momentum))
        return normalized


def with_fused_normalization(model: keras.Model) -> keras.Model:
    """Copy a network with `FusedBatchNormalization` in place of Keras' layer, where that takes feature maps.

    The weights are the same, in the same order.
    """

    def clone(layer: keras.Layer) -> keras.Layer:
        cls = FusedBatchNormalization if _normalizes_feature_maps(layer) else type(layer)
        return cls.from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=clone)
    copy.set_weights(model.get_weights())
    return copy


def _normalizes_feature_maps(layer: keras.Layer) -> bool:
    return type(layer) is layers.BatchNormalization and len(layer.input.shape) == 4 and layer.axis in (-1, 3)
