"""GoogLeNet (Szegedy et al. 2014), with torchvision's layer names."""

from torch import nn

from framestyle.networks import zoo
from framestyle.networks.batch_norm import fold_batch_norm

STAGES = (
    *("conv1", "maxpool1", "conv2", "conv3", "maxpool2"),
    *("inception3a", "inception3b", "maxpool3"),
    *("inception4a", "inception4b", "inception4c", "inception4d", "inception4e", "maxpool4"),
    *("inception5a", "inception5b"),
)


def build_googlenet() -> nn.Module:
    """Return torchvision's GoogLeNet without its classifiers, untrained."""
    model = zoo.model("googlenet", aux_logits=False, init_weights=False)
    model.fc = nn.Identity()
    return model


def name_stages(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Name the stages as torchvision does, ``conv1`` to ``inception5b``.

    Torchvision's ``transform_input`` is left out, as in ``framestyle.networks.inception``.

    Args:
        model: GoogLeNet of torchvision; its batch normalisation is folded away, in place.
    """
    fold_batch_norm(model)
    return [(name, model.get_submodule(name)) for name in STAGES]
