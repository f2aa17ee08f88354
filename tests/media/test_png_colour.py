"""PNG frames of HDR say that they are, and are read as what they say."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framestyle.errors import InputError
from framestyle.media import open_source
from framestyle.media.ffmpeg import run
from framestyle.media.picture_encoding import encode_picture
from framestyle.media.png_colour import colour_of

Frames = Callable[..., np.ndarray]
TAGS = "format=yuv420p10le,setparams=range=tv:colorspace=bt2020nc:color_primaries=bt2020:color_trc="


def hdr_clip(path: Path, frames: Frames, video: Any, transfer: str) -> Path:
    options = ["-vf", TAGS + transfer, "-c:v", "libx265", "-crf", "4"]
    return video(path, frames(3, depth=16), [*options, "-x265-params", "log-level=error"])


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_hdr_frames_say_so_to_all(
    tmp_path: Path, frames: Frames, video: Any, copied: Any, transfer: str
) -> None:
    source = open_source(hdr_clip(tmp_path / "clip.mp4", frames, video, transfer))
    folder = copied(source, tmp_path / "out")
    again = open_source(folder)
    assert (again.info.bit_depth, again.info.colour.transfer) == (16, transfer)
    for before, after in zip(source.read(), again.read(), strict=True):
        # One level of 16 bits where the curve of PQ is flat.
        assert np.abs(before.pixels.astype(int) - after.pixels).max() <= 1
    log = run(["-i", f"file:{folder / 'frame_000001.png'}", "-vf", "showinfo", "-f", "null", "-"])
    tags = next(t for _, t in log.log.lines if t.startswith("color_range"))
    assert f"color_primaries:bt2020 color_trc:{transfer}" in tags


def test_usual_frames_say_nothing(tmp_path: Path, h264: Path, copied: Any) -> None:
    folder = copied(open_source(h264), tmp_path / "out")
    assert b"cICP" not in (folder / "frame_000001.png").read_bytes()
    assert open_source(folder).info.colour is None


def test_frames_of_two_kinds_are_refused(
    tmp_path: Path, frames: Frames, video: Any, copied: Any
) -> None:
    source = open_source(hdr_clip(tmp_path / "clip.mp4", frames, video, "smpte2084"))
    folder = copied(source, tmp_path / "out")
    (folder / "frame_000002.png").write_bytes(encode_picture(frames(1, depth=16)[0], ".png"))
    with pytest.raises(InputError, match="mean different colours"):
        open_source(folder)


def test_a_damaged_head_says_nothing() -> None:
    assert colour_of(b"") is None
    assert colour_of(b"\x89PNG\r\n\x1a\n" + b"\xff" * 40) is None
    assert colour_of(b"\x89PNG\r\n\x1a\n" + b"\0\0\0\4cICP") is None
