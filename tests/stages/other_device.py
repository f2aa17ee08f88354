"""Takes frames through the stages on a device that is not the CPU and has no numbers.

Run by ``test_no_waiting.py`` in a process of its own: a device that is made known to torch stays.
On this one, tensors have shapes, types and a device. Whatever mixes them with tensors of the CPU,
or asks for a number of theirs, fails; on a GPU, asking waits for all that it was told to do.
"""

import logging
import sys
from unittest import mock

import torch
from torch import nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from framestyle import Config
from framestyle.motion import Motion
from framestyle.networks import Room, network_spec
from framestyle.stages import DreamStage, FrameStyler, Link, StyleStage

_setup_privateuseone_for_python_backend("npy")
logging.disable(logging.ERROR)  # torch tells of every shape that is tried and does not fit
DEVICE = torch.device("npy")
SHORT = {
    "dream": {"steps": 2, "next_steps": 2, "octaves": 2, "step_size": 0.02},
    "style": {"first_iterations": 2, "iterations": 6, "scales": 2, "style_weight": 5.0},
}
TILED = Room(3 << 20)
CASES = {
    "lite": ("lite", {}, {}),
    "lite in float32": ("lite", {}, {"dtype": torch.float32}),
    "vgg19": ("vgg19", {}, {}),
    "inception_v3": ("inception_v3", {}, {"size": (160, 192)}),
    "googlenet": ("googlenet", {}, {"size": (160, 192)}),
    "squeezenet1_0": ("squeezenet1_0", {}, {}),
    "a guide": ("lite", {}, {"guided": True}),
    "channels": ("lite", {}, {"layers": (("relu4_3#3+7", 1.0),)}),
    "tiles": ("lite", {}, {"size": (600, 800), "room": TILED}),
    "other settings": (
        "lite",
        {
            "dream": {"smoothing": 0.02, "gradient": "std"},
            "style": {"normalisation": "gatys", "init": "noise", "original_colours": True},
            "motion": {"selective": False, "warm_start": "previous"},
        },
        {},
    ),
}


def drawn(*shape):
    return torch.rand(shape, device=DEVICE)


def on_device(network, dtype):
    """Put weights without numbers into a network, on the device."""
    for module in network.modules():
        assert not module._buffers
        for name, weight in module._parameters.items():
            if weight is not None:
                shape = weight.shape, weight.stride()
                bare = torch.empty_strided(*shape, dtype=dtype, device=DEVICE)
                module._parameters[name] = nn.Parameter(bare, requires_grad=False)


def fails_at(make, *names):
    """Run what asks for a number; it must do so in one of these functions."""
    try:
        make()
    except DataDependentOutputException as error:
        at, frames = error.__traceback__, []
        while at is not None:
            frames.append(at.tb_frame.f_code.co_name)
            at = at.tb_next
        assert set(names) & set(frames), frames
        return
    raise AssertionError(f"nothing is asked for, not even in {names}")


def check(name, settings, *, dtype=torch.bfloat16, size=(96, 128), room=None, guided=False,
          layers=None):  # fmt: skip
    spec, room = network_spec(name), room or Room()
    network = spec.network(spec.build().eval())
    config = Config().changed(SHORT).changed(settings)
    with FakeTensorMode():
        on_device(network, dtype)
        frame = drawn(1, 3, *size)
        guide = drawn(1, 3, *size) if guided else None
        layers = layers or spec.default_dream_layers
        dream = DreamStage(network, config.dream, layers, guide=guide, room=room)
        content, painted = spec.default_content_layers, spec.default_style_layers
        styles = [(1.0, drawn(1, 3, 100, 110))]
        style = StyleStage(network, config.style, content, painted, styles, room)
        assert (style.extract.tiling(size) is not None) == (room is TILED)
        styler = FrameStyler(config, dream, style, room=room)
        # asked once for each size of frames
        fails_at(lambda: styler.step(frame), "style_roughness")
        with mock.patch("framestyle.stages.style.style_roughness", return_value=1.0):
            _, state = styler.step(frame)
            seen = drawn(1, 1, *size)
            motion = Motion(drawn(1, 2, *size), seen, seen)
            links = [Link(motion, state), Link(motion, state.as_type(torch.float16))]
            if config.motion.selective:  # asked once, before the first step of a later frame
                fails_at(lambda: styler.step(frame, links), "_looked")
            with mock.patch("framestyle.stages.past.Past._looked", (True, True)):
                # asked for every few steps, of the loss some steps ago; see ``Plateau.late``
                fails_at(lambda: styler.step(frame, links, ease=0.2), "reached")
                with mock.patch("framestyle.stages.stops.Plateau.reached", return_value=False):
                    result, after = styler.step(frame, links, ease=0.2)
            styler.step(frame, links, own=after, join=0.3)
    for tensor in (result, *vars(after).values()):
        assert tensor.device.type == DEVICE.type


if __name__ == "__main__":
    torch.set_num_threads(1)
    chosen, settings, how = CASES[sys.argv[1]]
    check(chosen, settings, **how)
