"""RAFT (Teed and Deng 2020): networks that find optical flow, as torchvision has them."""

from torch import nn
from torchvision.models.optical_flow import raft_large, raft_small


def build_raft_small() -> nn.Module:
    """Return torchvision's small RAFT, untrained: a million weights."""
    model: nn.Module = raft_small(weights=None)
    return model


def build_raft_large() -> nn.Module:
    """Return torchvision's RAFT of the paper's size, untrained: five million weights."""
    model: nn.Module = raft_large(weights=None)
    return model
