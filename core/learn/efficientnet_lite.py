"""EfficientNet-Lite0 in Keras' own layers, with its ImageNet weights from a torch file.

R. Liu, "Higher accuracy on vision models with EfficientNet-Lite", TensorFlow blog, 2020: EfficientNet (M. Tan and Q. V.
Le, ICML 2019) with ReLU6 for swish and without squeeze-and-excitation.
"""

from pathlib import Path
from string import ascii_lowercase

import keras
import numpy as np
from keras import layers

from core.learn import torch_file

STAGES = (  # (repeats, kernel, stride, expansion, filters): the original's block strings, "r1_k3_s11_e1_i32_o16", ...
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
BLOCKS = [f"block{stage}{letter}" for stage, row in enumerate(STAGES, start=1) for letter in ascii_lowercase[: row[0]]]
CLASSES = 1000
# From torch's order of axes to Keras' own.
KERNEL_AXES = {layers.Conv2D: (2, 3, 1, 0), layers.DepthwiseConv2D: (2, 3, 0, 1), layers.Dense: (1, 0)}


def efficientnet_lite0(
    include_top: bool = True,
    weights: str | None = None,
    input_tensor: keras.KerasTensor | None = None,
) -> keras.Model:
    """Build the network, with the arguments of `keras.applications`.

    Args:
        include_top: Whether to add the classifier.
        weights: The path of a torch state dict; without one the weights are random.
        input_tensor: Images (n, h, w, 3), as (pixel - 127) / 128.

    Returns:
        A model that gives features (n, h / 32, w / 32, 1280), or with the top probabilities of ImageNet's classes,
        (n, 1000).

    Raises:
        UserError: The file cannot be read.
        KeyError: The file has the weights of another network.
        ValueError: The file has the weights of another network.
    """
    inputs = keras.Input((224, 224, 3)) if input_tensor is None else input_tensor
    x = _normalized(layers.Conv2D(32, 3, 2, "same", use_bias=False, name="stem_conv")(inputs), "stem", relu=True)
    blocks = iter(BLOCKS)
    for repeats, kernel, stride, expansion, filters in STAGES:
        for repeat in range(repeats):
            x = _block(x, kernel, 1 if repeat else stride, expansion, filters, next(blocks))
    x = _normalized(layers.Conv2D(1280, 1, use_bias=False, name="top_conv")(x), "top", relu=True)
    if include_top:
        x = layers.GlobalAveragePooling2D(name="top_pool")(x)
        x = layers.Dropout(0.2, name="top_dropout")(x)
        x = layers.Dense(CLASSES, activation="softmax", dtype="float32", name="probabilities")(x)
    model = keras.Model(keras.utils.get_source_inputs(inputs), x)
    if weights:
        _load(model, Path(weights))
    return model


def _block(
    x: keras.KerasTensor, kernel: int, stride: int, expansion: int, filters: int, name: str
) -> keras.KerasTensor:
    """Add an inverted residual: expand, depthwise, project (Sandler et al. 2018, MobileNetV2, section 3.3)."""
    before = x
    if expansion > 1:
        x = layers.Conv2D(expansion * x.shape[-1], 1, use_bias=False, name=f"{name}_expand_conv")(x)
        x = _normalized(x, f"{name}_expand", relu=True)
    # TensorFlow's "same", which the weights were trained with, pads more at the right and bottom; torch's would not.
    x = layers.DepthwiseConv2D(kernel, stride, "same", use_bias=False, name=f"{name}_depthwise_conv")(x)
    x = _normalized(x, f"{name}_depthwise", relu=True)
    x = _normalized(layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_project_conv")(x), f"{name}_project")
    return layers.Add(name=f"{name}_add")([x, before]) if x.shape == before.shape else x


def _normalized(x: keras.KerasTensor, name: str, relu: bool = False):
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x) if relu else x


def _torch_modules() -> dict[str, str]:
    """Map the names of our layers to the names of the modules in the torch file."""
    names = {"stem_conv": "_conv_stem", "stem_bn": "_bn0"}
    names |= {"top_conv": "_conv_head", "top_bn": "_bn1", "probabilities": "_fc"}
    for number, block in enumerate(BLOCKS):
        for part, normalization in (("expand", "_bn0"), ("depthwise", "_bn1"), ("project", "_bn2")):
            names[f"{block}_{part}_conv"] = f"_blocks.{number}._{part}_conv"
            names[f"{block}_{part}_bn"] = f"_blocks.{number}.{normalization}"
    return names


def _load(model: keras.Model, path: Path) -> None:
    tensors, modules = torch_file.read(path), _torch_modules()
    for layer in model.layers:
        if layer.name in modules:
            layer.set_weights(_values(layer, tensors, modules[layer.name]))


def _values(layer: keras.Layer, tensors: dict[str, np.ndarray], module: str) -> list[np.ndarray]:
    if isinstance(layer, layers.BatchNormalization):
        return [tensors[f"{module}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]
    kernel = tensors[f"{module}.weight"].transpose(KERNEL_AXES[type(layer)])
    return [kernel, tensors[f"{module}.bias"]] if layer.use_bias else [kernel]
