"""Peak memory by the length of the clip and by the size of the frame, and what tiles cost (Linux).

Every figure of memory is the peak of a process of its own, everything in it: Python, torch, the
networks, frames on their way; with a GPU, of the GPU's memory.
"""

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.inputs import STYLE, looped_clip, random_weights
from benchmarks.machine import seconds
from framestyle.config import ComputeSettings, StyleSettings
from framestyle.jobs.device import has_fast_bfloat16
from framestyle.jobs.heap import LARGEST_KEPT, LARGEST_KEPT_WHERE_SHORT, keep_freed_memory
from framestyle.jobs.memory import room_on
from framestyle.networks import FeatureNetwork, Room, network_spec
from framestyle.networks.footprint import Footprint
from framestyle.networks.tiled import Tiling
from framestyle.stages import StyleStage

LENGTHS = (30, 300, 1000)
GIB = 1 << 30
SIZES = (
    ("lite", 1280, None),
    ("lite", 1920, None),
    ("lite", 3840, None),
    ("vgg19", 1280, None),
    ("vgg19", 1920, None),
    ("vgg19", 3840, 6.0),
    ("vgg19", 3840, 3.0),
)
"""Network, width in pixels, and what --memory is given, in GiB."""
TILED = ((720, 1280), (Tiling(5, 512), Tiling(10, 512), Tiling(19, 256)))
"""A size at which VGG19 fits whole, and how it is run in tiles beside that."""
LARGE = ((2160, 3840), 6.0)
"""A size at which VGG19 does not fit whole, and what --memory is given for it, in GiB."""
ROUNDS = 5

_CHILD = """
import sys
import torch
from framestyle.cli import main
code = main(sys.argv[1:])
# not ru_maxrss: a child begins with its parent's there
status = open("/proc/self/status").read().split()
on_cpu = 1024 * int(status[status.index("VmHWM:") + 1])
print(torch.cuda.max_memory_reserved() if torch.cuda.is_initialized() else on_cpu)
sys.exit(code)
"""


def measure(device: str) -> dict[str, object]:
    """Return peaks by length and by size, and the time of tiled iterations over untiled ones."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lengths = {frames: _by_length(folder, frames, device) for frames in LENGTHS}
        sizes = [_by_size(folder, *case, device) for case in SIZES]
    return {
        "by_length": {"network": "lite", "size": "320x180", "peak_bytes": lengths},
        "largest_over_smallest": round(max(lengths.values()) / min(lengths.values()), 4),
        "by_size": sizes,
        "tiled": _tiled(device),
    }


def _by_length(folder: Path, frames: int, device: str) -> int:
    clip = looped_clip(folder, frames)
    steps = ["--iterations", "2", "--first-iterations", "4", "--dream-steps", "1"]
    out = ["--networks", "lite", "-o", str(folder / f"out_{frames}.mp4")]
    return _peak([str(clip), str(STYLE), *steps, *out, "--device", device])


def _by_size(
    folder: Path, network: str, width: int, gib: float | None, device: str
) -> dict[str, object]:
    clip = looped_clip(folder, 3, width)
    flags = ["--iterations", "2", "--first-iterations", "2", "--scales", "1", "--no-dream"]
    flags += ["--no-cuts", "--style-network", network, "--device", device]
    if network != "lite":
        flags += ["--weights", f"{network}={random_weights(folder, network)}"]
    if gib is not None:
        flags += ["--memory", str(gib)]
    out = folder / f"{network}_{width}_{gib}.mp4"
    peak = _peak([str(clip), str(STYLE), *flags, "-o", str(out)])
    size = f"{width}x{width * 9 // 16}"
    return {"network": network, "size": size, "memory_gib": gib, "peak_gib": round(peak / GIB, 2)}


def _peak(arguments: list[str]) -> int:
    command = [sys.executable, "-c", _CHILD, *arguments, "--quiet"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout)


class _Told(Room):
    """Plans what it is told."""

    def __init__(self, tiling: Tiling) -> None:
        super().__init__()
        self.told = tiling

    def tiling(self, footprint: Footprint) -> Tiling:
        """Return it, whatever the size."""
        return self.told


def _tiled(device: str) -> list[dict[str, object]]:
    """Time VGG19's style iteration in turns: whole, and with its first stages in tiles.

    Times are for each pixel: of the last row, the frame in tiles is larger than the whole one.
    """
    (height, width), tilings = TILED
    large, gib = LARGE
    dtype = torch.bfloat16 if has_fast_bfloat16(torch.device(device)) else torch.float32
    spec = network_spec("vgg19")
    network = spec.network(spec.build().eval()).to(device, dtype)
    image = torch.rand(1, 3, height, width, device=device)
    whole = _keeping(LARGEST_KEPT, _iteration(_stage(network, image, Room()), image))
    cases = [(image, _Told(tiling)) for tiling in tilings]
    room = room_on(torch.device(device), ComputeSettings(memory=gib))
    cases.append((torch.rand(1, 3, *large, device=device), room))
    found = []
    for picture, room in cases:
        stage = _stage(network, picture, room)
        size = (picture.shape[2], picture.shape[3])
        tiling = stage.extract.tiling(size)
        assert tiling is not None
        tiled = _keeping(LARGEST_KEPT_WHERE_SHORT, _iteration(stage, picture))
        pairs = [(seconds(tiled, device), seconds(whole, device)) for _ in range(ROUNDS + 1)][1:]
        larger = picture.numel() / image.numel()
        found.append(
            {
                "network": "vgg19",
                "size": f"{size[1]}x{size[0]}",
                "stages_in_tiles": tiling.stages,
                "side_px": tiling.side_px,
                "time_over_whole": round(statistics.median(a / b / larger for a, b in pairs), 3),
            }
        )
    return found


def _keeping(largest: int, iteration: Callable[[], object]) -> Callable[[], object]:
    """Have freed memory be kept as in a run that makes such iterations."""

    def run() -> object:
        keep_freed_memory(largest)
        return iteration()

    return run


def _stage(network: FeatureNetwork, image: torch.Tensor, room: Room) -> StyleStage:
    spec = network_spec("vgg19")
    return StyleStage(
        network,
        StyleSettings(style_weight=5.0),
        spec.default_content_layers,
        spec.default_style_layers,
        [(1.0, image)],
        room,
    )


def _iteration(stage: StyleStage, image: torch.Tensor) -> Callable[[], object]:
    objective = stage.objective(image, None)
    x = image.clone().requires_grad_(True)
    return lambda: torch.autograd.grad(objective(x, stage.extract(x))[0], x)
