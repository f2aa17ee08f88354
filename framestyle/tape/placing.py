"""Giving tensors of a step places in a workspace."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from framestyle.tape.calls import Call, Into
from framestyle.tape.workspace import Life, Workspace

LEAST_NUMBERS = 1 << 15
"""Of a tensor that gets a place. torch has smaller ones made by one core (its ``GRAIN_SIZE``), and
what that finds is what it has left there."""
BLANK = ("aten::empty", "aten::empty_like", "aten::new_empty", "aten::empty_strided")
ZEROS = ("aten::zeros", "aten::zeros_like", "aten::new_zeros")
COPIES = ("aten::clone", "aten::_to_copy")
"""Operations that can be done to a tensor that is there: nothing, setting to 0, and copying."""


def into(
    func: Any, given: Sequence[str], name: str, made: Any, named: Callable[[Any], str]
) -> Into | None:
    """Return how an operation makes a tensor, alone with its memory, where that is there already.

    Args:
        func: The operation.
        given: What it is given, in Python.
        name: That of the tensor.
        made: The tensor.
        named: Returns the name by which an operation is called.

    Returns:
        None where there is no such way, or the tensor is none that gets a place.
    """
    if not isinstance(made, Tensor) or made.numel() < LEAST_NUMBERS or made.storage_offset():
        return None
    if made.device.type != "cpu" or made.is_conj() or made.is_neg():
        return None
    kind = func._schema.name
    if kind in BLANK:
        text = ""
    elif kind in ZEROS:
        text = f"{named(torch.ops.aten.zero_.default)}({name})"
    elif kind in COPIES:
        text = f"{named(torch.ops.aten.copy_.default)}({name}, {given[0]})"
    elif writing := _writing(func):
        operation, out = writing
        text = f"{named(operation)}({', '.join([*given, f'{out}={name}'])})"
    else:
        return None
    size, stride = tuple(made.shape), made.stride()
    return Into(text, size, stride, made.dtype, made.untyped_storage().nbytes())


@lru_cache(maxsize=1024)
def _writing(func: Any) -> tuple[Any, str] | None:
    """Return the operation that writes what another makes into a tensor, and what it calls that.

    None where a CPU has none: torch's other ones make a tensor first, and copy it. Some of those of
    losses give their sum another size on the way; it is smaller than what gets a place.
    """
    takes = [(arg.name, str(arg.type)) for arg in func._schema.arguments]
    packet = func._overloadpacket
    for name in packet.overloads():
        operation = getattr(packet, name)
        arguments = operation._schema.arguments
        outs = [arg.name for arg in arguments if arg.is_out]
        others = [(arg.name, str(arg.type)) for arg in arguments if not arg.is_out]
        if len(outs) == 1 and others == takes:
            on_cpu = torch._C._dispatch_has_kernel_for_dispatch_key(operation.name(), "CPU")
            return (operation, outs[0]) if on_cpu else None
    return None


def placed(
    calls: Sequence[Call],
    bound: Mapping[str, Any],
    owners: Mapping[str, str],
    wanted: Sequence[str],
    workspace: Workspace,
) -> tuple[list[Call], dict[str, Any]]:
    """Return the operations of a step that are left, and what is there before they are done.

    That is what was there, tensors that now have a place in the workspace, and views of both: they
    are made here, by the text of their operations.

    Args:
        calls: All operations of the step.
        bound: What was there, by name.
        owners: Of the name of a tensor, that of the first one with its memory.
        wanted: Names of the tensors that the step returns. They get no place.
        workspace: Where the others get one.
    """
    lives = _lives(calls, owners, wanted)
    places = dict(zip(lives, workspace.room_for(list(lives.values())), strict=True))
    there, left = dict(bound), []
    for call in calls:
        if call.into is not None and call.made[0] in places:
            there[call.made[0]] = call.into.lying_in(places[call.made[0]])
            if call.into.text:
                left.append(Call(call.into.text, [], [*call.read, call.made[0]]))
        elif call.views and there.keys() >= {*call.read}:
            with torch.no_grad():
                exec(call.text, {}, there)
        else:
            left.append(call)
    return left, there


def _lives(
    calls: Sequence[Call], owners: Mapping[str, str], wanted: Sequence[str]
) -> dict[str, Life]:
    """Return how long the tensors are needed that can be given a place, by name."""
    last = dict.fromkeys((owners.get(name, name) for name in wanted), len(calls))
    for number, call in reversed(list(enumerate(calls))):
        for name in (*call.made, *call.read):
            last.setdefault(owners.get(name, name), number)
    return {
        call.made[0]: Life(call.into.nbytes, number, last[call.made[0]])
        for number, call in enumerate(calls)
        if call.into is not None and last[call.made[0]] < len(calls)
    }
