"""torchvision's models, and where it has their weights; loaded when the first is asked for.

With torchvision comes torch's compiler, and both take as long to load as torch itself. The network
in the package needs neither.
"""

import torch
from torch import nn


def model(name: str, **settings: bool) -> nn.Module:
    """Return a model of torchvision, untrained.

    Args:
        name: It, by torchvision's name.
        settings: Of the model, as torchvision takes them.
    """
    with torch.device("cpu"):  # whatever the device is that a model is made on
        from torchvision.models import get_model
    made: nn.Module = get_model(name, weights=None, **settings)
    return made


def weights_url(name: str) -> str:
    """Return where weights are fetched from.

    Args:
        name: They, by torchvision's name: ``VGG19_Weights.IMAGENET1K_V1``.
    """
    from torchvision.models import get_weight

    url: str = get_weight(name).url
    return url


def is_fire(module: nn.Module) -> bool:
    """Tell whether a module is a block of torchvision's SqueezeNet."""
    from torchvision.models.squeezenet import Fire

    return isinstance(module, Fire)
