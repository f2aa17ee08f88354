"""Every setting of framestyle, once, with default, unit and range.

Where the help of a setting names a value of another system, that value gives its look. The presets
are at the end.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

from framestyle.errors import SettingsError
from framestyle.settings import (
    Layers,
    Settings,
    flag_name,
    fraction,
    from_plain,
    layers,
    meanings,
    number,
    path,
    seconds,
    setting,
    whole,
)

FLOWS = ("auto", "dis", "raft_small", "raft_large")
"""Sources of optical flow that have a name; any other text is a folder of flow files."""

HEAVIEST = 1e12
"""Largest weight of a loss: a few powers of ten more, and squares of its gradient overflow."""


# fmt: off
@dataclass(frozen=True)
class InputSettings(Settings):
    """Which frames of the input are taken, and how large."""

    start: float | None = setting(None, "first moment taken", seconds, metavar="TIME", low=0)
    end: float | None = setting(None, "moment before which the last frame lies", seconds,
                                metavar="TIME", low=0)
    frames: int | None = setting(None, "take at most so many frames", whole, metavar="N", low=1)
    fps: Fraction | None = setting(None, "frame rate of a folder (24 unless given)", fraction,
                                   metavar="RATE", low=0.01, high=1000)
    size: int | None = setting(None, "longest side; larger frames are scaled down, never stretched",
                               whole, metavar="PX", low=16, high=32768)
    deinterlace: str = setting("auto", "which frames of a video are made whole of two fields: "
                               "those that it marks as interlaced, all, or none",
                               choices=("auto", "on", "off"))


@dataclass(frozen=True)
class OutputSettings(Settings):
    """What is written, and how."""

    codec: str | None = setting(None, "h264, hevc, av1, vp9, prores, ffv1, or an encoder by "
                                "ffmpeg's name (by container, depth and alpha)", metavar="NAME")
    crf: float | None = setting(None, "constant quality of the encoder, lower is better "
                                "(17 for h264)", number, metavar="Q", low=0, high=63)
    pixel_format: str | None = setting(None, "pixel format, as ffmpeg names it (by codec and "
                                       "input: yuv420p, yuv420p10le)", metavar="NAME")
    audio: bool = setting(True, "leave the sound out", flag="no_audio")
    overwrite: bool = setting(False, "replace the output where it exists")


@dataclass(frozen=True)
class DreamSettings(Settings):
    """DeepDream: gradient ascent on the activations of a network (Mordvintsev 2015)."""

    enabled: bool = setting(True, "leave the dream out", flag="no_dream")
    network: str = setting("auto", "network that dreams", metavar="NAME", flag="dream_network")
    layers: Layers | None = setting(
        None, "layers with coefficients; LAYER#3+7 takes two channels of it (by network: "
        "Mixed_6b:1,Mixed_6c:1.5,Mixed_6d:2)", layers, metavar="LAYER:C,...", flag="dream_layers")
    strength: float = setting(1.0, "how far it dreams; multiplies the step", number,
                              metavar="X", low=0, high=100, flag="dream_strength")
    step_size: float | None = setting(None, "mean change of a pixel in one step, of a range of 1 "
                                      "(by network: 0.006, lite 0.0035)", number, metavar="A",
                                      low=0, high=1, flag="dream_step_size")
    steps: int = setting(10, "steps an octave of a shot's first frame", whole, metavar="N",
                         low=0, high=10000, flag="dream_steps")
    next_steps: int = setting(1, "steps an octave of each later frame, which starts from the dream "
                              "carried along", whole, metavar="N", low=0, high=10000,
                              flag="dream_next_steps")
    octaves: int = setting(3, "sizes at which it dreams, coarse to fine", whole, metavar="N",
                           low=1, high=16, flag="dream_octaves")
    octave_scale: float = setting(1.4, "ratio of one octave's size to that before", number,
                                  metavar="X", low=1.05, high=4, flag="dream_octave_scale")
    jitter: float = setting(0.06, "random shift of every step, of the longest side (32 of 512 px)",
                            number, metavar="X", low=0, high=0.5, flag="dream_jitter")
    smoothing: float = setting(0.003, "blur of the gradient: sigma, of the longest side", number,
                               metavar="X", low=0, high=0.1, flag="dream_smoothing")
    gradient: str = setting("mean", "what the gradient is divided by: its mean absolute value or "
                            "its standard deviation", choices=("mean", "std"),
                            flag="dream_gradient")
    loss_ceiling: float | None = setting(None, "an octave stops when the weighted activation "
                                         "passes this (15 in Keras)", number, metavar="X", low=0,
                                         flag="dream_loss_ceiling")
    guide: Path | None = setting(None, "picture whose features the dream grows", path,
                                 metavar="FILE", flag="dream_guide")
    carry: float = setting(0.95, "share of the last dream that a frame starts from", number,
                           metavar="X", low=0, high=1, flag="dream_carry")


@dataclass(frozen=True)
class StyleSettings(Settings):
    """Neural style transfer by optimising the pixels (Gatys 2016)."""

    enabled: bool = setting(True, "leave the style out", flag="no_style")
    network: str = setting("auto", "network that paints", metavar="NAME", flag="style_network")
    first_iterations: int = setting(80, "iterations of a shot's first frame at each of its sizes",
                                    whole, metavar="N", low=0, high=100000)
    iterations: int = setting(20, "iterations of each later frame that starts from the last; 0 "
                              "makes the start the result",
                              whole, metavar="N", low=0, high=100000)
    content_layers: Layers | None = setting(None, "content layers with weights (by network: "
                                            "relu4_2:1)", layers, metavar="LAYER:W,...")
    style_layers: Layers | None = setting(None, "style layers with weights (by network: relu1_1:1,"
                                          "relu2_1:1,...,relu5_1:1)", layers,
                                          metavar="LAYER:W,...")
    content_weight: float = setting(1.0, "alpha, weight of the content", number, metavar="X", low=0,
                                    high=HEAVIEST)
    style_weight: float | None = setting(None, "beta, weight of the style (by network: 5, lite 18)",
                                         number, metavar="X", low=0, high=HEAVIEST)
    tv_weight: float = setting(0.03, "weight of the total variation, of that of the style",
                               number, metavar="X", low=0, high=HEAVIEST)
    style_scale: float = setting(1.0, "size of the style picture: its longest side, of the "
                                 "frame's", number, metavar="X", low=0.05, high=8)
    optimizer: str = setting("adam", "how the pixels are optimised", choices=("adam", "lbfgs"))
    first_step_size: float = setting(0.01, "step of Adam on a shot's first frame, and where a "
                                     "later one shows something new; of a range of 1", number,
                                     metavar="X", low=0, high=10)
    step_size: float = setting(0.0025, "step of Adam where a later frame starts from the last "
                               "result; of a range of 1", number, metavar="X", low=0, high=10)
    beta1: float = setting(0.9, "decay of Adam's mean gradient", number, metavar="X",
                           low=0, high=0.9999)
    beta2: float = setting(0.9, "decay of Adam's mean square gradient; more than beta1 remembers "
                           "how steep the start was", number, metavar="X", low=0, high=0.99999)
    levels: int = setting(4, "sizes at which Adam steps, each half of the one before; 1 is Adam on "
                          "pixels", whole, metavar="N", low=1, high=12, flag="adam_levels")
    averaging: float = setting(0.8, "decay of the mean over iterates that is the result; 0 takes "
                               "the last iterate (0.99 in style-transfer-pytorch)", number,
                               metavar="X", low=0, high=0.9999)
    init: str = setting("content", "start of a shot's first frame: content, noise, or a picture",
                        metavar="content|noise|FILE")
    normalisation: str = setting("relative", "relative: losses are means over the target's own; "
                                 "gatys: the paper's sums", choices=("relative", "gatys"))
    pooling: str = setting("own", "pooling of the style network; own is as it was trained",
                           choices=("own", "max", "average"))
    scales: int = setting(3, "sizes through which a first frame goes, coarse to fine", whole,
                          metavar="N", low=1, high=16)
    scale_factor: float = setting(1.6, "ratio of one such size to that before", number,
                                  metavar="X", low=1.05, high=8)
    coarsest: int = setting(256, "least longest side of such a size; coarser ones lose the scene",
                            whole, metavar="PX", low=1, high=32768)
    stop_change: float = setting(0.0, "a frame is done when its loss falls by less than this share "
                                 "in a window; 0 never (0.0001 in artistic-videos)", number,
                                 metavar="X", low=0, high=1)
    stop_window: int = setting(50, "iterations in that window", whole, metavar="N", low=1)
    settle_change: float = setting(0.001, "a later frame is done when its loss changes by less "
                                   "than this share in 5 iterations, where all of it may change; 0 "
                                   "never", number, metavar="X", low=0, high=1)
    original_colours: bool = setting(False, "keep the frame's own colours, take brightness only")


@dataclass(frozen=True)
class MotionSettings(Settings):
    """What one frame hands to the next (Ruder 2016)."""

    warm_start: str = setting("warped", "what a later frame starts from: its own content, the last "
                              "result, or that result carried along by the optical flow",
                              choices=("none", "previous", "warped"))
    blend: float = setting(0.0, "share of the frame's own content in the start of a later frame "
                           "(0.5 in DeepDreamVideo, 0.85 in pytorch-deepdream)", number,
                           metavar="X", low=0, high=1)
    selective: bool = setting(True, "repaint all of every later frame, changed or not",
                              flag="no_selective")
    temporal: bool = setting(True, "leave the temporal term out", flag="no_temporal")
    temporal_weight: float = setting(200.0, "weight of the short-term temporal term", number,
                                     metavar="X", low=0, high=HEAVIEST)
    flow: str = setting("auto", "optical flow: dis searches on the CPU, raft_* are networks for a "
                        "GPU, a folder holds .flo or KITTI files", metavar="auto|dis|raft_small|"
                        "raft_large|DIR")
    flow_preset: str = setting("fine", "effort of dis",
                               choices=("ultrafast", "fast", "medium", "fine"))
    flow_size: int = setting(640, "longest side at which dis and raft_* search", whole,
                             metavar="PX", low=64, high=8192)
    long_term: int = setting(4, "how many frames back it looks (1, 2, 4 ... of them) for what was "
                             "hidden; 1 looks at the last only", whole, metavar="N", low=1, high=64)
    passes: int = setting(1, "times that each shot is gone over, forward and backward in turn",
                          whole, metavar="N", low=1, high=100)
    longest_stretch: int | None = setting(
        None, "divide longer shots into stretches of about so many frames, which are made "
        "independently and turn into each other; 60 at least (never)", whole, metavar="N", low=60)
    cuts: bool = setting(True, "look for no cuts and carry frames across them", flag="no_cuts")
    shots: Path | None = setting(None, "file that says where shots begin, as `framestyle shots` "
                                 "prints it", path, metavar="FILE")


@dataclass(frozen=True)
class ComputeSettings(Settings):
    """Where and how a run computes."""

    device: str = setting("auto", "where to compute", choices=("auto", "cpu", "cuda", "mps"))
    precision: str = setting("auto", "precision of the networks; losses and pixels stay in fp32",
                             choices=("auto", "fp32", "bf16"))
    threads: int | None = setting(None, "threads of the CPU (all)", whole, metavar="N", low=1,
                                  high=1024)
    workers: int | None = setting(None, "shots, or stretches of them, made at the same time (as "
                                  "many as pay on a CPU, 1 on a GPU)", whole, metavar="N", low=1,
                                  high=64)
    memory: float | None = setting(None, "memory that the optimisation may take, in GiB; frames "
                                   "that need more are made in tiles (a share of the device's)",
                                   number, metavar="GIB", low=0.01, high=2**20)
    graphs: bool = setting(True, "launch the operations of a step one by one on a GPU, instead of "
                           "recording them once (CUDA graphs)", flag="no_graphs")
    compile: bool = setting(False, "have torch.compile fuse the steps of later frames on an NVIDIA "
                            "GPU: some ten seconds more at the start, then less time for each")
    seed: int = setting(0, "seed of noise and jitter", whole, metavar="N", low=0, high=2**63 - 1)
    networks: str = setting("auto", "networks where none is named: full is inception_v3 and vgg19, "
                            "lite the embedded one", choices=("auto", "full", "lite"))
    weights: tuple[str, ...] = setting((), "weights of a network, from a .pth or .safetensors file",
                                       metavar="NAME=FILE")


@dataclass(frozen=True)
class JobSettings(Settings):
    """Where the work in progress is kept."""

    job_dir: Path | None = setting(None, "folder of the work in progress (beside the output)", path,
                                   metavar="DIR")
    restart: bool = setting(False, "throw an unfinished run away and start anew")
# fmt: on


@dataclass(frozen=True)
class Config:
    """All settings of a run. Immutable; a change makes a new one, checked as a whole."""

    input: InputSettings = field(default_factory=InputSettings)
    output: OutputSettings = field(default_factory=OutputSettings)
    dream: DreamSettings = field(default_factory=DreamSettings)
    style: StyleSettings = field(default_factory=StyleSettings)
    motion: MotionSettings = field(default_factory=MotionSettings)
    compute: ComputeSettings = field(default_factory=ComputeSettings)
    job: JobSettings = field(default_factory=JobSettings)

    def __post_init__(self) -> None:
        """Raise ``SettingsError`` where two settings contradict each other."""
        start, end = self.input.start, self.input.end
        if start is not None and end is not None and end <= start:
            raise SettingsError(f"--end {end:g} s is not after --start {start:g} s")
        dream, style = self.dream, self.style
        if dream.enabled and dream.layers and not any(weight for _, weight in dream.layers):
            raise SettingsError(
                "--dream-layers: every layer has the weight 0, so that nothing is dreamed; "
                "--no-dream leaves the dream out"
            )
        weights = style.content_weight, style.style_weight, style.tv_weight  # None: by network
        if style.enabled and all(weight == 0 for weight in weights):
            raise SettingsError(
                "--content-weight, --style-weight and --tv-weight are all 0, so that nothing is "
                "painted; --no-style leaves the style out"
            )

    @classmethod
    def preset(cls, name: str) -> Self:
        """Return a preset: ``"draft"``, ``"standard"`` (the defaults) or ``"fine"``."""
        if name not in PRESETS:
            raise SettingsError(f"no preset {name!r}; there are: {', '.join(PRESETS)}")
        return cls().changed(PRESETS[name])

    def changed(self, changes: Mapping[str, Mapping[str, Any]]) -> Self:
        """Return a copy with some settings changed.

        Args:
            changes: Settings by group: ``{"style": {"iterations": 20}}``. Text is parsed as on the
                command line, so that ``{"dream": {"layers": "Mixed_6b:1"}}`` works.

        Raises:
            SettingsError: An unknown group or setting, or a value out of its range.
        """
        groups: dict[str, Settings] = {}
        for name, values in changes.items():
            if name not in GROUPS:
                known = ", ".join(GROUPS)
                raise SettingsError(f"no group of settings {name!r}; there are: {known}")
            if not isinstance(values, Mapping):
                raise SettingsError(f"{name}: got {values!r}, expected a table of settings")
            groups[name] = from_plain(getattr(self, name), values)
        return dataclasses.replace(self, **groups)  # type: ignore[arg-type]


GROUPS: tuple[str, ...] = tuple(group.name for group in dataclasses.fields(Config))
FLAGS: Mapping[str, str] = {
    f"{group}.{field.name}": flag_name(field, meaning)
    for group in GROUPS
    for field, meaning in meanings(type(getattr(Config(), group)))
}
"""Command line flag of every setting, by group and name, as ``style.iterations``."""

PRESETS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "draft": {
        "input": {"size": 320},
        "style": {"first_iterations": 40, "iterations": 10},
    },
    "standard": {},
    "fine": {
        "dream": {"steps": 15},
        "style": {"first_iterations": 250, "iterations": 50},
    },
}
