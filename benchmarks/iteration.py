"""What an iteration of the style stage costs over a bare forward and backward of its network.

Both run in turn on the same picture, so that a change of the machine's speed hits both; the ratio
is taken pair by pair. Weights are random: the arithmetic is the same.
"""

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from framestyle.config import MotionSettings, StyleSettings
from framestyle.jobs.device import has_fast_bfloat16
from framestyle.networks import network_spec
from framestyle.objectives import TemporalLoss
from framestyle.stages import StyleStage
from framestyle.stages.steppers import Adam

SIDE_PX = 256
PAIRS = 15
SEED = 0


def measure(device: str) -> dict[str, object]:
    """Return, by precision, seconds of both (median) and their ratio (median and quartiles)."""
    precisions = {"float32": torch.float32}
    if has_fast_bfloat16(torch.device(device)):
        precisions["bfloat16"] = torch.bfloat16
    return {
        "network": "vgg19",
        "side_px": SIDE_PX,
        "pairs": PAIRS,
        "seed": SEED,
        **{name: _compare(device, dtype) for name, dtype in precisions.items()},
    }


def _compare(device: str, dtype: torch.dtype) -> dict[str, object]:
    torch.manual_seed(SEED)
    spec = network_spec("vgg19")
    model = spec.build().eval()
    content, style, last = (torch.rand(1, 3, SIDE_PX, SIDE_PX, device=device) for _ in range(3))
    bare = _bare_iteration(model, content, dtype)
    ours = _style_iteration(spec.network(model).to(device, dtype), content, style, last)
    for _ in range(3):
        ours(), bare()
    pairs = [(_seconds(ours, device), _seconds(bare, device)) for _ in range(PAIRS)]
    low, middle, high = statistics.quantiles([a / b for a, b in pairs], n=4)
    return {
        "iteration_seconds": round(statistics.median(a for a, _ in pairs), 5),
        "bare_seconds": round(statistics.median(b for _, b in pairs), 5),
        "ratio": round(middle, 3),
        "ratio_quartiles": [round(low, 3), round(high, 3)],
    }


def _style_iteration(
    network: nn.Module, content: Tensor, style: Tensor, last: Tensor
) -> Callable[[], None]:
    """One iteration with every term on: content, style, variation, temporal, and Adam."""
    spec = network_spec("vgg19")
    stage = StyleStage(
        network,
        StyleSettings(style_weight=5.0),
        spec.default_content_layers,
        spec.default_style_layers,
        [(1.0, style)],
    )
    trusted = torch.ones_like(last[:, :1])
    temporal = MotionSettings().temporal_weight, TemporalLoss(last, trusted)
    objective = stage.objective(content, temporal)
    image, adam = content.clone().requires_grad_(True), Adam(0.005)
    return lambda: adam.step(image, lambda x: objective(x, stage.extract(x))) and None


def _bare_iteration(model: nn.Module, content: Tensor, dtype: torch.dtype) -> Callable[[], None]:
    """Forward through relu5_1, and the gradient back to the picture."""
    last = 30  # the stages of torchvision's VGG19 through relu5_1
    bare = model.features[:last]
    bare = nn.Sequential(*bare).requires_grad_(False).to(content.device, dtype)
    bare = bare.to(memory_format=torch.channels_last)
    image = content.to(memory_format=torch.channels_last).requires_grad_(True)

    def run() -> None:
        torch.autograd.grad(bare(image.to(dtype)).float().square().mean(), image)

    return run


def _seconds(run: Callable[[], None], device: str) -> float:
    start = time.perf_counter()
    run()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start
