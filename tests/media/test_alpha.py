"""Transparency goes beside the frames: in unchanged, out unchanged, or one line says not."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

import framestyle
from framestyle.config import InputSettings, OutputSettings
from framestyle.media import Frame, open_sink, open_source
from framestyle.media.ffmpeg import ffmpeg_exe

COUNT = 6
TO_YUV = "zscale=matrixin=0:matrix=1:range=limited"
FOURS = ["-vf", f"format=gbrap16le,{TO_YUV},format=yuva444p10le"]
HALVED = ["-vf", f"format=gbrap,{TO_YUV},format=yuva420p"]
VIDEOS = {
    "prores.mov": (10, [*FOURS, "-c:v", "prores_ks", "-profile:v", "4444"]),
    "qtrle.mov": (8, ["-c:v", "qtrle", "-pix_fmt", "argb"]),
    "png.mov": (8, ["-c:v", "png", "-pix_fmt", "rgba"]),
    "ffv1.mkv": (8, ["-c:v", "ffv1", "-pix_fmt", "bgra"]),
    "deep.mkv": (16, ["-c:v", "ffv1", "-pix_fmt", "gbrap16le"]),
    "yuv.mkv": (8, [*HALVED, "-c:v", "ffv1"]),
    "vp9.webm": (8, [*HALVED, "-c:v", "libvpx-vp9", "-lossless", "1"]),
    "vp8.webm": (8, [*HALVED, "-c:v", "libvpx", "-crf", "4", "-b:v", "9M", "-auto-alt-ref", "0"]),
}  # fmt: skip


@pytest.fixture(scope="module")
def pictured(frames: Callable[..., np.ndarray]) -> Callable[[int], np.ndarray]:
    """Returns ``pictured(depth)``: frames with alpha of every level, (COUNT, 48, 64, 4)."""

    def make(depth: int) -> np.ndarray:
        pixels = frames(COUNT, depth=depth)
        y, x = np.mgrid[0:48, 0:64]
        levels = (x * 1024 + y * 37 + np.arange(COUNT)[:, None, None] * 2570) % 65536
        alpha = levels if depth == 16 else levels // 257
        return np.concatenate([pixels, alpha[..., None].astype(pixels.dtype)], axis=3)

    return make


@pytest.fixture(scope="module")
def video_with_alpha(pictured: Any) -> Callable[[Path, int, list[str]], Path]:
    def make(path: Path, depth: int, options: list[str]) -> Path:
        samples = pictured(16 if depth > 8 else 8)
        command = [ffmpeg_exe(), "-v", "error", "-y", "-f", "rawvideo"]
        command += ["-pix_fmt", "rgba64le" if depth > 8 else "rgba", "-video_size", "64x48"]
        command += ["-framerate", "25", "-i", "pipe:0", *options, f"file:{path}"]
        subprocess.run(command, input=samples.tobytes(), check=True)
        return path

    return make


def levels(alpha: np.ndarray) -> np.ndarray:
    """Return alpha in levels of eight bits."""
    return alpha.astype(float) / np.iinfo(alpha.dtype).max * 255


@pytest.mark.parametrize("name", VIDEOS)
def test_alpha_of_a_video_is_read(
    tmp_path: Path, video_with_alpha: Any, pictured: Any, name: str
) -> None:
    depth, options = VIDEOS[name]
    source = open_source(video_with_alpha(tmp_path / name, depth, options))
    assert source.info.has_alpha
    # Ten bits leave a sixth of a level; VP8 has no lossless way.
    most = {"prores.mov": 0.17, "vp8.webm": 30}.get(name, 0)
    for frame, expected in zip(source.read(), pictured(16 if depth > 8 else 8), strict=True):
        error = np.abs(levels(frame.alpha) - levels(expected[:, :, 3]))
        assert error.max() <= most
        assert error.mean() < 1.0
    assert np.array_equal(next(source.read(3)).alpha, [f.alpha for f in source.read()][3])


OUTPUTS = {
    # most and mean error of alpha in levels of eight bits, for alpha of 8 and of 16 bits
    "out.mov": (0.17, 0.17),
    "out.mkv": (0, 0),
    "out.avi": (0, 0),
    "folder": (0, 0),
    "%d.tif": (0, 0),
    "%d.webp": (0, 0.5),
}


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("depth", [8, 16])
def test_alpha_is_written(
    tmp_path: Path, video_with_alpha: Any, copied: Any, name: str, depth: int
) -> None:
    options = ["-c:v", "ffv1", "-pix_fmt", "bgra" if depth == 8 else "gbrap16le"]
    source = open_source(video_with_alpha(tmp_path / "in.mkv", depth, options))
    notices: list[str] = []
    (tmp_path / "to").mkdir()
    path = copied(source, tmp_path / "to" / name, notice=notices.append, segment_frames=4)
    assert not [n for n in notices if "transparency" in n]
    again = open_source(path)
    for before, after in zip(source.read(), again.read(), strict=True):
        error = np.abs(levels(before.alpha) - levels(after.alpha))
        assert error.max() <= OUTPUTS[name][depth == 16]


def test_alpha_of_webm_is_as_lossy_as_its_colours(
    tmp_path: Path, video_with_alpha: Any, copied: Any
) -> None:
    source = open_source(video_with_alpha(tmp_path / "in.mkv", *VIDEOS["ffv1.mkv"]))
    again = open_source(copied(source, tmp_path / "out.webm", segment_frames=4))
    for before, after in zip(source.read(), again.read(), strict=True):
        assert np.abs(levels(before.alpha) - levels(after.alpha)).mean() < 1.0


@pytest.mark.parametrize(
    ("codec", "name", "most"),
    [("qtrle", "o.mov", 0), ("prores_4444xq", "o.mov", 0.17), ("vp8", "o.webm", 30)],
)
def test_other_codecs_with_alpha(
    tmp_path: Path, video_with_alpha: Any, copied: Any, codec: str, name: str, most: float
) -> None:
    source = open_source(video_with_alpha(tmp_path / "in.mkv", *VIDEOS["ffv1.mkv"]))
    path = copied(source, tmp_path / name, OutputSettings(codec=codec), segment_frames=4)
    for before, after in zip(source.read(), open_source(path).read(), strict=True):
        assert np.abs(levels(before.alpha) - levels(after.alpha)).max() <= most


@pytest.mark.parametrize(
    ("name", "settings"), [("o.mp4", {}), ("o.mkv", {"codec": "h264"}), ("%d.jpg", {})]
)
def test_one_line_says_that_there_is_no_room(
    tmp_path: Path, video_with_alpha: Any, copied: Any, name: str, settings: dict[str, str]
) -> None:
    source = open_source(video_with_alpha(tmp_path / "in.mkv", *VIDEOS["ffv1.mkv"]))
    notices: list[str] = []
    (tmp_path / "to").mkdir()
    output = tmp_path / "to" / name
    path = copied(source, output, OutputSettings(**settings), notice=notices.append)
    assert len(notices) == 1
    assert "the input's transparency is left out" in notices[0]
    assert not open_source(path).info.has_alpha


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_pictures_with_alpha(tmp_path: Path, pictured: Any, depth: int, suffix: str) -> None:
    if (depth, suffix) == (16, ".webp"):
        pytest.skip("WebP has eight bits")
    samples = pictured(depth)[0]
    path = tmp_path / f"a{suffix}"
    options = [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == ".webp" else []
    assert cv2.imwrite(str(path), cv2.cvtColor(samples, cv2.COLOR_RGBA2BGRA), options)
    frame = next(open_source(path).read())
    assert np.array_equal(frame.alpha, samples[:, :, 3])


def test_a_tiff_says_what_its_fourth_channel_is(
    tmp_path: Path, video_with_alpha: Any, copied: Any
) -> None:
    source = open_source(video_with_alpha(tmp_path / "in.mkv", *VIDEOS["ffv1.mkv"]))
    copied(source, tmp_path / "%d.tif")
    with Image.open(tmp_path / "1.tif") as image:
        assert (image.mode, image.tag_v2[338]) == ("RGBA", (2,))  # not multiplied


def test_frames_without_alpha_among_those_with_it_are_opaque(tmp_path: Path, pictured: Any) -> None:
    samples = pictured(8)
    Image.fromarray(samples[0]).save(tmp_path / "1.png")
    Image.fromarray(samples[1, :, :, :3]).save(tmp_path / "2.png")
    first, second = open_source(tmp_path).read()
    assert np.array_equal(first.alpha, samples[0, :, :, 3])
    assert (second.alpha == 255).all()


def test_scaling_keeps_what_is_not_seen_out_of_what_is(tmp_path: Path) -> None:
    samples = np.zeros((32, 32, 4), np.uint8)
    samples[:, :, :3] = (250, 10, 10)  # unseen red
    samples[:, :15] = (20, 200, 20, 255)
    Image.fromarray(samples).save(tmp_path / "a.png")
    frame = next(open_source(tmp_path / "a.png", InputSettings(size=16)).read())
    assert frame.alpha[0].tolist() == [255] * 7 + [128] + [0] * 8
    assert frame.pixels[0, 7].tolist() == [20, 200, 20]
    assert frame.pixels[0, 12].tolist() == [250, 10, 10]


def test_a_gif_is_transparent_only_where_it_is(
    tmp_path: Path, video_with_alpha: Any, copied: Any, frames: Any, video: Any
) -> None:
    palette = ["-vf", "split[a][b];[a]palettegen[p];[b][p]paletteuse"]
    opaque = open_source(video(tmp_path / "opaque.gif", frames(3), palette))
    assert not opaque.info.has_alpha
    clear = open_source(video_with_alpha(tmp_path / "clear.gif", 8, palette))
    assert clear.info.has_alpha
    notices: list[str] = []
    again = open_source(copied(clear, tmp_path / "out.gif", notice=notices.append))
    assert len(notices) == 1
    assert "cut at half" in notices[0]
    for before, after in zip(clear.read(), again.read(), strict=True):
        assert np.array_equal(before.alpha, after.alpha)


@pytest.mark.parametrize("name", ["out.mov", "out.webm", "folder"])
def test_a_resumed_run_keeps_alpha(
    tmp_path: Path, video_with_alpha: Any, copied: Any, contents: Any, name: str
) -> None:
    source = open_source(video_with_alpha(tmp_path / "in.mkv", *VIDEOS["deep.mkv"]))
    whole = contents(copied(source, tmp_path / name, segment_frames=4))
    (tmp_path / "b").mkdir()
    target, work = tmp_path / "b" / name, tmp_path / "work"
    for first, end in ((0, 3), (3, 5), (4, COUNT)):
        with open_sink(target, source.info, work_dir=work, done=first, segment_frames=4) as sink:
            for frame in source.read(first):
                if frame.index < end:
                    sink.write(frame)
            if end == COUNT:
                sink.finish()
    assert contents(target) == whole


def test_a_frame_that_lacks_its_alpha_is_refused(tmp_path: Path, video_with_alpha: Any) -> None:
    source = open_source(video_with_alpha(tmp_path / "in.mkv", *VIDEOS["ffv1.mkv"]))
    frame = next(source.read())
    with (
        open_sink(tmp_path / "o.mkv", source.info, work_dir=tmp_path / "w") as sink,
        pytest.raises(ValueError, match="alpha"),
    ):
        sink.write(Frame(0, frame.pixels, frame.name))


def test_a_whole_run_carries_alpha(
    tmp_path: Path, video_with_alpha: Any, quick: framestyle.Config, style_file: Path
) -> None:
    path = video_with_alpha(tmp_path / "in.mov", *VIDEOS["prores.mov"])
    output = tmp_path / "painted"
    framestyle.stylize_video(path, [style_file], f"{output}{os.sep}", quick)
    for before, after in zip(open_source(path).read(), open_source(output).read(), strict=True):
        assert np.array_equal(before.alpha, after.alpha)
        assert np.abs(before.pixels.astype(int) - after.pixels).mean() > 257
