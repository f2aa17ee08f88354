"""What part of a standard run reading, motion, conversion and writing take.

The run optimises in one thread while the others read ahead and write behind. So three things are
timed: the whole run, the optimisation in it, and each side alone on the same frames.
"""

import tempfile
import time
from fractions import Fraction
from pathlib import Path

import torch

from benchmarks.inputs import CLIP, STYLE, random_weights
from framestyle import Config
from framestyle.api import stylize_video
from framestyle.config import InputSettings
from framestyle.jobs.pipeline import arrivals
from framestyle.media import open_sink, open_source, to_pixels
from framestyle.media.clip import Frame
from framestyle.motion import DenseInverseSearch
from framestyle.progress import Event, FrameDone

FRAMES = 6
NETWORKS = {"dream": "inception_v3", "style": "vgg19"}


def measure(device: str) -> dict[str, object]:
    """Return seconds a frame of each part, and the share of all that is not optimisation."""
    with tempfile.TemporaryDirectory() as folder:
        whole, optimising = _whole_run(Path(folder), device)
        aside = _reading(device) + _writing(Path(folder))
    return {
        "preset": "standard",
        "networks": NETWORKS,
        "frames": FRAMES,
        "size": "320x180",
        "run_seconds": round(whole, 3),
        "optimising_seconds": round(optimising, 3),
        "reading_motion_writing_seconds": round(aside, 3),
        "share": round(aside / (aside + optimising), 4),
    }


def _whole_run(folder: Path, device: str) -> tuple[float, float]:
    seconds: list[float] = []

    def listen(event: Event) -> None:
        if isinstance(event, FrameDone):
            seconds.append(event.seconds)

    weights = [f"{name}={random_weights(folder, name)}" for name in NETWORKS.values()]
    config = Config.preset("standard").changed(
        {
            "input": {"frames": FRAMES},
            "dream": {"network": NETWORKS["dream"]},
            "style": {"network": NETWORKS["style"]},
            "compute": {"weights": weights, "device": device},
        }
    )
    start = time.perf_counter()
    stylize_video(CLIP, STYLE, folder / "out.mp4", config, listen)
    return time.perf_counter() - start, sum(seconds)


def _reading(device: str) -> float:
    """Opening, decoding, conversion, optical flow both ways, masks and cuts."""
    start = time.perf_counter()
    source = open_source(CLIP, InputSettings(frames=FRAMES))
    for _ in arrivals(source, 0, DenseInverseSearch(), torch.device(device)):
        pass
    return time.perf_counter() - start


def _writing(folder: Path) -> float:
    """Trial, conversion, lossless copies, encoding and putting the file together."""
    info = open_source(CLIP, InputSettings(frames=FRAMES)).info
    image = torch.rand(1, 3, info.height_px, info.width_px)
    assert info.frame_rate == Fraction(24)
    start = time.perf_counter()
    with open_sink(folder / "alone.mp4", info, work_dir=folder / "work") as sink:
        for index in range(FRAMES):
            sink.write(Frame(index, to_pixels(image), info.frame_name(index)))
        sink.finish()
    return time.perf_counter() - start
