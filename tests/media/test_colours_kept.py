"""A run without stages gives the clip back: levels of every plane, and every tag.

Its noise costs more than a level at the default quality, so that a finer one is taken.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

import framestyle
from framestyle.errors import InputError
from framestyle.media import open_source
from framestyle.media.colour import Colour
from framestyle.media.ffmpeg import run
from framestyle.media.scaler import tagged

Video = Callable[..., Path]
Copied = Callable[..., Path]
WIDTH, HEIGHT = 160, 90
COUNT = 4
RANGES = {"tv": "limited", "pc": "full"}
NUMBERS = {"smpte170m": 6, "bt470bg": 5, "bt709": 1, "bt2020nc": 9}


@pytest.fixture(scope="module")
def clip(
    tmp_path_factory: pytest.TempPathFactory, video: Video, sample_frames: list[np.ndarray]
) -> Callable[[str, Colour], Path]:
    """Returns ``clip(pixel_format, colour)``: of the sample clip, all but lossless, tagged.

    It is a part of it at twice its size: no finer than cameras are, for they halve chroma too.
    """

    def make(pixel_format: str, colour: Colour) -> Path:
        parts = [f[60 : 60 + HEIGHT // 2, 120 : 120 + WIDTH // 2] for f in sample_frames[:COUNT]]
        size = (WIDTH, HEIGHT)
        frames = np.stack([cv2.resize(p, size, interpolation=cv2.INTER_CUBIC) for p in parts])
        place = colour.chroma or "left"
        filters = (
            f"format=gbrp,zscale=filter=bicubic:matrixin=0:matrix={NUMBERS[colour.matrix]}"
            f":range={RANGES[colour.range]}:chromal={place},format={pixel_format}"
            f",{tagged(colour)}"
        )
        path = tmp_path_factory.mktemp("clip") / "clip.mkv"
        return video(path, frames, ["-vf", filters, "-c:v", "libx264", "-crf", "1"])

    return make


def errors(before: Path, after: Path, pixel_format: str) -> list[float]:
    """Return the mean absolute error of each plane, in levels of eight bits."""
    planes = []
    for path in (before, after):
        raw = run(["-i", f"file:{path}", "-pix_fmt", pixel_format, "-f", "rawvideo", "-"])
        assert raw.code == 0, raw.log
        is_deep = "10" in pixel_format
        samples = np.frombuffer(raw.output, np.uint16 if is_deep else np.uint8).astype(float)
        size = WIDTH * HEIGHT
        frames = samples.reshape(COUNT, size * 3 // 2) / (4 if is_deep else 1)
        planes.append(np.split(frames, [size, size * 5 // 4], axis=1))
    return [float(np.abs(a - b).mean()) for a, b in zip(*planes, strict=True)]


def without_stages(source: Path, output: Path, **settings: object) -> Path:
    off = {"dream": {"enabled": False}, "style": {"enabled": False}, "output": settings}
    return framestyle.stylize_video(source, [], output, framestyle.Config().changed(off))


BT601_525 = Colour("smpte170m", "tv", "smpte170m", "smpte170m", "left")
BT601_625 = Colour("bt470bg", "tv", "bt470bg", "bt470bg", "left")
BT709 = Colour("bt709", "tv", "bt709", "bt709", "left")
BT2020 = Colour("bt2020nc", "tv", "bt2020", "bt2020-10", "topleft")
PQ = Colour("bt2020nc", "tv", "bt2020", "smpte2084", "topleft")
HLG = Colour("bt2020nc", "tv", "bt2020", "arib-std-b67", "left")
CLIPS = [
    ("yuv420p", BT601_525, "tv"),
    ("yuv420p", BT601_625, "tv"),
    ("yuv420p", BT709, "tv"),
    ("yuv420p", BT709, "pc"),
    ("yuv420p10le", BT709, "tv"),
    ("yuv420p10le", PQ, "tv"),
    ("yuv420p10le", HLG, "tv"),
]
MORE_CLIPS = [
    ("yuv420p", BT601_525, "pc"),
    ("yuv420p", BT601_625, "pc"),
    ("yuv420p", BT2020, "tv"),
    ("yuv420p10le", BT601_525, "tv"),
    ("yuv420p10le", BT2020, "tv"),
    ("yuv420p10le", BT709, "pc"),
]
CLIPS += [pytest.param(*clip, marks=pytest.mark.slow) for clip in MORE_CLIPS]


@pytest.mark.parametrize(("pixel_format", "colour", "span"), CLIPS)
def test_a_run_without_stages_gives_the_clip_back(
    tmp_path: Path,
    clip: Callable[[str, Colour], Path],
    pixel_format: str,
    colour: Colour,
    span: str,
) -> None:
    colour = Colour(colour.matrix, span, colour.primaries, colour.transfer, colour.chroma)
    source = clip(pixel_format, colour)
    output = without_stages(source, tmp_path / "out.mp4", crf=6.0)
    info = open_source(output).info
    assert info.colour == colour
    assert info.bit_depth == open_source(source).info.bit_depth
    assert max(errors(source, output, pixel_format)) < 1.0


@pytest.mark.parametrize(
    ("pixel_format", "colour", "bits"),
    [("yuv420p", BT601_625, 8), ("yuv420p", BT709, 8), ("yuv420p10le", BT709, 10),
     ("yuv420p10le", PQ, 10), ("yuv420p10le", HLG, 10)],
)  # fmt: skip
def test_the_way_to_rgb_and_back_costs_less_than_a_level_of_its_own(
    tmp_path: Path,
    clip: Callable[[str, Colour], Path],
    pixel_format: str,
    colour: Colour,
    bits: int,
) -> None:
    source = clip(pixel_format, colour)
    output = without_stages(source, tmp_path / "out.mkv", codec="ffv1", pixel_format=pixel_format)
    luma, *chroma = (e * 2 ** (bits - 8) for e in errors(source, output, pixel_format))
    assert luma < 0.1
    assert max(chroma) < 1.0


@pytest.mark.parametrize(
    ("name", "settings", "is_full"),
    [
        ("out.mkv", {}, True),
        ("out.mov", {"codec": "prores"}, False),
        ("out.webm", {}, True),
        ("out.mkv", {"codec": "av1"}, True),
        ("out.mkv", {"codec": "ffv1", "pixel_format": "yuv420p"}, True),
        ("out.mkv", {"codec": "ffv1"}, None),
        ("out.avi", {}, True),
        ("out.mp4", {"codec": "mpeg4"}, False),
    ],
)
def test_tags_reach_every_container(
    tmp_path: Path,
    clip: Callable[[str, Colour], Path],
    copied: Copied,
    name: str,
    settings: dict[str, str],
    is_full: bool | None,
) -> None:
    meant = Colour("bt470bg", "pc", "bt470bg", "bt470bg", "left")
    source = open_source(clip("yuv420p", meant))
    again = open_source(
        copied(source, tmp_path / name, framestyle.config.OutputSettings(**settings))
    )
    colour = again.info.colour
    assert (colour.primaries, colour.transfer) == ("bt470bg", "bt470bg")
    assert (colour.matrix, colour.range) == (
        ("gbr", "pc") if is_full is None else ("bt470bg", "pc" if is_full else "tv")
    )
    for before, after in zip(source.read(), again.read(), strict=True):
        depths = (np.iinfo(frame.pixels.dtype).max for frame in (before, after))
        mean, other = (f.pixels / d for f, d in zip((before, after), depths, strict=True))
        assert abs((mean - other).mean()) * 255 < 0.5


def test_a_clip_without_tags_is_tagged_as_what_it_is_taken_for(
    tmp_path: Path, frames: Callable[..., np.ndarray], video: Video, copied: Copied
) -> None:
    source = open_source(video(tmp_path / "clip.mp4", frames(3), ["-c:v", "libx264"]))
    assert source.info.colour == Colour("smpte170m", "tv", "smpte170m", "smpte170m", "left")
    again = open_source(copied(source, tmp_path / "out.mp4"))
    assert again.info.colour == source.info.colour


def test_colours_that_are_not_read_are_refused(
    tmp_path: Path, frames: Callable[..., np.ndarray], video: Video
) -> None:
    options = ["-vf", "format=yuv420p10le,setparams=colorspace=ictcp", "-c:v", "libx264"]
    path = video(tmp_path / "clip.mkv", frames(2), options)
    with pytest.raises(InputError, match=r"clip\.mkv are coded as ictcp, which is not read"):
        open_source(path)
