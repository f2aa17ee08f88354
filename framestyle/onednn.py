"""oneDNN's convolutions on a CPU, by operations that torch has for its compiler.

They take weights in oneDNN's own order, and cut off at 0, or add to what is there, before they
write. A product of matrices is a convolution of one by one: of large matrices in float32 it runs at
1.15 to 1.3 times the rate of torch's own products on AMD's processors with AVX2.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as nnf
from torch import Tensor

from framestyle.tape import aside

LANES = 8
"""Numbers of float32 that a processor with AVX2 takes at once: of other channels than multiples of
as many, oneDNN's products are slow."""
LEAST_MULTIPLICATIONS = 120 << 20
"""Of a product that gains by it. Its threads wait awake for each other, which costs small ones more
than they gain where other programs want the cores."""

_CONVOLVE: Any = getattr(getattr(torch.ops.mkldnn, "_convolution_pointwise", None), "default", None)
_ADD: Any = getattr(getattr(torch.ops.mkldnn, "_convolution_pointwise_", None), "binary", None)
_REORDER: Any = getattr(torch._C._nn, "mkldnn_reorder_conv2d_weight", None)
_ORDER: Any = getattr(torch.ops.mkldnn, "_get_mkldnn_serialized_md", None)
_GAPS = slice(4, 8), slice(108, 112)
"""Bytes of an order of oneDNN's that mean nothing and hold anything: the one before its sizes and
the one after its precision, each of which a number of eight bytes follows (dnnl_memory_desc)."""
_ONES, _ZEROS = [1, 1], [0, 0]


def convolved(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    padding: Sequence[int] = _ZEROS,
    stride: Sequence[int] = _ONES,
    dilation: Sequence[int] = _ONES,
    groups: int = 1,
    *,
    rectifies: bool = False,
) -> Tensor:
    """Return the convolution of a map (N, C, H, W), channels-last, cut off at 0 if asked.

    Args:
        x: The map, channels-last.
        weight: In oneDNN's order, for maps of this size.
        bias: What is added to each channel, or None.
        padding: Zeros around the map, [vertical, horizontal]; the next ones likewise.
        stride: Of the kernels.
        dilation: Of the kernels.
        groups: Of channels, each with kernels of its own.
        rectifies: Whether the map is cut off at 0.
    """
    then = "relu" if rectifies else "none"
    result: Tensor = _CONVOLVE(x, weight, bias, padding, stride, dilation, groups, then, [], "")
    return result


def reordered(
    weight: Tensor,
    shape: Sequence[int],
    padding: Sequence[int] = _ZEROS,
    stride: Sequence[int] = _ONES,
    dilation: Sequence[int] = _ONES,
    groups: int = 1,
) -> Tensor:
    """Return weights (K, C, h, w) in the order that oneDNN takes for maps of some shape."""
    made: Tensor = _REORDER(weight.to_mkldnn(), padding, stride, dilation, groups, list(shape))
    return made


def order_of(weight: Tensor) -> bytes | None:
    """Return in which order weights lie: maps of many sizes have the same. None if torch hides it.

    Args:
        weight: As ``reordered`` returns it.
    """
    if _ORDER is None:
        return None
    order = _ORDER(weight).numpy()
    for gap in _GAPS:
        order[gap] = 0
    return bytes(order)


def add_product(onto: Tensor, rows: Tensor, matrix: Tensor) -> None:
    """Add a product of matrices to what is there.

    Args:
        onto: (M, N), contiguous.
        rows: What is multiplied, (M, N), contiguous; as ``onto``, of a kind that ``can_multiply``.
        matrix: What by, (N, N), symmetric.
    """
    kernels = matrix[:, :, None, None]
    how: tuple[Any, ...] = _ZEROS, _ONES, _ONES, 1
    _ADD(_as_map(onto), _as_map(rows), kernels, None, *how, "add", 1.0, None, [], None)


def gram(rows: Tensor) -> Tensor:
    """Return R^T R, (N, N), of rows R (M, N) of a kind that ``can_multiply``.

    It is what the gradient in a kernel of one by one is that made R of R.
    """
    as_map, kernels = _as_map(rows), rows.new_empty(rows.shape[1], rows.shape[1], 1, 1)
    how: tuple[Any, ...] = _ONES, _ZEROS, _ONES, False, _ZEROS, 1, [False, True, False]
    made: Tensor = torch.ops.aten.convolution_backward(as_map, as_map, kernels, None, *how)[1]
    return made.view(kernels.shape[:2])


def can_multiply(rows: Tensor) -> bool:
    """Tell whether products of rows (M, N) gain by it."""
    count, columns = rows.shape
    suits = rows.dtype == torch.float32 and columns % LANES == 0 and rows.is_contiguous()
    suits = suits and count * columns * columns >= LEAST_MULTIPLICATIONS
    return suits and is_measured() and _ADD is not None and can_pack(rows.device.type, rows.dtype)


def is_measured() -> bool:
    """Tell whether the processor is of a kind on which the gain was measured: AMD's with AVX2.

    torch tells what processors can do, not who made them, so that Intel's with AVX2 are taken too.
    """
    return torch.backends.cpu.get_cpu_capability() == "AVX2"


@lru_cache
@aside()
def can_pack(device_type: str, dtype: torch.dtype) -> bool:
    """Tell whether oneDNN takes reordered weights of a precision here, by trying.

    What does that has no promise of torch's to stay, and not every processor has it for bfloat16.
    """
    if device_type != "cpu" or _CONVOLVE is None or _REORDER is None or not _is_built():
        return False
    x = torch.linspace(-1, 1, 4 * 8 * 8, device="cpu").view(1, 4, 8, 8).to(dtype)
    x = x.contiguous(memory_format=torch.channels_last)
    weight = torch.linspace(-1, 1, 4 * 4 * 9, device="cpu").view(4, 4, 3, 3).to(dtype)
    with torch.no_grad():
        expected = nnf.conv2d(x, weight, padding=1)
        try:
            made = convolved(x, reordered(weight, x.shape, _ONES), None, _ONES)
        except (RuntimeError, TypeError):
            return False
    same_layout = made.is_contiguous(memory_format=torch.channels_last)
    error = (made.float() - expected.float()).norm() / expected.float().norm()
    return same_layout and float(error) < 0.02  # that of bfloat16 is some thousandths


def _as_map(rows: Tensor) -> Tensor:
    """Return rows (M, N) as a map (1, N, 1, M), channels-last."""
    return rows.view(1, 1, *rows.shape).permute(0, 3, 1, 2)


def _is_built() -> bool:
    return bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
