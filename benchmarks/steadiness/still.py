"""One frame repeated 300 times: whatever moves in the result is the method's own doing."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.steadiness.methods import OURS, Changes, named, settings_of
from benchmarks.steadiness.runs import Clip, digest, frames_of, stylised
from framestyle.media import read_picture
from framestyle.metrics.sharpness import sharpness

FRAMES, SIZE_PX = 300, 160
SETTLED = 10
"""Frames in which a shot may still settle."""
LEVEL_TARGET, FLICKER_TARGET, SHARPNESS_TARGET = 0.5, 0.5, 3.0
"""Levels of 255, levels, percent: what the figures have to stay under."""


def measured_still(
    picture: Path, style: Path, common: Changes, iterations: int, frames: int, out: Path
) -> dict[str, float | int | bool]:
    """Stylise one frame again and again, dream and style on, and measure what changes.

    Args:
        picture: The frame.
        style: The style picture.
        common: Settings that are the same for all methods.
        iterations: Of each frame after the first.
        frames: How often it is repeated.
        out: Folder of the benchmark.
    """
    folder = out / "clips" / f"still-{digest(picture, frames)}"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, frames + 1):
        shutil.copyfile(picture, folder / f"frame_{number:04d}.png")
    clip = Clip("still", folder, frames, digest(picture, frames))
    method = named([OURS])[-1]
    small = {"input": {"size": SIZE_PX}, "dream": {"enabled": True}}
    config = settings_of(method, common, iterations).changed(small)
    run = stylised(clip, style, config, method.name, out)
    found = still_figures([_grey(path) for path in frames_of(run.folder)])
    return {"frames": frames, "longest_side_px": SIZE_PX, **found}


def still_figures(greys: Sequence[np.ndarray]) -> dict[str, float | bool]:
    """Return how far a result of a still clip moves after its first frames.

    Args:
        greys: Its frames, (H, W), in levels of 255, more than ten.

    Returns:
        ``level_moves_levels``: range of the mean level; ``flicker_levels``: standard deviation of a
        pixel over time, mean over pixels; ``sharpness_change_percent``: largest, against frame 10;
        ``within_targets``.
    """
    settled = np.stack(greys[SETTLED - 1 :]).astype(np.float64)
    means = settled.mean(axis=(1, 2))
    sharp = np.array([sharpness(grey.astype(np.float32)) for grey in settled])
    level, flicker = float(np.ptp(means)), float(settled.std(axis=0).mean())
    change = float(100 * np.abs(sharp / max(sharp[0], 1e-9) - 1).max())
    return {
        "level_moves_levels": round(level, 4),
        "flicker_levels": round(flicker, 4),
        "sharpness_change_percent": round(change, 4),
        "within_targets": bool(
            level < LEVEL_TARGET and flicker < FLICKER_TARGET and change < SHARPNESS_TARGET
        ),
    }


def still_line(figures: dict[str, float | int | bool]) -> str:
    """Return the figures in a sentence."""
    return (
        f"One frame repeated {figures['frames']} times, dream and style on, after frame {SETTLED}: "
        f"the mean level moves by {figures['level_moves_levels']:.3f} levels (target: under "
        f"{LEVEL_TARGET}), a pixel's standard deviation over time is "
        f"{figures['flicker_levels']:.3f} levels (under {FLICKER_TARGET}), sharpness changes by "
        f"{figures['sharpness_change_percent']:.2f}% (under {SHARPNESS_TARGET:g}%)."
    )


def _grey(path: Path) -> np.ndarray:
    pixels = read_picture(path).astype(np.float32)
    return pixels @ np.array([0.299, 0.587, 0.114], np.float32)
