"""SqueezeNet 1.0 (Iandola et al. 2016), with the paper's layer names."""

from torch import nn

from framestyle.networks import zoo

STAGES = (
    *("conv1", "relu1", "maxpool1"),
    *("fire2", "fire3", "fire4", "maxpool4"),
    *("fire5", "fire6", "fire7", "fire8", "maxpool8"),
    "fire9",
)


def build_squeezenet1_0() -> nn.Module:
    """Return torchvision's SqueezeNet 1.0 without its classifier, untrained."""
    model = zoo.model("squeezenet1_0")
    model.classifier = nn.Identity()
    return model


def name_stages(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Name the stages as in table 1 of the paper; a pool has the number of the stage before it.

    Args:
        model: SqueezeNet 1.0 of torchvision.
    """
    return list(zip(STAGES, model.get_submodule("features").children(), strict=True))
