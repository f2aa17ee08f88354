"""Progress events: the library emits them, whoever called it may draw them.

A progress callback takes one event and returns nothing. It runs in a thread that optimises, so it
should be quick. Where several do, frames come out of order, but one event at a time. Raising from
it stops the run.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command line hears events without loading torch
    from torch import Tensor


@dataclass(frozen=True)
class Notice:
    """Something the user should know, said once: which networks were chosen, what was done instead.

    Attributes:
        message: One line of plain text.
    """

    message: str


@dataclass(frozen=True)
class Fetching:
    """A download goes on.

    Attributes:
        what: Name of the file.
        received: Bytes so far.
        total: Bytes in all; 0 where the server does not tell.
    """

    what: str
    received: int
    total: int


@dataclass(frozen=True)
class RunStarted:
    """The inputs are read, the networks loaded; the first frame comes next.

    Attributes:
        frames: Number of frames that the run will write in all.
        done: Number of them that an earlier run has finished.
    """

    frames: int
    done: int = 0


@dataclass(frozen=True)
class IterationDone:
    """One optimisation step.

    Attributes:
        frame: Position of the frame in the run, from 0.
        stage: ``"dream"`` or ``"style"``.
        iteration: Steps made in this stage of this frame, from 1.
        iterations: Steps planned for it.
        losses: Weighted terms by name, scalar tensors on the run's device. Reading one waits for
            the device, so read them seldom.
    """

    frame: int
    stage: str
    iteration: int
    iterations: int
    losses: "Mapping[str, Tensor]" = field(default_factory=dict)


@dataclass(frozen=True)
class FrameDone:
    """One frame is finished and handed to the writer.

    Attributes:
        frame: Position of the frame in the run, from 0.
        seconds: Time that dream and style took.
    """

    frame: int
    seconds: float


@dataclass(frozen=True)
class RunDone:
    """The output stands whole under its final name.

    Attributes:
        output: Its path.
        frames: Number of frames in it.
        seconds: Wall time of this run.
    """

    output: str
    frames: int
    seconds: float


Event = Notice | Fetching | RunStarted | IterationDone | FrameDone | RunDone
Progress = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """Progress callback that does nothing."""
