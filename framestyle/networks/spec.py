"""What is known of a network before any of its weights are read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlparse

import torch
from torch import nn

from framestyle.networks import zoo
from framestyle.networks.extractor import Triple
from framestyle.networks.features import FeatureNetwork, Pooling
from framestyle.settings import Layers

IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """One network whose weights can be asked for by name.

    Attributes:
        name: The name.
        description: One phrase with the paper.
        build: Makes the bare model, whose state dict has the keys of the weights file.
        weights: What is fetched: where from, or torchvision's name for it
            (``VGG19_Weights.IMAGENET1K_V1``). The name of the file ends in the start of its
            SHA-256.
        embedded: Weights file inside the package, for a network that is not fetched. Its name ends
            in the start of its SHA-256, as torchvision's do.
    """

    name: str
    description: str
    build: Callable[[], nn.Module]
    weights: str = ""
    embedded: Path | None = None

    @property
    def url(self) -> str:
        """Where the weights are fetched from; empty for a network that is not."""
        is_name = self.weights and "://" not in self.weights
        return zoo.weights_url(self.weights) if is_name else self.weights

    @property
    def file_name(self) -> str:
        """Name of the weights file, the same as in torch's own cache."""
        return self.embedded.name if self.embedded else PurePosixPath(urlparse(self.url).path).name

    def bare_model(self) -> nn.Module:
        """Return the model on the meta device: names and shapes, no numbers and no memory."""
        with torch.device("meta"):
            return self.build()


@dataclass(frozen=True, kw_only=True)
class NetworkSpec(ModelSpec):
    """A network of named layers, which dreams and paints.

    Attributes:
        stages: Which of ``"dream"`` and ``"style"`` it suits best; it works in both.
        name_stages: Cuts the model into named stages, shallowest first; may change the model.
        mean: Normalisation of images in [0, 1], by channel R, G, B.
        std: The same.
        pooling: How it pools unless told otherwise.
        default_content_layers: Layers of the content loss with their weights.
        default_style_layers: Layers of the style loss with their weights.
        default_style_weight: Weight of the style beside a content of weight 1.
        default_dream_layers: Layers that DeepDream amplifies with their coefficients.
        default_dream_step_size: Mean change of a pixel in one of its steps.
    """

    stages: frozenset[str]
    name_stages: Callable[[nn.Module], list[tuple[str, nn.Module]]]
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD
    pooling: Pooling = "max"
    default_content_layers: Layers
    default_style_layers: Layers
    default_style_weight: float = 5.0
    default_dream_layers: Layers
    default_dream_step_size: float = 0.006

    def network(self, model: nn.Module) -> FeatureNetwork:
        """Return the feature network of a model from ``build`` or torchvision, which it may change.

        On a ``bare_model`` it still checks layer names and knows the smallest picture, so that
        settings can be refused before any weights are read.
        """
        return FeatureNetwork(self.name, self.name_stages(model), self.mean, self.std, self.pooling)
