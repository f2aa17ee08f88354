"""Every frame is shown when it was: lists of times before and after, by ffmpeg's own reading."""

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from framestyle.config import InputSettings, OutputSettings
from framestyle.media import Sink, Source, open_sink, open_source
from framestyle.media.ffmpeg import run

Frames = Callable[..., np.ndarray]
Video = Callable[..., Path]

UNEVEN = [0, 33, 70, 100, 101, 180, 200, 5200, 5233, 5266, 5300, 5400, 5410, 5471, 5500, 5541]
"""Times of frames in thousandths: short, long and a gap of five seconds."""


def timed(path: Path, frames: np.ndarray, times: Sequence[int], tick: Fraction, *more: str) -> list:
    """Return the arguments for a clip whose frames are shown at given ticks."""
    shown = "+".join(f"eq(N,{n})*{time}" for n, time in enumerate(times))
    options = ["-vf", f"settb={tick},setpts='{shown}'", "-fps_mode", "passthrough"]
    options += ["-enc_time_base", str(tick), "-c:v", "libx264", "-crf", "10", "-g", "8"]
    options += ["-pix_fmt", "yuv420p"]
    if path.suffix in (".mp4", ".mov"):
        options += ["-video_track_timescale", str(tick.denominator)]
    return [*options, *more]


def shown_at(path: Path, stream: str = "0:v:0") -> list[Fraction]:
    """Return when the frames are shown, as a decoder gives them, in seconds of the file."""
    lines: list[str] = []
    done = run(
        [
            *("-copyts", "-i", f"file:{path}", "-map", stream, "-vf", "showinfo=checksum=0"),
            *("-fps_mode", "passthrough", "-f", "null", "-"),
        ],
        on_line=lambda _level, text: lines.append(text),
    )
    assert done.code == 0, done.log
    text = "\n".join(lines)
    tick = Fraction(re.findall(r"config in time_base: (\S+),", text)[0])
    return [int(pts) * tick for pts in re.findall(r"\bpts: *(-?\d+) pts_time", text)]


def from_first(times: Sequence[Fraction]) -> list[Fraction]:
    return [time - times[0] for time in times]


def feed(sink: Sink, source: Source, first: int = 0, end: int | None = None) -> None:
    for frame in source.read(first):
        if end is not None and frame.index >= end:
            return
        sink.write(frame)


def copied(source: Source, output: Path, *, length: int = 6, **more: object) -> Path:
    work = output.parent / f"work_{output.suffix[1:]}"
    with open_sink(output, source.info, work_dir=work, segment_frames=length, **more) as sink:  # type: ignore[arg-type]
        feed(sink, source)
        return sink.finish()


@pytest.mark.parametrize(
    ("name", "tick", "suffix"),
    [
        ("clip.mp4", Fraction(1, 90000), ".mp4"),
        ("clip.mp4", Fraction(1, 90000), ".mkv"),
        ("clip.mov", Fraction(1, 14112), ".mp4"),  # no multiple of anything usual
        ("clip.mov", Fraction(1, 14112), ".mov"),
        ("clip.mov", Fraction(1, 14112), ".webm"),
        ("clip.mkv", Fraction(1, 1000), ".mp4"),
        ("clip.mkv", Fraction(1, 1000), ".mkv"),
    ],
)
def test_uneven_times_are_kept(
    tmp_path: Path, frames: Frames, video: Video, name: str, tick: Fraction, suffix: str
) -> None:
    times = [time * tick.denominator // 1000 for time in UNEVEN]
    path = tmp_path / name
    pixels = frames(len(times))
    notices: list[str] = []
    source = open_source(
        video(path, pixels, timed(path, pixels, times, tick)), notice=notices.append
    )
    before = from_first(shown_at(path))
    assert before == [time * tick for time in times]
    after = from_first(shown_at(copied(source, tmp_path / f"out{suffix}", notice=notices.append)))
    if suffix in (".mkv", ".webm"):  # they count thousandths
        assert after == [Fraction(round(time * 1000), 1000) for time in before]
    else:
        assert after == before
    assert notices == []


def test_uneven_times_do_not_depend_on_interruptions(
    tmp_path: Path, frames: Frames, video: Video
) -> None:
    tick, times = Fraction(1, 90000), [time * 90 for time in UNEVEN]
    path = tmp_path / "clip.mp4"
    source = open_source(video(path, frames(16), timed(path, frames(16), times, tick)))
    whole = copied(source, tmp_path / "whole.mp4")
    for at in (3, 6, 13, 16):
        work = tmp_path / f"stopped_{at}"
        output = tmp_path / f"again_{at}.mp4"
        with open_sink(output, source.info, work_dir=work, segment_frames=6) as sink:
            feed(sink, source, 0, at)
        with open_sink(output, source.info, work_dir=work, segment_frames=6, done=at) as sink:
            feed(sink, source, at)
            segments = {p.name: p.read_bytes() for p in (work / "segments").glob("*.nut")}
            sink.finish()
        kept = (tmp_path / "work_mp4" / "segments").glob("*.nut")
        assert segments == {p.name: p.read_bytes() for p in kept}
        assert len(segments) == 3
        assert output.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("settings", "taken"),
    [
        (InputSettings(start=0.1), slice(3, 16)),
        (InputSettings(end=5.25), slice(0, 9)),
        (InputSettings(start=0.15, end=5.4), slice(5, 11)),
        (InputSettings(start=0.19, frames=2), slice(6, 8)),
        (InputSettings(frames=1), slice(0, 1)),
    ],
)
def test_a_part_of_a_clip_keeps_its_times(
    tmp_path: Path, frames: Frames, video: Video, settings: InputSettings, taken: slice
) -> None:
    path = tmp_path / "clip.mkv"
    source = open_source(
        video(path, frames(16), timed(path, frames(16), UNEVEN, Fraction(1, 1000))), settings
    )
    expected = UNEVEN[taken]
    after = [*UNEVEN, 5581][taken.stop]
    assert source.info.duration_seconds == Fraction(after - expected[0], 1000)
    tick, rows = _packets(copied(source, tmp_path / "out.mp4"))
    assert [pts * tick for pts, _ in rows] == [Fraction(t - expected[0], 1000) for t in expected]
    assert rows[-1][1] * tick == Fraction(after - expected[-1], 1000)


def test_a_container_without_times_is_told(tmp_path: Path, frames: Frames, video: Video) -> None:
    path = tmp_path / "clip.mkv"
    source = open_source(
        video(path, frames(16), timed(path, frames(16), UNEVEN, Fraction(1, 1000)))
    )
    notices: list[str] = []
    again = open_source(copied(source, tmp_path / "out.avi", notice=notices.append))
    assert [n for n in notices if "avi" in n and "2.71" in n] == notices != []
    assert again.info.frame_count == 16
    tick, rows = _packets(tmp_path / "out.avi")
    assert [pts for pts, _ in rows] == list(range(16))
    assert 1 / tick == source.info.frame_rate
    assert again.info.duration_seconds == pytest.approx(5.581, abs=0.4)


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_edit_lists_are_followed(tmp_path: Path, frames: Frames, video: Video, suffix: str) -> None:
    """What such a list leaves out is not shown, and what is shown begins where it says."""
    tick, times = Fraction(1, 90000), [time * 90 for time in UNEVEN]
    whole, clip = tmp_path / "whole.mp4", tmp_path / "clip.mp4"
    video(whole, frames(16), timed(whole, frames(16), times, tick))
    # Copying from 0.1 s keeps all from the key frame before, and hides what comes before 0.1 s.
    arguments = ["-ss", "0.1", "-i", f"file:{whole}", "-c", "copy"]
    assert run([*arguments, "-avoid_negative_ts", "disabled", f"file:{clip}"]).code == 0
    before = shown_at(clip)
    source = open_source(clip)
    assert len(before) == source.info.frame_count == 13
    assert before[1] - before[0] == Fraction(1, 1000)
    assert shown_at(copied(source, tmp_path / f"out{suffix}")) == before


@pytest.mark.parametrize("codec", ["qtrle", "prores_ks"])
def test_codecs_that_are_encoded_at_the_end(
    tmp_path: Path, frames: Frames, video: Video, codec: str
) -> None:
    path = tmp_path / "clip.mkv"
    source = open_source(
        video(path, frames(16), timed(path, frames(16), UNEVEN, Fraction(1, 1000)))
    )
    out = copied(source, tmp_path / "out.mov", settings=OutputSettings(codec=codec))
    assert shown_at(out) == [Fraction(t, 1000) for t in UNEVEN]


def test_times_that_do_not_rise_are_mended(tmp_path: Path, frames: Frames, video: Video) -> None:
    times = [0, 40, 40, 120, 200, 230]
    path = tmp_path / "clip.mkv"
    options = timed(path, frames(6), times, Fraction(1, 1000), "-c:v", "ffv1")
    notices: list[str] = []
    source = open_source(video(path, frames(6), options), notice=notices.append)
    assert len(notices) == 1
    assert "1 frame" in notices[0]
    out = copied(source, tmp_path / "out.mp4")
    assert shown_at(out) == [Fraction(t, 1000) for t in (0, 40, 41, 120, 200, 230)]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "stream", "count", "suffix"),
    [("nasa.mp4", "0:3", 390, ".mov"), ("video.mp4", "0:0", 100, ".mkv")],
)
def test_real_clips_keep_their_times(
    tmp_path: Path, shared_media: Path, name: str, stream: str, count: int, suffix: str
) -> None:
    source = open_source(shared_media / name, InputSettings(size=64))
    before = shown_at(shared_media / name, stream)
    after = shown_at(copied(source, tmp_path / f"out{suffix}", length=100))
    assert len(before) == len(after) == count
    allowed = Fraction(1, 2000) if suffix == ".mkv" else 0
    assert max(abs(a - b) for a, b in zip(before, after, strict=True)) <= allowed


def _packets(path: Path) -> tuple[Fraction, list[tuple[int, int]]]:
    scan = run(["-i", f"file:{path}", "-map", "0:v:0", "-c", "copy", "-f", "framecrc", "-"])
    lines = scan.output.decode().splitlines()
    tick = next(Fraction(line.split()[2]) for line in lines if line.startswith("#tb"))
    rows = [line.split(",") for line in lines if not line.startswith("#")]
    return tick, sorted((int(row[2]), int(row[3])) for row in rows)
