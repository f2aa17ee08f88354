"""GIF, animated WebP and PNG, in and out: every frame for as long as it is shown."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from framestyle.config import InputSettings, OutputSettings
from framestyle.errors import InputError, OutputError, SettingsError
from framestyle.media import Source, open_sink, open_source

Frames = Callable[..., np.ndarray]

DURATIONS_MS = [40, 100, 30, 500, 70, 40]
SUFFIXES = (".gif", ".webp", ".apng")


def animated(path: Path, pixels: np.ndarray, durations: list[int] | int, **more: object) -> Path:
    """Write an animation with Pillow."""
    first, *others = [Image.fromarray(p) for p in pixels]
    exact = {"lossless": True} if path.suffix == ".webp" else {}
    kind = {".webp": "WEBP", ".gif": "GIF", ".apng": "PNG", ".png": "PNG"}[path.suffix]
    options = {"save_all": True, "append_images": others, "duration": durations, **exact, **more}
    first.save(path, kind, **options)
    return path


def told(path: Path) -> tuple[list[int], int | None]:
    """Return the duration of each frame in ms and the loop, as Pillow reads them."""
    durations = []
    with Image.open(path) as image:
        loop = image.info.get("loop")
        for n in range(image.n_frames):
            image.seek(n)
            image.load()
            durations.append(round(image.info["duration"]))
    return durations, loop


def copied(source: Source, output: Path, **more: object) -> list[str]:
    notices: list[str] = []
    work = output.parent / f"work_{output.name}"
    with open_sink(
        output, source.info, work_dir=work, notice=notices.append, segment_frames=4, **more
    ) as sink:  # type: ignore[arg-type]
        for frame in source.read():
            sink.write(frame)
        sink.finish()
    return notices


@pytest.mark.parametrize("before", SUFFIXES)
@pytest.mark.parametrize("after", SUFFIXES)
def test_durations_and_repetitions_are_kept(
    tmp_path: Path, frames: Frames, before: str, after: str
) -> None:
    clip = animated(tmp_path / f"clip{before}", frames(6), DURATIONS_MS, loop=3)
    source = open_source(clip)
    assert source.info.frame_count == 6
    out = tmp_path / f"out{after}"
    assert copied(source, out) == []
    durations, loop = told(out)
    assert durations == DURATIONS_MS
    # A GIF counts repetitions, the others how often all is shown.
    assert loop == 3 + (before == ".gif") - (after == ".gif")
    error = 12 if ".gif" in (before, after) else 6
    for a, b in zip(source.read(), open_source(out).read(), strict=True):
        assert np.abs(a.pixels.astype(int) - b.pixels).mean() < error


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_once_and_for_ever(tmp_path: Path, frames: Frames, suffix: str) -> None:
    for plays in (0, 1):
        said = {} if suffix == ".gif" and plays == 1 else {"loop": plays}
        clip = animated(tmp_path / f"{plays}{suffix}", frames(3), 40, **said)
        source = open_source(clip)
        assert source.info.plays == plays
        copied(source, tmp_path / f"out{plays}{suffix}")
        assert told(tmp_path / f"out{plays}{suffix}")[1] == said.get("loop")


@pytest.mark.parametrize("suffix", [".webp", ".apng"])
def test_lossless_ones_are_read_exactly(tmp_path: Path, frames: Frames, suffix: str) -> None:
    source = open_source(animated(tmp_path / f"clip{suffix}", frames(6), DURATIONS_MS))
    assert [f.index for f in source.read()] == list(range(6))
    for first in (0, 3, 5):
        for frame, expected in zip(source.read(first), frames(6)[first:], strict=True):
            assert np.array_equal(frame.pixels, expected)


def test_a_part_keeps_its_durations(tmp_path: Path, frames: Frames) -> None:
    clip = animated(tmp_path / "clip.webp", frames(6), DURATIONS_MS)
    source = open_source(clip, InputSettings(start=0.14, end=0.7))
    assert [f.index for f in source.read()] == [0, 1, 2]
    assert np.array_equal(next(source.read()).pixels, frames(6)[2])
    copied(source, tmp_path / "out.gif")
    assert told(tmp_path / "out.gif")[0] == [30, 500, 70]
    with pytest.raises(SettingsError, match="--fps is given"):
        open_source(clip, InputSettings(fps=25))  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_last_of_even_frames_may_last(tmp_path: Path, frames: Frames, suffix: str) -> None:
    durations = [40, 40, 40, 2000]
    clip = animated(tmp_path / f"clip{suffix}", frames(4), durations)
    copied(open_source(clip), tmp_path / f"out{suffix}")
    assert told(tmp_path / f"out{suffix}")[0] == durations
    copied(open_source(clip), tmp_path / "out.mp4")
    again = open_source(tmp_path / "out.mp4").info
    assert again.frame_count == 4
    assert again.frame_rate == 25


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_clips_become_animations(tmp_path: Path, h264: Path, frames: Frames, suffix: str) -> None:
    source = open_source(h264, InputSettings(frames=30))
    out = tmp_path / f"out{suffix}"
    (notice,) = copied(source, out)
    assert f"a .{suffix[1:]} has no sound" in notice
    durations, loop = told(out)
    assert len(durations) == 30
    assert loop == 0
    assert sum(durations) == pytest.approx(1001, abs=10 if suffix == ".gif" else 30)
    assert max(durations) - min(durations) <= 10


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_going_on_gives_the_same_bytes(tmp_path: Path, frames: Frames, suffix: str) -> None:
    source = open_source(animated(tmp_path / "clip.webp", frames(6), DURATIONS_MS))
    copied(source, tmp_path / f"whole{suffix}")
    again, work = tmp_path / f"again{suffix}", tmp_path / "work"
    with open_sink(again, source.info, work_dir=work, segment_frames=4) as sink:
        for frame in list(source.read())[:5]:
            sink.write(frame)
    with open_sink(again, source.info, work_dir=work, segment_frames=4, done=3) as sink:
        for frame in source.read(3):
            sink.write(frame)
        sink.finish()
    assert again.read_bytes() == (tmp_path / f"whole{suffix}").read_bytes()


def test_frames_that_show_the_same_last_as_long(tmp_path: Path, frames: Frames) -> None:
    still = frames(3)[[0, 0, 1, 1, 2, 2]]
    clip = animated(tmp_path / "clip.apng", frames(6), DURATIONS_MS)
    source = open_source(clip)
    for suffix in SUFFIXES:
        out = tmp_path / f"out{suffix}"
        with open_sink(out, source.info, work_dir=tmp_path / suffix) as sink:
            for frame, pixels in zip(source.read(), still, strict=True):
                sink.write(type(frame)(frame.index, pixels, frame.name))
            sink.finish()
        expected = DURATIONS_MS if suffix != ".webp" else [140, 530, 110]
        assert told(out)[0] == expected


def test_a_webp_of_one_frame_is_a_picture(tmp_path: Path, frames: Frames, h264: Path) -> None:
    clip = open_source(h264, InputSettings(frames=1))
    copied(clip, tmp_path / "out.webp")
    assert open_source(tmp_path / "out.webp").info.kind == "picture"
    with open_sink(tmp_path / "%d.webp", open_source(h264).info, work_dir=tmp_path / "w") as sink:
        assert type(sink).__name__ == "PictureSink"


def test_damage_is_found_first(tmp_path: Path, frames: Frames) -> None:
    for suffix in (".webp", ".apng"):
        clip = animated(tmp_path / f"clip{suffix}", frames(6), DURATIONS_MS)
        clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])
        with pytest.raises(InputError) as caught:
            open_source(clip)
        assert "\n" not in str(caught.value)


def test_settings_that_mean_nothing(tmp_path: Path, h264: Path) -> None:
    info = open_source(h264).info
    for suffix in SUFFIXES:
        for settings in (OutputSettings(codec="libx264"), OutputSettings(crf=3.0)):
            with pytest.raises(OutputError, match=r"holds no libx264|means nothing"):
                open_sink(tmp_path / f"o{suffix}", info, settings, work_dir=tmp_path / "work")
