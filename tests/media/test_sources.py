"""One suite over everything that can be read."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from framestyle.config import InputSettings
from framestyle.errors import InputError, SettingsError
from framestyle.media import Source, open_source

KINDS = ("video", "avi", "gif", "folder", "numbers", "glob", "deep folder", "picture")


@pytest.fixture(scope="module", params=KINDS)
def path(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    frames: Callable[..., np.ndarray],
    video: Callable[..., Path],
    png: Callable[..., Path],
) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    if request.param == "video":
        options = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "5"]
        return video(folder / "clip.mp4", frames(20), options, rate="24")
    if request.param == "avi":
        return video(folder / "clip.avi", frames(20), ["-c:v", "libx264", "-g", "5"], rate="24")
    if request.param == "gif":
        return video(folder / "clip.gif", frames(20), [], rate="25")
    if request.param == "picture":
        return png(folder / "one.png", frames(1)[0])
    depth = 16 if request.param == "deep folder" else 8
    for i, pixels in enumerate(frames(20, depth=depth)):
        png(folder / f"f{i:04d}.png", pixels)
    return {"numbers": folder / "f%04d.png", "glob": folder / "*.png"}.get(request.param, folder)


@pytest.fixture
def source(path: Path) -> Source:
    return open_source(path)


def test_gives_what_it_says(source: Source, path: Path) -> None:
    info = source.info
    frames = list(source.read())
    assert [frame.index for frame in frames] == list(range(info.frame_count))
    assert [frame.name for frame in frames] == [info.frame_name(i) for i in range(len(frames))]
    kind = np.uint16 if info.bit_depth == 16 else np.uint8
    for frame in frames:
        assert frame.pixels.shape == (info.height_px, info.width_px, 3) == (48, 64, 3)
        assert frame.pixels.dtype == kind
        assert frame.pixels.flags.writeable or info.kind != "video"
    assert info.path == path
    assert len({frame.name for frame in frames}) == len(frames) == (info.kind == "picture" or 20)


def test_begins_anywhere_with_the_same_pixels(source: Source) -> None:
    whole = list(source.read())
    for first in range(0, len(whole), 3):
        part = list(source.read(first))
        assert [f.index for f in part] == [f.index for f in whole[first:]]
        assert all(
            np.array_equal(a.pixels, b.pixels) for a, b in zip(part, whole[first:], strict=True)
        )
    assert list(source.read(len(whole))) == []


def test_is_the_same_each_time_and_can_be_left(source: Source) -> None:
    reading = source.read()
    first = next(reading)
    reading.close()
    assert np.array_equal(first.pixels, next(source.read()).pixels)


def test_scales_down_never_up(path: Path) -> None:
    notices: list[str] = []
    small = open_source(path, InputSettings(size=32), notice=notices.append)
    assert (small.info.width_px, small.info.height_px) == (32, 24)
    assert next(small.read()).pixels.shape == (24, 32, 3)
    assert notices == []
    same = open_source(path, InputSettings(size=100), notice=notices.append)
    assert (same.info.width_px, same.info.height_px) == (64, 48)
    assert len(notices) == 1
    assert "smaller than --size 100" in notices[0]


def test_frames_is_a_cap(path: Path) -> None:
    assert open_source(path, InputSettings(frames=1)).info.frame_count == 1
    whole = open_source(path).info.frame_count
    assert open_source(path, InputSettings(frames=1000)).info.frame_count == whole


def test_selects_by_time(path: Path) -> None:
    whole = open_source(path)
    settings = InputSettings(start=0.25, end=0.5)
    if whole.info.kind == "picture":
        with pytest.raises(SettingsError, match=r"--start is given, but .* is one picture"):
            open_source(path, settings)
        return
    part = open_source(path, settings)
    rate = whole.info.frame_rate
    assert rate is not None
    times = [i / rate for i in range(20)]
    wanted = [i for i, t in enumerate(times) if Fraction(1, 4) <= t < Fraction(1, 2)]
    expected = [f.pixels for f in whole.read() if f.index in wanted]
    got = [f.pixels for f in part.read()]
    assert len(got) == part.info.frame_count == len(wanted)
    assert all(np.array_equal(a, b) for a, b in zip(got, expected, strict=True))
    assert part.info.cut_start
    assert part.info.cut_end
    assert part.info.start_seconds == times[wanted[0]]
    assert part.info.duration_seconds == len(wanted) / rate


def test_an_empty_selection_names_the_length(path: Path) -> None:
    if open_source(path).info.kind == "picture":
        pytest.skip("a picture has no times")
    with pytest.raises(InputError, match=r"it is 0\.8\d\d s long \(20 frames\), --start is 7"):
        open_source(path, InputSettings(start=7.0))
    with pytest.raises(SettingsError, match="--end 1 is not after --start 2"):
        open_source(path, InputSettings(start=2.0, end=1.0))


def test_fps_is_for_folders(path: Path) -> None:
    settings = InputSettings(fps=Fraction(30000, 1001))
    if open_source(path).info.kind == "folder":
        assert open_source(path, settings).info.frame_rate == Fraction(30000, 1001)
    else:
        with pytest.raises(SettingsError, match="--fps is given, but"):
            open_source(path, settings)


def test_a_pattern_below_a_folder_with_brackets(
    tmp_path: Path, frames: Callable[..., np.ndarray], png: Callable[..., Path]
) -> None:
    folder = tmp_path / "take[1]"
    for i, pixels in enumerate(frames(3)):
        png(folder / f"{i}.png", pixels)
    assert open_source(folder / "*.png").info.frame_count == 3
    assert open_source(folder / "[01].png").info.frame_count == 2
