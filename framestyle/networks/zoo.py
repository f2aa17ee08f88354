"""torchvision's models, and where it has their weights; loaded when the first is asked for.

With torchvision comes torch's compiler, and both take as long to load as torch itself. The network
in the package needs neither.
"""

from types import ModuleType

import torch
from torch import nn


def model(name: str, **settings: bool) -> nn.Module:
    """Return a model of torchvision, untrained.

    Args:
        name: It, by torchvision's name.
        settings: Of the model, as torchvision takes them.
    """
    made: nn.Module = _models().get_model(name, weights=None, **settings)
    return made


def weights_url(name: str) -> str:
    """Return where weights are fetched from.

    Args:
        name: They, by torchvision's name: ``VGG19_Weights.IMAGENET1K_V1``.
    """
    url: str = _models().get_weight(name).url
    return url


def is_fire(module: nn.Module) -> bool:
    """Tell whether a module is a block of torchvision's SqueezeNet."""
    return isinstance(module, _models().squeezenet.Fire)


def _models() -> ModuleType:
    with torch.device("cpu"):  # whatever the device is that a model is made on
        from torchvision import models
    return models  # type: ignore[no-any-return]
