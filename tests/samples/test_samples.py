"""The sample data: that it is whole, that its true flow is true, and that its script makes it."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import pytest

SAMPLES = Path(__file__).parents[2] / "samples"
MODULES = (
    "buildings", "drawing", "landscape", "make_samples", "mosaic",
    "scene", "strokes", "swirl", "travellers", "truth", "window",
)  # fmt: skip


@pytest.fixture(scope="module")
def load():
    """Imports a module of samples/, and forgets them all afterwards."""
    sys.path.insert(0, str(SAMPLES))
    yield importlib.import_module
    sys.path.remove(str(SAMPLES))
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def truth(load):
    return load("truth").load_truth()


@pytest.fixture(scope="module")
def clip():
    """The clip's frames, (24, 180, 320, 3) RGB."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(SAMPLES / "clip.mp4")]
    command += ["-sws_flags", "accurate_rnd+full_chroma_int+full_chroma_inp"]
    command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, 180, 320, 3)


def read_picture(path):
    picture = cv2.imread(str(path))
    assert picture is not None, path
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def warp(picture, flow):
    height, width = flow.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(
        picture.astype(np.float32), x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR
    )


def difference(first, second):
    return np.abs(first.astype(np.float32) - second.astype(np.float32)).mean(axis=-1)


def test_the_files_are_there_and_small():
    made = [SAMPLES / "clip.mp4", SAMPLES / "flow.npz", *SAMPLES.glob("frames/*.png")]
    made += [SAMPLES / "styles" / "swirl.jpg", SAMPLES / "styles" / "mosaic.jpg"]
    assert len(made) == 10
    sizes = {path.name: path.stat().st_size for path in made}
    assert sum(sizes.values()) < 2_500_000, sizes
    assert sizes["swirl.jpg"] < 250_000
    assert sizes["mosaic.jpg"] < 250_000


@pytest.mark.parametrize("name", ["swirl", "mosaic"])
def test_a_style_picture_is_rich(name):
    picture = read_picture(SAMPLES / "styles" / f"{name}.jpg")
    assert picture.shape == (512, 512, 3)
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    for size in (2, 8):  # texture at several scales, everywhere
        small = cv2.resize(gray, None, fx=1 / size, fy=1 / size, interpolation=cv2.INTER_AREA)
        mean = cv2.blur(small, (16, 16))
        deviation = np.sqrt(np.maximum(cv2.blur(small**2, (16, 16)) - mean**2, 0))
        assert np.percentile(deviation, 2) > 5, size


def test_the_clip_has_its_frames_rate_and_sound(clip):
    assert len(clip) == 24
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(SAMPLES / "clip.mp4")]
    command += ["-map", "0", "-c", "copy", "-f", "null", "-"]
    report = subprocess.run(command, capture_output=True, check=True, text=True).stderr
    assert re.search(r"Video: h264.* yuv420p.* 320x180.* 24 fps", report), report
    assert re.search(r"Audio: aac.* 48000 Hz, stereo", report), report
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(SAMPLES / "clip.mp4")]
    command += ["-vn", "-f", "s16le", "-"]
    sound = subprocess.run(command, capture_output=True, check=True).stdout
    sound = np.frombuffer(sound, np.int16).reshape(-1, 2).astype(float)
    assert len(sound) / 48_000 == pytest.approx(1.0, abs=0.05)
    assert sound.std() > 300
    assert np.abs(sound[:, 0] - sound[:, 1]).mean() > 30  # really two channels


def test_the_frame_folder_is_the_start_of_the_clip(clip):
    paths = sorted(SAMPLES.glob("frames/*.png"))
    assert [path.name for path in paths] == [f"frame_{number:04d}.png" for number in range(1, 7)]
    for path, frame in zip(paths, clip, strict=False):
        assert difference(read_picture(path), frame).mean() < 4


@pytest.mark.parametrize(
    ("t_from", "t_to"), [(0, 1), (5, 6), (6, 5), (12, 13), (22, 23), (23, 22), (0, 8), (23, 10)]
)
def test_the_true_flow_is_true(load, t_from, t_to):
    flow, visible = load("truth").true_flow(t_from, t_to)
    assert flow.shape == (180, 320, 2)
    assert flow.dtype == np.float32
    assert visible.shape == (180, 320)
    assert visible.dtype == bool
    assert 0.7 < visible.mean() < 1

    first, second = (load("scene").render(t)[0] for t in (t_from, t_to))
    warped = difference(warp(second, flow), first)
    still = difference(second, first)
    assert warped[visible].mean() < 3
    moving = visible & (np.hypot(flow[..., 0], flow[..., 1]) > 0.3)
    assert warped[moving].mean() < 0.45 * still[moving].mean()
    # what the mask hides really is something else
    assert warped[~visible].mean() > 4 * warped[visible].mean()


def test_the_true_flow_is_that_of_the_coded_clip(truth, clip):
    for t in (3, 18):
        flow, visible = truth.flow(t, t + 1)
        warped = difference(warp(clip[t + 1], flow), clip[t])[visible].mean()
        assert warped < 3
        assert warped < 0.6 * difference(clip[t + 1], clip[t])[visible].mean()


def test_the_flow_there_and_back_cancels(truth):
    there, visible = truth.flow(14, 18)
    back, _ = truth.flow(18, 14)
    inner = cv2.erode(visible.astype(np.uint8), np.ones((5, 5))) > 0
    returned = warp(back, there)
    assert np.abs(there + returned)[inner].max() < 0.02


def test_a_flow_to_the_same_frame_is_nothing(truth):
    flow, visible = truth.flow(9, 9)
    assert np.abs(flow).max() < 1e-6
    assert visible.all()


def test_the_layers_move_at_different_speeds(truth):
    flow, visible = truth.flow(19, 20)
    speeds = {
        name: np.hypot(*flow[visible & (truth.layers[19] == number)].T).mean()
        for number, name in enumerate(truth.names)
    }
    assert speeds["window"] == 0
    assert speeds["sky"] < speeds["mountains"] < speeds["hills"] < speeds["lake"] < speeds["bank"]
    assert speeds["bird"] > 5


def test_the_still_part_is_still(load, truth):
    assert (truth.layers == truth.names.index("window")).mean() > 0.1
    folder = [read_picture(path) for path in sorted(SAMPLES.glob("frames/*.png"))]
    # only what an object's edge touches changes while the camera holds still
    assert (np.ptp(np.stack(folder), axis=0).max(axis=-1) == 0).mean() > 0.6
    canvas = load("scene").layers()[-1].canvas
    solid = canvas.pixels[..., 3].reshape(180, 4, 320, 4).min(axis=(1, 3)) == 255
    assert solid.mean() > 0.1
    first, last = (load("scene").render(t)[0] for t in (0, 23))
    np.testing.assert_array_equal(first[solid], last[solid])


def test_the_script_makes_the_committed_frames(load, truth):
    frame, layers = load("scene").render(3)
    committed = read_picture(SAMPLES / "frames" / "frame_0004.png")
    assert difference(frame, committed).max() <= 2
    assert (layers == truth.layers[3]).mean() > 0.999


def test_the_script_makes_the_committed_flow(load, truth):
    scene = load("scene")
    poses = np.array([[layer.pose(t) for layer in scene.layers()] for t in range(scene.FRAMES)])
    np.testing.assert_allclose(truth.poses, poses, atol=1e-9)
    assert truth.names == tuple(layer.name for layer in scene.layers())
