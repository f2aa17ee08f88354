"""Frames come out as they are meant to be seen: upright, of the right shape, without combs."""

import itertools
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from framestyle.config import InputSettings
from framestyle.media import open_source
from framestyle.media.ffmpeg import run

Frames = Callable[..., np.ndarray]
Video = Callable[..., Path]
Copied = Callable[..., Path]
H264 = ["-c:v", "libx264", "-crf", "8", "-pix_fmt", "yuv420p"]


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_phone_clips_are_upright_once(
    tmp_path: Path,
    frames: Frames,
    video: Video,
    turn: int,
    copied: Copied,
    mean_error: Callable[..., float],
) -> None:
    plain = video(tmp_path / "plain.mp4", frames(4), [*H264, "-vf", "setsar=4/3"])
    phone = tmp_path / "phone.mp4"
    arguments = ["-display_rotation", str(turn), "-i", f"file:{plain}", "-c", "copy"]
    assert run([*arguments, f"file:{phone}"]).code == 0
    source = open_source(phone)
    again = open_source(copied(source, tmp_path / "out.mp4"))
    aspect = Fraction(4, 3) if turn in (0, 180) else Fraction(3, 4)
    assert source.info.pixel_aspect == again.info.pixel_aspect == aspect
    size = (64, 48) if turn in (0, 180) else (48, 64)
    assert (again.info.width_px, again.info.height_px) == size
    for before, after in zip(open_source(plain).read(), again.read(), strict=True):
        assert mean_error(after.pixels, np.rot90(before.pixels, turn // 90)) < 5


def test_pixel_aspect_is_kept_when_scaled(
    tmp_path: Path, frames: Frames, video: Video, copied: Copied
) -> None:
    clip = video(tmp_path / "clip.mp4", frames(2, 128, 96), [*H264, "-vf", "setsar=16/11"])
    again = open_source(copied(open_source(clip, InputSettings(size=64)), tmp_path / "out.mkv"))
    assert (again.info.width_px, again.info.height_px) == (64, 48)
    assert again.info.pixel_aspect == Fraction(16, 11)


def moving_bar(count: int) -> np.ndarray:
    """Frames (2 * count, 48, 64, 3): a bar that moves by 3 pixels from field to field."""
    fields = np.full((2 * count, 48, 64, 3), 40, np.uint8)
    for i in range(2 * count):
        fields[i, :, 3 * i % 56 : 3 * i % 56 + 8] = 220
    return fields


@pytest.fixture(scope="module")
def interlaced(tmp_path_factory: pytest.TempPathFactory, video: Video) -> Path:
    """24 frames of which every line of one field is from another moment than those of the other."""
    fields = moving_bar(24)
    woven = fields[0::2].copy()
    woven[:, 1::2] = fields[1::2, 1::2]
    options = [*H264, "-g", "8", "-flags", "+ildct+ilme", "-x264opts", "tff=1"]
    path = tmp_path_factory.mktemp("interlaced") / "clip.mp4"
    return video(path, woven, [*options, "-vf", "setfield=tff"])


def combs(pixels: np.ndarray) -> float:
    """How unlike neighbouring lines are, in levels."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(float)
    return float(np.abs(grey[1:] - grey[:-1]).mean())


def test_interlaced_frames_are_made_whole(
    interlaced: Path, mean_error: Callable[..., float]
) -> None:
    notices: list[str] = []
    source = open_source(interlaced, notice=notices.append)
    assert len(notices) == 1
    assert "interlaced" in notices[0]
    whole = list(source.read())
    assert len(whole) == source.info.frame_count == 24
    taken = list(open_source(interlaced, InputSettings(deinterlace="off")).read())
    assert min(combs(frame.pixels) for frame in taken) > 15
    assert max(combs(frame.pixels) for frame in whole) < 5
    for frame, first_field in zip(whole, moving_bar(24)[0::2], strict=True):
        assert mean_error(frame.pixels, first_field) < 6


def test_frames_made_whole_are_the_same_from_anywhere(interlaced: Path) -> None:
    source = open_source(interlaced)
    whole = [frame.pixels for frame in source.read()]
    for first in (1, 7, 8, 9, 15, 16, 17, 23):
        assert np.array_equal(next(source.read(first)).pixels, whole[first])
    part = open_source(interlaced, InputSettings(start=0.64, frames=3))
    for frame, expected in zip(part.read(), whole[16:19], strict=True):
        assert np.array_equal(frame.pixels, expected)


def test_progressive_frames_are_left_alone(tmp_path: Path, frames: Frames, video: Video) -> None:
    clip = video(tmp_path / "clip.mp4", frames(6), H264)
    plain = [f.pixels for f in open_source(clip, InputSettings(deinterlace="off")).read()]
    for frame, expected in zip(open_source(clip).read(), plain, strict=True):
        assert np.array_equal(frame.pixels, expected)
    forced = list(open_source(clip, InputSettings(deinterlace="on")).read())
    assert not all(np.array_equal(f.pixels, e) for f, e in zip(forced, plain, strict=True))


def test_uneven_interlaced_frames_keep_their_times(
    tmp_path: Path, interlaced: Path, copied: Copied
) -> None:
    uneven = tmp_path / "uneven.mkv"
    late = "setts=ts='TS+gte(PTS*TB,0.4)*2/TB'"
    arguments = ["-i", f"file:{interlaced}", "-c", "copy", "-bsf:v", late]
    assert run([*arguments, f"file:{uneven}"]).code == 0
    source = open_source(uneven)
    assert source.info.timing is not None
    assert sum(1 for _ in source.read()) == 24
    again = open_source(copied(source, tmp_path / "out.mp4"))
    assert again.info.timing is not None
    before, after = (
        [t * info.timing.tick for t in info.timing.starts] for info in (source.info, again.info)
    )
    assert before == after
    assert max(b - a for a, b in itertools.pairwise(before)) > 1
