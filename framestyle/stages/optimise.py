"""The one loop that optimises pixels, for dream and style alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

Evaluate = Callable[[Tensor], tuple[Tensor, Mapping[str, Tensor]]]
"""What an image (1, 3, H, W) is worth: a scalar, and its weighted terms by name."""

OnIteration = Callable[[int, Mapping[str, Tensor]], None]
"""Called after every step with the number of steps made and the terms before that step."""


class Stepper(Protocol):
    """Changes an image in place by one step."""

    def step(self, image: Tensor, evaluate: Evaluate) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Make one step; return the value before it, detached, and its terms."""
        ...


class Stop(Protocol):
    """Says when an image is done before its last iteration."""

    def reached(self, iteration: int, loss: Tensor) -> bool:
        """Tell whether to stop after this many iterations, at this value."""
        ...


@dataclass
class Plateau:
    """Stops where the loss changes by less than a share in a window (artistic-videos).

    One that rises by more has not settled: the first steps of an optimiser without moments lift it
    above a good start.

    Attributes:
        change: That share, of the loss; 0 never stops.
        window: Iterations between two looks, the first of them a look too. Looking waits for the
            device.
    """

    change: float = 0.0
    window: int = 50
    _last: float | None = None

    def reached(self, iteration: int, loss: Tensor) -> bool:
        """Tell whether to stop after this many iterations, at this loss."""
        if self.change <= 0 or (iteration % self.window and iteration > 1):
            return False
        last, self._last = self._last, float(loss)
        return last is not None and abs(last - self._last) < self.change * abs(last)


@dataclass
class Ceiling:
    """Stops where the value climbs over a ceiling, as the DeepDream example of Keras does."""

    ceiling: float | None = None

    def reached(self, iteration: int, loss: Tensor) -> bool:
        """Tell whether to stop after this many iterations, at this value."""
        return self.ceiling is not None and float(loss) > self.ceiling


def optimise(
    image: Tensor,
    evaluate: Evaluate,
    stepper: Stepper,
    iterations: int,
    *,
    averaging: float = 0.0,
    stops: Sequence[Stop] = (),
    on_iteration: OnIteration = lambda iteration, terms: None,
) -> Tensor:
    """Make up to ``iterations`` steps from an image.

    Args:
        image: Where to start, (1, 3, H, W) float32 in [0, 1]; left as it is.
        evaluate: What is optimised.
        stepper: How; it knows whether it climbs or descends.
        iterations: 0 returns the start.
        averaging: Decay of the mean over iterates that is returned (Polyak averaging, with Adam's
            correction for the first ones, as in style-transfer-pytorch); 0 returns the last.
        stops: What ends it early, any of them.
        on_iteration: Called after every step.

    Returns:
        The optimised image in [0, 1], without a gradient.
    """
    x = image.detach().clone().requires_grad_(True)
    mean, share = torch.zeros_like(x, requires_grad=False), 0.0
    for iteration in range(1, iterations + 1):
        value, terms = stepper.step(x, evaluate)
        if averaging > 0:
            mean.lerp_(x.detach(), 1.0 - averaging)
            share = averaging * share + (1.0 - averaging)
        on_iteration(iteration, terms)
        if any(stop.reached(iteration, value) for stop in stops):
            break
    result = mean / share if share > 0 else x.detach()
    return result.clamp_(0.0, 1.0)
