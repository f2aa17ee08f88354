"""Copies of stages: that share their weights, or have none and whose maps are not computed."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn


def copied(stage: nn.Module, copy_child: Callable[[nn.Module], nn.Module]) -> nn.Module:
    """Return a copy of a stage with the same weights.

    A deep copy of whatever a module holds takes a hundred times as long.

    Args:
        stage: It.
        copy_child: Copies what it is made of.
    """
    made = copy.copy(stage)
    for name, value in vars(stage).items():
        if isinstance(value, dict):  # of weights, of hooks
            vars(made)[name] = copy.copy(value)
    for name, child in stage._modules.items():
        made._modules[name] = None if child is None else copy_child(child)
    return made


def without_numbers(stage: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Return a copy of a stage whose weights have shapes and no numbers (on torch's meta device).

    A copy, because others may run the stage meanwhile; a stage without weights, or whose own have
    no numbers, is returned as it is.

    Args:
        stage: It.
        dtype: Precision of the copy.
    """
    weights = [*stage.parameters(), *stage.buffers()]
    if all(w.is_meta and w.dtype == dtype and not w.requires_grad for w in weights):
        return stage
    made = copied(stage, lambda child: without_numbers(child, dtype))
    for name, weight in stage._parameters.items():
        if weight is not None:
            made._parameters[name] = nn.Parameter(_bare(weight, dtype), requires_grad=False)
    for name, buffer in stage._buffers.items():
        if buffer is not None:
            made._buffers[name] = _bare(buffer, dtype)
    return made


def _bare(weight: Tensor, dtype: torch.dtype) -> Tensor:
    kind = dtype if weight.is_floating_point() else weight.dtype
    return torch.empty_strided(weight.shape, weight.stride(), dtype=kind, device="meta")
