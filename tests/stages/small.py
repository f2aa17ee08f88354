"""Stages of lite and frames for them, so small that they are done in no time."""

import torch

from framestyle import Config
from framestyle.networks import network_spec
from framestyle.objectives import TemporalLoss
from framestyle.stages import DreamStage, StyleStage

SIZE = 40, 44
"""Of frames, (height, width). At the smaller of two octaves, lite takes 32 pixels at least."""


def draw(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def style_stage(network, **how):
    spec = network_spec("lite")
    settings = Config().style.replaced(style_weight=5.0, **how)
    styles = [(1.0, draw(1, 3, 40, 40, seed=9))]
    return StyleStage(
        network, settings, spec.default_content_layers, spec.default_style_layers, styles
    )


def dream_stage(network, layers=None, guide=None, **how):
    spec = network_spec("lite")
    settings = Config().dream.replaced(step_size=0.02, octaves=2, octave_scale=1.2, **how)
    return DreamStage(network, settings, layers or spec.default_dream_layers, guide=guide)


def frame(number):
    return draw(1, 3, *SIZE, seed=number)


def painted(stage, number, iterations=4, **how):
    content = frame(number)
    held = TemporalLoss(frame(number + 50), draw(1, 1, *SIZE, seed=number + 70))
    step_size = 0.01 * draw(1, 1, *SIZE, seed=number + 90)
    return stage.run(
        content, content, iterations, step_size=step_size, temporal=(30.0, held), **how
    )


DREAMS = {
    "plain": {},
    "smooth": {"smoothing": 0.02},
    "std": {"gradient": "std"},
    "channels": {"layers": (("relu4_3#3+7", 1.0),)},
    "guided": {"guide": draw(1, 3, 40, 56, seed=5)},
}
