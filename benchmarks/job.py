"""How long a frame of a whole run takes, by preset and size, and what takes it.

The run optimises in one thread while others read ahead and write behind. So reading and flow, and
writing, are timed alone on the same frames; within a frame the steps of dream and style are told
apart by the events of the run.
"""

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.inputs import STYLE, looped_clip, random_weights
from framestyle import Config
from framestyle.api import stylize_video
from framestyle.config import InputSettings
from framestyle.jobs.arrivals import forward
from framestyle.jobs.device import pick_device
from framestyle.jobs.flow import flow_source, with_chosen_flow
from framestyle.jobs.shots import Cutting
from framestyle.jobs.stages import weights_files
from framestyle.media import open_sink, open_source
from framestyle.media.clip import Frame
from framestyle.media.tensors import to_pixels
from framestyle.motion import Shot
from framestyle.progress import Event, FrameDone, IterationDone, ignore

FRAMES = 10
ROUNDS = 3
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
    steps: dict[str, list[float]] = defaultdict(list)
    last = [0.0]

    def listen(event: Event) -> None:
        if device == "cuda":
            torch.cuda.synchronize()  # a step that is told of is only launched
        now = time.perf_counter()
        if isinstance(event, IterationDone):
            steps[event.stage].append(now - last[0])
        last[0] = now
        if isinstance(event, FrameDone):
            for stage, times in steps.items() if frames else ():
                # before the first of them lies what is no step
                stages[stage] += statistics.mean(times[1:] or times) * len(times)
            steps.clear()
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
        "read_and_flow_seconds": round(_usual(lambda: _reading(clip, config)) / FRAMES, 4),
        "write_seconds": round(_usual(lambda: _writing(folder, clip)) / FRAMES, 4),
    }


def _usual(seconds: Callable[[], float]) -> float:
    return statistics.median(seconds() for _ in range(ROUNDS))


def _reading(clip: Path, config: Config) -> float:
    """Opening, decoding, conversion, optical flow both ways, and masks, as a run has them."""
    device = pick_device(config.compute)
    start = time.perf_counter()
    source = open_source(clip, InputSettings(frames=FRAMES))
    files = weights_files(config)
    chosen = with_chosen_flow(config, source.info, device, files, ignore)
    flow = flow_source(chosen, source.info, device, files, ignore)
    whole, reach = Cutting([Shot(0, FRAMES)]), config.motion.long_term
    for _ in forward(source, 0, whole, flow, device.device, reach):
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
