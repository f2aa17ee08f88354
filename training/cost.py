"""What lite costs beside VGG19: multiply-adds, and time of an iteration as a ratio in one run."""

import statistics
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from framestyle.config import StyleSettings
from framestyle.networks import FeatureNetwork, network_spec
from framestyle.stages import StyleStage

SIZE = (218, 512)


def multiply_adds(network: FeatureNetwork, layers: Sequence[str], side_px: int = 512) -> int:
    """Count the multiply-adds of the convolutions down to the deepest of ``layers``."""
    total = 0

    def count(module: nn.Module, _: Any, output: torch.Tensor) -> None:
        nonlocal total
        assert isinstance(module, nn.Conv2d)
        total += module.weight[0].numel() * output.numel()

    bare = nn.Sequential(*(stage for _, stage in network.up_to(layers)))
    convolutions = [module for module in bare.modules() if isinstance(module, nn.Conv2d)]
    hooks = [module.register_forward_hook(count) for module in convolutions]
    with torch.no_grad():
        bare(torch.zeros(1, 3, side_px, side_px, device=network.device, dtype=network.dtype))
    for hook in hooks:
        hook.remove()
    return total


def seconds(stages: Sequence[StyleStage], size: tuple[int, int], rounds: int = 5) -> list[float]:
    """Return the median time of an iteration of each stage, measured in turns."""
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    objectives = [stage.objective(image, None) for stage in stages]
    times: list[list[float]] = [[] for _ in stages]
    for _ in range(rounds + 1):
        for stage, objective, taken in zip(stages, objectives, times, strict=True):
            x = image.clone().requires_grad_()
            began = time.perf_counter()
            total, _terms = objective(x, stage.extract(x))
            total.backward()
            taken.append(time.perf_counter() - began)
    return [statistics.median(taken[1:]) for taken in times]


def cost(network: FeatureNetwork, size: int, rounds: int = 5) -> dict[str, float]:
    """Compare with VGG19, whose weights do not matter for that."""
    spec = network_spec("vgg19")
    vgg19 = spec.network(spec.build()).to(network.dtype)
    stages, counts = [], []
    for each in (network, vgg19):
        of = network_spec(each.name)
        layers = [name for name, _ in (*of.default_style_layers, *of.default_content_layers)]
        counts.append(multiply_adds(each, layers))
        style = [(1.0, torch.rand(1, 3, 256, 256))]
        settings = StyleSettings(style_weight=of.default_style_weight)
        stages.append(
            StyleStage(each, settings, of.default_content_layers, of.default_style_layers, style)
        )
    own, full = seconds(stages, SIZE, rounds)
    return {
        "bytes": size,
        "multiply_adds_512": counts[0],
        "vgg19_over_lite_multiply_adds": round(counts[1] / counts[0], 2),
        "seconds_an_iteration_512x218": round(own, 4),
        "vgg19_over_lite_seconds": round(full / own, 2),
    }
