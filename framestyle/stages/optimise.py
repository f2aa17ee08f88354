"""The one loop that optimises pixels, for dream and style alike."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from framestyle.graphs import Function, called
from framestyle.stages.stops import Stop

Terms = Mapping[str, Tensor]
"""Weighted terms of a value, scalars by name."""

Evaluate = Callable[[Tensor], tuple[Tensor, Terms]]
"""What an image (1, 3, H, W) is worth: a scalar, and its weighted terms by name."""

OnIteration = Callable[[int, Terms], None]
"""Called after every step with the number of steps made and the terms before that step."""


class Stepper(Protocol):
    """Changes an image in place by one step.

    Attributes:
        form: What has to be equal for two of them to differ in their tensors alone; None where
            there is more to a step than operations on tensors.
    """

    form: Hashable | None

    @property
    def tensors(self) -> Sequence[Tensor]:
        """All tensors that steps read or change, beside the image."""
        ...

    def start(self, image: Tensor) -> None:
        """Begin with an image of this shape."""
        ...

    def step(self, image: Tensor, evaluate: Evaluate) -> tuple[Tensor, Terms]:
        """Make one step; return the value before it, detached, and its terms."""
        ...


@dataclass
class Optimisation:
    """An optimisation under way: an image, and all that its steps read and change.

    Attributes:
        start: Where it starts, (1, 3, H, W) float32 in [0, 1]; left as it is.
        evaluate: What is optimised.
        stepper: How; it knows whether it climbs or descends.
        averaging: Decay of the mean over iterates that is its result (Polyak averaging, with
            Adam's correction for the first ones, as in style-transfer-pytorch); with 0 the last
            iterate is.
        recurs: Whether every later frame has steps of the same form, so that it pays to spend time
            on how they are made.
        image: The iterate.
        mean: Of the iterates so far, not corrected.
    """

    start: Tensor
    evaluate: Evaluate
    stepper: Stepper
    averaging: float = 0.0
    recurs: bool = False
    image: Tensor = field(init=False)
    mean: Tensor | None = field(init=False)

    def __post_init__(self) -> None:
        """Begin at the start."""
        self.image = self.start.detach().clone().requires_grad_(True)
        self.mean = torch.zeros_like(self.start) if self.averaging > 0 else None
        self.stepper.start(self.image)

    def step(self) -> tuple[Tensor, Terms]:
        """Make one step; return the value before it, detached, and its terms."""
        value, terms = self.stepper.step(self.image, self.evaluate)
        if self.mean is not None:
            self.mean.lerp_(self.image.detach(), 1.0 - self.averaging)
        return value, terms

    def result(self, steps: int) -> Tensor:
        """Return the image after that many steps, in [0, 1], without a gradient."""
        if self.mean is None or steps == 0:
            return self.image.detach().clamp(0.0, 1.0)
        return (self.mean / (1.0 - self.averaging**steps)).clamp_(0.0, 1.0)


class Running(Protocol):
    """An optimisation under way, whatever makes its steps."""

    def step(self) -> tuple[Tensor, Terms]:
        """Make one step; return the value before it, detached, and its terms."""
        ...

    def result(self, steps: int) -> Tensor:
        """Return the image after that many steps, in [0, 1], without a gradient."""
        ...


class Player(Protocol):
    """Says how the steps of an optimisation are made."""

    def begin(self, optimisation: Optimisation) -> Running:
        """Return what makes the steps of an optimisation, from its start."""
        ...

    def replay(
        self, name: Hashable, function: Function, *tensors: Tensor | None
    ) -> tuple[Any, ...]:
        """Return what a function returns.

        Args:
            name: Of the function: what else has to be equal for two of them to be the same.
            function: What it returns depends on its arguments alone.
            tensors: Its arguments.
        """
        ...


class OneByOne:
    """Makes one operation after the other."""

    def begin(self, optimisation: Optimisation) -> Running:
        """Return the optimisation as it is."""
        return optimisation

    def replay(
        self, name: Hashable, function: Function, *tensors: Tensor | None
    ) -> tuple[Any, ...]:
        """Call the function."""
        return called(name, function, *tensors)


def optimise(
    optimisation: Optimisation,
    iterations: int,
    *,
    stops: Sequence[Stop] = (),
    on_iteration: OnIteration = lambda iteration, terms: None,
    player: Player | None = None,
) -> Tensor:
    """Make up to ``iterations`` steps.

    Args:
        optimisation: What is optimised, how, and from where.
        iterations: 0 returns the start.
        stops: What ends it early, any of them.
        on_iteration: Called after every step.
        player: How the steps are made; one operation after the other by default.

    Returns:
        The optimised image, (1, 3, H, W) in [0, 1], without a gradient.
    """
    if iterations == 0:
        return optimisation.result(0)
    running = (player or OneByOne()).begin(optimisation)
    for iteration in range(1, iterations + 1):
        value, terms = running.step()
        on_iteration(iteration, terms)
        if any(stop.reached(iteration, value) for stop in stops):
            break
    return running.result(iteration)
