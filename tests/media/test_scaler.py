"""Filters between streams and RGB, against the formula of ITU-R BT.709 written out."""

import numpy as np
import pytest

from framestyle.media.colour import Colour
from framestyle.media.ffmpeg import run
from framestyle.media.scaler import from_rgb, to_rgb, turned_chroma

SIDE = 64
RED, BLUE = 0.2126, 0.0722


def filtered(raw: np.ndarray, before: str, filters: str, after: type, size: str) -> np.ndarray:
    arguments = ["-f", "rawvideo", "-pix_fmt", before, "-video_size", size, "-i", "pipe:0"]
    done = run([*arguments, "-vf", filters, "-f", "rawvideo", "-"], stdin=raw.tobytes())
    assert done.code == 0, done.log
    return np.frombuffer(done.output, after)


def written_out(rgb: np.ndarray, span: str, bits: int) -> np.ndarray:
    """Return Y, Cb and Cr, (3, H, W), of RGB in [0, 1], rounded."""
    red, green, blue = np.moveaxis(rgb, 2, 0)
    luma = RED * red + (1 - RED - BLUE) * green + BLUE * blue
    chroma = [(blue - luma) / (2 * (1 - BLUE)), (red - luma) / (2 * (1 - RED))]
    unit, top = 2 ** (bits - 8), 2**bits - 1
    if span == "tv":
        planes = [16 * unit + luma * 219 * unit, *(128 * unit + c * 224 * unit for c in chroma)]
    else:
        planes = [luma * top, *(128 * unit + c * top for c in chroma)]
    return np.round(np.stack(planes))


@pytest.mark.parametrize("span", ["tv", "pc"])
@pytest.mark.parametrize(("bits", "name"), [(8, "yuv444p"), (10, "yuv444p10le")])
def test_both_ways_round_to_the_nearest_level(span: str, bits: int, name: str) -> None:
    kind = np.uint8 if bits == 8 else np.uint16
    rgb = np.random.default_rng(3).integers(40, 216, (SIDE, SIDE, 3)) / 255
    colour, size = Colour("bt709", span, "bt709", "bt709"), (SIDE, SIDE)
    pixels = np.round(rgb * np.iinfo(kind).max).astype(kind)
    packed = "rgb24" if bits == 8 else "rgb48le"
    exact = written_out(rgb, span, bits)
    filters = from_rgb(name, size, colour, is_deep=bits == 10, alpha=False)
    planes = filtered(pixels, packed, filters, kind, f"{SIDE}x{SIDE}").reshape(3, SIDE, SIDE)
    assert np.abs(planes - exact).max() <= 1  # where rounding is a near thing
    assert np.abs(planes - exact).mean() < 0.01
    filters = to_rgb(name, size, colour, is_deep=bits == 10, alpha=False)
    back = filtered(exact.astype(kind), name, filters, kind, f"{SIDE}x{SIDE}")
    error = (back / np.iinfo(kind).max - rgb.ravel()) * (2**bits - 1)
    assert np.abs(error).mean() < 0.6  # of the stream's rounding
    assert abs(error.mean()) < 0.01


def test_odd_sizes_go_another_way() -> None:
    colour = Colour("bt709", "tv", "bt709", "bt709")
    assert "zscale" not in to_rgb("yuv420p", (63, 47), colour, is_deep=False, alpha=False)
    grey = np.full((3, 47 * 63), 200, np.uint8)
    filters = from_rgb("yuv420p", (63, 47), colour, is_deep=False, alpha=False)
    planes = filtered(grey, "rgb24", filters, np.uint8, "63x47")
    assert planes.size == 63 * 47 + 2 * 32 * 24
    assert np.abs(planes[: 63 * 47].astype(int) - round(16 + 200 * 219 / 255)).max() <= 1


@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
@pytest.mark.parametrize(
    ("location", "across", "down"), [("left", 0, 0.5), ("topleft", 0, 0), ("center", 0.5, 0.5)]
)
def test_chroma_is_where_the_stream_says(
    size: tuple[int, int], location: str, across: float, down: float
) -> None:
    """Blue that grows across and down tells where a sample of chroma was taken."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.full((height, width, 3), 100, np.uint8)
    pixels[:, :, 2] = 30 + 2 * x + 2 * y
    colour = Colour("bt709", "tv", "bt709", "bt709", location)
    way = from_rgb("yuv420p", size, colour, is_deep=False, alpha=False)
    planes = filtered(pixels, "rgb24", way, np.uint8, f"{width}x{height}")
    columns, rows = (width + 1) // 2, (height + 1) // 2
    blue = planes[width * height :][: columns * rows].reshape(rows, columns).astype(float)
    row, column = np.mgrid[0:rows, 0:columns]
    grown = 30 + 2 * (2 * column + across + 2 * row + down)
    expected = 128 + (grown - 100) * 0.5 * 224 / 255
    inner = (slice(4, -4), slice(4, -4))
    assert abs((blue - expected)[inner].mean()) < 0.15  # half a pixel is 0.44
    back = to_rgb("yuv420p", size, colour, is_deep=False, alpha=False)
    got = filtered(pixels, "rgb24", f"{way},{back}", np.uint8, f"{width}x{height}")
    error = got.reshape(height, width, 3).astype(float) - pixels
    assert abs(error[:, :, 2][inner].mean()) < 0.2


def test_chroma_turns_with_the_frame() -> None:
    assert turned_chroma("left", 0) == "left"
    assert turned_chroma("left", 1) == "bottom"
    assert turned_chroma("unspecified", 3) == "top"
    assert turned_chroma("center", 2) == "center"
