"""Networks that see: which there are, where their weights are, and features of named layers."""

from framestyle.networks.choice import Choice, choose
from framestyle.networks.features import Extractor, FeatureNetwork, Pooling
from framestyle.networks.registry import NETWORKS, NetworkSpec, network_spec
from framestyle.networks.weights import Location, fetch, load, locate, parse_weights

__all__ = [
    "NETWORKS",
    "Choice",
    "Extractor",
    "FeatureNetwork",
    "Location",
    "NetworkSpec",
    "Pooling",
    "choose",
    "fetch",
    "load",
    "locate",
    "network_spec",
    "parse_weights",
]
