"""One frame: dream, then style, from what the frame before hands over."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from framestyle.config import Config
from framestyle.networks import Room
from framestyle.objectives import TemporalLoss
from framestyle.stages.colours import with_colours_of
from framestyle.stages.dissolve import dissolved
from framestyle.stages.dream import DreamStage
from framestyle.stages.optimise import OnIteration
from framestyle.stages.past import Link, Past, painted_for, past_of
from framestyle.stages.pyramid import resize, size_of
from framestyle.stages.state import FrameState
from framestyle.stages.stops import Plateau, looks_late
from framestyle.stages.style import StyleStage
from framestyle.transfer import uploaded

OnStep = Callable[[str, int, int, Mapping[str, Tensor]], None]
"""Called with stage, iteration, planned iterations and loss terms."""

NEIGHBOUR_SHARE = 0.5
"""Of the start of a frame in a later pass; the rest is its own result (Ruder 2016, section 4.4)."""

DISAGREEMENT = 0.2
"""Difference of the two, of a range of 1, from which a place is painted with the whole step. At a
tenth of it, what painting adds to each frame outweighs what the halves have in common."""

SETTLE_WINDOW = 5
"""Iterations between two looks at whether a later frame has settled."""


@dataclass
class FrameStyler:
    """Takes one source frame after the other through the stages that are on.

    Attributes:
        config: All settings.
        dream: The dream, or None.
        style: The style, or None.
        init_picture: Where a shot's first frame starts, (1, 3, H, W), if settings name a picture.
        room: The memory that the stages plan with.
    """

    config: Config
    dream: DreamStage | None
    style: StyleStage | None
    init_picture: Tensor | None = None
    room: Room = field(default_factory=Room)

    def step(
        self,
        source: Tensor,
        links: Sequence[Link] = (),
        on_step: OnStep = lambda stage, iteration, iterations, terms: None,
        *,
        own: FrameState | None = None,
        ease: float = 0.0,
        join: float | None = None,
    ) -> tuple[Tensor, FrameState]:
        """Make one frame.

        Args:
            source: The frame, (1, 3, H, W) in [0, 1].
            links: Frames that are done and how they lie in this one, the nearest first; none at the
                first frame of a shot.
            on_step: Called after every optimisation step.
            own: What an earlier pass made of this frame.
            ease: Share of the past that is let go, in [0, 1], as in a dissolve.
            join: How far the frame is from its past, in [0, 1], on the way to what was made of it
                without this past; None where there is no such way.

        Returns:
            The result, of the shape and range of ``source``, and what it hands to other frames.
        """
        stage = self.style or self.dream
        if stage is None:
            return source, FrameState()
        selective = self.config.motion.selective
        past = past_of(source, links, ease, selective=selective, replay=stage.player.replay)
        if own is not None and join is not None:
            return self._joined(source, past, own, join)
        if own is not None:
            return self._again(source, past, own, on_step)
        dreamed, delta = source, None
        if self.dream is not None:
            dreamed = self._dream(self.dream, source, past, on_step)
            delta = dreamed - source
        after = painted_for(source, past)
        if self.style is None:
            return dreamed, FrameState(dream_delta=delta, painted_for=after)
        result = self._paint(self.style, dreamed, links, past, on_step)
        begins = not links or self.config.motion.warm_start == "none"
        settled = self._settled_after(past.settled, begins)
        state = FrameState(delta, result, settled, after)
        return self.shown(source, state), state

    def shown(self, source: Tensor, state: FrameState) -> Tensor:
        """Return a frame that is done as it is shown, (1, 3, H, W) in [0, 1].

        Args:
            source: The source frame, of the same shape and range.
            state: What is left of it.
        """
        if state.result is None:
            return _dreamed(source, state)
        kept = self.config.style.original_colours
        return with_colours_of(source, state.result) if kept else state.result

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
        links: Sequence[Link],
        past: Past,
        on_step: OnStep,
    ) -> Tensor:
        chosen, how = self.config.style, self.config.motion
        temporal = self._temporal(past, content)
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
        free: Tensor | None = None
        if how.warm_start == "previous" and links[0].state.result is not None:
            start, iterations = links[0].state.result, chosen.iterations
        else:
            # what comes into view has no past: it starts from the content, with the larger step
            start = torch.lerp(content, past.result, past.known)
            first = torch.full_like(past.free, chosen.first_step_size)
            step_size = torch.lerp(first, chosen.step_size * past.free, past.settled)
            free = torch.lerp(torch.ones_like(past.free), past.free, past.settled)
            iterations = chosen.iterations if past.changes or past.unfinished else 0
        start = torch.lerp(start, content, how.blend)
        return stage.run(
            content,
            start,
            iterations,
            step_size=step_size,
            free=free,
            temporal=temporal,
            stops=[self._settled(past)],
            on_iteration=self._told(on_step),
        )

    def _settled(self, past: Past) -> Plateau:
        """When a later frame has settled: what may change of it decides how much that is."""
        free = past.free.maximum(1.0 - past.known)
        change, late = self.config.style.settle_change, looks_late(free.device)
        return Plateau(change, SETTLE_WINDOW, free.mean(), late)

    def _again(
        self, source: Tensor, past: Past, own: FrameState, on_step: OnStep
    ) -> tuple[Tensor, FrameState]:
        """Bring what an earlier pass made nearer to a neighbour; the dream stays as it is."""
        if own.result is None or self.style is None:
            return self.shown(source, own), own
        result, after = own.result, own.painted_for
        if past.result is not None:
            apart = (past.result - own.result).abs().mean(dim=1, keepdim=True) * past.known
            start = torch.lerp(own.result, past.result, NEIGHBOUR_SHARE * past.known)
            free = (past.free * past.known).maximum((apart / DISAGREEMENT).clamp(max=1.0))
            result = self.style.run(
                _dreamed(source, own),
                start,
                self.config.style.iterations if bool(free.any()) else 0,
                step_size=self.config.style.step_size * free,
                free=free,
                temporal=self._temporal(past, own.result),
                stops=[self._settled(past)],
                on_iteration=self._told(on_step),
            )
            # what is left alone is still what an earlier pass painted
            after = source if after is None else torch.lerp(after, source, free)
        state = FrameState(own.dream_delta, result, own.settled, after)
        return self.shown(source, state), state

    def _joined(
        self, source: Tensor, past: Past, own: FrameState, share: float
    ) -> tuple[Tensor, FrameState]:
        """Show a frame between its past, which is carried on as it is, and what was made of it."""

        def goes_on(made: Tensor | None, before: Tensor | None) -> Tensor | None:
            return made if made is None or before is None else torch.lerp(made, before, past.known)

        after = painted_for(source, replace(past, free=torch.zeros_like(past.free)))
        delta = goes_on(own.dream_delta, past.dream_delta)
        before = FrameState(delta, goes_on(own.result, past.result), own.settled, after)
        shown = self.shown(source, before), self.shown(source, own)
        return dissolved(*shown, torch.full_like(past.known, share)), before

    def _temporal(self, past: Past, otherwise: Tensor) -> tuple[float, TemporalLoss] | None:
        """Hold a frame to the past, as far as that is known; what is let go pulls no more."""
        how = self.config.motion
        if past.result is None or not how.temporal:
            return None
        target = torch.lerp(otherwise, past.result, past.known)
        return how.temporal_weight, TemporalLoss(target, past.held)

    def _told(self, on_step: OnStep) -> OnIteration:
        planned = self.config.style.iterations
        return lambda i, terms: on_step("style", i, planned, terms)

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
            return uploaded(drawn.clamp(0.0, 1.0), content.device)
        assert self.init_picture is not None
        return resize(self.init_picture, size_of(content))


def _dreamed(source: Tensor, state: FrameState) -> Tensor:
    """Return the dream of a frame that is done."""
    return source if state.dream_delta is None else (source + state.dream_delta).clamp(0.0, 1.0)
