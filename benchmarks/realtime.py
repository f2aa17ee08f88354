"""How many frames a second a GPU makes of a folder of frames, from frames to frames.

The time is that between frames that are done, from one to the next, after those of the start: what
is recorded, compiled and loaded once is told apart. Weights are random where a network is not
embedded, also those of RAFT, whose flow then explains nothing, so that a frame looks back as often
as it ever does.
"""

import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.inputs import STYLE as PICTURE
from benchmarks.inputs import looped_frames, random_weights
from framestyle import Config
from framestyle.api import stylize_video
from framestyle.progress import Event, FrameDone, IterationDone, Notice

SIDE_PX, FRAMES = 512, 97
DREAM, STYLE = "inception_v3", "vgg19"
ITERATIONS = 20
START = 0.25
"""Share of the frames that count as the start."""
STYLE_ONLY: Mapping[str, Any] = {"dream": {"enabled": False}}


@dataclass(frozen=True)
class Case:
    """A way to make the frames.

    Attributes:
        name: What it is, for people.
        changes: Settings that differ from those of the standard preset.
        flow: Where motion comes from.
    """

    name: str
    changes: Mapping[str, Mapping[str, Any]]
    flow: Mapping[str, Any] = field(default_factory=lambda: {"flow": "dis"})


QUICK = {"flow": "dis", "flow_preset": "medium"}
RAFT = {"flow": "raft_large"}
COMPILED = {"compute": {"compile": True}}
CASES = (
    Case("style", STYLE_ONLY),
    Case("dream and style", {}),
    Case("style", STYLE_ONLY, flow=QUICK),
    Case("style, `--compile`", {**STYLE_ONLY, **COMPILED}, flow=QUICK),
    Case("dream and style, `--compile`", COMPILED, flow=QUICK),
    Case("style, `--compile`", {**STYLE_ONLY, **COMPILED}, flow=RAFT),
)


def measure(device: str) -> dict[str, object]:
    """Return frames a second by way, from frames to frames."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frames = looped_frames(folder, FRAMES, SIDE_PX)
        files = {name: random_weights(folder, name) for name in (DREAM, STYLE, "raft_large")}
        cases = [
            _measured(folder / str(number), frames, case, files, device)
            for number, case in enumerate(CASES)
        ]
    return {"side_px": SIDE_PX, "frames": FRAMES, "iterations": ITERATIONS, "cases": cases}


def _measured(
    output: Path, frames: Path, case: Case, files: Mapping[str, Path], device: str
) -> dict[str, object]:
    used = {STYLE, case.flow["flow"]} | (set() if "dream" in case.changes else {DREAM})
    weights = tuple(f"{name}={file}" for name, file in files.items() if name in used)
    config = Config.preset("standard").changed(
        {
            "dream": {"network": DREAM, **case.changes.get("dream", {})},
            "style": {"network": STYLE, "iterations": ITERATIONS},
            "motion": case.flow,
            "compute": {"device": device, "weights": weights, **case.changes.get("compute", {})},
        }
    )
    done: list[float] = []
    made: list[float] = []
    steps: list[int] = [0]
    lines: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, IterationDone):
            steps[-1] += 1
        if isinstance(event, Notice):
            lines.append(event.message)
        if isinstance(event, FrameDone):
            done.append(time.perf_counter())
            made.append(event.seconds)
            steps.append(0)

    began = time.perf_counter()
    stylize_video(frames, PICTURE, output, config, listen)
    whole, first = time.perf_counter() - began, int(START * len(done))
    apart = (done[-1] - done[first]) / (len(done) - 1 - first)
    return {
        "case": case.name,
        "flow": " ".join(str(value) for value in case.flow.values()),
        "run_seconds": round(whole, 2),
        "until_frame_seconds": round(done[first] - began, 2),
        "frames_a_second": round(1 / apart, 2),
        "milliseconds_apart": round(1000 * apart, 1),
        "milliseconds_made": round(1000 * statistics.mean(made[first + 1 :]), 1),
        "steps": max(steps[first + 1 :]),
        "notices": lines,
    }
