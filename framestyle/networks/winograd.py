"""Convolutions of three by three with a quarter of the multiplications (Winograd 1980).

A map is cut into tiles of 6x6 that overlap by two. Along each side a tile is a polynomial, which is
evaluated at six points; so are the kernels, once. At each pair of points the convolution is then a
product of two matrices, tiles by kernels, and 4x4 numbers of its map follow from those products: 36
multiplications for what takes 144 (Lavin and Gray 2016: F(4x4, 3x3)).

The paper's points are 0, 1, -1, 2, -2 and infinity. These have half their error, twice that of a
convolution as it is written (on the choice of points: Barabasz et al. 2020).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from framestyle import onednn
from framestyle.tape import aside

INSIDE, KERNEL = 4, 3
TILE = INSIDE + KERNEL - 1
"""Sides in pixels of what is made of a tile, of a kernel, and of a tile."""
GROWTH = TILE * TILE // (KERNEL * KERNEL)
"""Of the memory that kernels take at the points."""
POINTS = (0.0, 2 / 3, -2 / 3, 3 / 2, -3 / 2, np.inf)
LEAST_CHANNELS = 96, 128
"""On both sides of a convolution that gains by it on a CPU, the fewer and the more. With fewer, to
the points and back takes longer than the products save."""
LEAST_NUMBERS = 64 * 96
"""Tiles times channels of a map that gains by it. With fewer, too much time goes into reading the
kernels, which have four times as many numbers."""
MOST_TILES = 128
"""That are multiplied at a time, so that the processor's cache holds them."""
BEGINNING_TILES = 6
"""What it takes to begin with others, in tiles of the same time."""


@dataclass(frozen=True)
class Matrices:
    """What leads to the points of a tile and back, along both sides at once; float32.

    Attributes:
        tile: A tile to the points, (36, 36).
        inside: The products at the points to what is made of the tile, (16, 36).
        ones: Products of which 1 is made all over the tile, (36).
    """

    tile: Tensor
    inside: Tensor
    ones: Tensor


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
    @lru_cache(maxsize=1024)
    def of(cls, height: int, width: int) -> "Grid":
        """Return that of a convolution's map of some size."""
        rows, columns = -(-height // INSIDE), -(-width // INSIDE)

        def cost(band: int) -> int:  # the rows of the last band that are not there take as long
            return -(-rows // band) * (band * columns + BEGINNING_TILES)

        band = min(range(1, max(1, min(rows, MOST_TILES // columns)) + 1), key=cost)
        return cls(rows, columns, band, -(-band * columns // -(-columns // MOST_TILES)))


def gains(like: nn.Conv2d) -> bool:
    """Tell whether a convolution takes less time by products at points, on maps of some size."""
    steps = *like.kernel_size, *like.stride, *like.dilation, like.groups
    if isinstance(like.padding, str) or max(like.padding) >= KERNEL:
        return False
    channels = sorted((like.in_channels, like.out_channels))
    enough = all(has >= least for has, least in zip(channels, LEAST_CHANNELS, strict=True))
    return steps == (KERNEL, KERNEL, 1, 1, 1, 1, 1) and enough and onednn.is_measured()


def suits(x: Tensor) -> bool:
    """Tell whether a map (N, C, H, W) has enough tiles to gain, and numbers that can be taken so.

    Those of bfloat16 are not exact enough for the way to the points.
    """
    tiles = -(-x.shape[2] // INSIDE) * -(-x.shape[3] // INSIDE)
    is_large = tiles * x.shape[1] >= LEAST_NUMBERS and min(x.shape[2:]) >= KERNEL
    return x.dtype == torch.float32 and is_large


def kernels_at_points(weight: Tensor, at_a_time: int) -> Tensor:
    """Return the kernels of a convolution at the points, (36 K, C, 1, 1) in oneDNN's order.

    Args:
        weight: They, (K, C, 3, 3).
        at_a_time: Tiles by which they will be multiplied at a time: it may decide the order.
    """
    channels = weight.shape[1]
    # divided by p, 1 + a p + b p^2 has the same three terms at 1/p, in another order
    side = _powers(KERNEL) / _middles()[:, None]
    both = torch.from_numpy(np.kron(side, side)).to(weight)
    points = both @ weight.permute(2, 3, 0, 1).reshape(KERNEL * KERNEL, -1)
    shape = 1, TILE * TILE * channels, at_a_time, 1
    return onednn.reordered(points.view(-1, channels, 1, 1), shape, groups=TILE * TILE)


def convolve(
    x: Tensor,
    kernels: Tensor,
    bias: Tensor | None,
    padding: Sequence[int],
    *,
    rectifies: bool = False,
) -> Tensor:
    """Return a convolution's map, (N, K, H', W') channels-last.

    Args:
        x: What is convolved, (N, C, H, W) float32, channels-last.
        kernels: At the points, for as many tiles at a time as the grid of the map has.
        bias: What is added, (K), or None.
        padding: Zeros around ``x``, [vertical, horizontal].
        rectifies: Whether the map is cut off at 0.
    """
    grid, size = grid_of(x.shape, padding), _size(x.shape, padding)
    bands = _Bands(grid, kernels, bias, slice(padding[1], padding[1] + x.shape[3]))
    result = x.new_empty((len(x), *size, bands.made))
    for source, target in zip(x.permute(0, 2, 3, 1), result, strict=True):
        for row in range(0, grid.rows, grid.band):
            rows = target[INSIDE * row : INSIDE * (row + grid.band)]
            bands.convolve(source, INSIDE * row - padding[0], rows, rectifies=rectifies)
    return result.permute(0, 3, 1, 2)


def grid_of(shape: Sequence[int], padding: Sequence[int]) -> Grid:
    """Return the tiles of what is made of a map (N, C, H, W) with zeros around it."""
    return Grid.of(*_size(shape, padding))


class _Bands:
    """Rows of tiles, one band after the other in the same memory.

    Args:
        grid: The tiles of the map.
        kernels: What it is convolved with, at the points.
        bias: What is added, (K), or None.
        across: Where the map lies in the tiles; zeros are to its left and to its right.

    Attributes:
        made: Channels that are made, K.
    """

    def __init__(self, grid: Grid, kernels: Tensor, bias: Tensor | None, across: slice) -> None:
        some, points, channels = grid.at_a_time, TILE * TILE, kernels.shape[1]
        self.made = made = len(kernels) // points
        self._kernels, self._across, self._at_a_time = kernels, across, some
        # so much at the points is the bias on the map
        self._bias = bias if bias is None else (_matrices().ones[:, None] * bias).flatten()
        new = _matrices().tile.new_empty
        self._pixels = new((INSIDE * grid.band + 2, INSIDE * grid.columns + 2, channels))
        self._pixels[:, : across.start].zero_()
        self._pixels[:, across.stop :].zero_()
        down, right, _ = self._pixels.stride()
        self._tiles = self._pixels.as_strided(
            (grid.band, grid.columns, TILE, TILE, channels),
            (INSIDE * down, INSIDE * right, down, right, 1),
        )
        count = grid.band * grid.columns
        self._cut = new((some * -(-count // some), points, channels))
        self._cut[count:].zero_()
        self._placed = self._cut[:count].view(self._tiles.shape)
        self._at_points = new((some, points, channels))
        self._as_map = self._at_points.view(1, some, 1, -1).permute(0, 3, 1, 2)
        self._inside = new((len(self._cut), INSIDE * INSIDE, made))
        inside = self._inside[:count].view(grid.band, grid.columns, INSIDE, INSIDE, made)
        self._in_rows = inside.transpose(1, 2)
        self._there = _matrices().tile.expand(some, points, points)
        self._back = _matrices().inside.expand(some, INSIDE * INSIDE, points)

    def convolve(self, source: Tensor, top: int, rows: Tensor, *, rectifies: bool) -> None:
        """Make a band's part of the map.

        Args:
            source: What is convolved, (H, W, C).
            top: Its row at which the band begins; less than 0 in the zeros above it.
            rows: Where it is put, (h, W', K); fewer than the band has where the map ends.
            rectifies: Whether it is cut off at 0.
        """
        pixels = self._pixels
        first, last = max(top, 0), min(top + len(pixels), len(source))
        if last - first < len(pixels):  # at the edge of the map
            pixels[: first - top].zero_()
            pixels[last - top :].zero_()
        pixels[first - top : last - top, self._across] = source[first:last]
        self._placed.copy_(self._tiles)
        for part in range(0, len(self._cut), self._at_a_time):
            some = slice(part, part + self._at_a_time)
            torch.bmm(self._there, self._cut[some], out=self._at_points)
            products = onednn.convolved(self._as_map, self._kernels, self._bias, groups=TILE * TILE)
            products = products.permute(0, 2, 3, 1).view(-1, TILE * TILE, self.made)
            torch.bmm(self._back, products, out=self._inside[some])
        inside = self._in_rows
        if rows.numel() == inside.numel():
            rows = rows.view(inside.shape)
        else:
            inside = inside.flatten(2, 3).flatten(0, 1)[: len(rows), : rows.shape[1]]
        if rectifies:
            torch.clamp_min(inside, 0, out=rows)
        else:
            rows.copy_(inside)


def _size(shape: Sequence[int], padding: Sequence[int]) -> tuple[int, int]:
    """Return the sides of what is made of a map (N, C, H, W) with zeros around it."""
    height, width = (side + 2 * p - KERNEL + 1 for side, p in zip(shape[2:], padding, strict=True))
    return height, width


@lru_cache
@aside()
def _matrices() -> Matrices:
    # a convolution is the transpose of a product of polynomials; what kernels are divided by, tiles
    # are multiplied by
    tile = np.linalg.inv(_powers(TILE)).T * _middles()[:, None]
    inside = _powers(INSIDE).T
    ones = np.linalg.pinv(inside) @ np.ones(INSIDE)
    both = np.kron(tile, tile), np.kron(inside, inside), np.kron(ones, ones)
    return Matrices(*(torch.from_numpy(matrix).float() for matrix in both))


def _powers(count: int) -> Any:
    """Return the powers of each point, (6, count); at infinity only the last of them is left."""
    powers = [[point**power for power in range(count)] for point in POINTS[:-1]]
    return np.array([*powers, np.eye(count)[-1]])


def _middles() -> Any:
    """Return each point, (6); 1 for 0 and for infinity."""
    return np.array([point if 0 < abs(point) < np.inf else 1.0 for point in POINTS])
