"""InceptionV3 (Szegedy et al. 2015), with torchvision's layer names."""

from torch import nn

from framestyle.networks import zoo
from framestyle.networks.batch_norm import fold_batch_norm

STAGES = (
    *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "maxpool1"),
    *("Conv2d_3b_1x1", "Conv2d_4a_3x3", "maxpool2"),
    *("Mixed_5b", "Mixed_5c", "Mixed_5d"),
    *("Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"),
    *("Mixed_7a", "Mixed_7b", "Mixed_7c"),
)


def build_inception_v3() -> nn.Module:
    """Return torchvision's InceptionV3 without its classifiers, untrained."""
    model = zoo.model("inception_v3", aux_logits=False, init_weights=False)
    model.fc = nn.Identity()
    return model


def name_stages(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Name the stages as torchvision does, ``Conv2d_1a_3x3`` to ``Mixed_7c``.

    Torchvision's ``transform_input`` is left out: it only turns ImageNet's normalisation into the
    [-1, 1] that the network was trained on, which a mean and std of 0.5 give at once.

    Args:
        model: InceptionV3 of torchvision; its batch normalisation is folded away, in place.
    """
    fold_batch_norm(model)
    return [(name, model.get_submodule(name)) for name in STAGES]
