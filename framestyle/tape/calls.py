"""Operations, and a function of Python that does them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from framestyle.graphs import Step

_NEW = "add sub mul div pow sqrt neg lerp sum dot mm bmm stack"
_IN_PLACE = "add_ sub_ mul_ div_ lerp_ clamp_ addcmul_ addmm_ copy_ zero_"
FUNCTIONS = {
    **{f"aten::{name}": getattr(torch, name) for name in _NEW.split()},
    **{f"aten::{name}": getattr(Tensor, name) for name in _IN_PLACE.split()},
    "aten::linalg_vector_norm": torch.linalg.vector_norm,
    "aten::view.dtype": Tensor.view,
}
"""Functions of torch that do what its operations of these names do, when given the same. They take
two thirds of the time of short ones: numbers and tensors do not go through pybind11."""


def called_as(func: Any) -> Any:
    """Return what does an operation the soonest."""
    for name in (func.name(), func._schema.name):  # with and without what tells overloads apart
        if name in FUNCTIONS:
            return FUNCTIONS[name]
    return getattr(func, "_op", func)  # without the call that leads to it, where torch has it so


@dataclass(frozen=True)
class Into:
    """How an operation is done that makes a tensor, where that is there already.

    Attributes:
        text: That, in Python; empty if there is nothing to do.
        size: Shape of the tensor.
        stride: How far its memory goes on from one number to the next, in each dimension.
        dtype: Type of its numbers.
        nbytes: What its memory takes.
    """

    text: str
    size: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype
    nbytes: int

    def lying_in(self, memory: torch.UntypedStorage) -> Tensor:
        """Return the tensor, which begins where its memory does."""
        blank = torch.empty(0, dtype=self.dtype, device="cpu")
        return blank.set_(memory, 0, self.size, self.stride)


@dataclass(frozen=True)
class Call:
    """An operation.

    Attributes:
        text: It, in Python.
        made: Names of the tensors that it makes.
        read: Names of those that it is given.
        views: Whether it does nothing but make views.
        into: How it is done where what it makes is there already; None where it cannot be.
    """

    text: str
    made: list[str]
    read: list[str]
    views: bool = False
    into: Into | None = None


def function_of(
    calls: Sequence[Call], bound: Mapping[str, Any], values: str, wanted: Sequence[str]
) -> Step:
    """Return what does operations, and returns values.

    Args:
        calls: The operations.
        bound: What is there before, by name.
        values: They, in Python.
        wanted: Names of the tensors among them.
    """
    lines = [f"def make({', '.join(bound)}):", "    def play():"]
    for call, gone in zip(calls, _read_last(calls, {*wanted, *bound}), strict=True):
        lines.append(f"        {call.text}")
        if gone:  # so that its memory is free as soon as it has been used
            lines.append(f"        {' = '.join(gone)} = None")
    lines += [f"        return {values}", "    return play"]
    space: dict[str, Any] = {}
    exec(compile("\n".join(lines), "<tape>", "exec"), space)
    play: Step = torch.no_grad()(space["make"](**bound))
    return play


def _read_last(calls: Sequence[Call], kept: Iterable[str]) -> list[list[str]]:
    """Return by call which of the tensors that were made, and are not kept, are not read after."""
    seen, gone = set(kept), []
    for call in reversed(calls):
        gone.append([name for name in {*call.made, *call.read} if name not in seen])
        seen.update(call.made, call.read)
    return gone[::-1]
