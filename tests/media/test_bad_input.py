"""Everything that can be wrong with an input is found when it is opened, and said in one line."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from framestyle.config import InputSettings
from framestyle.errors import InputError
from framestyle.media import open_source
from framestyle.media.ffmpeg import run

Frames = Callable[..., np.ndarray]
Video = Callable[..., Path]
LONG = ["-c:v", "libx264", "-crf", "12", "-pix_fmt", "yuv420p", "-g", "25"]


def refused(path: Path, settings: InputSettings | None = None) -> str:
    with pytest.raises(InputError) as caught:
        open_source(path, settings)
    message = str(caught.value)
    assert "\n" not in message.replace(str(path), "")
    assert str(path) in message
    return message


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    short = path.with_name("cut_" + path.name)
    short.write_bytes(data[: int(len(data) * share)])
    return short


def test_missing_file_with_what_is_near(tmp_path: Path) -> None:
    (tmp_path / "holiday.mp4").write_bytes(b"x")
    assert "near it there is: holiday.mp4" in refused(tmp_path / "holliday.mp4")
    assert "does not exist" in refused(tmp_path / "zzz.mp4")
    assert "nor does its folder" in refused(tmp_path / "none" / "clip.mp4")


@pytest.mark.parametrize("name", ["empty.mp4", "empty.png", "empty"])
def test_empty_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    assert "empty file" in refused(tmp_path / name)


@pytest.mark.parametrize("name", ["notes.txt", "notes.mp4", "notes"])
def test_text_is_no_video(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("this is no video\n" * 100)
    assert "not a" in refused(tmp_path / name) or "neither" in refused(tmp_path / name)


def test_text_that_names_other_files_is_not_followed(tmp_path: Path, h264: Path) -> None:
    script = tmp_path / "script.mp4"
    script.write_text(f"ffconcat version 1.0\nfile '{h264}'\n")
    refused(script)
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:2,\n{h264}\n#EXT-X-ENDLIST\n")
    refused(playlist)


def test_sound_alone(tmp_path: Path) -> None:
    path = tmp_path / "sound.m4a"
    assert run(["-f", "lavfi", "-i", "sine=duration=1", f"file:{path}"]).code == 0
    assert "has no video stream, only audio" in refused(path)


def test_index_missing(tmp_path: Path, frames: Frames, video: Video) -> None:
    path = cut(video(tmp_path / "clip.mp4", frames(60), LONG), 0.6)
    assert "cut off: its index (the moov atom) is missing" in refused(path)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.ts", "sound.mp4"])
@pytest.mark.parametrize("share", [0.5, 0.83])
def test_cut_in_the_middle(
    tmp_path: Path,
    frames: Frames,
    video: Video,
    name: str,
    share: float,
    crash_skip: Callable[[str], None],
) -> None:
    crash_skip(Path(name).suffix)
    more = ["-movflags", "+faststart"] if name.endswith("mp4") else []
    sound = 4.0 if name.startswith("sound") else 0
    clip = video(tmp_path / name, frames(100, 160, 120), [*LONG, *more], sound_seconds=sound)
    whole = open_source(clip)
    assert whole.info.frame_count == 100
    path = cut(clip, share)
    message = refused(path)
    assert "is cut off or damaged after frame" in message
    usable = int(message.split("use --frames ")[1].split()[0])
    assert 10 < usable < 100
    part = open_source(path, InputSettings(frames=usable))
    got = [frame.pixels for frame in part.read()]
    assert len(got) == usable
    for pixels, expected in zip(got, whole.read(), strict=False):
        assert np.array_equal(pixels, expected.pixels)
    refused(path, InputSettings(frames=usable + 1))
    refused(path, InputSettings(start=1.0))
    assert open_source(path, InputSettings(start=0.2, end=0.4)).info.frame_count == 5


def test_damage_in_the_middle_never_drops_a_frame(
    tmp_path: Path, frames: Frames, video: Video
) -> None:
    clip = video(tmp_path / "clip.mkv", frames(50, 160, 120), ["-c:v", "ffv1", "-slicecrc", "1"])
    data = bytearray(clip.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 9000] = bytes(9000)
    clip.write_bytes(data)
    indices: list[int] = []
    with pytest.raises(InputError, match="frame"):
        indices.extend(frame.index for frame in open_source(clip).read())
    assert indices == list(range(len(indices)))


@pytest.mark.parametrize("content", ["nothing", "other files"])
def test_folder_without_pictures(tmp_path: Path, content: str) -> None:
    if content != "nothing":
        (tmp_path / "notes.txt").write_text("x")
        (tmp_path / ".hidden.png").write_bytes(b"x")
        (tmp_path / "inner").mkdir()
    assert "has no pictures in it" in refused(tmp_path)


def test_patterns_without_a_match(tmp_path: Path) -> None:
    assert "no file matches" in refused(tmp_path / "%04d.png")
    assert "no file matches" in refused(tmp_path / "*.png")
    with pytest.raises(InputError, match="none does not exist"):
        open_source(tmp_path / "none" / "%04d.png")


def test_mixed_sizes_name_both(tmp_path: Path, frames: Frames, png: Callable[..., Path]) -> None:
    png(tmp_path / "a.png", frames(1)[0])
    png(tmp_path / "b.png", frames(1, 32, 32)[0])
    message = refused(tmp_path)
    assert "a.png is 64x48 but" in message
    assert "b.png is 32x32" in message
    assert open_source(tmp_path, InputSettings(frames=1)).info.frame_count == 1


def test_one_stem_twice(tmp_path: Path, frames: Frames, png: Callable[..., Path]) -> None:
    png(tmp_path / "a.png", frames(1)[0])
    (tmp_path / "a.jpg").write_bytes(bytes(cv2.imencode(".jpg", frames(1)[0])[1]))
    assert "have the same stem" in refused(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tiff"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.97])
def test_cut_picture_alone_and_among_frames(
    tmp_path: Path, frames: Frames, suffix: str, share: float
) -> None:
    data = bytes(cv2.imencode(suffix, frames(1, 200, 160)[0])[1])
    (tmp_path / f"a{suffix}").write_bytes(data)
    bad = tmp_path / f"b{suffix}"
    bad.write_bytes(data[: int(len(data) * share)])
    assert "damaged picture" in refused(bad) or "not a picture" in refused(bad)
    with pytest.raises(InputError, match=f"b{suffix}"):
        open_source(tmp_path)


@pytest.mark.parametrize("size", [(40000, 10), (30000, 30000)])
def test_absurd_size_is_refused_from_the_header(tmp_path: Path, size: tuple[int, int]) -> None:
    head = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk
    data += (
        struct.pack(">I", zlib.crc32(chunk)) + struct.pack(">I", 0) + b"IDAT" + b"\x35\xaf\x06\x1e"
    )
    path = tmp_path / "huge.png"
    path.write_bytes(data + bytes(4) + b"IEND\xaeB\x60\x82")
    assert "expected at most 32768 a side" in refused(path)


def test_a_frame_of_an_absurd_size_is_not_decoded(tmp_path: Path) -> None:
    """A clip of a few kilobytes would take gigabytes for each of its frames."""
    path = tmp_path / "huge.gif"
    source = "color=black:size=640x480:rate=5:duration=0.4"
    assert run(["-f", "lavfi", "-i", source, f"file:{path}"]).code == 0
    small, large = struct.pack("<HH", 640, 480), struct.pack("<HH", 16000, 16000)
    data = path.read_bytes()
    assert small in data
    path.write_bytes(data.replace(small, large))
    assert "says it is 16000x16000 pixels; expected at most 32768 a side" in refused(path)


def test_other_kinds_of_picture_are_named(tmp_path: Path, frames: Frames) -> None:
    path = tmp_path / "a.ppm"
    path.write_bytes(bytes(cv2.imencode(".ppm", frames(1)[0])[1]))
    assert "expected a video, a folder of frames, or a PNG" in refused(path)
