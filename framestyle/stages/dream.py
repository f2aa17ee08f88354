"""DeepDream of one frame: octaves from coarse to fine, the detail lost by scaling put back."""

import random
from dataclasses import dataclass, field

import torch
from torch import Tensor

from framestyle.config import DreamSettings
from framestyle.errors import ModelError, SettingsError
from framestyle.networks import FeatureNetwork, Room
from framestyle.objectives import (
    DreamActivation,
    GuidedActivation,
    Term,
    WeightedSum,
    split_channels,
)
from framestyle.settings import Layers
from framestyle.stages.evaluation import Jittered
from framestyle.stages.optimise import OneByOne, OnIteration, Optimisation, Player, optimise
from framestyle.stages.pyramid import Size, fitted, pyramid, resize, size_of
from framestyle.stages.steppers import NormalisedAscent
from framestyle.stages.stops import Ceiling
from framestyle.transfer import uploaded


@dataclass
class DreamStage:
    """Dreams frames with one network.

    Attributes:
        network: The network that dreams, on the device of the frames.
        settings: How it dreams.
        layers: Layers and coefficients, those of the settings or the network's own.
        seed: Of the jitter, which is the same for every frame: a jitter of its own for each would
            make the dream boil.
        guide: A picture whose features are grown, (1, 3, H, W) in [0, 1].
        room: The memory that there is.
        player: How steps are made.
    """

    network: FeatureNetwork
    settings: DreamSettings
    layers: Layers
    seed: int = 0
    guide: Tensor | None = None
    room: Room = field(default_factory=Room)
    player: Player = field(default_factory=OneByOne)
    _guided: dict[Size, Term] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        """Prepare the network.

        Raises:
            ModelError: It lacks a layer or a channel.
            SettingsError: Single channels are asked for, and a guide, which needs all of them; or
                the settings leave the size of a step open.
        """
        if self.settings.step_size is None:
            raise SettingsError("the dream stage got no step size; take the network's own")
        self.step_size = self.settings.step_size
        names = [split_channels(name)[0] for name, _ in self.layers]
        self.extract = self.network.extractor(names, room=self.room)
        self.smallest_px = self.network.minimum_side_px(names)
        self._check_channels()

    def run(
        self,
        start: Tensor,
        steps: int,
        on_iteration: OnIteration = lambda iteration, terms: None,
    ) -> Tensor:
        """Dream from a start.

        Args:
            start: The frame, or the frame with the last dream carried into it, (1, 3, H, W) in
                [0, 1].
            steps: Steps an octave.
            on_iteration: Called after every step, counted over all octaves.

        Returns:
            The dreamed frame, of the shape and range of ``start``.
        """
        if steps == 0 or self.settings.strength == 0:
            return start
        shifts = random.Random(self.seed)
        dreamed, shrunk = start, start
        for octave, size in enumerate(self.octaves(start)):
            original = resize(start, size)
            if octave == 0:
                dreamed = original
            else:  # what the coarser octave could not hold
                lost = original - resize(shrunk, size)
                dreamed = (resize(dreamed, size) + lost).clamp(0.0, 1.0)
            dreamed = self._climb(dreamed, steps, octave * steps, shifts, on_iteration)
            shrunk = original
        return dreamed

    def octaves(self, image: Tensor) -> list[Size]:
        """Return the sizes at which a picture is dreamed; none too small for the layers."""
        chosen = self.settings
        return pyramid(size_of(image), chosen.octaves, chosen.octave_scale, self.smallest_px)

    def term(self, size: Size) -> Term:
        """What is climbed at an octave; the guide is scaled to it, so that its features fit."""
        if self.guide is None:
            return DreamActivation(self.layers)
        if size not in self._guided:
            guide = fitted(self.guide, size, 1.0, self.smallest_px)
            with torch.no_grad():
                self._guided[size] = GuidedActivation(self.layers, self.extract(guide))
        return self._guided[size]

    def ascent(self, longest_px: int) -> NormalisedAscent:
        """What climbs at an octave, by its longest side."""
        chosen = self.settings
        blur_px = chosen.smoothing * longest_px
        return NormalisedAscent(self.step_size * chosen.strength, blur_px, chosen.gradient)

    def _check_channels(self) -> None:
        """Raise an error where the channels that are asked for cannot be had."""
        wanted = [split_channels(name) for name, _ in self.layers]
        if not any(channels for _, channels in wanted):
            return
        if self.guide is not None:
            raise SettingsError(
                "single channels of a dream layer (LAYER#3) and a guide exclude each other; leave "
                "one of them out"
            )
        side = self.smallest_px
        with torch.no_grad():
            features = self.extract(torch.zeros(1, 3, side, side, device=self.network.device))
        for name, channels in wanted:
            there = features[name].shape[1]
            if channels and max(channels) >= there:
                raise ModelError(
                    f"layer {name} of {self.network.name} has no channel {max(channels)}; there "
                    f"are 0 to {there - 1}"
                )

    def _climb(
        self,
        image: Tensor,
        steps: int,
        done: int,
        shifts: random.Random,
        on_iteration: OnIteration,
    ) -> Tensor:
        longest = max(image.shape[2:])
        reach = round(self.settings.jitter * longest)
        objective = WeightedSum({"dream": (1.0, self.term(size_of(image)))})
        drawn = [[shifts.randint(-reach, reach) for _ in range(2)] for _ in range(steps)]
        moved = uploaded(torch.tensor(drawn), image.device)
        return optimise(
            Optimisation(image, Jittered(objective, self.extract, moved), self.ascent(longest)),
            steps,
            stops=[Ceiling(self.settings.loss_ceiling)],
            on_iteration=lambda iteration, terms: on_iteration(done + iteration, terms),
            player=self.player,
        )
