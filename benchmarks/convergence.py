"""How near a later frame comes to one that is painted alone for 500 iterations, and how soon.

Alone is Gatys-style: from its own content, at one size, on the pixels; with L-BFGS as the paper has
it, with Adam as neural-style-pt has it (a step of 1 in 255, and 0.999), or with Adam at
framestyle's own step and decay, which serves it better. All minimise the same sum of content, style
and variation, with the same network and weights.

Measured is the loss of the result of each frame, the picture that is written, before it is rounded
to levels: in framestyle a mean over iterates (``style.averaging``), alone the last iterate, both in
[0, 1]. L-BFGS leaves that range on its way; the loss of its iterates is that of no picture. The
objective is the stage's own, its network in float32, whatever it was painted in. The temporal term
of later frames is not counted, for a frame alone has none.

Time is that of a frame from reading to result, flow included, one thing after the other. Losses and
seconds are means over the frames after the first.
"""

from typing import Any

import torch
from torch import Tensor

from benchmarks.inputs import CLIP, STYLE
from benchmarks.machine import timed
from framestyle import Config
from framestyle.jobs.arrivals import forward
from framestyle.jobs.device import Device, pick_device
from framestyle.jobs.flow import flow_source, with_chosen_flow
from framestyle.jobs.pictures import read_pictures
from framestyle.jobs.shots import Cutting
from framestyle.jobs.stages import build, with_chosen_networks
from framestyle.media import open_source
from framestyle.motion import Shot
from framestyle.networks import can_be_had
from framestyle.progress import ignore
from framestyle.stages import ClipState, FrameState, Link, StyleStage

ITERATIONS = 500
FRAMES = 4
COUNTED = ("content", "style", "variation")
_ALONE: dict[str, dict[str, Any]] = {
    "style": {"first_iterations": ITERATIONS, "scales": 1, "levels": 1, "averaging": 0.0},
    "motion": {"warm_start": "none", "temporal": False},
}
ALONE = {
    "L-BFGS": {"optimizer": "lbfgs"},
    "Adam of neural-style-pt": {"first_step_size": 1 / 255, "beta2": 0.999},
    "Adam of framestyle": {},
}
OURS: dict[str, tuple[str, dict[str, Any]]] = {
    "standard": ("standard", {}),
    "fine, `--iterations 42`": ("fine", {"iterations": 42}),
    "fine": ("fine", {}),
}
Figures = dict[str, float]
"""Each term of the loss, ``loss`` as their sum, and ``seconds``."""


def measure(device: str) -> dict[str, object]:
    """Return losses and seconds of later frames, alone and from the last result."""
    networks = "full" if device != "cpu" and can_be_had("vgg19") else "lite"
    common: dict[str, dict[str, Any]] = {
        "input": {"frames": FRAMES},
        "dream": {"enabled": False},
        "compute": {"device": device, "networks": networks},
    }
    frame_by_frame = Config().changed(common).changed(_ALONE)
    alone = {name: mean_of(frame_by_frame.changed({"style": how})) for name, how in ALONE.items()}
    rows: list[dict[str, object]] = []
    for name, (preset, how) in OURS.items():
        ours = mean_of(Config.preset(preset).changed(common).changed({"style": how}))
        for other, figures in alone.items():
            over = {f"{key}_over_alone": round(ours[key] / figures[key], 4) for key in ours}
            rows.append({"preset": name, "alone": other, **over})
    means = {name: {key: round(f[key], 4) for key in f} for name, f in alone.items()}
    return {
        "networks": networks,
        "iterations_alone": ITERATIONS,
        "frames": FRAMES,
        "size": "320x180",
        "alone": means,
        "rows": rows,
    }


def mean_of(config: Config) -> Figures:
    """Return the mean figures of all frames after the first, made with these settings."""
    frames = figures_of(config)[1:]
    return {key: sum(frame[key] for frame in frames) / len(frames) for key in frames[0]}


def figures_of(config: Config) -> list[Figures]:
    """Make the first frames of the sample clip and measure each; nothing is written.

    Args:
        config: Settings whose dream is off, so that the content of a frame is the frame.
    """
    device = pick_device(config.compute)
    clip = open_source(CLIP, config.input)
    config = with_chosen_networks(config, device, ignore)
    config = with_chosen_flow(config, clip.info, device, {}, ignore)
    styles = [(STYLE, 1.0)]
    pictures = read_pictures(config, styles, clip.info.colour)
    styler = build(config, styles, pictures, device, ignore)
    judge = build(config, styles, pictures, Device(device.device, torch.float32), ignore).style
    assert judge is not None
    flow = flow_source(config, clip.info, device, {}, ignore)
    reach = config.motion.long_term
    cutting = Cutting([Shot(0, clip.info.frame_count)])
    arrivals = forward(clip, 0, cutting, flow, device.device, reach)
    state, found = ClipState(), []

    def make() -> tuple[Tensor, FrameState]:
        arrival = next(arrivals)
        links = [Link(motion, state.frames[i]) for i, motion in arrival.motions.items()]
        return arrival.image, styler.step(arrival.image, links)[1]

    for index in range(clip.info.frame_count):
        (content, after), took = timed(make, str(device.device))
        state = state.after(index, after, range(index + 1 - reach, index))
        assert after.result is not None
        terms = terms_of(judge, content, after.result)
        found.append({**terms, "loss": sum(terms.values()), "seconds": took})
    return found


def terms_of(judge: StyleStage, content: Tensor, result: Tensor) -> Figures:
    """Return the weighted terms of a result for its content, both (1, 3, H, W) in [0, 1]."""
    with torch.no_grad():
        _, terms = judge.objective(content, None)(result, judge.extract(result))
    return {name: float(terms[name]) for name in COUNTED}
