"""Reading weights from a file without executing anything, and fitting them to a model."""

import pickle
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from framestyle.errors import ModelError, first_line

StateDict = dict[str, Tensor]
WRAPPERS = ("state_dict", "model_state_dict", "model")
_COUNTER = "num_batches_tracked"
_MARKS_OF_CODE = ("unsupported global", "unrecognized", "can only build", "can only create")


def read_state_dict(path: Path) -> StateDict:
    """Read the tensors of a ``.pth``, ``.pt`` or ``.safetensors`` file, on the CPU.

    A state dict that training code has wrapped, as ``{"state_dict": ...}`` or with ``module.``
    before each key, is unwrapped.

    Raises:
        ModelError: No such file, another kind of file, damaged, no state dict, or a pickle that
            would execute code.
    """
    suffix = path.suffix.lower()
    if not path.is_file():
        got = "is a folder" if path.is_dir() else "there is no such file"
        raise ModelError(f"{path}: {got}; name a .pth, .pt or .safetensors file")
    if suffix not in (".pth", ".pt", ".safetensors"):
        raise ModelError(
            f"{path}: got a file with the suffix {suffix!r}, expected .pth, .pt or .safetensors"
        )
    try:
        content = load_file(path) if suffix == ".safetensors" else _load_pickle(path)
    except ModelError:
        raise
    except (SafetensorError, OSError) as error:
        line = first_line(error)[:200]
        raise ModelError(
            f"{path}: cannot be read, is it damaged? ({line}); fetch or save it again"
        ) from error
    return _unwrapped(path, content)


def first_misfit(model: nn.Module, weights: Mapping[str, Tensor]) -> str:
    """Return what first keeps ``weights`` from fitting ``model``; an empty string if they fit."""
    for key, tensor in _needed(model):
        if key not in weights:
            return f"{key} is missing"
        if weights[key].shape != tensor.shape:
            got, expected = tuple(weights[key].shape), tuple(tensor.shape)
            return f"{key} has shape {got}, expected {expected}"
        if not weights[key].is_floating_point():
            kind = str(weights[key].dtype).removeprefix("torch.")
            return f"{key} holds {kind} numbers, expected floating ones"
    return ""


def fit(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Put the weights into a model from the meta device; what it does not use is left.

    Args:
        model: The bare model; ``first_misfit`` has found nothing.
        weights: Tensors in any floating precision; they become float32.

    Raises:
        ModelError: A tensor holds numbers that are not finite.
    """
    counters = {
        key: torch.zeros_like(tensor, device="cpu")  # a model is not moved with one left on meta
        for key, tensor in model.state_dict().items()
        if key.endswith(_COUNTER)
    }
    taken = counters | {key: weights[key].to(torch.float32) for key, _ in _needed(model)}
    for key, tensor in taken.items():
        if not tensor.isfinite().all():
            raise ModelError(f"{key} holds numbers that are not finite")
    model.load_state_dict(taken, strict=False, assign=True)


def _needed(model: nn.Module) -> Iterable[tuple[str, Tensor]]:
    # The counter of batch normalisation is used in training only, and older files lack it.
    state = model.state_dict()
    return ((key, t) for key, t in state.items() if not key.endswith(_COUNTER))


def _load_pickle(path: Path) -> Any:
    _check_not_packed(path)
    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except pickle.UnpicklingError as error:
        if any(mark in str(error).lower() for mark in _MARKS_OF_CODE):
            raise ModelError(
                f"{path}: refused, reading it would execute code; "
                "expected a plain state dict, as torch.save(model.state_dict()) writes"
            ) from error
        # The text of this one advises to load the file in the way that executes code.
        raise OSError("torch cannot parse it") from error
    except Exception as error:  # torch raises whatever its parsers met in a damaged file
        raise OSError(first_line(error)[:200]) from error


def _check_not_packed(path: Path) -> None:
    """Refuse an archive that unpacks to more than it is: kilobytes may be made to fill the memory.

    torch.save packs nothing.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            claimed = sum(part.file_size for part in archive.infolist())
    except Exception:  # no archive, or a damaged one, which torch tells
        return
    if claimed > path.stat().st_size:
        raise ModelError(
            f"{path}: refused, its parts are packed and unpack to {claimed} bytes; expected a "
            "plain state dict, as torch.save(model.state_dict()) writes"
        )


def _unwrapped(path: Path, content: Any) -> StateDict:
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping):
        raise ModelError(f"{path}: got a {type(content).__name__}, expected a state dict")
    found = {
        str(key).removeprefix("module."): value
        for key, value in content.items()
        if isinstance(value, Tensor)
    }
    if not found:
        raise ModelError(f"{path}: holds no tensors, expected a state dict")
    return found
