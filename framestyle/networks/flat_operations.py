"""The kernels of flat_kernels.py as operations of torch, which its compiler leaves as they are."""

from collections.abc import Callable
from typing import Any

import torch
import triton
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

from framestyle.networks import flat_kernels
from framestyle.networks.flat_weights import PATCH

PROCESSORS = 132
"""Of an H100 or H200. Blocks are so large that there are about as many, or more."""
NUMBERS_AT_A_TIME, NUMBERS_BACK = 8192, 1024
"""That a program of a pooling makes, and that one of its way back reads the gradient of."""
POSITIONS_AT_A_TIME = 128
"""Of an image that is laid out, or of its gradient."""

Operation = Callable[..., Tensor]


def _blocks(rows: int, channels: int, deep: int) -> tuple[int, int, int, int]:
    """Return rows and channels of a block, warps and stages, as measured on an H200.

    A warp is 32 threads; so many blocks of what is multiplied are fetched ahead. With few of them
    there is room for two blocks on a processor at a time, where there are as many.

    Args:
        rows: Of what is made.
        channels: Of what is made.
        deep: Channels of what it is made of.
    """
    if channels % 64:
        return 128, PATCH, 4, 4
    if channels % 128:
        return 128, 64, 4, 3 if deep == 64 else 4
    blocks = triton.cdiv(rows, 128) * channels // 128
    if blocks >= 1.9 * PROCESSORS:
        return 128, 128, 4, 3
    return (128, 128, 4, 4) if blocks >= 0.9 * PROCESSORS else (64, 128, 4, 5)


def _launch(
    x: Tensor | None,
    kernels: Tensor | None,
    bias: Tensor | None,
    gram_rows: Tensor | None,
    factor: Tensor | None,
    added: Tensor | None,
    made: Tensor | None,
    out: Tensor,
    wide: int,
) -> Tensor:
    """Run ``flat_kernels.convolve``; arguments as there."""
    rows, channels = out.shape
    channels_in = 1 if x is None else x.shape[1]
    high, broad, warps, stages = _blocks(rows, channels, channels_in)
    deep = 64 if x is None else min(64, channels_in)

    def blocks(tensor: Tensor | None, *size: int) -> Any:
        return None if tensor is None else TensorDescriptor.from_tensor(tensor, list(size))

    flat_kernels.convolve[(channels // broad * triton.cdiv(rows, high),)](
        blocks(x, high, deep),
        blocks(kernels, broad, deep),
        bias,
        blocks(gram_rows, high, deep),
        blocks(factor, broad, deep),
        blocks(added, high, broad),
        blocks(made, high, broad),
        blocks(out, high, broad),
        wide,
        channels_in,
        channels,
        1 if kernels is None else len(kernels) // channels,
        high,
        broad,
        deep,
        num_warps=warps,
        num_stages=stages,
    )
    return out


def _operation(schema: str, shape: Operation) -> Callable[[Operation], Operation]:
    """Return a decorator that makes a function an operation of torch.

    Args:
        schema: Its name, arguments and result, as torch writes them.
        shape: Takes the same arguments, and returns an empty tensor like the result.
    """
    name, _, signature = schema.partition("(")

    def made(function: Operation) -> Operation:
        custom = torch.library.custom_op
        operation = custom(f"framestyle::{name}", mutates_args=(), schema=f"({signature}")(function)
        operation.register_fake(shape)
        return operation

    return made


def _of_convolution(x: Tensor, kernels: Tensor, bias: Tensor, width: int) -> Tensor:
    return x.new_empty(len(x), len(bias))


@_operation(
    "flat_forth(Tensor x, Tensor kernels, Tensor bias, int width) -> Tensor", _of_convolution
)
def convolved(x: Tensor, kernels: Tensor, bias: Tensor, width: int) -> Tensor:
    """Return the convolution of a map, with its bias, cut off at 0.

    Args:
        x: The map, flat, (P, C).
        kernels: (9 N, C), tap after tap; or (N, C), of an image that is laid out.
        bias: (N,).
        width: Of the map.

    Returns:
        (P, N), flat.
    """
    out = _of_convolution(x, kernels, bias, width)
    return _launch(x, kernels, bias, None, None, None, None, out, width + 1)


def _of_slope(grad: Tensor | None, kernels: Tensor | None, made: Tensor, *_: object) -> Tensor:
    return made.new_empty(made.shape)


@_operation(
    "flat_back(Tensor? grad, Tensor? kernels, Tensor made, Tensor? factor, Tensor? added, bool cut,"
    " int width) -> Tensor",
    _of_slope,
)
def slope(
    grad: Tensor | None,
    kernels: Tensor | None,
    made: Tensor,
    factor: Tensor | None,
    added: Tensor | None,
    cut: bool,
    width: int,
) -> Tensor:
    """Return the gradient in a map, or in what it was before it was cut off at 0.

    It is the sum of what is there of the following.

    Args:
        grad: That in the convolution of the map, (P, C), flat.
        kernels: Of the way back, (9 N, C), tap after tap; or (N, C), of an image that is laid out.
        made: The map, (P, N), flat; without ``factor`` and ``cut``, no number of it is read.
        factor: (N, N), symmetric: the map times this is added.
        added: (P, N), flat; is added.
        cut: Whether the map was cut off at 0.
        width: Of the map.

    Returns:
        (P, N), flat where ``cut``; else there may be other numbers than 0 between its rows.
    """
    rows = None if factor is None else made
    out, cuts = _of_slope(grad, kernels, made), made if cut else None
    return _launch(grad, kernels, None, rows, factor, added, cuts, out, width + 1)


def _of_pooling(x: Tensor, height: int, width: int) -> Tensor:
    return x.new_empty(height // 2 * (width // 2 + 1), x.shape[1])


@_operation("flat_pool(Tensor x, int height, int width) -> Tensor", _of_pooling)
def pooled(x: Tensor, height: int, width: int) -> Tensor:
    """Return the maxima over squares of two by two; a last row or column that is odd is left out.

    Args:
        x: The map, flat.
        height: Of it.
        width: Of it.

    Returns:
        Half of it, flat.
    """
    channels, out = x.shape[1], _of_pooling(x, height, width)
    some = max(1, NUMBERS_AT_A_TIME // channels)
    grid = (triton.cdiv(len(out), some),)
    flat_kernels.pool[grid](x, out, height, width, channels, some, num_warps=8)
    return out


def _of_pooling_back(x: Tensor, *_: object) -> Tensor:
    return torch.empty_like(x)


@_operation(
    "flat_pool_back(Tensor x, Tensor grad, bool cut, int height, int width) -> Tensor",
    _of_pooling_back,
)
def unpooled(x: Tensor, grad: Tensor, cut: bool, height: int, width: int) -> Tensor:
    """Return the gradient in a map from that in its maxima.

    Of equal ones the first in the square has all of it, as in torch.

    Args:
        x: The map, flat.
        grad: That in ``pooled``; what is between its rows is not read.
        cut: Whether what is asked for is that before the map was cut off at 0.
        height: Of the map.
        width: Of it.

    Returns:
        Of the shape of ``x``, flat.
    """
    channels, out = x.shape[1], _of_pooling_back(x)
    squares = (height + 1) // 2 * ((width + 2) // 2)
    some = max(1, NUMBERS_BACK // channels)
    grid = (triton.cdiv(squares, some),)
    flat_kernels.pool_back[grid](x, grad, out, height, width, channels, some, cut, num_warps=8)
    return out


def _of_entering(image: Tensor, scale: Tensor, shift: Tensor, like: Tensor) -> Tensor:
    return like.new_empty(image.shape[2] * (image.shape[3] + 1), PATCH)


@_operation(
    "flat_enter(Tensor image, Tensor scale, Tensor shift, Tensor like) -> Tensor", _of_entering
)
def entered(image: Tensor, scale: Tensor, shift: Tensor, like: Tensor) -> Tensor:
    """Return an image, scaled and shifted, flat, with the nine positions around each side by side.

    Args:
        image: (1, 3, H, W) float32.
        scale: What its channels are multiplied by, three numbers.
        shift: What is then added to them, three numbers.
        like: Of the precision of the result.

    Returns:
        (H * (W + 1), ``PATCH``).
    """
    height, width = image.shape[2:]
    out, some = _of_entering(image, scale, shift, like), POSITIONS_AT_A_TIME
    grid = (triton.cdiv(len(out), some),)
    flat_kernels.enter[grid](image.contiguous(), scale, shift, out, height, width, PATCH, some)
    return out


def _of_leaving(grad: Tensor, scale: Tensor, height: int, width: int) -> Tensor:
    return torch.empty(1, 3, height, width, dtype=torch.float32, device=grad.device)


@_operation("flat_leave(Tensor grad, Tensor scale, int height, int width) -> Tensor", _of_leaving)
def left(grad: Tensor, scale: Tensor, height: int, width: int) -> Tensor:
    """Return the gradient in an image from that in what ``entered`` made of it.

    Args:
        grad: (H * (W + 1), ``PATCH``); what is between its rows is not read.
        scale: As there.
        height: Of the image.
        width: Of it.

    Returns:
        (1, 3, H, W) float32.
    """
    out, some = _of_leaving(grad, scale, height, width), POSITIONS_AT_A_TIME
    grid = (triton.cdiv(height * width, some),)
    flat_kernels.leave[grid](grad, scale, out, height, width, PATCH, some)
    return out
