"""Whether a draft predicts the fine result: the same picture painted at several sizes.

Each is scaled down to the draft's size and compared with the draft by the Gram matrices of a
network; beside it stand the source, and the draft after another style, which are what a result must
not be near to.
"""

import cv2
import numpy as np
import torch

from benchmarks.inputs import SAMPLES, STYLE
from framestyle import Config, paint_picture
from framestyle.media import read_picture
from framestyle.media.tensors import to_tensor
from framestyle.networks import FeatureNetwork, load, network_spec
from framestyle.objectives.distances import gram

DRAFT_PX = 320
SIZES_PX = (640, 1280)
OTHER = SAMPLES / "styles" / "mosaic.jpg"


def measure(device: str) -> dict[str, object]:
    """Return distances to the draft: of larger sizes, of the source, of another style."""
    frame = read_picture(SAMPLES / "frames" / "frame_0001.png")
    config = Config().changed({"compute": {"device": device, "networks": "lite"}})
    network = load("lite")
    draft = paint_picture(frame, STYLE, config)
    rows: dict[str, float] = {}
    for side in SIZES_PX:
        larger = paint_picture(_at(frame, side), STYLE, config)
        rows[f"at {side} px"] = _distance(network, _small(larger), draft)
    rows["another style at 320 px"] = _distance(network, paint_picture(frame, OTHER, config), draft)
    rows["the source"] = _distance(network, frame, draft)
    return {"draft_px": DRAFT_PX, "network": "lite", "distance_to_draft": rows}


def _at(frame: np.ndarray, width: int) -> np.ndarray:
    height = round(frame.shape[0] * width / frame.shape[1])
    return np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_LANCZOS4))


def _small(picture: np.ndarray) -> np.ndarray:
    height = round(picture.shape[0] * DRAFT_PX / picture.shape[1])
    return np.asarray(cv2.resize(picture, (DRAFT_PX, height), interpolation=cv2.INTER_AREA))


def _distance(network: FeatureNetwork, one: np.ndarray, other: np.ndarray) -> float:
    """Mean over the style layers of |G - G'|^2 / |G'|^2."""
    layers = [name for name, _ in network_spec("lite").default_style_layers]
    extract = network.extractor(layers)
    with torch.no_grad():
        a, b = (extract(to_tensor(pixels)) for pixels in (one, other))
        parts = []
        for name in layers:
            x, y = gram(a[name]), gram(b[name])
            parts.append(float((x - y).square().sum() / y.square().sum()))
    return round(sum(parts) / len(parts), 4)
