"""What it brings to make several parts of a clip at the same time, and what dividing a shot costs.

Whole runs, in turns, on the same clip: one worker with all threads, and as many workers as the run
takes by itself. Shots are named in a file, so that there are as many as workers. The time is that
from the first step until the output stands; what comes before is the same for both.
"""

import statistics
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.inputs import STYLE, looped_clip
from framestyle import Config
from framestyle.api import stylize_video
from framestyle.progress import Event, FrameDone, RunDone, RunStarted

CASES = (("draft", 320), ("standard", 320), ("standard", 480), ("standard", 640))
FRAMES = 12
"""Of each shot."""
ROUNDS = 3
DIVIDED = ("standard", 320, 120, 60)
"""Preset, width, frames of the only shot, and the longest stretch into which it is divided."""


def measure(device: str) -> dict[str, object]:
    """Return frames a second with one worker and with several, by preset and size."""
    count = torch.get_num_threads() if device == "cpu" else 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cases = [_shots(folder, preset, width, count, device) for preset, width in CASES]
        divided = _divided(folder, count, device)
    return {"workers": count, "frames_in_a_shot": FRAMES, "cases": cases, "divided": divided}


def _shots(folder: Path, preset: str, width: int, count: int, device: str) -> dict[str, object]:
    clip = looped_clip(folder, count * FRAMES, width)
    shots = folder / "shots.txt"
    shots.write_text("".join(f"{i * FRAMES + 1} {(i + 1) * FRAMES}\n" for i in range(count)))
    config = Config.preset(preset).changed({"motion": {"shots": shots}})
    rates = _rates(clip, config, [{"workers": 1}, {"workers": count}], folder, device)
    return {"preset": preset, "size": f"{width}x{width * 9 // 16}", **_summary(rates)}


def _divided(folder: Path, count: int, device: str) -> dict[str, object]:
    preset, width, frames, longest = DIVIDED
    clip = looped_clip(folder, frames, width)
    config = Config.preset(preset).changed({"motion": {"cuts": False}})
    parted = config.changed({"motion": {"longest_stretch": longest}})
    rates = [
        [
            _rate(clip, config, {"workers": 1}, folder, device),
            _rate(clip, parted, {"workers": count}, folder, device),
        ]
    ]
    size = f"{width}x{width * 9 // 16}"
    return {"preset": preset, "size": size, "frames": frames, "longest": longest, **_summary(rates)}


def _rates(
    clip: Path, config: Config, hows: list[dict[str, object]], folder: Path, device: str
) -> list[list[float]]:
    return [[_rate(clip, config, how, folder, device) for how in hows] for _ in range(ROUNDS)]


def _rate(clip: Path, config: Config, how: dict[str, object], folder: Path, device: str) -> float:
    """Return the frames a second of a run."""
    chosen = {"networks": "lite", "device": device, **how}
    times: list[float] = []
    made: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, RunStarted | RunDone):
            times.append(time.perf_counter())
        if isinstance(event, FrameDone):
            made.append(event.frame)

    out = folder / "out.mp4"
    changes = {"compute": chosen, "output": {"overwrite": True}}
    stylize_video(clip, STYLE, out, config.changed(changes), listen)
    return len(made) / (times[-1] - times[0])


def _summary(rates: list[list[float]]) -> dict[str, object]:
    one, several = (statistics.median(column) for column in zip(*rates, strict=True))
    return {
        "one_a_second": round(one, 3),
        "several_a_second": round(several, 3),
        "gain": round(statistics.median(b / a for a, b in rates), 3),
    }
