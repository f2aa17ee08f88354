"""Video files: exact times, sound, colours, sizes, and ends that come too early."""

import os
import signal
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from framestyle.config import InputSettings, OutputSettings
from framestyle.errors import JobError, OutputError
from framestyle.media import ClipInfo, Frame, Sink, open_sink, open_source
from framestyle.media.ffmpeg import run

Frames = Callable[..., np.ndarray]
Video = Callable[..., Path]
Copied = Callable[..., Path]
Packets = Callable[..., tuple[Fraction, list[tuple[int, int]]]]


def plain(count: int, width: int = 64, height: int = 48, rate: str = "30000/1001") -> ClipInfo:
    return ClipInfo("video", Path("none.mp4"), width, height, count, Fraction(rate))


def feed(sink: Sink, pixels: np.ndarray, first: int, end: int) -> None:
    for index in range(first, end):
        sink.write(Frame(index, pixels[index % len(pixels)], "x"))


def written(output: Path, info: ClipInfo, pixels: np.ndarray, **more: object) -> Path:
    work = output.parent / "work"
    with open_sink(output, info, work_dir=work, **more) as sink:  # type: ignore[arg-type]
        feed(sink, pixels, 0, info.frame_count)
        return sink.finish()


@pytest.mark.parametrize(
    ("rate", "suffix", "count", "length"),
    [
        ("30000/1001", ".mp4", 600, 250),
        ("30000/1001", ".mov", 60, 25),
        ("24000/1001", ".mp4", 60, 25),
        ("25", ".mp4", 60, 25),
        ("12.5", ".mov", 60, 25),
        ("240", ".mp4", 60, 7),
        ("15000/1001", ".mp4", 60, 7),
    ],
)
def test_times_are_exact_over_segments(
    tmp_path: Path,
    frames: Frames,
    packets_of: Packets,
    rate: str,
    suffix: str,
    count: int,
    length: int,
) -> None:
    info = plain(count, 32, 32, rate)
    pixels = frames(9, 32, 32)
    path = written(tmp_path / f"out{suffix}", info, pixels, segment_frames=length)
    tick, rows = packets_of(path)
    assert [pts * tick for pts, _ in rows] == [k / Fraction(rate) for k in range(count)]
    assert {duration * tick for _, duration in rows} == {1 / Fraction(rate)}


def test_a_frame_is_a_tick_in_avi(tmp_path: Path, frames: Frames, packets_of: Packets) -> None:
    path = written(tmp_path / "o.avi", plain(60, 32, 32), frames(9, 32, 32), segment_frames=20)
    tick, rows = packets_of(path)
    assert tick == Fraction(1001, 30000)
    assert [pts for pts, _ in rows] == list(range(60))


@pytest.mark.parametrize("suffix", [".mkv", ".webm", ".avi"])
def test_rates_are_exact_elsewhere(tmp_path: Path, frames: Frames, suffix: str) -> None:
    path = written(tmp_path / f"o{suffix}", plain(60, 32, 32), frames(9, 32, 32), segment_frames=20)
    notices: list[str] = []
    info = open_source(path, notice=notices.append).info
    assert (info.frame_count, info.frame_rate, notices) == (60, Fraction(30000, 1001), [])


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".avi"])
def test_sound_is_copied_bit_for_bit(
    tmp_path: Path, h264: Path, hashes_of: Callable[..., list[str]], suffix: str, copied: Copied
) -> None:
    path = copied(open_source(h264), tmp_path / f"out{suffix}", segment_frames=25)
    before = hashes_of(h264, "0:a")
    assert hashes_of(path, "0:a") == before
    assert len(before) > 80
    assert open_source(path).info.frame_count == 60


def test_sound_that_a_container_refuses_is_encoded_anew(
    tmp_path: Path, h264: Path, copied: Copied
) -> None:
    notices: list[str] = []
    path = copied(open_source(h264), tmp_path / "out.webm", notice=notices.append)
    assert [n for n in notices if "becomes libopus" in n] == notices != []
    assert open_source(path).info.has_audio


def test_sound_can_be_left_out(tmp_path: Path, h264: Path, copied: Copied) -> None:
    path = copied(open_source(h264), tmp_path / "out.mp4", OutputSettings(audio=False))
    assert not open_source(path).info.has_audio


def test_a_gif_says_that_it_has_no_sound(tmp_path: Path, h264: Path, copied: Copied) -> None:
    notices: list[str] = []
    copied(open_source(h264, InputSettings(frames=3)), tmp_path / "o.gif", notice=notices.append)
    assert len(notices) == 1
    assert "no sound" in notices[0]


@pytest.mark.parametrize(
    ("settings", "length"),
    [
        (InputSettings(start=0.5), 1.6),
        (InputSettings(end=1.0), 1.0),
        (InputSettings(start=0.5, end=1.0), 0.5),
        (InputSettings(frames=15), 0.5),
    ],
)
def test_sound_is_cut_with_the_picture(
    tmp_path: Path, h264: Path, settings: InputSettings, length: float, copied: Copied
) -> None:
    source = open_source(h264, settings)
    path = copied(source, tmp_path / "out.mp4")
    sound = decoded_sound(path)
    assert len(sound) / 44100 == pytest.approx(length, abs=0.06)
    assert open_source(path).info.frame_count == source.info.frame_count


def test_cut_sound_stays_in_step(
    tmp_path: Path, frames: Frames, video: Video, copied: Copied
) -> None:
    # A beep begins at one second exactly, when the 26th frame is shown.
    clip = tmp_path / "clip.mkv"
    silent = video(tmp_path / "silent.mp4", frames(50), ["-c:v", "libx264"])
    beep = "aevalsrc='if(gte(t,1),sin(2*PI*880*t),0)':s=48000:d=2"
    arguments = ["-i", f"file:{silent}", "-f", "lavfi", "-i", beep, "-map", "0:v", "-map", "1:a"]
    assert run([*arguments, "-c:v", "copy", "-c:a", "pcm_s16le", f"file:{clip}"]).code == 0
    source = open_source(clip, InputSettings(start=0.4))
    path = copied(source, tmp_path / "out.mkv")
    sound = decoded_sound(path, 48000)
    onset = int(np.argmax(np.abs(sound) > 1000)) / 48000
    assert onset == pytest.approx(1.0 - 0.4, abs=0.03)


def decoded_sound(path: Path, rate: int = 44100) -> np.ndarray:
    arguments = ["-i", f"file:{path}", "-map", "0:a:0", "-ac", "1", "-ar", str(rate)]
    done = run([*arguments, "-af", "aresample=async=1:first_pts=0", "-f", "s16le", "-"])
    assert done.code == 0, done.log
    return np.frombuffer(done.output, np.int16).astype(int)


@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
@pytest.mark.parametrize("span", ["tv", "pc"])
@pytest.mark.parametrize("codec", ["libx264", "libx265", "libvpx-vp9"])
def test_colours_survive_the_round(
    tmp_path: Path, frames: Frames, video: Video, matrix: str, span: str, codec: str, copied: Copied
) -> None:
    tags = {"bt601": "smpte170m", "bt709": "bt709"}[matrix]
    exact = "flags=accurate_rnd+full_chroma_int"
    scale = f"scale=in_range=pc:out_range={span}:out_color_matrix={matrix}:{exact}"
    tagged = f"setparams=range={span}:colorspace={tags}:color_primaries={tags}:color_trc={tags}"
    options = ["-vf", f"{scale},format=yuv420p,{tagged}", "-c:v", "libx264", "-crf", "4"]
    source = open_source(video(tmp_path / "clip.mp4", frames(6, 128, 96), options))
    settings = OutputSettings(codec=codec, crf=6.0)
    suffix = ".mkv" if codec == "libvpx-vp9" else ".mp4"
    again = open_source(copied(source, tmp_path / f"out{suffix}", settings))
    assert again.info.colour is not None
    assert (again.info.colour.matrix, again.info.colour.range) == (tags, span)
    for before, after in zip(source.read(), again.read(), strict=True):
        error = after.pixels.astype(float) - before.pixels
        assert np.abs(error).mean() < 1.5
        assert np.abs(error.mean(axis=(0, 1))).max() < 1.0


def test_odd_sizes_are_padded_and_said_once(tmp_path: Path, frames: Frames) -> None:
    notices: list[str] = []
    pixels = frames(3, 63, 47)
    path = written(tmp_path / "out.mp4", plain(3, 63, 47), pixels, notice=notices.append)
    assert len(notices) == 1
    assert "padded to 64x48" in notices[0]
    got = next(open_source(path).read()).pixels
    assert got.shape == (48, 64, 3)
    assert np.abs(got[:47, :63].astype(int) - pixels[0]).mean() < 6


def test_no_padding_where_none_is_needed(tmp_path: Path, frames: Frames) -> None:
    settings = OutputSettings(pixel_format="yuv444p")
    path = written(tmp_path / "o.mp4", plain(3, 63, 47), frames(3, 63, 47), settings=settings)
    assert next(open_source(path).read()).pixels.shape == (47, 63, 3)


def test_lossless_is_lossless(tmp_path: Path, frames: Frames) -> None:
    settings = OutputSettings(codec="ffv1")
    path = written(tmp_path / "o.mkv", plain(9), frames(9), settings=settings, segment_frames=4)
    for frame, expected in zip(open_source(path).read(), frames(9), strict=True):
        assert np.array_equal(frame.pixels, expected)


def test_a_codec_that_cannot_be_joined_is_encoded_at_the_end(
    tmp_path: Path, frames: Frames, packets_of: Packets
) -> None:
    settings = OutputSettings(codec="qtrle")
    path = written(tmp_path / "o.mov", plain(9), frames(9), settings=settings, segment_frames=4)
    tick, rows = packets_of(path)
    assert [pts * tick for pts, _ in rows] == [k * Fraction(1001, 30000) for k in range(9)]
    for frame, expected in zip(open_source(path).read(), frames(9), strict=True):
        assert np.array_equal(frame.pixels, expected)


def test_a_gif_keeps_its_frames(tmp_path: Path, frames: Frames) -> None:
    still = np.repeat(frames(1), 6, axis=0)
    path = written(tmp_path / "o.gif", plain(6, rate="25"), still, segment_frames=4)
    info = open_source(path).info
    assert (info.frame_count, info.frame_rate) == (6, 25)


def test_pixel_aspect_and_titles_are_carried_over(
    tmp_path: Path, frames: Frames, video: Video, copied: Copied
) -> None:
    options = ["-vf", "setsar=4/3", "-c:v", "libx264", "-metadata", "title=A day: 50% = 'ok'"]
    source = open_source(video(tmp_path / "clip.mp4", frames(4), options))
    path = copied(source, tmp_path / "out.mp4")
    assert open_source(path).info.pixel_aspect == Fraction(4, 3)
    listing = run(["-i", f"file:{path}", "-f", "ffmetadata", "-"]).output.decode()
    assert "A day: 50% \\= 'ok'" in listing


@pytest.mark.parametrize(
    "name",
    ["-dash.mp4", "a:b.mp4", "50%% of 100%.mp4", "it's \"so\".mp4", "two\nlines.mp4", "čas 時.mp4",
     "file:x.mp4", "[0-9]*.mp4", "a?b#c.mp4", "n" * 240 + ".mp4"],
)  # fmt: skip
def test_any_name_will_do(
    tmp_path: Path, h264: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "it's a?b#c 50%d"
    folder.mkdir()
    monkeypatch.chdir(folder)
    source = open_source(h264, InputSettings(frames=4))
    with open_sink(name, source.info, work_dir=Path("-work"), segment_frames=2) as sink:
        for frame in source.read():
            sink.write(frame)
        sink.finish()
    assert sorted(p.name for p in folder.iterdir()) == sorted(["-work", name])
    assert open_source(folder / name).info.frame_count == 4


def test_a_killed_encoder_is_an_error_that_names_the_frame(tmp_path: Path, frames: Frames) -> None:
    pixels = frames(20, 320, 240)
    sink = open_sink(tmp_path / "o.mp4", plain(200, 320, 240), work_dir=tmp_path / "work")
    before = _children()
    sink.write(Frame(0, pixels[0], "x"))
    (pid,) = _children() - before
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(JobError, match=r"encoding frame \d+ failed.*killed by signal 9"):
        feed(sink, pixels, 1, 200)
    sink.close()
    assert _children() == before
    assert not (tmp_path / "o.mp4").exists()


def test_a_full_disk_is_an_error_that_names_the_frame(tmp_path: Path, frames: Frames) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full")
    sink = open_sink(tmp_path / "o.mp4", plain(5), work_dir=tmp_path / "work")
    with sink:
        (tmp_path / "work" / "frames" / ".00000000.png.part").symlink_to(full)
        with pytest.raises(JobError, match=r"keeping frame 1 failed: the disk of .* is full"):
            sink.write(Frame(0, frames(1)[0], "x"))


def test_a_disk_that_fills_under_the_encoder(tmp_path: Path, frames: Frames) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full")
    settings = OutputSettings(codec="ffv1")
    sink = open_sink(tmp_path / "o.mkv", plain(30), settings, work_dir=tmp_path / "work")
    with sink:
        (tmp_path / "work" / "segments" / "000000.part").symlink_to(full)
        with pytest.raises(JobError, match=r"encoding frame \d+ failed: the disk of .* is full"):
            feed(sink, frames(30), 0, 30)


def test_a_state_far_behind_the_writer_is_enough_to_go_on(tmp_path: Path, frames: Frames) -> None:
    """The state is saved by the clock: where frames are quick it lags many segments behind."""
    info, pixels, work = plain(30), frames(4), tmp_path / "work"
    whole = written(tmp_path / "whole.mp4", info, pixels, segment_frames=4)
    with open_sink(tmp_path / "a.mp4", info, work_dir=work, segment_frames=4) as sink:
        feed(sink, pixels, 0, 29)
        sink.checkpoint(3)
    with open_sink(tmp_path / "a.mp4", info, work_dir=work, done=3, segment_frames=4) as sink:
        feed(sink, pixels, 3, 30)
        assert sink.finish().read_bytes() == whole.read_bytes()


def test_a_checkpoint_frees_the_frames_before_it(tmp_path: Path, frames: Frames) -> None:
    info, pixels, work = plain(30), frames(4), tmp_path / "work"
    with open_sink(tmp_path / "a.mp4", info, work_dir=work, segment_frames=4) as sink:
        feed(sink, pixels, 0, 29)
        assert len(list((work / "frames").iterdir())) == 29
        sink.checkpoint(22)
        assert len(list((work / "frames").iterdir())) == 29 - 20


def test_closing_ends_the_encoder(tmp_path: Path, frames: Frames) -> None:
    before = _children()
    with open_sink(tmp_path / "o.mp4", plain(5), work_dir=tmp_path / "work") as sink:
        sink.write(Frame(0, frames(1)[0], "x"))
        assert len(_children() - before) == 1
    assert _children() == before


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("o.mp4", {"codec": "h264x"}, "no video encoder 'h264x'; near it"),
        ("o.mp4", {"codec": "h266"}, "near it: h26"),
        ("o.webm", {"codec": "libx264"}, "Only VP8 or VP9 or AV1"),
        ("o.mp4", {"pixel_format": "yuv420"}, "no 'yuv420'; near it: yuv420p"),
        ("o.mp4", {"pixel_format": "rgb24"}, "Incompatible pixel format"),
        ("o.mov", {"codec": "prores_ks", "crf": 5.0}, "prores_ks has none"),
        ("o.gif", {"crf": 5.0}, "--crf means nothing for a .gif"),
        ("o.gif", {"codec": "libx264"}, "holds no libx264"),
    ],
)
def test_what_cannot_be_encoded_is_found_first(
    tmp_path: Path, name: str, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(OutputError) as caught:
        open_sink(tmp_path / name, plain(5), OutputSettings(**settings), work_dir=tmp_path / "w/x")  # type: ignore[arg-type]
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def _children() -> set[int]:
    task = Path(f"/proc/{os.getpid()}/task")
    if not task.is_dir():
        pytest.skip("needs /proc")
    return {int(p) for t in task.iterdir() for p in (t / "children").read_text().split()}


@pytest.mark.shared
def test_a_real_clip_goes_through(
    tmp_path: Path, shared_media: Path, hashes_of: Callable[..., list[str]], copied: Copied
) -> None:
    source = open_source(shared_media / "nasa.mp4", InputSettings(size=160))
    path = copied(source, tmp_path / "out.mp4", segment_frames=100)
    again = open_source(path)
    assert (again.info.frame_count, again.info.frame_rate) == (390, Fraction(30000, 1001))
    for stream in ("0:a:0", "0:a:1"):
        assert hashes_of(path, stream) == hashes_of(shared_media / "nasa.mp4", stream)
    for before, after in zip(source.read(), again.read(), strict=True):
        # So small a picture loses more than most to chroma of half the resolution.
        assert np.abs(after.pixels.astype(int) - before.pixels).mean() < 3.0


@pytest.mark.shared
def test_full_range_of_a_real_clip(tmp_path: Path, shared_media: Path, copied: Copied) -> None:
    source = open_source(shared_media / "video.mp4", InputSettings(frames=3))
    assert source.info.colour is not None
    assert source.info.colour.range == "pc"
    again = open_source(copied(source, tmp_path / "out.mp4"))
    for before, after in zip(source.read(), again.read(), strict=True):
        error = after.pixels.astype(float) - before.pixels
        assert np.abs(error).mean() < 2.0
        assert np.abs(error.mean(axis=(0, 1))).max() < 0.5
