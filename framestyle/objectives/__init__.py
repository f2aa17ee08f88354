"""What is optimised: formulas as pure functions, and terms that hold a target."""

from framestyle.objectives.activations import (
    DreamActivation,
    GuidedActivation,
    split_channels,
)
from framestyle.objectives.distances import GramProducts
from framestyle.objectives.terms import (
    ContentLoss,
    Features,
    StyleLoss,
    TemporalLoss,
    Term,
    TotalVariation,
    WeightedSum,
    style_roughness,
    style_targets,
)

__all__ = [
    "ContentLoss",
    "DreamActivation",
    "Features",
    "GramProducts",
    "GuidedActivation",
    "StyleLoss",
    "TemporalLoss",
    "Term",
    "TotalVariation",
    "WeightedSum",
    "split_channels",
    "style_roughness",
    "style_targets",
]
