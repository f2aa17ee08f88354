"""Measures lite for its model card: ``python -m training.measure --contents ... --styles ...``.

Cost against VGG19 (multiply-adds counted, time of an iteration as a ratio in one run); how well it
follows its teachers on pictures held out of the training; and how well it paints: style and content
distance by a judge, after equal iterations of Adam on every pair of content and style.
"""

import argparse
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import torch

from framestyle.config import StyleSettings
from framestyle.errors import FramestyleError
from framestyle.media.tensors import to_pixels, to_tensor
from framestyle.networks import FeatureNetwork, load, locate, network_spec, parse_weights
from framestyle.stages import StyleStage
from training.cost import cost
from training.following import SIDE_PX, followed
from training.pictures import read_pictures
from training.teachers import load_teacher

LONGEST_PX = 512
ITERATIONS = 200
STEP_SIZE = 0.02
KINDS = ("residual_variance", "weighted_residual_variance", "gram_error")


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


def pair(
    network: FeatureNetwork, judge: Any, content: Path, style: Path, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Paint one content after one style; return what the judge says of it."""
    frame, picture = first_frame(content), cv2.imread(str(style))
    if picture is None:
        sys.exit(f"{style}: cannot be read")
    picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    result = painted(network, frame, picture, arguments.style_weight)
    figures = {
        "content": content.stem,
        "style": style.stem,
        "style_distance": round(judge.style(result, picture), 4),
        "content_distance": round(judge.content(result, frame), 3),
    }
    print(json.dumps(figures), flush=True)
    if arguments.pictures:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
        name = arguments.pictures / f"{content.stem}-{style.stem}.png"
        cv2.imwrite(str(name), cv2.cvtColor(result, cv2.COLOR_RGB2BGR))
    return figures


def main() -> int:
    """Measure, print the figures as JSON, and keep them where asked."""
    parser = argparse.ArgumentParser(prog="python -m training.measure", description=__doc__)
    parser.add_argument("--contents", type=Path, nargs="*", default=[])
    parser.add_argument("--styles", type=Path, nargs="*", default=[])
    parser.add_argument("--judge", type=Path, help="a Python file with a class Judge")
    parser.add_argument("--weights", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--style-weight", type=float, help="(that of lite)")
    parser.add_argument("--train", type=Path, help="folder of the training pictures")
    parser.add_argument("--teacher", action="append", default=[], help="measure how it is followed")
    parser.add_argument("--no-cost", action="store_true", help="leave the timing out")
    parser.add_argument("--pictures", type=Path, help="folder for what was painted")
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()
    try:
        files = dict(parse_weights(text) for text in arguments.weights)
        network = load("lite", files=files)
        teachers = [load_teacher(name, files) for name in arguments.teacher]
        pictures = read_pictures(arguments.train, SIDE_PX // 2) if arguments.train else []
    except FramestyleError as error:
        print(f"measure: {error}", file=sys.stderr)
        return 2
    figures: dict[str, Any] = {"torch": torch.__version__, "threads": torch.get_num_threads()}
    if not arguments.no_cost:
        figures["cost"] = cost(network, locate("lite", files).size)
    if teachers and pictures:
        figures["following"] = {
            lesson: dict(zip(KINDS, (round(value, 3) for value in values), strict=True))
            for lesson, values in followed(network, teachers, pictures).items()
        }
    if arguments.judge:
        judge = load_judge(arguments.judge)
        figures["painting"] = [
            pair(network, judge, content, style, arguments)
            for content in arguments.contents
            for style in arguments.styles
        ]
    text = json.dumps(figures, indent=1)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
