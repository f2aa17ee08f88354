"""Where the weights of a network are, how they get there, and loading them."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from framestyle.errors import ModelError
from framestyle.files import split_weights
from framestyle.networks.download import download, reach
from framestyle.networks.features import FeatureNetwork, Pooling
from framestyle.networks.registry import FLOW_NETWORKS, NETWORKS, model_spec, network_spec
from framestyle.networks.spec import ModelSpec
from framestyle.networks.state_dict import StateDict, first_misfit, fit, read_state_dict
from framestyle.progress import Notice, Progress, ignore

NO_FILES: Mapping[str, Path] = {}


@dataclass(frozen=True)
class Location:
    """Where the weights of a network are.

    Attributes:
        kind: ``"file"`` given by the user, torch's ``"cache"``, ``"embedded"`` in the package, or
            ``"missing"``.
        path: The file; where it is missing, where it would be.
        size: Its bytes; 0 where it is missing.
    """

    kind: Literal["file", "cache", "embedded", "missing"]
    path: Path
    size: int


def parse_weights(text: str) -> tuple[str, Path]:
    """Parse ``NAME=PATH`` of ``--weights``; ``~`` is the home folder.

    Raises:
        ModelError: The text has another form, there is no network of that name, or no file can
            have the name.
    """
    name, file = split_weights(text)
    return model_spec(name).name, file


def locate(name: str, files: Mapping[str, Path] = NO_FILES) -> Location:
    """Return where the weights of a network are, without reading them or asking the web.

    Args:
        name: The network's name.
        files: Weights files that the user gives, by network; they come first.

    Raises:
        ModelError: There is no such network.
    """
    spec = model_spec(name)
    if name in files:
        return _location("file", Path(files[name]))
    if spec.embedded:
        return _location("embedded", spec.embedded)
    return _location("cache", Path(torch.hub.get_dir()) / "checkpoints" / spec.file_name)


def fetch(name: str, progress: Progress = ignore) -> Path:
    """Fetch the weights of a network into torch's cache, unless they are there.

    Args:
        name: The network's name.
        progress: Hears a ``Notice`` before anything is fetched, then ``Fetching``.

    Returns:
        The weights file.

    Raises:
        ModelError: There is no such network, or its weights cannot be fetched; what can be done
            about it is said.
    """
    where = locate(name)
    if where.path == model_spec(name).embedded:
        _check_embedded(where.path)
    if where.kind != "missing":
        return where.path
    url = model_spec(name).url
    answer = reach(url)
    if not answer.ok:
        raise ModelError(
            f"the weights of {name} are not in {where.path} and cannot be fetched from {url} "
            f"({answer.why}); run `framestyle weights fetch {name}` on a machine with internet "
            f"and copy the file to the same place, or give it with --weights {name}=PATH"
        )
    size = f", {answer.size / 1e6:.0f} MB" if answer.size else ""
    progress(Notice(f"fetching the weights of {name} ({url}{size}) into {where.path.parent}"))
    download(url, where.path, progress)
    return where.path


def load(
    name: str,
    *,
    files: Mapping[str, Path] = NO_FILES,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    pooling: Pooling | None = None,
    progress: Progress = ignore,
) -> FeatureNetwork:
    """Load a network with its weights, fetching them on first use.

    Args:
        name: The network's name.
        files: Weights files that the user gives, by network.
        device: Where the network shall run.
        dtype: Its precision, ``torch.float32`` or ``torch.bfloat16``.
        pooling: ``"max"``, or ``"average"`` as Gatys et al. 2016 suggest; its own unless given.
        progress: Hears a ``Notice`` before anything is fetched, then ``Fetching``.

    Raises:
        ModelError: The network is unknown, or its weights are not to be had, damaged, of another
            network, or would execute code.
    """
    if dtype not in (torch.float32, torch.bfloat16):
        raise ModelError(f"got the precision {dtype}, expected float32 or bfloat16")
    spec = network_spec(name)
    network = spec.network(_model(spec, files, progress))
    if pooling not in (None, network.pooling):
        network = network.with_pooling(pooling)
    return network.to(device=torch.device(device), dtype=dtype)


def load_flow_network(
    name: str,
    *,
    files: Mapping[str, Path] = NO_FILES,
    device: torch.device | str = "cpu",
    progress: Progress = ignore,
) -> nn.Module:
    """Load a network that finds optical flow, frozen, in float32; weights come as in ``load``.

    Args:
        name: One of ``FLOW_NETWORKS``.
        files: Weights files that the user gives, by network.
        device: Where the network shall run.
        progress: Hears a ``Notice`` before anything is fetched, then ``Fetching``.

    Returns:
        torchvision's model: a pair of pictures to a list of flows, the last one the best.

    Raises:
        ModelError: As in ``load``.
    """
    if name not in FLOW_NETWORKS:
        raise ModelError(f"got the flow network {name!r}, expected {' or '.join(FLOW_NETWORKS)}")
    model = _model(FLOW_NETWORKS[name], files, progress)
    return model.requires_grad_(False).eval().to(torch.device(device))


def _model(spec: ModelSpec, files: Mapping[str, Path], progress: Progress) -> nn.Module:
    """Return the bare model with its weights, on the CPU, fetching them on first use."""
    where = locate(spec.name, files)
    if where.path == spec.embedded:
        _check_embedded(where.path)
    if where.kind == "missing" and spec.name not in files and spec.url:
        where = _location("cache", fetch(spec.name, progress))
    return _fitted(spec, where)


def _location(kind: Literal["file", "cache", "embedded"], path: Path) -> Location:
    if not os.path.isfile(path):  # noqa: PTH113 - Path's raises where a folder may not be entered
        return Location("missing", path, 0)
    return Location(kind, path, path.stat().st_size)


def _check_embedded(path: Path) -> None:
    again = "install framestyle again"
    if not path.is_file():
        raise ModelError(f"{path}: this file of the package is missing; {again}")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    expected = path.stem.rpartition("-")[2]
    if not digest.startswith(expected):
        raise ModelError(
            f"{path}: damaged: its SHA-256 starts with {digest[: len(expected)]}, expected "
            f"{expected}; {again}"
        )


def _fitted(spec: ModelSpec, where: Location) -> nn.Module:
    try:
        weights = read_state_dict(where.path)
        model = spec.bare_model()
        misfit = first_misfit(model, weights)
        if misfit:
            raise ModelError(
                f"{where.path}: these are not the weights of {spec.name}: {misfit}{_hint(weights)}"
            )
        try:
            fit(model, weights)
        except ModelError as error:
            raise ModelError(f"{where.path}: damaged: {error}") from error
    except ModelError as error:
        if where.kind != "cache":
            raise
        raise ModelError(f"{error}; delete that file to have it fetched again") from error
    return model


def _hint(weights: StateDict) -> str:
    known = [*NETWORKS.values(), *FLOW_NETWORKS.values()]
    others = [spec.name for spec in known if not first_misfit(spec.bare_model(), weights)]
    return f"; they fit {' and '.join(others)}" if others else ""
