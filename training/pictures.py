"""Training pictures: read once, then cropped, scaled and changed anew for every step."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as nnf
from torch import Tensor

from framestyle.errors import InputError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
SHORTER_PX = 256
"""Larger pictures are scaled down to this when read, so that a folder of photographs fits."""

HELD_OUT = 64
"""Pictures that are never trained on; what lite makes of them is measured."""


def read_pictures(folder: Path, least_px: int) -> list[np.ndarray]:
    """Read every picture of a folder and of the folders in it, in the order of their names.

    Args:
        folder: Where they are.
        least_px: Pictures with a shorter side than this are left out.

    Returns:
        Pixels (H, W, 3) RGB uint8, none with a shorter side above ``SHORTER_PX``.

    Raises:
        InputError: There is no such folder, or no picture in it that can be used.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; expected a folder of pictures")
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    pictures = [picture for picture in map(_read, files) if picture is not None]
    usable = [picture for picture in pictures if min(picture.shape[:2]) >= least_px]
    if not usable:
        raise InputError(
            f"{folder}: got {len(files)} files that end in {', '.join(SUFFIXES)}, of which "
            f"{len(pictures)} can be read and none is {least_px} pixels on its shorter side; "
            "expected a folder of training pictures"
        )
    return usable


def split(pictures: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the pictures to train on and those held out, which are spread over the folder.

    A fifth is held out of fewer than five times ``HELD_OUT``. Of fewer than five pictures none can
    be spared; they serve for both.
    """
    held = min(HELD_OUT, len(pictures) // 5)
    if not held:
        return pictures, pictures
    kept = set(range(0, held * (len(pictures) // held), len(pictures) // held))
    learnt = [picture for index, picture in enumerate(pictures) if index not in kept]
    return learnt, [pictures[index] for index in sorted(kept)]


def _read(path: Path) -> np.ndarray | None:
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        return None
    scale = SHORTER_PX / min(pixels.shape[:2])
    if scale < 1:
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))


@dataclass(frozen=True)
class Crops:
    """Random crops of pictures; the same seed gives the same ones.

    Attributes:
        pictures: Pixels (H, W, 3) RGB uint8.
        side_px: Side of a crop.
        scales: Least and greatest scaling of a picture before it is cropped. Frames of a film are
            softer at the pixel than small photographs are, hence scales above 1.
    """

    pictures: list[np.ndarray]
    side_px: int
    scales: tuple[float, float] = (0.6, 1.6)

    def batch(self, count: int, generator: torch.Generator) -> Tensor:
        """Return (count, 3, side, side) float32 in [0, 1], flipped and changed in colour."""
        picked = torch.randint(len(self.pictures), (count,), generator=generator).tolist()
        crops = torch.stack([self._crop(self.pictures[index], generator) for index in picked])
        return changed(crops, generator)

    def _crop(self, picture: np.ndarray, generator: torch.Generator) -> Tensor:
        draw = torch.rand(4, generator=generator).tolist()
        low, high = self.scales
        short = min(picture.shape[:2])
        scale = max(low * (high / low) ** draw[0], self.side_px / short)
        side = min(short, round(self.side_px / scale))
        y = round(draw[1] * (picture.shape[0] - side))
        x = round(draw[2] * (picture.shape[1] - side))
        part = picture[y : y + side, x : x + side]
        kind = cv2.INTER_AREA if side > self.side_px else cv2.INTER_CUBIC
        part = cv2.resize(part, (self.side_px, self.side_px), interpolation=kind)
        if draw[3] < 0.5:
            part = part[:, ::-1]
        return torch.from_numpy(np.ascontiguousarray(part)).permute(2, 0, 1).float() / 255


def changed(crops: Tensor, generator: torch.Generator) -> Tensor:
    """Change brightness, contrast, saturation and tint of each crop, and add noise to some.

    A painted or dreamed frame has colours and grain that no photograph has; the network has to
    follow its teacher there too.

    Args:
        crops: (B, 3, H, W) in [0, 1].
        generator: Where chance comes from.
    """
    count = len(crops)

    def draw(*shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=generator) * 2 - 1

    grey = crops.mean(dim=1, keepdim=True)
    middle = grey.mean(dim=(2, 3), keepdim=True)
    crops = grey + (crops - grey) * (1 + 0.6 * draw(1, 1, 1))
    crops = middle + (crops - middle) * (1 + 0.5 * draw(1, 1, 1))
    crops = crops + 0.15 * draw(1, 1, 1) + 0.08 * draw(3, 1, 1)
    swapped = torch.rand(count, generator=generator) < 0.15
    crops[swapped] = crops[swapped][:, torch.randperm(3, generator=generator)]
    size = crops.shape[-1]
    coarse = torch.randn(count, 3, size // 2, size // 2, generator=generator)
    fine = torch.randn(crops.shape, generator=generator)
    noise = 0.5 * nnf.interpolate(coarse, size=(size, size), mode="nearest") + fine
    strength = 0.08 * draw(1, 1, 1).clamp(min=0) ** 2
    return (crops + strength * noise).clamp(0, 1)
