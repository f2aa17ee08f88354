"""The one place where pixels of files and tensors turn into each other.

Values are display-referred on both sides: as coded, without linearisation.
"""

import numpy as np
import torch


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
