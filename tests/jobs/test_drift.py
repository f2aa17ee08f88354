"""Long shots: what goes from frame to frame drifts, boils and blurs little."""

import cv2
import numpy as np
import pytest

from framestyle.jobs import run
from framestyle.media import open_source

pytestmark = pytest.mark.slow


@pytest.fixture
def frames_of(quick, style_file, tmp_path):
    """Returns ``frames_of(pictures)``: what becomes of them, lossless, (N, H, W, 3) in levels."""
    config = quick.changed(
        {
            "dream": {"network": "lite"},
            "style": {"network": "lite", "first_iterations": 20, "iterations": 5},
            "compute": {"networks": "lite", "weights": ()},
        }
    )

    def go(folder):
        out = run(folder, [(style_file, 1.0)], tmp_path / "out", config)
        return np.stack([frame.pixels for frame in open_source(out).read()]).astype(float)

    return go


def sharpness(frame):
    """Variance of the Laplacian of the brightness."""
    return float(cv2.Laplacian(frame.mean(axis=2), cv2.CV_64F).var())


def test_a_frame_repeated_300_times(frames_of, texture, save_picture, tmp_path):
    picture = texture(48, 64, 3)
    for i in range(300):
        save_picture(tmp_path / "in" / f"{i:03}.png", picture)
    made = frames_of(tmp_path / "in")
    assert len(made) == 300
    assert np.abs(made[0] - picture).mean() > 3
    levels = made.mean(axis=(1, 2, 3))
    assert np.abs(levels - levels[0]).max() < 0.5
    assert made[10:].std(axis=0).max() < 0.5
    assert [sharpness(frame) for frame in made[10:]] == pytest.approx(
        [sharpness(made[10])] * 290, rel=0.03
    )


def test_a_frame_with_grain(frames_of, texture, save_picture, tmp_path):
    """Grain of one level, as a camera has it, is no reason to move."""
    picture, drawn = texture(48, 64, 3).astype(float), np.random.default_rng(1)
    for i in range(120):
        noisy = picture + drawn.normal(0, 1, picture.shape)
        save_picture(tmp_path / "in" / f"{i:03}.png", np.uint8(np.clip(noisy + 0.5, 0, 255)))
    made = frames_of(tmp_path / "in")
    levels = made.mean(axis=(1, 2, 3))
    assert np.abs(levels - levels[0]).max() < 0.5
    assert made[10:].std(axis=0).max() < 0.5


def test_a_slow_pan(frames_of, texture, save_picture, tmp_path):
    """Resampled and repainted 50 times over; measured: 0.86 to 0.92 of frame 10's sharpness."""
    step = 0.3
    wide = texture(48, 128, 3).astype(np.float32)
    for i in range(60):
        shift = np.float32([[1, 0, -8 - step * i], [0, 1, 0]])
        frame = cv2.warpAffine(wide, shift, (64, 48), flags=cv2.INTER_LANCZOS4)
        save_picture(tmp_path / "in" / f"{i:02}.png", np.uint8(np.clip(frame + 0.5, 0, 255)))
    made = frames_of(tmp_path / "in")
    inner = (slice(4, -4), slice(4, -24))
    assert min(sharpness(f[inner]) for f in made[10:]) > 0.8 * sharpness(made[10][inner])
