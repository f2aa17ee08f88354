"""Measures lite for its model card: ``python -m training.measure --contents ... --styles ...``.

Cost against VGG19 (multiply-adds counted, time of an iteration as a ratio in one run) and how well
it paints: style and content distance by a judge with a network that is not lite's, after equal
iterations of Adam on every pair of content and style.
"""

import argparse
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from framestyle.config import StyleSettings
from framestyle.errors import FramestyleError
from framestyle.media import to_pixels, to_tensor
from framestyle.networks import FeatureNetwork, load, locate, network_spec, parse_weights
from framestyle.stages import StyleStage

LONGEST_PX = 512
ITERATIONS = 200
STEP_SIZE = 0.02


def first_frame(path: Path) -> np.ndarray:
    """Return the first frame of a clip, or a picture, (H, W, 3) RGB uint8, fitted to 512 px."""
    capture = cv2.VideoCapture(str(path))
    there, frame = capture.read()
    if not there:
        sys.exit(f"{path}: cannot be read")
    scale = LONGEST_PX / max(frame.shape[:2])
    size = (round(frame.shape[1] * scale), round(frame.shape[0] * scale))
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.cvtColor(cv2.resize(frame, size, interpolation=kind), cv2.COLOR_BGR2RGB)


def load_judge(path: Path) -> Any:
    """Return the judge of a file that has a class ``Judge`` with ``style`` and ``content``."""
    spec = importlib.util.spec_from_file_location("judge", path)
    if spec is None or spec.loader is None:
        sys.exit(f"{path}: not a Python file")
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Judge()


def painted(
    network: FeatureNetwork, content: np.ndarray, style: np.ndarray, weight: float | None
) -> np.ndarray:
    """Paint a frame from itself, at one size, without a dream, with the tool's own objective."""
    spec = network_spec(network.name)
    settings = StyleSettings(style_weight=spec.default_style_weight if weight is None else weight)
    stage = StyleStage(
        network,
        settings,
        spec.default_content_layers,
        spec.default_style_layers,
        [(1.0, to_tensor(style))],
    )
    image = to_tensor(content)
    return to_pixels(stage.run(image, image, ITERATIONS, step_size=STEP_SIZE), 8)


def multiply_adds(network: FeatureNetwork, layers: Sequence[str], side_px: int = 512) -> int:
    """Count the multiply-adds of the convolutions down to the deepest of ``layers``."""
    total, hooks = 0, []

    def count(module: nn.Module, _: Any, output: torch.Tensor) -> None:
        nonlocal total
        assert isinstance(module, nn.Conv2d)
        total += module.weight[0].numel() * output.numel()

    extract = network.extractor(layers)
    for module in extract.modules():
        if isinstance(module, nn.Conv2d):
            hooks.append(module.register_forward_hook(count))
    with torch.no_grad():
        extract(torch.zeros(1, 3, side_px, side_px))
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
        counts.append(multiply_adds(each.to(torch.float32), layers))
        each.to(network.dtype)
        style = [(1.0, torch.rand(1, 3, 256, 256))]
        settings = StyleSettings(style_weight=of.default_style_weight)
        stages.append(
            StyleStage(each, settings, of.default_content_layers, of.default_style_layers, style)
        )
    own, full = seconds(stages, (218, LONGEST_PX), rounds)
    return {
        "bytes": size,
        "multiply_adds_512": counts[0],
        "vgg19_over_lite_multiply_adds": round(counts[1] / counts[0], 2),
        "seconds_an_iteration_512x218": round(own, 4),
        "vgg19_over_lite_seconds": round(full / own, 2),
    }


def main() -> int:
    """Measure, print the figures as JSON, and keep them where asked."""
    parser = argparse.ArgumentParser(prog="python -m training.measure", description=__doc__)
    parser.add_argument("--contents", type=Path, nargs="*", default=[])
    parser.add_argument("--styles", type=Path, nargs="*", default=[])
    parser.add_argument("--judge", type=Path, help="a Python file with a class Judge")
    parser.add_argument("--weights", action="append", default=[], metavar="lite=FILE")
    parser.add_argument("--style-weight", type=float, help="(that of lite)")
    parser.add_argument("--no-cost", action="store_true", help="leave the timing out")
    parser.add_argument("--pictures", type=Path, help="folder for what was painted")
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()
    try:
        files = dict(parse_weights(text) for text in arguments.weights)
        network = load("lite", files=files)
    except FramestyleError as error:
        print(f"measure: {error}", file=sys.stderr)
        return 2
    figures: dict[str, Any] = {"torch": torch.__version__, "threads": torch.get_num_threads()}
    if not arguments.no_cost:
        figures["cost"] = cost(network, locate("lite", files).size)
    judge = load_judge(arguments.judge) if arguments.judge else None
    figures["painting"] = pairs = []
    for content in arguments.contents if judge else []:
        for style in arguments.styles:
            frame, picture = first_frame(content), cv2.imread(str(style))
            picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
            result = painted(network, frame, picture, arguments.style_weight)
            pair = {
                "content": content.stem,
                "style": style.stem,
                "style_distance": round(judge.style(result, picture), 4),
                "content_distance": round(judge.content(result, frame), 3),
            }
            pairs.append(pair)
            print(json.dumps(pair), flush=True)
            if arguments.pictures:
                arguments.pictures.mkdir(parents=True, exist_ok=True)
                name = arguments.pictures / f"{content.stem}-{style.stem}.png"
                cv2.imwrite(str(name), cv2.cvtColor(result, cv2.COLOR_RGB2BGR))
    text = json.dumps(figures, indent=1)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
