"""One frame: dream, then style, from what the frame before hands over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from framestyle.config import Config
from framestyle.motion import Motion, carry, look_up
from framestyle.objectives import TemporalLoss
from framestyle.stages.change import freedom
from framestyle.stages.dream import DreamStage
from framestyle.stages.pyramid import resize, size_of
from framestyle.stages.state import ClipState
from framestyle.stages.style import StyleStage

OnStep = Callable[[str, int, int, Mapping[str, Tensor]], None]
"""Called with stage, iteration, planned iterations and loss terms."""


@dataclass
class FrameStyler:
    """Takes one source frame after the other through the stages that are on.

    Attributes:
        config: All settings.
        dream: The dream, or None.
        style: The style, or None.
        init_picture: Where a shot's first frame starts, (1, 3, H, W), if settings name a picture.
    """

    config: Config
    dream: DreamStage | None
    style: StyleStage | None
    init_picture: Tensor | None = None

    def step(
        self,
        source: Tensor,
        motion: Motion | None,
        state: ClipState,
        on_step: OnStep = lambda stage, iteration, iterations, terms: None,
    ) -> tuple[Tensor, ClipState]:
        """Make one frame.

        Args:
            source: The frame, (1, 3, H, W) in [0, 1].
            motion: How the last frame lies in it; None at the first frame of a shot.
            state: What the last frame handed over; not looked at where a shot begins.
            on_step: Called after every optimisation step.

        Returns:
            The result, of the shape and range of ``source``, and the state for the next frame.
        """
        if motion is None:
            state = ClipState()
        dreamed = source
        if self.dream is not None:
            dreamed = self._dream(self.dream, source, motion, state, on_step)
        delta = dreamed - source if self.dream is not None else None
        if self.style is None:
            return dreamed, ClipState(dream_delta=delta)
        settled = self._settled(source, motion, state)
        painted_for, free = source, torch.ones_like(settled)
        if motion is not None and state.painted_for is not None:
            known = carry(state.painted_for, motion.back).clamp(0.0, 1.0)
            free = freedom(source, known, motion)
            painted_for = torch.lerp(source, known, settled * (1.0 - free))
        result = self._paint(self.style, dreamed, motion, state, settled, free, on_step)
        begins = motion is None or self.config.motion.warm_start == "none"
        after = ClipState(delta, result, self._settled_after(settled, begins), painted_for)
        if self.config.style.original_colours:
            result = with_colours_of(source, result)
        return result, after

    def _dream(
        self,
        stage: DreamStage,
        source: Tensor,
        motion: Motion | None,
        state: ClipState,
        on_step: OnStep,
    ) -> Tensor:
        chosen = self.config.dream
        start, steps = source, chosen.steps
        if motion is not None and state.dream_delta is not None:
            carried = carry(state.dream_delta, motion.back) * motion.seen
            start = (source + chosen.carry * carried).clamp(0.0, 1.0)
            steps = chosen.next_steps
        planned = steps * len(stage.octaves(source))
        return stage.run(start, steps, lambda i, terms: on_step("dream", i, planned, terms))

    def _paint(
        self,
        stage: StyleStage,
        content: Tensor,
        motion: Motion | None,
        state: ClipState,
        settled: Tensor,
        free: Tensor,
        on_step: OnStep,
    ) -> Tensor:
        chosen = self.config.style
        temporal, carried = None, None
        if motion is not None and state.result is not None:
            carried = carry(state.result, motion.back).clamp(0.0, 1.0)
            if self.config.motion.temporal:
                held = motion.reliability * settled
                temporal = self.config.motion.temporal_weight, TemporalLoss(carried, held)
        if motion is None or carried is None or self.config.motion.warm_start == "none":
            planned = chosen.first_iterations * len(stage.sizes(content))
            return stage.run_coarse_to_fine(
                content,
                self._first_start(content),
                chosen.first_iterations,
                step_size=chosen.first_step_size,
                temporal=temporal,
                on_iteration=lambda i, terms: on_step("style", i, planned, terms),
            )
        start, step_size = state.result, chosen.step_size * free
        if self.config.motion.warm_start == "warped":
            # what comes into view has no past: it starts from the content, with the larger step
            start = torch.lerp(content, carried, motion.seen)
            step_size = torch.lerp(
                torch.full_like(settled, chosen.first_step_size), step_size, settled
            )
        assert start is not None
        return stage.run(
            content,
            start,
            chosen.iterations,
            step_size=step_size,
            temporal=temporal,
            on_iteration=lambda i, terms: on_step("style", i, chosen.iterations, terms),
        )

    def _settled(self, source: Tensor, motion: Motion | None, state: ClipState) -> Tensor:
        """What share of a first frame's iterations each place has had before this frame.

        A place that came into view goes on with the larger step, and is held back less, until it
        has had as many iterations as everything around it had in the shot's first frame.
        """
        if motion is None or state.settled is None:
            return torch.zeros_like(source[:, :1])
        return look_up(state.settled, motion.back) * motion.seen

    def _settled_after(self, settled: Tensor, begins: bool) -> Tensor:
        first, later = self.config.style.first_iterations, self.config.style.iterations
        share = 1.0 if begins or first == 0 else later / first
        return (settled + share).clamp(max=1.0)

    def _first_start(self, content: Tensor) -> Tensor:
        init = self.config.style.init
        if init == "content":
            return content
        if init == "noise":
            noise = torch.Generator().manual_seed(self.config.compute.seed)
            drawn = 0.5 + 0.1 * torch.randn(content.shape, generator=noise)
            return drawn.clamp(0.0, 1.0).to(content.device)
        assert self.init_picture is not None
        return resize(self.init_picture, size_of(content))


def with_colours_of(source: Tensor, result: Tensor) -> Tensor:
    """Give the result the colours of the source and keep its brightness (Gatys 2016b, luminance).

    Both (1, 3, H, W) in [0, 1]; the luma is that of BT.601.
    """
    weights = torch.tensor([0.299, 0.587, 0.114], device=source.device).view(1, 3, 1, 1)
    change = ((result - source) * weights).sum(dim=1, keepdim=True)
    return (source + change).clamp(0.0, 1.0)
