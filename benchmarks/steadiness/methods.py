"""The methods compared: ways in which one frame may begin where the last one ended.

Those of other systems are their settings in this code, with these loss weights and this flow. What
a method does not name is framestyle's default.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from framestyle import Config
from framestyle.config import DreamSettings, StyleSettings

Changes = Mapping[str, Mapping[str, Any]]
ALONE, FLOOR, OURS = "frame-by-frame", "carried", "framestyle"
FIRST_FRAME = 4
"""Iterations of a first frame, of those of a later one."""

_BLENDED = {"warm_start": "previous", "temporal": False, "selective": False, "long_term": 1}
_WARPED = {"warm_start": "warped", "selective": False, "long_term": 1}
_DREAM_ALONE = {"next_steps": DreamSettings().steps, "carry": 0.0}
_ALL_ITERATIONS = {"settle_change": 0.0}
"""A frame of these methods takes all its iterations, however little they do."""
_ONE_STEP = {**_ALL_ITERATIONS, "step_size": StyleSettings().first_step_size}
"""Both systems that blend have one step size for all frames."""
_ADAM_10 = {
    **_ALL_ITERATIONS,
    "levels": 1,
    "step_size": 10 / 255,
    "beta2": 0.999,
    "averaging": 0.0,
}
"""artistic-videos' Adam: a step of 10 of 255, on pixels, with Torch's own decays, and the last
iterate is the result."""


@dataclass(frozen=True)
class Method:
    """A way from one frame to the next.

    Attributes:
        name: On the command line.
        title: In tables and pictures.
        changes: How its settings differ from framestyle's defaults, by group.
        about: What it does, in a line.
    """

    name: str
    title: str
    about: str
    changes: Changes = field(default_factory=dict)


METHODS = (
    Method(
        ALONE,
        "frame by frame",
        "every frame alone, from its own content: as restless as it gets",
        {"motion": {"warm_start": "none", "temporal": False}, "dream": _DREAM_ALONE},
    ),
    Method(
        FLOOR,
        "carried",
        "the first result carried along by the flow, nothing painted after it: the floor that the "
        "flow allows",
        {"style": {"iterations": 0}, "dream": {"next_steps": 0, "carry": 1.0}},
    ),
    Method(
        "blend-0.85",
        "pytorch-deepdream's blend",
        "from the last result in place, blended with 85% of the frame's content",
        {"motion": {**_BLENDED, "blend": 0.85}, "style": _ONE_STEP},
    ),
    Method(
        "blend-0.5",
        "DeepDreamVideo's blend",
        "from the last result in place, blended with 50% of the frame's content",
        {"motion": {**_BLENDED, "blend": 0.5}, "style": _ONE_STEP},
    ),
    Method(
        "flow-warped",
        "flow-warped start",
        "from the last result carried along by the flow, without a temporal term",
        {"motion": {**_WARPED, "temporal": False}, "style": _ALL_ITERATIONS},
    ),
    Method(
        "short-term",
        "artistic-videos, short-term, Adam",
        "the flow-warped start and the short-term temporal term; Adam with a step of 10 of 255",
        {"motion": _WARPED, "style": _ADAM_10},
    ),
    Method(
        "long-term",
        "artistic-videos, long-term, Adam",
        "the same with the long-term term, up to 4 frames back",
        {"motion": {**_WARPED, "long_term": 4}, "style": _ADAM_10},
    ),
    Method(
        "short-term-lbfgs",
        "artistic-videos, short-term, L-BFGS",
        "the short-term term with its default optimiser, whose iterations take twice as long",
        {"motion": _WARPED, "style": {**_ALL_ITERATIONS, "optimizer": "lbfgs"}},
    ),
    Method(
        "short-term-own-adam",
        "short-term, framestyle's Adam",
        "the short-term term with framestyle's step, sizes and mean over iterates",
        {"motion": _WARPED, "style": _ALL_ITERATIONS},
    ),
    Method(OURS, "framestyle", "the defaults"),
    Method(
        "framestyle-3-passes",
        "framestyle, 3 passes",
        "the defaults, forward, backward and forward again",
        {"motion": {"passes": 3}},
    ),
)
NAMES = tuple(method.name for method in METHODS)


def named(names: list[str] | None) -> list[Method]:
    """Return the methods named, all by default; with those that the figures are relative to."""
    wanted = {ALONE, FLOOR, *(names or NAMES)}
    return [method for method in METHODS if method.name in wanted]


def settings_of(method: Method, common: Changes, iterations: int) -> Config:
    """Return all settings of a method.

    Args:
        method: The method.
        common: What is the same for all methods, by group of settings.
        iterations: Of each frame after the first.
    """
    given = {"style": {"first_iterations": FIRST_FRAME * iterations, "iterations": iterations}}
    return Config().changed(given).changed(common).changed(method.changes)
