"""Flags that do not go together: who gives both means something else than would happen."""

from collections.abc import Mapping
from typing import Any

from framestyle.config import FLAGS, FLOWS
from framestyle.errors import SettingsError

FLAG_OFF = {"dream": "--no-dream", "style": "--no-style"}
DREAM = {"dream.layers", "dream.strength", "dream.guide"}
STYLE = {"style.style_layers", "style.style_weight", "style.init", "style.settle_change"}
ADAM = {
    f"style.{name}"
    for name in ("step_size", "first_step_size", "beta1", "beta2", "averaging", "levels")
}
PAINTED = {"motion.temporal_weight", "motion.blend", "motion.passes"}
"""What only painting asks for: no pass changes a dream."""
FURTHER = {"motion.passes", "motion.long_term"}
"""What carries results further than from one frame to the next; 1 asks for nothing."""
DIVIDED = {"motion.longest_stretch", "compute.workers"}
CARRIED = {"motion.flow", "motion.flow_preset", "motion.flow_size", "motion.shots", *FURTHER}


def check_used(changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Check the flags of a command line against each other.

    Args:
        changes: Settings by group, as parsed.

    Raises:
        SettingsError: One makes another useless, or contradicts it.
    """
    values = {
        f"{group}.{name}": value for group, some in changes.items() for name, value in some.items()
    }
    asked = {name for name, value in values.items() if not (name in FURTHER and value == 1)}
    for said, is_said, how, names in _rules(values):
        clash = sorted(names & asked)
        if is_said and clash:
            raise SettingsError(f"{FLAGS[clash[0]]} {how} {said}; give one of them up")


def unused(changes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a line for each stage that is left out and has flags of amounts all the same.

    Scripts give these to every run; they are no mistake, but nothing comes of them.
    """
    lines = []
    for group, off in FLAG_OFF.items():
        given = changes.get(group, {})
        names = [FLAGS[f"{group}.{name}"] for name in given if name != "enabled"]
        if given.get("enabled") is False and names:
            lines.append(f"not used with {off}: {', '.join(names)}")
    return lines


def _rules(values: Mapping[str, Any]) -> list[tuple[str, bool, str, set[str]]]:
    """Return what is said, whether it is, what it does to other flags, and which these are."""
    useless, against = "does nothing with", "contradicts"
    no_dream, no_style = (values.get(f"{stage}.enabled") is False for stage in ("dream", "style"))
    start, flow = values.get("motion.warm_start"), values.get("motion.flow", "auto")
    by_flow = set() if flow in ("auto", "dis") else {"motion.flow_preset"}
    by_flow |= set() if flow in FLOWS else {"motion.flow_size"}
    return [
        ("--no-dream and --no-style", no_dream and no_style, useless, {*CARRIED, *DIVIDED}),
        ("--no-dream", no_dream, useless, DREAM),
        ("--no-style", no_style, useless, {*STYLE, *PAINTED}),
        ("--no-temporal", values.get("motion.temporal") is False, useless,
         {"motion.temporal_weight"}),
        (f"--flow {flow}", True, useless, by_flow),
        ("--optimizer lbfgs", values.get("style.optimizer") == "lbfgs", useless, ADAM),
        ("--warm-start none", start == "none", useless,
         {"style.iterations", "style.step_size", "style.settle_change", "motion.blend",
          "motion.longest_stretch"}),
        (f"--warm-start {start}", start in ("none", "previous"), against, FURTHER),
        ("--no-graphs", values.get("compute.graphs") is False, useless, {"compute.compile"}),
        ("--no-cuts", values.get("motion.cuts") is False, against, {"motion.shots"}),
    ]  # fmt: skip
