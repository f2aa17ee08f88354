"""Which networks there are: architecture, normalisation, default layers, where the weights are."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from torch import nn

from framestyle.errors import ModelError
from framestyle.networks import googlenet, inception, lite, raft, squeezenet, vgg
from framestyle.networks.extractor import Triple
from framestyle.networks.spec import ModelSpec, NetworkSpec
from framestyle.settings import Layers

HALF: Triple = (0.5, 0.5, 0.5)


def _equal(*names: str, weight: float = 1.0) -> Layers:
    return tuple((name, weight) for name in names)


def _rising(first: str, second: str, third: str) -> Layers:
    return ((first, 1.0), (second, 1.5), (third, 2.0))


def _vgg(name: str, description: str, build: Callable[[], nn.Module], weights: str) -> NetworkSpec:
    return NetworkSpec(
        name=name,
        description=f"{description} (Simonyan and Zisserman 2014)",
        stages=frozenset({"style"}),
        build=build,
        name_stages=vgg.name_stages,
        weights=weights,
        default_content_layers=_equal("relu4_2"),
        default_style_layers=_equal("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"),
        default_dream_layers=_rising("relu3_3", "relu4_3", "relu5_1"),
    )


_SPECS = (
    _vgg(
        "vgg19",
        "VGG-19, the network of neural style transfer",
        vgg.build_vgg19,
        "VGG19_Weights.IMAGENET1K_V1",
    ),
    _vgg(
        "vgg16",
        "VGG-16, a little lighter than VGG-19",
        vgg.build_vgg16,
        "VGG16_Weights.IMAGENET1K_V1",
    ),
    NetworkSpec(
        name="inception_v3",
        description="InceptionV3, many-sided dreams (Szegedy et al. 2015)",
        stages=frozenset({"dream"}),
        build=inception.build_inception_v3,
        name_stages=inception.name_stages,
        weights="Inception_V3_Weights.IMAGENET1K_V1",
        mean=HALF,
        std=HALF,
        default_content_layers=_equal("Mixed_5d"),
        default_style_layers=_equal(
            "Conv2d_1a_3x3", "Conv2d_2b_3x3", "Conv2d_4a_3x3", "Mixed_5d", "Mixed_6b"
        ),
        default_dream_layers=_rising("Mixed_6b", "Mixed_6c", "Mixed_6d"),
    ),
    NetworkSpec(
        name="googlenet",
        description="GoogLeNet, the network of the first DeepDream (Szegedy et al. 2014)",
        stages=frozenset({"dream"}),
        build=googlenet.build_googlenet,
        name_stages=googlenet.name_stages,
        weights="GoogLeNet_Weights.IMAGENET1K_V1",
        mean=HALF,
        std=HALF,
        default_content_layers=_equal("inception3b"),
        default_style_layers=_equal("conv1", "conv3", "inception3b", "inception4b", "inception4e"),
        default_dream_layers=_rising("inception4c", "inception4d", "inception4e"),
    ),
    NetworkSpec(
        name="squeezenet1_0",
        description="SqueezeNet 1.0, 5 MB and quick (Iandola et al. 2016)",
        stages=frozenset({"dream", "style"}),
        build=squeezenet.build_squeezenet1_0,
        name_stages=squeezenet.name_stages,
        weights="SqueezeNet1_0_Weights.IMAGENET1K_V1",
        default_content_layers=_equal("fire6"),
        default_style_layers=_equal("relu1", "fire3", "fire5", "fire7", "fire9"),
        default_dream_layers=_rising("fire6", "fire8", "fire9"),
    ),
    NetworkSpec(
        name="lite",
        description="framestyle's own, in the package: 2 MB, for machines without a GPU",
        stages=frozenset({"dream", "style"}),
        build=lite.build_lite,
        name_stages=vgg.name_stages,
        embedded=Path(__file__).parent / lite.FILE,
        pooling="average",
        default_content_layers=_equal("relu4_2"),
        # Every layer: Gram matrices cost little, and each sees what the others miss. More weight on
        # the early ones holds the grain to the style's, and leaves the deep ones to the content.
        default_style_layers=(
            *_equal("relu1_1", "relu2_1", "relu2_2", weight=3.0),
            *_equal("relu3_1", "relu3_2", "relu4_1", "relu4_2", "relu4_3", "relu5_1", "relu5_2"),
        ),
        default_style_weight=18.0,
        # Eyes, faces, bodies; weighed so that none of them hides the others.
        default_dream_layers=(("relu4_2", 1.0), ("relu4_3", 2.0), ("relu5_1", 1.0)),
        default_dream_step_size=0.0035,
    ),
)

NETWORKS: Mapping[str, NetworkSpec] = {spec.name: spec for spec in _SPECS}
"""Every network that dreams and paints, by name."""

FLOW_NETWORKS: Mapping[str, ModelSpec] = {
    spec.name: spec
    for spec in (
        ModelSpec(
            name="raft_large",
            description="RAFT, optical flow for machines with a GPU (Teed and Deng 2020)",
            build=raft.build_raft_large,
            weights="Raft_Large_Weights.C_T_SKHT_V2",
        ),
        ModelSpec(
            name="raft_small",
            description="RAFT with a fifth of the weights, quicker (Teed and Deng 2020)",
            build=raft.build_raft_small,
            weights="Raft_Small_Weights.C_T_V2",
        ),
    )
}
"""Every network that finds optical flow, by name."""


def network_spec(name: str) -> NetworkSpec:
    """Return what is known of a network that dreams and paints.

    Raises:
        ModelError: The name is unknown, or of a network that finds optical flow.
    """
    if name in NETWORKS:
        return NETWORKS[name]
    if name in FLOW_NETWORKS:
        raise ModelError(
            f"{name} finds optical flow (--flow {name}) and can neither dream nor paint; "
            f"there are: {', '.join(NETWORKS)}"
        )
    raise _unknown(name, NETWORKS)


def model_spec(name: str) -> ModelSpec:
    """Return what is known of any network; raises ``ModelError`` for an unknown name."""
    for table in (NETWORKS, FLOW_NETWORKS):
        if name in table:
            return table[name]
    raise _unknown(name, [*NETWORKS, *FLOW_NETWORKS])


def _unknown(name: str, known: Iterable[str]) -> ModelError:
    names = list(known)
    near = difflib.get_close_matches(name.lower(), names, n=2, cutoff=0.5)
    meant = f" (did you mean {' or '.join(near)}?)" if near else ""
    return ModelError(f"there is no network {name!r}{meant}; there are: {', '.join(names)}")
