"""One frame: dream, then style, from what the frame before hands over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from framestyle.config import Config
from framestyle.motion import Motion
from framestyle.objectives import TemporalLoss
from framestyle.stages.dream import DreamStage
from framestyle.stages.past import Past, painted_for, past_of
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
        if self.dream is None and self.style is None:
            return source, ClipState()
        past = past_of(source, motion, state)
        dreamed, delta = source, None
        if self.dream is not None:
            dreamed = self._dream(self.dream, source, past, on_step)
            delta = dreamed - source
        after = painted_for(source, past)
        if self.style is None:
            return dreamed, ClipState(dream_delta=delta, painted_for=after)
        result = self._paint(self.style, dreamed, motion, state, past, on_step)
        begins = motion is None or self.config.motion.warm_start == "none"
        settled = self._settled_after(past.settled, begins)
        state = ClipState(delta, result, settled, after)
        if self.config.style.original_colours:
            result = with_colours_of(source, result)
        return result, state

    def _dream(self, stage: DreamStage, source: Tensor, past: Past, on_step: OnStep) -> Tensor:
        chosen = self.config.dream
        steps = chosen.steps if past.dream_delta is None else chosen.next_steps
        planned = steps * len(stage.octaves(source))

        def dreamed(start: Tensor) -> Tensor:
            return stage.run(start, steps, lambda i, terms: on_step("dream", i, planned, terms))

        if past.dream_delta is None or chosen.carry == 0:
            return dreamed(source)
        kept = (source + past.dream_delta).clamp(0.0, 1.0)
        if not past.changes:
            return kept
        free = past.free.maximum(1.0 - past.known)
        start = (source + chosen.carry * past.dream_delta).clamp(0.0, 1.0)
        return torch.lerp(kept, dreamed(start), free)

    def _paint(
        self,
        stage: StyleStage,
        content: Tensor,
        motion: Motion | None,
        state: ClipState,
        past: Past,
        on_step: OnStep,
    ) -> Tensor:
        chosen, how = self.config.style, self.config.motion
        temporal = None
        if motion is not None and past.result is not None and how.temporal:
            held = motion.reliability * past.settled
            temporal = how.temporal_weight, TemporalLoss(past.result, held)
        if past.result is None or how.warm_start == "none":
            planned = chosen.first_iterations * len(stage.sizes(content))
            return stage.run_coarse_to_fine(
                content,
                self._first_start(content),
                chosen.first_iterations,
                step_size=chosen.first_step_size,
                temporal=temporal,
                on_iteration=lambda i, terms: on_step("style", i, planned, terms),
            )
        step_size: float | Tensor = chosen.step_size
        if how.warm_start == "previous" and state.result is not None:
            start, iterations = state.result, chosen.iterations
        else:
            # what comes into view has no past: it starts from the content, with the larger step
            start = torch.lerp(content, past.result, past.known)
            first = torch.full_like(past.free, chosen.first_step_size)
            step_size = torch.lerp(first, chosen.step_size * past.free, past.settled)
            iterations = chosen.iterations if past.changes or past.unfinished else 0
        return stage.run(
            content,
            start,
            iterations,
            step_size=step_size,
            temporal=temporal,
            on_iteration=lambda i, terms: on_step("style", i, chosen.iterations, terms),
        )

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
