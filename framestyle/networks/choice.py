"""Which networks dream and paint, where the user leaves that open."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from framestyle.errors import ModelError
from framestyle.networks.download import reach
from framestyle.networks.registry import NETWORKS, model_spec, network_spec
from framestyle.networks.weights import NO_FILES, locate

FULL: Mapping[str, str] = {"dream": "inception_v3", "style": "vgg19"}
FULL_FLOW = "raft_large"
LITE = "lite"


@dataclass(frozen=True)
class Choice:
    """The networks of a run.

    Attributes:
        dream_name: Network that dreams.
        style_name: Network that paints.
        reason: One line: which were chosen, why, and how to choose otherwise.
    """

    dream_name: str
    style_name: str
    reason: str


def choose(
    dream: str = "auto",
    style: str = "auto",
    networks: str = "auto",
    *,
    has_gpu: bool,
    files: Mapping[str, Path] = NO_FILES,
    stages: Collection[str] = ("dream", "style"),
) -> Choice:
    """Choose the networks of a run.

    A network that is named is taken as it is; loading it says what is wrong with it. For the
    others, ``auto`` takes the full networks with a GPU, and the embedded one without, or where
    the full ones are neither in the cache nor can be fetched. The web is asked for seconds, and
    only where the answer matters. A weights file for a network that nobody names does not make
    it the chosen one.

    Args:
        dream: Name of the network that dreams, or ``"auto"``.
        style: Name of the network that paints, or ``"auto"``.
        networks: For what is left open: ``"auto"``, ``"full"`` or ``"lite"``.
        has_gpu: Whether the run has a GPU.
        files: Weights files that the user gives, by network.
        stages: Stages that the run has; the reason speaks of no others.

    Raises:
        ModelError: A name is unknown, or ``networks`` is none of its values.
    """
    named = {"dream": dream, "style": style}
    for name in named.values():
        if name != "auto":
            network_spec(name)
    wanted = [stage for stage in FULL if named[stage] == "auto" and stage in stages]
    size, why = _size(networks, wanted, has_gpu, files)
    chosen = {
        stage: name if name != "auto" else LITE if size == LITE else FULL[stage]
        for stage, name in named.items()
    }
    listed = ", ".join(f"{stage} {chosen[stage]}" for stage in FULL if stage in stages)
    used = {chosen[stage] for stage in stages}
    unused = [name for name in files if name in NETWORKS and name not in used]
    remark = f"; the weights given for {', '.join(unused)} are not used" if unused else ""
    return Choice(chosen["dream"], chosen["style"], f"networks: {listed} ({why}){remark}")


def _size(
    networks: str, wanted: list[str], has_gpu: bool, files: Mapping[str, Path]
) -> tuple[str, str]:
    """Return ``"full"`` or ``"lite"`` for the stages left open, and why."""
    flags = " ".join(f"--{stage}-network NAME" for stage in wanted)
    if networks not in ("auto", "full", LITE):
        raise ModelError(f"got networks {networks!r}, expected auto, full or lite")
    if not wanted:
        return "full", "as named"
    if networks != "auto":
        return networks, f"--networks {networks}; choose others with {flags}"
    if not has_gpu:
        return LITE, "small, because there is no GPU; --networks full takes the large ones"
    missing = next((FULL[s] for s in wanted if not can_be_had(FULL[s], files)), None)
    if missing:
        return LITE, (
            f"small, because the weights of {missing} are not here and cannot be fetched; "
            f"`framestyle weights fetch {missing}` on a machine with internet gets them"
        )
    return "full", f"large, because there is a GPU; --networks {LITE} is quicker, or {flags}"


def can_be_had(name: str, files: Mapping[str, Path] = NO_FILES) -> bool:
    """Tell whether a network's weights are given, here, or on the web; takes seconds at most."""
    return name in files or locate(name).kind != "missing" or reach(model_spec(name).url).ok
