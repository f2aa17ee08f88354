"""Reads the true optical flow of the sample clip; needs nothing but numpy and flow.npz."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

FLOW_FILE = Path(__file__).with_name("flow.npz")


@dataclass(frozen=True)
class Truth:
    """What each pixel of the clip shows, and where each layer stands in each frame.

    Attributes:
        layers: (T, H, W) uint8: number of the layer that covers most of the pixel.
        poses: (T, L, 2, 3) float64: affine map from layer L's own places to the frame's, in
            pixels (x, y), a pixel's centre half a pixel from its corner.
        names: The layers' names, back to front.
    """

    layers: np.ndarray
    poses: np.ndarray
    names: tuple[str, ...]

    def flow(self, t_from: int, t_to: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the true flow between any two frames, counted from 0.

        Args:
            t_from: The frame whose pixels are followed.
            t_to: The frame that they are looked up in.

        Returns:
            The flow, (H, W, 2) float32, (x, y) in pixels: where a pixel of `t_from` lies in
            `t_to`, minus its place; and what is visible, (H, W) bool: False where that place is
            outside the frame or where another layer covers any of the four pixels around it.
        """
        layer = self.layers[t_from]
        height, width = layer.shape
        target = _homogeneous(self.poses[t_to])
        moves = target @ np.linalg.inv(_homogeneous(self.poses[t_from]))
        row, column = np.mgrid[0:height, 0:width]
        place = np.stack([column + 0.5, row + 0.5, np.ones_like(row)], axis=-1)
        moved = np.einsum("hwij,hwj->hwi", moves[layer], place)[..., :2]
        flow = moved - place[..., :2]

        x, y = moved[..., 0] - 0.5, moved[..., 1] - 0.5
        slack = 1e-6
        visible = (x > -slack) & (x < width - 1 + slack) & (y > -slack) & (y < height - 1 + slack)
        for corner_y in (np.floor(y + slack), np.ceil(y - slack)):
            for corner_x in (np.floor(x + slack), np.ceil(x - slack)):
                at_y = np.clip(corner_y, 0, height - 1).astype(int)
                at_x = np.clip(corner_x, 0, width - 1).astype(int)
                visible &= self.layers[t_to][at_y, at_x] == layer
        return flow.astype(np.float32), visible


def _homogeneous(poses: np.ndarray) -> np.ndarray:
    last = np.broadcast_to([0.0, 0.0, 1.0], (*poses.shape[:-2], 1, 3))
    return np.concatenate([poses, last], axis=-2)


@lru_cache(maxsize=2)
def load_truth(path: Path = FLOW_FILE) -> Truth:
    """Reads a flow file that `make_samples.py` wrote.

    Args:
        path: The .npz file.

    Returns:
        What the file holds.

    Raises:
        FileNotFoundError: Where there is no such file.
    """
    with np.load(path) as stored:
        names = tuple(str(name) for name in stored["names"])
        return Truth(stored["layers"], stored["poses"], names)


def true_flow(t_from: int, t_to: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the sample clip's true flow between two frames: see `Truth.flow`."""
    return load_truth().flow(t_from, t_to)
