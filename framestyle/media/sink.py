"""What every output looks like to the rest: frames in order, whole only at the end."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from framestyle.media.clip import Frame


class Sink(ABC):
    """An output that has been checked and takes frames in order; a context manager.

    Attributes:
        next_index: Position in the run of the frame that comes next.
        has_landed: Whether an earlier run has put the whole output under its final name, so that
            nothing is left to do.
    """

    next_index: int
    has_landed: bool = False

    @abstractmethod
    def write(self, frame: Frame) -> None:
        """Take the next frame; when this returns, the frame outlives a killed run.

        Raises:
            ValueError: Where it is not the next one, or not of the clip's size.
            JobError: Where it cannot be encoded or put on the disk; the message names it.
        """

    def prepared(self, frame: Frame) -> Callable[[], None]:
        """Do with a frame what can be done before its turn, and return what writes it.

        Several threads may ask for it at the same time, and in any order.

        Raises:
            JobError: As of ``write``.
        """
        return partial(self.write, frame)

    def secure(self) -> None:  # noqa: B027 - some sinks have nothing to secure
        """Have all that was written outlive a power cut.

        Raises:
            JobError: Where the disk fails.
        """

    def checkpoint(self, done: int) -> None:  # noqa: B027 - most sinks keep nothing
        """Hear that a later run would begin at ``done`` or after it, to free what is before."""

    @abstractmethod
    def finish(self) -> Path:
        """Put the whole output under its final name, in one step, and return that name.

        Raises:
            ValueError: Where frames are missing.
            JobError: Where it cannot be put together.
        """

    @abstractmethod
    def close(self) -> None:
        """End whatever runs behind it; what is done stays for a later run. Harmless twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class LandedSink(Sink):
    """An output that an earlier run has put under its final name, before it was cut off."""

    has_landed = True

    def __init__(self, output: Path, frame_count: int) -> None:
        self.next_index = frame_count
        self._output = output

    def write(self, frame: Frame) -> None:
        """Raise ``ValueError``: no frame is left to take."""
        raise ValueError(f"got frame {frame.index}, expected none")

    def finish(self) -> Path:
        """Return the name of the output."""
        return self._output

    def close(self) -> None:
        """Do nothing."""
