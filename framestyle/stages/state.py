"""What one frame hands to the next, as one object that can be saved and loaded bit for bit."""

from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from framestyle.errors import UnfinishedJobError


@dataclass(frozen=True)
class ClipState:
    """State after a frame; a shot begins with an empty one.

    The source frame before is no part of it: it is read from the clip again.

    Attributes:
        dream_delta: The last frame's dream minus its source, (1, 3, H, W), or None.
        result: The last result, (1, 3, H, W) in [0, 1], before colours are put back, or None.
        settled: (1, 1, H, W): what share of a first frame's iterations each place of the result has
            had, at most 1; or None.
        painted_for: What the clip showed when each place of the result was made, (1, 3, H, W) in
            [0, 1], or None.
    """

    dream_delta: Tensor | None = None
    result: Tensor | None = None
    settled: Tensor | None = None
    painted_for: Tensor | None = None

    def save(self, path: Path, frame: int) -> None:
        """Write the state after frame number ``frame``; the caller makes it atomic."""
        tensors = {
            name: value.detach().cpu().contiguous()
            for name, value in vars(self).items()
            if value is not None
        }
        save_file(tensors, str(path), metadata={"frame": str(frame)})

    @classmethod
    def load(cls, path: Path, device: str) -> tuple["ClipState", int]:
        """Read a state, and the number of the frame that it belongs to.

        Raises:
            UnfinishedJobError: The file is damaged.
        """
        try:
            with safe_open(str(path), framework="pt", device=device) as file:
                frame = int(file.metadata()["frame"])
                return cls(**{name: file.get_tensor(name) for name in file.keys()}), frame  # noqa: SIM118
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise UnfinishedJobError(
                f"the saved state {path} is damaged ({error}); start the job anew with --restart"
            ) from None
