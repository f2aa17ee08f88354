"""Videos: formats, times, seeking, colours."""

import os
import signal
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from framestyle.config import InputSettings
from framestyle.errors import InputError
from framestyle.media import open_source
from framestyle.media.ffmpeg import run
from framestyle.media.rates import rate_of

Frames = Callable[..., np.ndarray]
Video = Callable[..., Path]
H264 = ["-c:v", "libx264", "-crf", "8", "-pix_fmt", "yuv420p"]


def test_reads_every_format(
    any_video: Path, frames: Frames, mean_error: Callable[..., float]
) -> None:
    source = open_source(any_video)
    assert source.info.frame_count == 30
    assert source.info.frame_rate == 25
    assert source.info.duration_seconds == Fraction(30, 25)
    expected = frames(30)
    loss = 20 if any_video.suffix == ".gif" else 8  # 256 colours for the whole clip
    for frame in source.read():
        scale = 257.0 if frame.pixels.dtype == np.uint16 else 1.0
        assert mean_error(frame.pixels / scale, expected[frame.index]) < loss
        # Neighbours differ in blue by 37 levels, far more than any codec's loss.
        blue = frame.pixels[:, :, 2].mean() / scale
        assert abs(blue - expected[frame.index][:, :, 2].mean()) < 1.5 * loss


def test_seeks_to_the_very_frame_in_every_format(any_video: Path) -> None:
    source = open_source(any_video)
    whole = [frame.pixels for frame in source.read()]
    for first in (1, 7, 8, 9, 17, 24, 29):
        assert np.array_equal(next(source.read(first)).pixels, whole[first])
    part = open_source(any_video, InputSettings(start=0.44, frames=3))
    for frame, expected in zip(part.read(), whole[11:14], strict=True):
        assert np.array_equal(frame.pixels, expected)


@pytest.mark.parametrize("rate", ["30000/1001", "24000/1001", "25", "12.5", "60000/1001", "7"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".avi"])
def test_frame_rates_are_exact(
    tmp_path: Path, frames: Frames, video: Video, rate: str, suffix: str
) -> None:
    path = video(tmp_path / f"clip{suffix}", frames(40, 32, 32), H264, rate=rate)
    notices: list[str] = []
    info = open_source(path, notice=notices.append).info
    assert (info.frame_count, info.frame_rate, notices) == (40, Fraction(rate), [])


def test_a_variable_rate_has_times_and_a_mean(tmp_path: Path, frames: Frames, video: Video) -> None:
    uneven = ["-vf", "setpts='N+gt(N,9)*15'", "-fps_mode", "passthrough"]
    path = video(tmp_path / "clip.mkv", frames(30), [*uneven, *H264])
    notices: list[str] = []
    source = open_source(path, notice=notices.append)
    assert source.info.frame_count == len(list(source.read())) == 30
    assert source.info.frame_rate == pytest.approx(29 / (44 / 25))
    assert source.info.timing is not None
    starts = [40 * n + (600 if n > 9 else 0) for n in range(30)]
    assert source.info.timing.starts == tuple(starts)
    assert source.info.timing.tick == Fraction(1, 1000)
    assert source.info.duration_seconds == Fraction(starts[-1] + 40, 1000)
    assert notices == []
    late = open_source(path, InputSettings(start=1.0))
    assert late.info.frame_count == 20


def test_mean_rates_are_fractions_that_codecs_hold() -> None:
    ticks = [0, 40, 81, 119, 160, 201, 239, 290]
    rate, is_variable = rate_of(ticks, Fraction(1, 1000), None)
    assert is_variable
    assert rate == pytest.approx(7000 / 290)
    assert max(rate.numerator, rate.denominator) <= 65535


def test_rounded_milliseconds_are_no_variable_rate() -> None:
    ticks = [round(i * 1001 / 30) for i in range(5000)]
    assert rate_of(ticks, Fraction(1, 1000), None) == (Fraction(30000, 1001), False)


def test_takes_the_largest_video_stream(tmp_path: Path, frames: Frames, video: Video) -> None:
    small = video(tmp_path / "small.mp4", frames(10, 32, 32), H264)
    large = video(tmp_path / "large.mp4", frames(20, 64, 48), H264, rate="24000/1001")
    cover = tmp_path / "cover.png"
    run(["-i", f"file:{large}", "-vf", "scale=640:480", "-frames:v", "1", f"file:{cover}"])
    both = tmp_path / "both.mp4"
    inputs = ["-i", f"file:{small}", "-i", f"file:{large}", "-i", f"file:{cover}"]
    maps = ["-map", "0:v", "-map", "1:v", "-map", "2:v", "-c", "copy"]
    made = run([*inputs, *maps, "-disposition:v:2", "attached_pic", f"file:{both}"])
    assert made.code == 0, made.log
    info = open_source(both).info
    assert (info.width_px, info.height_px, info.frame_count) == (64, 48, 20)
    assert info.frame_rate == Fraction(24000, 1001)


@pytest.mark.parametrize(
    ("matrix", "span", "tags"),
    [
        ("bt709", "tv", "bt709"),
        ("bt601", "tv", "smpte170m"),
        ("bt709", "pc", "bt709"),
        ("bt601", "tv", None),
        ("bt601", "pc", "smpte170m"),
    ],
)
def test_colours_are_those_that_went_in(
    tmp_path: Path,
    frames: Frames,
    video: Video,
    matrix: str,
    span: str,
    tags: str | None,
    mean_error: Callable[..., float],
) -> None:
    said = f",setparams=range={span}" + (f":colorspace={tags}" if tags else "")
    exact = "flags=accurate_rnd+full_chroma_int"
    scale = f"scale=in_range=pc:out_range={span}:out_color_matrix={matrix}:{exact}"
    path = video(
        tmp_path / "clip.mkv",
        frames(4),
        ["-vf", f"{scale},format=yuv444p{said}", "-c:v", "libx264", "-qp", "0"],
    )
    source = open_source(path)
    assert source.info.colour is not None
    assert source.info.colour.range == span
    for frame, expected in zip(source.read(), frames(4), strict=True):
        assert mean_error(frame.pixels, expected) < 1.0
        assert abs(frame.pixels.astype(float).mean() - expected.mean()) < 0.5


def test_full_range_of_old_kind(
    tmp_path: Path, frames: Frames, video: Video, mean_error: Callable[..., float]
) -> None:
    path = video(tmp_path / "clip.mov", frames(4), ["-c:v", "mjpeg", "-q:v", "1"])
    source = open_source(path)
    assert source.info.colour is not None
    assert source.info.colour.range == "pc"
    for frame, expected in zip(source.read(), frames(4), strict=True):
        assert mean_error(frame.pixels, expected) < 3.0


def test_more_than_eight_bits_are_kept(tmp_path: Path, frames: Frames, video: Video) -> None:
    deep = frames(3, depth=16)
    path = video(tmp_path / "clip.mkv", deep, ["-c:v", "ffv1", "-pix_fmt", "gbrp16le"])
    source = open_source(path)
    assert source.info.bit_depth == 16
    for frame, expected in zip(source.read(), deep, strict=True):
        assert np.array_equal(frame.pixels, expected)
    ten = video(tmp_path / "ten.mp4", deep, ["-c:v", "libx264", "-pix_fmt", "yuv420p10le"])
    assert open_source(ten).info.bit_depth == 16


def test_odd_sizes(tmp_path: Path, frames: Frames, video: Video) -> None:
    options = ["-c:v", "libx264", "-pix_fmt", "yuv444p"]
    path = video(tmp_path / "clip.mp4", frames(3, 63, 47), options)
    assert [f.pixels.shape for f in open_source(path).read()] == [(47, 63, 3)] * 3


@pytest.mark.parametrize(
    "name",
    ["-dash.mp4", "a:b.mp4", "50%d of 100%.mp4", "it's \"so\".mp4", "two\nlines.mp4", "čas 時.mp4",
     "file:x.mp4", "[0-9]*.mp4", "a?b#c.mp4"],
)  # fmt: skip
def test_any_name_will_do(
    tmp_path: Path, h264: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_bytes(h264.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert open_source(name, InputSettings(frames=2)).info.frame_count == 2
    assert len(list(open_source(tmp_path / name, InputSettings(frames=2)).read())) == 2


def test_a_killed_decoder_is_an_error_that_names_the_frame(
    tmp_path: Path, frames: Frames, video: Video
) -> None:
    path = video(
        tmp_path / "clip.mp4",
        np.tile(frames(10, 320, 240), (20, 1, 1, 1)),
        [*H264, "-preset", "ultrafast"],
    )
    source = open_source(path)
    before = _children()
    reading = source.read()
    next(reading)
    (pid,) = _children() - before
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(InputError, match=r"killed by signal 9 at frame \d+ of 200; run it again"):
        list(reading)
    assert _children() == before


def test_leaving_a_reading_ends_its_ffmpeg(tmp_path: Path, frames: Frames, video: Video) -> None:
    path = video(
        tmp_path / "clip.mp4",
        np.tile(frames(10, 320, 240), (20, 1, 1, 1)),
        [*H264, "-preset", "ultrafast"],
    )
    before = _children()
    reading = open_source(path).read()
    next(reading)
    assert _children() != before
    reading.close()
    assert _children() == before


def _children() -> set[int]:
    task = Path(f"/proc/{os.getpid()}/task")
    if not task.is_dir():
        pytest.skip("needs /proc")
    return {
        int(pid) for thread in task.iterdir() for pid in (thread / "children").read_text().split()
    }


@pytest.mark.shared
def test_the_larger_of_two_streams_of_a_real_clip(shared_media: Path) -> None:
    info = open_source(shared_media / "nasa.mp4").info
    assert (info.width_px, info.height_px) == (480, 270)
    assert info.frame_rate == Fraction(30000, 1001)
    assert info.frame_count == 390
    assert info.has_audio


@pytest.mark.shared
def test_a_real_clip_can_be_entered_anywhere(shared_media: Path) -> None:
    source = open_source(shared_media / "nasa.mp4", InputSettings(size=64))
    whole = [frame.pixels for frame in source.read()]
    for first in (1, 200, 249, 250, 251, 389):
        assert np.array_equal(next(source.read(first)).pixels, whole[first])
