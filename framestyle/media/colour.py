"""The one place where pixels of files and tensors turn into each other, and what their tags mean.

Values are display-referred on both sides: as coded, without linearisation.
"""

from dataclasses import dataclass

import numpy as np
import torch

HD_LINES = 720
"""From this height on, video that does not say which matrix it has is taken for BT.709."""

# What ffmpeg's scaler knows by these names; it calls BT.601 by several.
_MATRICES = {
    "bt709": "bt709",
    "fcc": "fcc",
    "bt470bg": "bt601",
    "smpte170m": "bt601",
    "smpte240m": "smpte240m",
    "bt2020nc": "bt2020",
    "bt2020c": "bt2020",
}
_HDR_TRANSFERS = ("smpte2084", "arib-std-b67")


@dataclass(frozen=True)
class Colour:
    """How the numbers of a video stand for colours, by ffmpeg's names.

    Attributes:
        matrix: From RGB to YUV: ``bt709``, ``smpte170m``, ``bt470bg``, ``bt2020nc`` and so on.
        range: ``tv`` (16 to 235 of 255) or ``pc`` (0 to 255).
        primaries: Of the light; None where the file does not say.
        transfer: From light to numbers; None where the file does not say.
    """

    matrix: str
    range: str
    primaries: str | None
    transfer: str | None

    @property
    def scaler_matrix(self) -> str:
        """Name of the matrix for ffmpeg's scaler."""
        return _MATRICES[self.matrix]

    @property
    def is_hdr(self) -> bool:
        """True for PQ and HLG, which eight bits do not hold without bands."""
        return self.transfer in _HDR_TRANSFERS


def assumed_colour(height_px: int) -> Colour:
    """Return what video without tags is taken for: BT.709 from 720 lines up, else BT.601."""
    name = "bt709" if height_px >= HD_LINES else "smpte170m"
    return Colour(name, "tv", name, name)


def tagged_colour(tags: dict[str, str], height_px: int) -> Colour:
    """Return the colour that a file's tags mean, with what they leave open filled in.

    Args:
        tags: ``range``, ``space``, ``primaries`` and ``trc`` by ffmpeg's names; ``unknown`` or
            missing where the file does not say.
        height_px: Of the coded picture; decides the matrix where it is not tagged.
    """
    known = {key: value for key, value in tags.items() if value not in ("unknown", "reserved")}
    if not {"space", "primaries", "trc"} & known.keys():
        assumed = assumed_colour(height_px)
        span = known.get("range", "tv")
        return Colour(assumed.matrix, span, assumed.primaries, assumed.transfer)
    matrix = known.get("space", "")
    if matrix not in _MATRICES:
        matrix = assumed_colour(height_px).matrix
    return Colour(matrix, known.get("range", "tv"), known.get("primaries"), known.get("trc"))


def to_tensor(pixels: np.ndarray) -> torch.Tensor:
    """Return pixels of a file as the tensor that everything inside works on.

    Args:
        pixels: RGB, (H, W, 3), uint8 or uint16.

    Returns:
        RGB, (1, 3, H, W), float32 in [0, 1], on the CPU.

    Raises:
        ValueError: For another shape or type.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(
            f"got {pixels.dtype} pixels of shape {pixels.shape}, expected uint8 or uint16 (H, W, 3)"
        )
    scale = np.float32(np.iinfo(pixels.dtype).max)
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32)
    planes /= scale
    return torch.from_numpy(planes).unsqueeze(0)


def to_pixels(image: torch.Tensor, bit_depth: int = 8) -> np.ndarray:
    """Return a tensor as pixels for a file, rounded to the nearest level and clamped.

    Args:
        image: RGB, (1, 3, H, W), floating, in [0, 1]; on any device.
        bit_depth: 8 or 16.

    Returns:
        RGB, (H, W, 3), uint8 or uint16. ``to_pixels(to_tensor(p), depth)`` equals ``p``.

    Raises:
        ValueError: For another shape or depth.
    """
    if image.ndim != 4 or image.shape[:2] != (1, 3) or bit_depth not in (8, 16):
        raise ValueError(
            f"got a tensor of shape {tuple(image.shape)} for {bit_depth} bits, "
            "expected (1, 3, H, W) for 8 or 16"
        )
    levels = 2**bit_depth - 1
    # nan would become an arbitrary level; black is at least the same on every machine.
    plain = torch.nan_to_num(image.detach()[0].float(), nan=0.0)
    numbers = (plain.clamp(0.0, 1.0) * levels).round().to(torch.int32)
    kind = np.uint8 if bit_depth == 8 else np.uint16
    return np.ascontiguousarray(numbers.permute(1, 2, 0).cpu().numpy().astype(kind))
