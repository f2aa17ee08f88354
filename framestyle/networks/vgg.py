"""VGG-16 and VGG-19 (Simonyan and Zisserman 2014), with the papers' layer names."""

from torch import nn

from framestyle.networks import zoo


def build_vgg16() -> nn.Module:
    """Return torchvision's VGG-16 without its classifier, untrained."""
    return _without_head(zoo.model("vgg16", init_weights=False))


def build_vgg19() -> nn.Module:
    """Return torchvision's VGG-19 without its classifier, untrained."""
    return _without_head(zoo.model("vgg19", init_weights=False))


def name_stages(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Name the layers ``conv1_1, relu1_1, conv1_2, ..., pool1, conv2_1, ..., pool5``.

    Args:
        model: A VGG of torchvision, without batch normalisation.
    """
    stages: list[tuple[str, nn.Module]] = []
    block, number = 1, 0
    for module in model.get_submodule("features").children():
        if isinstance(module, nn.Conv2d):
            number += 1
            stages.append((f"conv{block}_{number}", module))
        elif isinstance(module, nn.ReLU):
            stages.append((f"relu{block}_{number}", module))
        else:
            stages.append((f"pool{block}", module))
            block, number = block + 1, 0
    return stages


def _without_head(model: nn.Module) -> nn.Module:
    model.classifier = nn.Identity()
    return model
