"""Stages without numbers, whose maps have a size and a precision and are not computed."""

import copy

import torch
from torch import Tensor, nn


def without_numbers(stage: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Return a copy of a stage whose weights have shapes and no numbers (on torch's meta device).

    A copy, because others may run the stage meanwhile; one that is without already is returned.

    Args:
        stage: It.
        dtype: Precision of the copy.
    """
    weights = [*stage.parameters(), *stage.buffers()]
    if all(w.is_meta and w.dtype == dtype and not w.requires_grad for w in weights):
        return stage
    made = copy.copy(stage)
    made._parameters = {
        name: None if weight is None else nn.Parameter(_bare(weight, dtype), requires_grad=False)
        for name, weight in stage._parameters.items()
    }
    made._buffers = {
        name: None if buffer is None else _bare(buffer, dtype)
        for name, buffer in stage._buffers.items()
    }
    made._modules = {name: without_numbers(child, dtype) for name, child in stage.named_children()}
    return made


def _bare(weight: Tensor, dtype: torch.dtype) -> Tensor:
    kind = dtype if weight.is_floating_point() else weight.dtype
    return torch.empty_strided(weight.shape, weight.stride(), dtype=kind, device="meta")
