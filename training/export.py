"""Writing the network that ships."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from training.student import Student, finished


def export(student: Student, batches: Sequence[Tensor], folder: Path) -> Path:
    """Write ``lite-HASH.safetensors``: half precision, keys of ``framestyle.networks.lite``.

    Args:
        student: A trained student.
        batches: Pictures (B, 3, H, W) in [0, 1] over which each filter's mean activation is 1.
        folder: Where to.

    Returns:
        The file; its name ends in the first eight hex digits of its SHA-256.
    """
    state = finished(student, batches).state_dict()
    content = save({key: tensor.to(torch.float16) for key, tensor in state.items()})
    path = folder / f"lite-{hashlib.sha256(content).hexdigest()[:8]}.safetensors"
    path.write_bytes(content)
    return path
