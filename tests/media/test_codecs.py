"""Codecs: which is taken for what, by which names, and that their bytes are always the same."""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framestyle.config import OutputSettings
from framestyle.errors import OutputError
from framestyle.media import ClipInfo, Frame, open_sink, open_source
from framestyle.media.encoding import choose_encoding
from framestyle.media.ffmpeg import ffmpeg_exe, run

Frames = Callable[..., np.ndarray]


def clip(count: int = 9, depth: int = 8, *, has_alpha: bool = False) -> ClipInfo:
    rate = Fraction(25)
    return ClipInfo("video", Path("none.mp4"), 64, 48, count, rate, depth, has_alpha=has_alpha)


def encoding_of(suffix: str, depth: int, *, has_alpha: bool, codec: str | None = None) -> Any:
    settings = OutputSettings(codec=codec)
    return choose_encoding(suffix, clip(depth=depth, has_alpha=has_alpha), settings)


@pytest.mark.parametrize(
    ("suffix", "depth", "has_alpha", "codec", "pixel_format"),
    [
        (".mp4", 8, False, "libx264", "yuv420p"),
        (".mp4", 16, False, "libx265", "yuv420p10le"),
        (".mp4", 16, True, "libx265", "yuv420p10le"),
        (".mov", 8, False, "libx264", "yuv420p"),
        (".mov", 16, False, "libx265", "yuv420p10le"),
        (".mov", 8, True, "prores_ks", "yuva444p10le"),
        (".mkv", 16, False, "libx265", "yuv420p10le"),
        (".mkv", 8, True, "ffv1", "bgra"),
        (".mkv", 16, True, "ffv1", "gbrap16le"),
        (".webm", 8, False, "libvpx-vp9", "yuv420p"),
        (".webm", 16, False, "libvpx-vp9", "yuv420p10le"),
        (".webm", 16, True, "libvpx-vp9", "yuva420p"),
        (".avi", 16, False, "libx264", "yuv420p10le"),
        (".gif", 8, True, "gif", "bgra"),
    ],
)
def test_what_is_taken_where_nothing_is_said(
    suffix: str, depth: int, has_alpha: bool, codec: str, pixel_format: str
) -> None:
    chosen = encoding_of(suffix, depth, has_alpha=has_alpha)
    assert (chosen.codec, chosen.pixel_format) == (codec, pixel_format)


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("h264", "libx264", "yuv420p10le"),
        ("HEVC", "libx265", "yuv420p10le"),
        ("h265", "libx265", "yuv420p10le"),
        ("av1", "libsvtav1", "yuv420p10le"),
        ("vp9", "libvpx-vp9", "yuv420p10le"),
        ("prores", "prores_ks", "yuv422p10le"),
        ("prores_lt", "prores_ks", "yuv422p10le"),
        ("prores_4444", "prores_ks", "yuv444p10le"),
        ("ffv1", "ffv1", "gbrp16le"),
        ("libx265", "libx265", "yuv420p10le"),
        ("hevc_nvenc", "hevc_nvenc", "p010le"),
    ],
)
def test_names_of_codecs(name: str, codec: str, pixel_format: str) -> None:
    chosen = encoding_of(".mkv", 16, has_alpha=False, codec=name)
    assert (chosen.codec, chosen.pixel_format) == (codec, pixel_format)


@pytest.mark.parametrize(
    ("name", "codec", "stored"),
    [
        ("o.mp4", None, "yuv420p10le"),
        ("o.mov", "hevc", "yuv420p10le"),
        ("o.mp4", "av1", "yuv420p10le"),
        ("o.webm", None, "yuv420p10le"),
        ("o.mov", "prores", "yuv422p10le"),
        ("o.mkv", "ffv1", "gbrp16le"),
        ("o.mkv", "h264", "yuv420p10le"),
    ],
)
def test_ten_bits_in_are_ten_bits_out(
    tmp_path: Path, frames: Frames, video: Any, copied: Any, name: str, codec: str, stored: str
) -> None:
    options = ["-c:v", "libx265", "-crf", "4", "-pix_fmt", "yuv420p10le"]
    options += ["-x265-params", "log-level=error"]
    source = open_source(video(tmp_path / "clip.mp4", frames(3, 128, 96, depth=16), options))
    notices: list[str] = []
    settings = OutputSettings(codec=codec)
    path = copied(source, tmp_path / name, settings, notice=notices.append)
    listing = run(["-i", f"file:{path}"]).log
    stream = next(text for _, text in listing.lines if "Video:" in text)
    assert f" {stored}" in stream
    if "hevc" in stream and path.suffix != ".mkv":
        assert "hvc1" in stream
    assert notices == []
    for before, after in zip(source.read(), open_source(path).read(), strict=True):
        assert after.pixels.dtype == np.uint16
        assert np.abs(before.pixels.astype(int) - after.pixels).mean() < 4 * 257


def test_eight_bits_for_more_are_said(tmp_path: Path, frames: Frames) -> None:
    notices: list[str] = []
    settings = OutputSettings(codec="libx264", pixel_format="yuv420p")
    work = tmp_path / "work"
    open_sink(
        tmp_path / "o.mp4", clip(depth=16), settings, work_dir=work, notice=notices.append
    ).close()
    assert notices == ["mp4 with libx264 in yuv420p holds 8 bits; the input has more"]


CODECS = [
    ("h264", "o.mp4", 8),
    ("hevc", "o.mp4", 16),
    ("av1", "o.mp4", 16),
    ("vp9", "o.webm", 16),
    ("prores", "o.mov", 16),
    ("ffv1", "o.mkv", 16),
    *(
        pytest.param(*codec, marks=pytest.mark.slow)
        for codec in (
            ("av1", "o.webm", 8),
            ("vp8", "o.webm", 8),
            ("libaom-av1", "o.mkv", 8),
            ("mpeg4", "o.mp4", 8),
            ("mjpeg", "o.avi", 8),
        )
    ),
]


def write(target: Path, info: ClipInfo, pixels: np.ndarray, codec: str, stops: list[int]) -> bytes:
    """Write frames, with a break and a new sink at each stop; return the file."""
    work = target.parent / "work"
    settings = OutputSettings(codec=codec)
    ends = [*stops, info.frame_count]
    for first, end in zip([0, *stops], ends, strict=True):
        with open_sink(target, info, settings, work_dir=work, done=first, segment_frames=4) as sink:
            for index in range(first, end):
                sink.write(Frame(index, pixels[index], "x"))
            if end == info.frame_count:
                sink.finish()
    return target.read_bytes()


@pytest.mark.parametrize(("codec", "name", "depth"), CODECS)
def test_a_resumed_run_gives_the_same_bytes(
    tmp_path: Path, frames: Frames, codec: str, name: str, depth: int
) -> None:
    pixels = frames(9, depth=depth)
    written = []
    for folder, stops in (("a", []), ("b", [6])):
        (tmp_path / folder).mkdir()
        target = tmp_path / folder / name
        written.append(write(target, clip(9, depth), pixels, codec, stops))
    assert written[0] == written[1]


@pytest.mark.slow
@pytest.mark.parametrize(("codec", "name", "depth"), CODECS)
def test_bytes_do_not_depend_on_the_number_of_cores(
    tmp_path: Path, texture: Any, codec: str, name: str, depth: int
) -> None:
    if not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two cores, and a system that can take one away")
    plane = texture(400, 700, 3)
    pixels = np.stack([plane[3 * i : 3 * i + 360, 5 * i : 5 * i + 640] for i in range(9)])
    if depth == 16:
        pixels = pixels.astype(np.uint16) * 257
    info = ClipInfo("video", Path("n.mp4"), 640, 360, 9, Fraction(25), depth)
    cores, written = os.sched_getaffinity(0), []
    try:
        for folder, used in (("a", cores), ("b", {min(cores)})):
            os.sched_setaffinity(0, used)
            (tmp_path / folder).mkdir()
            written.append(write(tmp_path / folder / name, info, pixels, codec, []))
    finally:
        os.sched_setaffinity(0, cores)
    assert written[0] == written[1]


@pytest.mark.parametrize("codec", ["h264_nvenc", "hevc_qsv", "av1_amf", "hevc_vaapi"])
def test_hardware_that_is_not_there_is_said_first(tmp_path: Path, codec: str) -> None:
    listing = run(["-encoders"]).output.decode()
    if f" {codec} " not in listing:
        pytest.skip(f"{ffmpeg_exe()} has no {codec}")
    settings, said = OutputSettings(codec=codec), ""
    try:
        open_sink(tmp_path / "o.mp4", clip(), settings, work_dir=tmp_path / "w").close()
    except OutputError as error:
        said = str(error)
    if not said:
        pytest.skip(f"this machine has {codec}")
    kind = codec.partition("_")[2]
    assert said.startswith(f"--codec {codec}: this machine's {kind} encoder cannot be used")
    assert "\n" not in said
    assert list(tmp_path.iterdir()) == []


def test_prores_of_each_profile(tmp_path: Path, frames: Frames) -> None:
    tags = {}
    for profile in ("lt", "hq", "4444xq"):
        (tmp_path / profile).mkdir()
        target = tmp_path / profile / "o.mov"
        write(target, clip(2, 16), frames(2, depth=16), f"prores_{profile}", [])
        stream = next(t for _, t in run(["-i", f"file:{target}"]).log.lines if "Video:" in t)
        tags[profile] = stream.partition(" / ")[0].rpartition("(")[2]
    assert list(tags.values()) == ["apcs", "apch", "ap4x"]


def test_what_stands_still_in_a_gif_stands_still(tmp_path: Path, texture: Any) -> None:
    ground = texture(96, 128, 2)
    frames = np.stack([ground] * 6)
    for i, frame in enumerate(frames):
        frame[30:60, 10 + 12 * i : 30 + 12 * i] = texture(30, 20, 9)
    info = ClipInfo("video", Path("n.mp4"), 128, 96, 6, Fraction(25))
    with open_sink(tmp_path / "o.gif", info, work_dir=tmp_path / "w") as sink:
        for index, frame in enumerate(frames):
            sink.write(Frame(index, frame, "x"))
        sink.finish()
    got = np.stack([f.pixels.astype(int) for f in open_source(tmp_path / "o.gif").read()])
    still = np.ones((96, 128), bool)
    still[28:62, 8:110] = False
    assert not np.abs(np.diff(got, axis=0))[:, still].any()
    assert np.abs(got - frames).mean() < 10
