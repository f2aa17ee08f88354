"""What frames hand to those after them, as one object that can be saved and loaded bit for bit."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from framestyle.errors import UnfinishedJobError


@dataclass(frozen=True)
class FrameState:
    """What is left of a frame that is done.

    The source frame is no part of it: it is read from the clip again.

    Attributes:
        dream_delta: Its dream minus its source, (1, 3, H, W), or None.
        result: Its result, (1, 3, H, W) in [0, 1], before colours are put back, or None.
        settled: (1, 1, H, W): what share of a first frame's iterations each place of the result has
            had, at most 1; or None.
        painted_for: What the clip showed when each place of the result was made, (1, 3, H, W) in
            [0, 1], or None.
    """

    dream_delta: Tensor | None = None
    result: Tensor | None = None
    settled: Tensor | None = None
    painted_for: Tensor | None = None

    def as_type(self, dtype: torch.dtype) -> "FrameState":
        """Return the state with its numbers in another type."""
        return FrameState(
            **{name: value.to(dtype) for name, value in vars(self).items() if value is not None}
        )


@dataclass(frozen=True)
class ClipState:
    """Everything that crosses frames: what frames that are done left, by position in the run.

    A shot begins with an empty one. The last frame is kept in float32. Earlier ones, which only
    what was hidden meanwhile is taken from, are kept in float16: a tenth of a level.
    """

    frames: Mapping[int, FrameState] = field(default_factory=dict)

    def after(self, index: int, state: FrameState, keep: Container[int] = ()) -> "ClipState":
        """Return the state after one more frame.

        Args:
            index: Its position in the run.
            state: What it left.
            keep: Positions of the frames before it that later ones look back to.
        """
        kept = {i: old.as_type(torch.float16) for i, old in self.frames.items() if i in keep}
        return ClipState({**kept, index: state})

    def save(self, path: Path, frame: int, leg: int = 0) -> None:
        """Write the state after frame number ``frame``; the caller makes it atomic.

        Args:
            path: The file.
            frame: Position in the run of the last frame done.
            leg: How many times its shot had been gone over before, where there are several passes.
        """
        tensors = {
            f"{index}.{name}": value.detach().cpu().contiguous()
            for index, state in self.frames.items()
            for name, value in vars(state).items()
            if value is not None
        }
        about = {"frame": str(frame), "leg": str(leg)}
        about["frames"] = ",".join(str(index) for index in self.frames)
        save_file(tensors, str(path), metadata=about)

    @classmethod
    def load(cls, path: Path, device: str) -> tuple["ClipState", int, int]:
        """Read a state, the number of the frame that it belongs to, and of the leg.

        Raises:
            UnfinishedJobError: The file is damaged.
        """
        try:
            with safe_open(str(path), framework="pt", device=device) as file:
                about = file.metadata()
                indices = [int(part) for part in about["frames"].split(",") if part]
                parts: dict[int, dict[str, Tensor]] = {index: {} for index in indices}
                for key in file.keys():  # noqa: SIM118
                    index, _, name = key.partition(".")
                    parts[int(index)][name] = file.get_tensor(key)
                frames = {index: FrameState(**part) for index, part in parts.items()}
                return cls(frames), int(about["frame"]), int(about["leg"])
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise UnfinishedJobError(
                f"the saved state {path} is damaged ({error}); start the job anew with --restart"
            ) from None


def looked_back_to(index: int, first: int, reach: int) -> list[int]:
    """Return the frames that a frame looks back to: i-1, i-2, i-4, ... (Ruder 2016, section 4.3).

    Args:
        index: The frame's position in the run.
        first: Of its shot's first frame; nothing is carried out of a shot.
        reach: How far back it looks at most, in frames; 0 looks at none.

    Returns:
        Positions, the nearest first.
    """
    steps = (1 << power for power in range(reach.bit_length()))
    return [index - step for step in steps if step <= reach and index - step >= first]
