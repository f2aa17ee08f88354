"""Networks that see or find flow: which there are, where their weights are, named layers."""

from framestyle.networks.choice import Choice, can_be_had, choose
from framestyle.networks.extractor import Extractor
from framestyle.networks.features import FeatureNetwork, Pooling
from framestyle.networks.flat import why_not_flat
from framestyle.networks.footprint import Room
from framestyle.networks.registry import FLOW_NETWORKS, NETWORKS, model_spec, network_spec
from framestyle.networks.spec import ModelSpec, NetworkSpec
from framestyle.networks.weights import (
    Location,
    fetch,
    load,
    load_flow_network,
    locate,
    parse_weights,
)

__all__ = [
    "FLOW_NETWORKS",
    "NETWORKS",
    "Choice",
    "Extractor",
    "FeatureNetwork",
    "Location",
    "ModelSpec",
    "NetworkSpec",
    "Pooling",
    "Room",
    "can_be_had",
    "choose",
    "fetch",
    "load",
    "load_flow_network",
    "locate",
    "model_spec",
    "network_spec",
    "parse_weights",
    "why_not_flat",
]
