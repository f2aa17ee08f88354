"""Real files made by ffmpeg, OpenCV and Pillow from small frames made by numpy."""

import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from framestyle.config import OutputSettings
from framestyle.media import Source, open_sink
from framestyle.media.ffmpeg import ffmpeg_exe, run

SHARED = Path(__file__).parents[2].parent / "shared"

FORMATS = {
    "h264.mp4": ["-c:v", "libx264", "-crf", "10", "-pix_fmt", "yuv420p", "-g", "8"],
    "hevc.mp4": ["-c:v", "libx265", "-crf", "10", "-g", "8", "-x265-params", "log-level=error"],
    "av1.mp4": ["-c:v", "libsvtav1", "-crf", "20", "-g", "8"],
    "vp9.webm": ["-c:v", "libvpx-vp9", "-crf", "15", "-b:v", "0", "-g", "8"],
    "prores.mov": ["-c:v", "prores_ks"],
    "ffv1.mkv": ["-c:v", "ffv1", "-pix_fmt", "bgr0"],
    "moving.gif": ["-vf", "split[a][b];[a]palettegen[p];[b][p]paletteuse"],
    "h264.ts": ["-c:v", "libx264", "-crf", "10", "-pix_fmt", "yuv420p", "-g", "8"],
    "mpeg4.avi": ["-c:v", "mpeg4", "-q:v", "2"],
}


def moving_frames(count: int, width: int = 64, height: int = 48, depth: int = 8) -> np.ndarray:
    """Smooth colours that move, each frame unlike all others: (count, H, W, 3)."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    frames = []
    for i in range(count):
        red = 0.5 + 0.4 * np.sin(x / 9 + i / 3)
        green = 0.5 + 0.4 * np.cos(y / 7 - i / 4)
        blue = np.full_like(x, (i * 37 % 200 + 25) / 255)
        frames.append(np.stack([red, green, blue], axis=2))
    levels = 2**depth - 1
    kind = np.uint8 if depth == 8 else np.uint16
    return np.round(np.stack(frames) * levels).astype(kind)


def make_video(
    path: Path,
    frames: np.ndarray,
    options: list[str],
    *,
    rate: str = "25",
    sound_seconds: float = 0,
) -> Path:
    """Encode frames into a video file, with a sine for sound if asked."""
    height, width = frames.shape[1:3]
    raw = "rgb24" if frames.dtype == np.uint8 else "rgb48le"
    sound = ["-f", "lavfi", "-i", f"sine=440:sample_rate=44100:duration={sound_seconds}"]
    command = [ffmpeg_exe(), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", raw]
    command += ["-video_size", f"{width}x{height}", "-framerate", rate, "-i", "pipe:0"]
    command += sound if sound_seconds else []
    done = subprocess.run(
        [*command, *options, f"file:{path}"],
        input=frames.tobytes(),
        capture_output=True,
        check=False,
    )
    text = done.stderr.decode()
    if "Unknown encoder" in text:
        pytest.skip(f"this ffmpeg has no such encoder: {text.splitlines()[0]}")
    assert done.returncode == 0, text
    return path


def skip_where_ffmpeg_crashes(suffix: str) -> None:
    """Skip for .ts where ffmpeg is the static 7.0 of imageio-ffmpeg 0.6, which crashes on any."""
    version = run(["-version"]).output.decode().split()[2]
    if suffix == ".ts" and version.endswith("-static"):
        pytest.skip(f"ffmpeg {version} crashes on every .ts file")


def packets(path: Path, stream: str = "0:v:0") -> tuple[Fraction, list[tuple[int, int]]]:
    """Return the time base and (pts, duration) of a stream's packets, in the order shown."""
    scan = run(["-i", f"file:{path}", "-map", stream, "-c", "copy", "-f", "framecrc", "-"])
    assert scan.code == 0, scan.log
    lines = scan.output.decode().splitlines()
    tick = next(Fraction(line.split()[2]) for line in lines if line.startswith("#tb"))
    rows = [line.split(",") for line in lines if not line.startswith("#")]
    return tick, sorted((int(row[2]), int(row[3])) for row in rows)


def packet_hashes(path: Path, stream: str) -> list[str]:
    """Return the checksums of a stream's packets, in the order of the file."""
    scan = run(["-i", f"file:{path}", "-map", stream, "-c", "copy", "-f", "framecrc", "-"])
    assert scan.code == 0, scan.log
    lines = scan.output.decode().splitlines()
    return [",".join(line.split(",")[4:6]) for line in lines if not line.startswith("#")]


def save_png(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(cv2.imencode(".png", pixels[:, :, ::-1])[1]))
    return path


@pytest.fixture(scope="session")
def frames() -> Callable[..., np.ndarray]:
    return moving_frames


@pytest.fixture(scope="session")
def video() -> Callable[..., Path]:
    return make_video


@pytest.fixture(scope="session")
def png() -> Callable[..., Path]:
    return save_png


@pytest.fixture(scope="session")
def crash_skip() -> Callable[[str], None]:
    return skip_where_ffmpeg_crashes


@pytest.fixture(scope="session")
def packets_of() -> Callable[..., tuple[Fraction, list[tuple[int, int]]]]:
    return packets


@pytest.fixture(scope="session")
def hashes_of() -> Callable[..., list[str]]:
    return packet_hashes


def copy_of(
    source: Source, output: Path, settings: OutputSettings | None = None, **more: object
) -> Path:
    """Write what a source reads, as it is; the output."""
    work = output.parent / f"work_{output.name.replace('%', '')}"
    with open_sink(output, source.info, settings, work_dir=work, **more) as sink:  # type: ignore[arg-type]
        for frame in source.read():
            sink.write(frame)
        return sink.finish()


def mean_difference(a: np.ndarray, b: np.ndarray) -> float:
    """Mean absolute difference of two pictures, in their levels."""
    return float(np.abs(a.astype(np.float64) - b.astype(np.float64)).mean())


@pytest.fixture(scope="session")
def mean_error() -> Callable[..., float]:
    return mean_difference


@pytest.fixture(scope="session")
def copied() -> Callable[..., Path]:
    return copy_of


@pytest.fixture(scope="session", params=FORMATS)
def any_video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of 30 frames, 64x48, at 25 frames per second, in each format in turn."""
    path = tmp_path_factory.mktemp("formats") / request.param
    skip_where_ffmpeg_crashes(path.suffix)
    return make_video(path, moving_frames(30), FORMATS[request.param])


@pytest.fixture(scope="session")
def h264(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of 60 frames, 64x48, at 30000/1001, with B-frames, 3 groups and AAC sound."""
    path = tmp_path_factory.mktemp("h264") / "clip.mp4"
    options = [*FORMATS["h264.mp4"][:-1], "20", "-c:a", "aac", "-movflags", "+faststart"]
    return make_video(path, moving_frames(60), options, rate="30000/1001", sound_seconds=2.1)


@pytest.fixture(scope="session")
def shared_media() -> Path:
    folder = SHARED / "media"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    return folder
