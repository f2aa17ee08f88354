"""Teachers: networks of the registry, and which of their layers each layer of lite learns from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from framestyle.errors import ModelError
from framestyle.networks import FeatureNetwork, load, locate, network_spec
from framestyle.networks.state_dict import read_state_dict

LESSONS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "squeezenet1_0": {
        "relu2_2": ("relu1",),
        "relu3_1": ("fire2",),
        "relu3_2": ("fire4",),
        "relu4_2": ("fire6",),
        "relu4_3": ("fire8",),
        "relu5_2": ("fire9", "classes"),
    },
    "vgg19": {
        "relu2_2": ("relu2_1",),
        "relu3_2": ("relu3_1",),
        "relu4_2": ("relu4_1",),
        "relu4_3": ("relu4_2",),
        "relu5_2": ("relu5_1", "relu5_4"),
    },
    "inception_v3": {
        "relu2_2": ("Conv2d_2b_3x3",),
        "relu3_2": ("Conv2d_3b_1x1",),
        "relu4_3": ("Mixed_5b", "Mixed_5d"),
        "relu5_2": ("Mixed_6b", "Mixed_6e"),
    },
}
"""Layers of a teacher by the layer of lite that learns from them, which works at the same size."""

PADDING_PX: Mapping[str, int] = {"squeezenet1_0": 4, "vgg19": 0, "inception_v3": 16}
"""Reflected border that a teacher's picture gets, which makes up for unpadded convolutions."""


@dataclass(frozen=True)
class Teacher:
    """A trained network that lite learns to follow.

    Attributes:
        name: The registry's name for it.
        network: Its features.
        lessons: Its layers by the layer of lite that learns from them.
    """

    name: str
    network: FeatureNetwork
    lessons: Mapping[str, tuple[str, ...]]

    @property
    def layers(self) -> list[str]:
        """All layers that are learnt from."""
        return [layer for layers in self.lessons.values() for layer in layers]

    @torch.no_grad()
    def look(self, images: Tensor) -> dict[str, Tensor]:
        """Return the features of pictures (B, 3, H, W) in [0, 1] at ``layers``."""
        border = PADDING_PX[self.name]
        return self.network.extractor(self.layers)(nnf.pad(images, (border,) * 4, mode="reflect"))


def load_teacher(name: str, files: Mapping[str, Path]) -> Teacher:
    """Load a teacher from a weights file or from torch's cache.

    Args:
        name: One of ``LESSONS``.
        files: Weights files by network.

    Raises:
        ModelError: It is no teacher, or its weights are not there or damaged.
    """
    if name not in LESSONS:
        raise ModelError(f"got teacher {name!r}, expected one of {', '.join(LESSONS)}")
    where = locate(name, files)
    if where.kind == "missing":
        raise ModelError(
            f"the weights of the teacher {name} are not in {where.path}; give them with "
            f"--weights {name}=FILE, or fetch them with `framestyle weights fetch {name}`"
        )
    network = load(name, files=files)
    lessons = dict(LESSONS[name])
    if name == "squeezenet1_0":
        classified = _with_classes(network, where.path)
        if classified is not None:
            return Teacher(name, classified, lessons)
        lessons["relu5_2"] = ("fire9",)
    return Teacher(name, network, lessons)


def _with_classes(network: FeatureNetwork, path: Path) -> FeatureNetwork | None:
    """Add SqueezeNet's last convolution, which tells the classes of ImageNet at each place."""
    weights = read_state_dict(path)
    if "classifier.1.weight" not in weights:
        return None
    weight, bias = weights["classifier.1.weight"].float(), weights["classifier.1.bias"].float()
    classes = nn.Conv2d(weight.shape[1], weight.shape[0], 1)
    classes.load_state_dict({"weight": weight, "bias": bias})
    spec = network_spec(network.name)
    stages = [*network.named_stages, ("classes", classes)]
    return FeatureNetwork(network.name, stages, spec.mean, spec.std)
