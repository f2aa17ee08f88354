"""How long a frame of a whole run takes, by preset and size, and what takes it.

The run optimises in one thread while others read ahead and write behind. So reading and flow, and
writing, are timed alone on the same frames; within a frame the steps of dream and style are told
apart by the events of the run.
"""

import tempfile
import time
from collections import defaultdict
from pathlib import Path

import torch

from benchmarks.inputs import STYLE, looped_clip, random_weights
from framestyle import Config
from framestyle.api import stylize_video
from framestyle.config import InputSettings, MotionSettings
from framestyle.jobs.arrivals import forward
from framestyle.jobs.shots import Cutting
from framestyle.media import open_sink, open_source, to_pixels
from framestyle.media.clip import Frame
from framestyle.motion import DenseInverseSearch, Shot
from framestyle.progress import Event, FrameDone, IterationDone

FRAMES = 10
CASES = (("draft", 320), ("standard", 320), ("standard", 480), ("standard", 640))
NETWORKS = {"cpu": ("lite", "lite"), "cuda": ("inception_v3", "vgg19")}
"""What dreams and what paints; the weights of those that are not embedded are random."""


def measure(device: str) -> dict[str, object]:
    """Return seconds of a first and of later frames by preset and size, and what takes them."""
    with tempfile.TemporaryDirectory() as folder:
        cases = [_case(Path(folder), preset, width, device) for preset, width in CASES]
    dream, style = NETWORKS[device]
    return {"dream": dream, "style": style, "frames": FRAMES, "cases": cases}


def _case(folder: Path, preset: str, width: int, device: str) -> dict[str, object]:
    clip = looped_clip(folder, FRAMES, width)
    frames: list[float] = []
    stages: dict[str, float] = defaultdict(float)
    last = [0.0]

    def listen(event: Event) -> None:
        if device == "cuda":
            torch.cuda.synchronize()  # a step that is told of is only launched
        now = time.perf_counter()
        if isinstance(event, IterationDone) and frames and event.iteration > 1:
            stages[event.stage] += now - last[0]
        last[0] = now
        if isinstance(event, FrameDone):
            frames.append(event.seconds)

    dream, style = NETWORKS[device]
    files = {name: random_weights(folder, name) for name in (dream, style) if name != "lite"}
    chosen = {
        "input": {"size": width},
        "dream": {"network": dream},
        "style": {"network": style},
        "compute": {
            "device": device,
            "weights": tuple(f"{name}={file}" for name, file in files.items()),
        },
    }
    config = Config.preset(preset).changed(chosen)
    began = time.perf_counter()
    stylize_video(clip, STYLE, folder / f"{preset}_{width}.mp4", config, listen)
    whole = time.perf_counter() - began
    first, later = frames[0], sum(frames[1:]) / len(frames[1:])
    dream, style = (stages[name] / len(frames[1:]) for name in ("dream", "style"))
    return {
        "preset": preset,
        "size": f"{width}x{width * 9 // 16}",
        "run_seconds": round(whole, 2),
        "first_frame_seconds": round(first, 3),
        "later_frame_seconds": round(later, 3),
        "later_frames_a_second": round(1 / later, 3),
        "dream_seconds": round(dream, 3),
        "style_seconds": round(style, 3),
        "between_seconds": round(later - dream - style, 3),
        "read_and_flow_seconds": round(_reading(clip, device) / FRAMES, 4),
        "write_seconds": round(_writing(folder, clip) / FRAMES, 4),
    }


def _reading(clip: Path, device: str) -> float:
    """Opening, decoding, conversion, optical flow both ways, and masks."""
    start = time.perf_counter()
    source = open_source(clip, InputSettings(frames=FRAMES))
    whole, reach = Cutting([Shot(0, FRAMES)]), MotionSettings().long_term
    for _ in forward(source, 0, whole, DenseInverseSearch(), torch.device(device), reach):
        pass
    return time.perf_counter() - start


def _writing(folder: Path, clip: Path) -> float:
    """Trial, conversion, lossless copies, encoding and putting the file together."""
    info = open_source(clip, InputSettings(frames=FRAMES)).info
    image = torch.rand(1, 3, info.height_px, info.width_px)
    start = time.perf_counter()
    place = Path(tempfile.mkdtemp(dir=folder))
    with open_sink(place / "alone.mp4", info, work_dir=place / "work") as sink:
        for index in range(FRAMES):
            sink.write(Frame(index, to_pixels(image), info.frame_name(index)))
        sink.finish()
    return time.perf_counter() - start
