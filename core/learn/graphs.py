"""Networks that do not change, as graphs of constants: the runtime fuses their layers, which is faster."""

from collections.abc import Callable, Sequence

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2


def frozen(function: Callable, shape: Sequence[int | None]) -> Callable[[tf.Tensor], list[tf.Tensor]]:
    """`function` of a uint8 tensor of `shape`, its variables turned into constants; returns a list of tensors."""
    traced = tf.function(function).get_concrete_function(tf.TensorSpec(shape, tf.uint8))
    return convert_variables_to_constants_v2(traced)
