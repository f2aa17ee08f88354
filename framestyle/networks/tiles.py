"""How a picture is cut into tiles, so that what each gives is what the whole picture gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from framestyle.networks.fields import Field, Size

Range = tuple[int, int]
"""First, and the one after the last."""


@dataclass(frozen=True)
class Part:
    """What a tile has of one map.

    Attributes:
        whole: Rows and columns in the map of the whole picture.
        local: The same numbers, in the map of the tile.
    """

    whole: tuple[slice, slice]
    local: tuple[slice, slice]


@dataclass(frozen=True)
class Tile:
    """A piece of a picture with a border, over which a network is run.

    Attributes:
        pixels: Rows and columns of the picture, border and all.
        parts: What it has of each map: every number belongs to one tile.
    """

    pixels: tuple[slice, slice]
    parts: tuple[Part, ...]


def cut(size: Size, maps: Sequence[tuple[Field, Size]], side_px: int) -> list[Tile]:
    """Cut a picture into tiles of about equal size.

    Args:
        size: Of the picture.
        maps: Field and size of every map that is wanted; the last has the largest stride.
        side_px: Longest side of a tile without its border.

    Returns:
        The tiles. Each has so much border that no number in its parts sees where the tile ends,
        but where the picture ends too.
    """
    rows = _along(0, size, maps, side_px)
    columns = _along(1, size, maps, side_px)
    return [
        Tile(
            (slice(*down[0]), slice(*across[0])),
            tuple(
                Part((slice(*y[0]), slice(*x[0])), (slice(*y[1]), slice(*x[1])))
                for y, x in zip(down[1], across[1], strict=True)
            ),
        )
        for down in rows
        for across in columns
    ]


def _along(
    axis: int, size: Size, maps: Sequence[tuple[Field, Size]], side_px: int
) -> list[tuple[Range, list[tuple[Range, Range]]]]:
    """Pixels of every tile along an axis; and of every map, its numbers in the whole and in it."""
    length = size[axis]
    coarsest, last = maps[-1][0].stride, maps[-1][1][axis]
    count = min(last, -(-length // side_px))
    edges = [number * last // count for number in range(count + 1)]
    found = []
    for first, end in pairwise(edges):
        is_last = end == last
        begin_px = first * coarsest - max(field.before for field, _ in maps)
        begin_px = max(0, begin_px) // coarsest * coarsest  # so that strides fall as in the whole
        reach = max(field.after - field.stride for field, _ in maps)
        end_px = length if is_last else min(length, end * coarsest + reach + 1)
        parts = []
        for field, whole in maps:
            numbers = coarsest // field.stride
            a, b = first * numbers, whole[axis] if is_last else end * numbers
            before = begin_px // field.stride
            parts.append(((a, b), (a - before, b - before)))
        found.append(((begin_px, end_px), parts))
    return found
