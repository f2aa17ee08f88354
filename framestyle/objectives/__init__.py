"""What is optimised: formulas as pure functions, and terms that hold a target."""

from framestyle.objectives.distances import GramProducts
from framestyle.objectives.terms import (
    ContentLoss,
    DreamActivation,
    Features,
    GuidedActivation,
    StyleLoss,
    TemporalLoss,
    Term,
    TotalVariation,
    WeightedSum,
    split_channels,
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
