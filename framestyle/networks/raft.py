"""RAFT (Teed and Deng 2020): networks that find optical flow, as torchvision has them."""

from torch import nn

from framestyle.networks import zoo


def build_raft_small() -> nn.Module:
    """Return torchvision's small RAFT, untrained: a million weights."""
    return zoo.model("raft_small")


def build_raft_large() -> nn.Module:
    """Return torchvision's RAFT of the paper's size, untrained: five million weights."""
    return zoo.model("raft_large")
