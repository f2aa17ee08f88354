"""Convolutions of three by three with a quarter of the multiplications (Winograd 1980).

A map is cut into tiles of 6x6 that overlap by two. Along each side a tile is a polynomial, which is
evaluated at six points; so are the kernels, once. At each pair of points the convolution is then a
product of two matrices, tiles by kernels, and 4x4 numbers of its map follow from those products: 36
multiplications for what takes 144 (Lavin and Gray 2016: F(4x4, 3x3)).

The paper's points are 0, 1, -1, 2, -2 and infinity. These have half their error, twice that of a
convolution as it is written (on the choice of points: Barabasz et al. 2020), and with each its
inverse: where p turns into 1/p, kernels are turned round, as the way back to the map takes them. So
both ways have the same kernels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

INSIDE, KERNEL = 4, 3
TILE = INSIDE + KERNEL - 1
"""Sides in pixels of what is made of a tile, of a kernel, and of a tile."""
POINTS = (0.0, 2 / 3, -2 / 3, 3 / 2, -3 / 2, np.inf)
INVERSES = [POINTS.index(1 / point if point else np.inf) for point in POINTS]
LEAST_CHANNELS = 96, 128
"""On both sides of a convolution that gains by it on a CPU, the fewer and the more. With fewer, to
the points and back takes longer than the products save."""
LEAST_NUMBERS = 64 * 96
"""Tiles times channels of a map that gains by it. With fewer, too much time goes into reading the
kernels, which have four times as many numbers."""
MOST_TILES = 128
"""That are multiplied at a time, so that the processor's cache holds them; half as many as there
are channels, if those are few."""


@dataclass(frozen=True)
class Matrices:
    """What leads to the points of a tile and back, along both sides at once; float32.

    Attributes:
        tile: A tile to the points, (36, 36).
        inside: The products at the points to what is made of the tile, (16, 37): the last column
            adds the bias, which stands after the products.
    """

    tile: Tensor
    inside: Tensor


@dataclass(frozen=True)
class Grid:
    """The tiles of a map, and how many are taken at a time.

    Attributes:
        rows: Of tiles.
        columns: Of tiles.
        band: Rows that are cut out at a time.
        at_a_time: Tiles that are multiplied at a time: those of a band, or some of one row.
    """

    rows: int
    columns: int
    band: int
    at_a_time: int

    @classmethod
    def of(cls, height: int, width: int, channels: int) -> "Grid":
        """Return that of a convolution's map of some size, with as many channels."""
        rows, columns = -(-height // INSIDE), -(-width // INSIDE)
        most = max(1, min(MOST_TILES, channels // 2))
        bands = -(-rows // max(1, most // columns))
        band = -(-rows // bands)
        return cls(rows, columns, band, -(-band * columns // -(-columns // most)))


def gains(like: nn.Conv2d) -> bool:
    """Tell whether a convolution takes less time by products at points, on maps of some size."""
    steps = *like.kernel_size, *like.stride, *like.dilation, like.groups
    if isinstance(like.padding, str) or max(like.padding) >= KERNEL:
        return False
    channels = sorted((like.in_channels, like.out_channels))
    enough = all(has >= least for has, least in zip(channels, LEAST_CHANNELS, strict=True))
    return steps == (KERNEL, KERNEL, 1, 1, 1, 1, 1) and enough and _is_measured()


def suits(x: Tensor) -> bool:
    """Tell whether a map (N, C, H, W) has enough tiles to gain, and numbers that can be taken so.

    Those of bfloat16 are not exact enough for the way to the points.
    """
    tiles = -(-x.shape[2] // INSIDE) * -(-x.shape[3] // INSIDE)
    is_large = tiles * x.shape[1] >= LEAST_NUMBERS and min(x.shape[2:]) >= KERNEL
    return x.dtype == torch.float32 and is_large


def kernels_at_points(weight: Tensor) -> Tensor:
    """Return the kernels of a convolution, (K, C, 3, 3), at the points, (36, C, K)."""
    made, channels = weight.shape[:2]
    # divided by p, 1 + a p + b p^2 has the same three terms at 1/p, in another order
    side = _powers(KERNEL) / _middles()[:, None]
    both = torch.from_numpy(np.kron(side, side)).to(weight)
    flat = weight.permute(2, 3, 1, 0).reshape(KERNEL * KERNEL, -1)
    return (both @ flat).view(TILE * TILE, channels, made)


def convolve(
    x: Tensor,
    kernels: Tensor,
    bias: Tensor | None,
    padding: Sequence[int],
    *,
    turned: bool = False,
    rectifies: bool = False,
) -> Tensor:
    """Return a convolution's map, (N, K, H', W') channels-last.

    Args:
        x: What is convolved, (N, C, H, W) float32, channels-last.
        kernels: At the points, (36, C, K).
        bias: What is added, (K), or None.
        padding: Zeros around ``x``, [vertical, horizontal].
        turned: Whether the kernels are turned by half a turn.
        rectifies: Whether the map is cut off at 0.
    """
    (above, left), (count, channels, height, width) = padding, x.shape
    size = height + 2 * above - KERNEL + 1, width + 2 * left - KERNEL + 1
    grid, made = Grid.of(*size, channels), kernels.shape[2]
    result = torch.empty(
        (count, made, *size), dtype=x.dtype, device=x.device, memory_format=torch.channels_last
    )
    bands = _Bands(grid, kernels, bias, turned=turned)
    for source, target in zip(x.permute(0, 2, 3, 1), result.permute(0, 2, 3, 1), strict=True):
        for row in range(0, grid.rows, grid.band):
            rows = target[INSIDE * row : INSIDE * (row + grid.band)]
            convolved = bands.convolved(source, INSIDE * row - above, left)
            convolved = convolved[: len(rows), : size[1]]
            if rectifies:
                torch.clamp_min(convolved, 0, out=rows)
            else:
                rows.copy_(convolved)
    return result


class _Bands:
    """Rows of tiles, one band after the other in the same memory."""

    def __init__(self, grid: Grid, kernels: Tensor, bias: Tensor | None, *, turned: bool) -> None:
        points, channels, made = kernels.shape
        self._grid, self._kernels = grid, kernels
        # zeros, and what lies between them
        self._pixels = kernels.new_zeros(
            (INSIDE * grid.band + 2, INSIDE * grid.columns + 2, channels)
        )
        down, across, _ = self._pixels.stride()
        self._tiles = self._pixels.as_strided(
            (grid.band, grid.columns, TILE, TILE, channels),
            (INSIDE * down, INSIDE * across, down, across, 1),
        )
        some, self._count = grid.at_a_time, grid.band * grid.columns
        whole = some * -(-self._count // some)
        self._cut = kernels.new_empty((whole, TILE * TILE, channels))
        self._cut[self._count :] = 0
        self._at_points = kernels.new_empty((some, points, channels))
        self._products = kernels.new_empty((points + 1, some, made))
        self._products[-1] = 0 if bias is None else bias
        self._inside = kernels.new_empty((whole, INSIDE * INSIDE, made))
        matrices = _matrices(turned)
        self._there = matrices.tile.expand(some, *matrices.tile.shape)
        self._back = matrices.inside.expand(some, *matrices.inside.shape)

    def convolved(self, source: Tensor, top: int, left: int) -> Tensor:
        """Return a band's part of the map, (4 rows, 4 columns, K).

        Args:
            source: What is convolved, (H, W, C).
            top: Its row at which the band begins; less than 0 in the zeros above it.
            left: Zeros to its left.
        """
        (height, width, _), pixels, grid = source.shape, self._pixels, self._grid
        first, last = max(top, 0), min(top + len(pixels), height)
        if last - first < len(pixels):  # at the edge of the map
            pixels.zero_()
        pixels[first - top : last - top, left : left + width] = source[first:last]
        self._cut[: self._count].view(self._tiles.shape).copy_(self._tiles)
        for part in range(0, len(self._cut), grid.at_a_time):
            some = slice(part, part + grid.at_a_time)
            torch.bmm(self._there, self._cut[some], out=self._at_points)
            torch.bmm(self._at_points.transpose(0, 1), self._kernels, out=self._products[:-1])
            torch.bmm(self._back, self._products.transpose(0, 1), out=self._inside[some])
        inside = self._inside[: self._count].view(grid.band, grid.columns, INSIDE, INSIDE, -1)
        return inside.transpose(1, 2).reshape(INSIDE * grid.band, INSIDE * grid.columns, -1)


def _is_measured() -> bool:
    """Tell whether the processor is of a kind on which the gain was measured: AMD's with AVX2.

    On AMD's with AVX-512, oneDNN's convolutions run at twice the rate of MKL's products.
    """
    return torch.backends.cpu.get_cpu_capability() == "AVX2"


@lru_cache
def _matrices(turned: bool) -> Matrices:
    """Return them; for kernels that are turned, with each point in its inverse's place."""
    # a convolution is the transpose of a product of polynomials; what kernels are divided by, tiles
    # are multiplied by
    tile = np.linalg.inv(_powers(TILE)).T * _middles()[:, None]
    inside = _powers(INSIDE).T
    if turned:
        tile, inside = tile[INVERSES], inside[:, INVERSES]
    added = np.ones((INSIDE * INSIDE, 1))
    both = np.kron(tile, tile), np.concatenate([np.kron(inside, inside), added], axis=1)
    return Matrices(*(torch.from_numpy(matrix).float() for matrix in both))


def _powers(count: int) -> Any:
    """Return the powers of each point, (6, count); at infinity only the last of them is left."""
    powers = [[point**power for power in range(count)] for point in POINTS[:-1]]
    return np.array([*powers, np.eye(count)[-1]])


def _middles() -> Any:
    """Return each point, (6); 1 for 0 and for infinity."""
    return np.array([point if 0 < abs(point) < np.inf else 1.0 for point in POINTS])
