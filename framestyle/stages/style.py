"""Neural style transfer of one frame, by optimising its pixels (Gatys 2016)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from framestyle.config import StyleSettings
from framestyle.errors import SettingsError
from framestyle.networks import FeatureNetwork, Room
from framestyle.objectives import (
    ContentLoss,
    GramProducts,
    StyleLoss,
    TemporalLoss,
    TotalVariation,
    WeightedSum,
    style_roughness,
    style_targets,
)
from framestyle.settings import Layers
from framestyle.stages.evaluation import Evaluation
from framestyle.stages.optimise import (
    OneByOne,
    OnIteration,
    Optimisation,
    Player,
    Stepper,
    optimise,
)
from framestyle.stages.pyramid import Size, fitted, pyramid, resize, size_of
from framestyle.stages.steppers import LBFGS, Adam
from framestyle.stages.stops import Plateau, Stop, looks_late


@dataclass
class StyleStage:
    """Paints frames after style pictures with one network.

    Attributes:
        network: The network that paints, on the device of the frames.
        settings: How it paints.
        content_layers: Content layers with weights.
        style_layers: Style layers with weights.
        styles: Style pictures with weights, each (1, 3, H, W) in [0, 1], at their own size.
        room: The memory that there is.
        player: How steps are made.
    """

    network: FeatureNetwork
    settings: StyleSettings
    content_layers: Layers
    style_layers: Layers
    styles: Sequence[tuple[float, Tensor]]
    room: Room = field(default_factory=Room)
    player: Player = field(default_factory=OneByOne)
    _targets: dict[Size, tuple[dict[str, Tensor], float]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        """Prepare the network.

        Raises:
            ModelError: It lacks a layer.
            SettingsError: The settings leave the weight of the style open.
        """
        if self.settings.style_weight is None:
            raise SettingsError("the style stage got no style weight; take the network's own")
        self.style_weight = self.settings.style_weight
        content = [name for name, _ in self.content_layers]
        style = [name for name, _ in self.style_layers]
        grams = dict.fromkeys(style, GramProducts())
        self.extract = self.network.extractor(content, grams, self.room)
        self.extract_content = self.network.extractor(content, room=self.room)
        self.extract_style = self.network.extractor([], grams, self.room)
        self.smallest_px = self.network.minimum_side_px(style + content)

    def run(
        self,
        content: Tensor,
        start: Tensor,
        iterations: int,
        *,
        step_size: float | Tensor,
        free: Tensor | None = None,
        temporal: tuple[float, TemporalLoss] | None = None,
        stops: Sequence[Stop] = (),
        on_iteration: OnIteration = lambda iteration, terms: None,
        recurs: bool = True,
    ) -> Tensor:
        """Paint one frame.

        Args:
            content: The frame, or its dream, (1, 3, H, W) in [0, 1].
            start: Where the optimisation starts, of the same shape.
            iterations: Steps at most; 0 returns the start.
            step_size: Of Adam; a number, or (1, 1, H, W).
            free: How freely each place may change, (1, 1, H, W) in [0, 1]: of L-BFGS, whose steps
                have no size, it takes so much of the result. Adam's step size says it already.
            temporal: Weight and term that hold the frame to the last one.
            stops: What ends it early, beside the settings.
            on_iteration: Called after every step.
            recurs: Whether frames after this one are painted in the same way.

        Returns:
            The painted frame, of the shape and range of ``content``.
        """
        if iterations == 0:
            return start
        chosen, averaging = self.settings, 0.0
        stepper: Stepper = LBFGS()
        if chosen.optimizer == "adam":
            stepper = Adam(step_size, chosen.beta1, chosen.beta2, chosen.levels)
            averaging = chosen.averaging
        evaluation = Evaluation(self.objective(content, temporal), self.extract)
        late = looks_late(content.device)
        painted = optimise(
            Optimisation(start, evaluation, stepper, averaging, recurs),
            iterations,
            stops=[Plateau(chosen.stop_change, chosen.stop_window, late=late), *stops],
            on_iteration=on_iteration,
            player=self.player,
        )
        if chosen.optimizer != "adam" and free is not None:
            return torch.lerp(start, painted, free)
        return painted

    def run_coarse_to_fine(
        self,
        content: Tensor,
        start: Tensor,
        iterations: int,
        *,
        step_size: float,
        temporal: tuple[float, TemporalLoss] | None = None,
        on_iteration: OnIteration = lambda iteration, terms: None,
    ) -> Tensor:
        """Paint a shot's first frame through ``settings.scales`` sizes.

        Each size starts from the result of the one before, scaled up (style-transfer-pytorch).
        Arguments and result as in ``run``; ``iterations`` are made at every size, and the temporal
        term holds the last of them.
        """
        if iterations == 0:  # the start is the result, not what scaling leaves of it
            return start
        for number, size in enumerate(self.sizes(content)):
            done = number * iterations
            start = self.run(
                resize(content, size),
                resize(start, size),
                iterations,
                step_size=step_size,
                temporal=temporal if size == size_of(content) else None,
                on_iteration=_shifted(on_iteration, done),
                recurs=False,
            )
        return start

    def sizes(self, content: Tensor) -> list[Size]:
        """Return the sizes through which a first frame goes; none too small for the layers."""
        chosen, full = self.settings, size_of(content)
        sizes = pyramid(full, chosen.scales, chosen.scale_factor, self.smallest_px)
        return [size for size in sizes if size == full or max(size) >= chosen.coarsest]

    def objective(
        self, content: Tensor, temporal: tuple[float, TemporalLoss] | None
    ) -> WeightedSum:
        """Return what is minimised for a frame.

        Args:
            content: The frame, or its dream, (1, 3, H, W) in [0, 1].
            temporal: Weight and term that hold the frame to the last one.
        """
        chosen, kind = self.settings, self.settings.normalisation
        names = [name for name, _ in self.content_layers]

        def features(picture: Tensor) -> tuple[Tensor, ...]:
            found = self.extract_content(picture)
            return tuple(found[name] for name in names)

        with torch.no_grad():
            found = self.player.replay("content", features, content)
        of_content = dict(zip(names, found, strict=True))
        targets, roughness = self._style_targets(size_of(content))
        return WeightedSum(
            {
                "content": (
                    chosen.content_weight,
                    ContentLoss(self.content_layers, of_content, kind),
                ),
                "style": (self.style_weight, StyleLoss(self.style_layers, targets, kind)),
                "variation": (chosen.tv_weight, TotalVariation(roughness, kind)),
                **({"temporal": temporal} if temporal else {}),
            }
        )

    def _style_targets(self, frame: Size) -> tuple[dict[str, Tensor], float]:
        """Gram matrices and roughness of the styles for frames of a size, made once for each."""
        if frame not in self._targets:
            scaled = [(w, self.scaled_style(picture, frame)) for w, picture in self.styles]
            with torch.no_grad():
                features = [(weight, self.extract_style(picture)) for weight, picture in scaled]
                grams = style_targets(features, self.style_layers)
            self._targets[frame] = grams, style_roughness(scaled)
        return self._targets[frame]

    def scaled_style(self, picture: Tensor, frame: Size) -> Tensor:
        """Scale a style picture to the frame, so that its strokes keep their size in it.

        Its longest side becomes ``style_scale`` times the frame's; its shape stays its own, and no
        side gets too short for the network.
        """
        return fitted(picture, frame, self.settings.style_scale, self.smallest_px)


def _shifted(on_iteration: OnIteration, by: int) -> Callable[..., None]:
    return lambda iteration, terms: on_iteration(by + iteration, terms)
