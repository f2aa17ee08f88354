"""What ends an optimisation before its last iteration."""

from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from framestyle.transfer import Download


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
        part: Scales the share, a scalar: how much of the image may change at all. None is 1.
        late: Whether a look is at the loss of the look before. It is long there, and a GPU has its
            next steps to do meanwhile; so it never stands idle, and makes a window too many.
    """

    change: float = 0.0
    window: int = 50
    part: Tensor | None = None
    late: bool = False
    _last: float | None = None
    _waiting: Download | None = None
    _share: Download | None = field(init=False)

    def __post_init__(self) -> None:
        """Set out what is looked at later."""
        self._share = None if self.part is None else Download(self.part)

    def reached(self, iteration: int, loss: Tensor) -> bool:
        """Tell whether to stop after this many iterations, at this loss."""
        if self.change <= 0 or (iteration % self.window and iteration > 1):
            return False
        seen: Download | None = Download(loss)
        if self.late:
            seen, self._waiting = self._waiting, seen
        if seen is None:
            return False
        last, self._last = self._last, float(seen.wait())
        part = 1.0 if self._share is None else float(self._share.wait())
        return last is not None and abs(last - self._last) < self.change * part * abs(last)


@dataclass
class Ceiling:
    """Stops where the value climbs over a ceiling, as the DeepDream example of Keras does."""

    ceiling: float | None = None

    def reached(self, iteration: int, loss: Tensor) -> bool:
        """Tell whether to stop after this many iterations, at this value."""
        return self.ceiling is not None and float(loss) > self.ceiling


def looks_late(device: torch.device) -> bool:
    """Tell whether ``Plateau.late`` pays: where what is downloaded comes while others work."""
    return device.type == "cuda"
