"""Flows kept on disk, for what goes over the same frames more than once."""

import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from framestyle.errors import JobError
from framestyle.motion.flow import FlowSource, Motion, Pair

_SUFFIX = ".flow"
_CHECK_BYTES = 4


class CachedFlow(FlowSource):
    """Asks another source once for each pair of frames, and reads what it gave from then on.

    What it returns is bit for bit what the other source gave. A pair that is asked for in the order
    against time is the same pair, with both directions swapped. Files are of one clip and one
    source: whoever names the folder sees to that.

    Args:
        inner: Where flows come from.
        folder: Where they are kept; made when the first one is.
        first: Flows of frames before it belong to others.
    """

    def __init__(self, inner: FlowSource, folder: Path, first: int = 0) -> None:
        self.inner, self.folder, self.first = inner, folder, first
        self.most_searches = inner.most_searches

    def has(self, at: Pair) -> bool:
        """Tell whether the other source has the flow between two frames."""
        return self.inner.has(at)

    def flows(self, earlier: np.ndarray, this: np.ndarray, at: Pair) -> tuple[Tensor, Tensor]:
        """Return both directions, kept or new; see ``FlowSource.flows``.

        Raises:
            JobError: A new flow cannot be written.
        """
        if at[0] > at[1]:
            forth, back = self.flows(this, earlier, at[::-1])
            return back, forth
        path = self.folder / f"{at[0]}_{at[1]}{_SUFFIX}"
        kept = _read(path)
        if kept is None:
            kept = self.inner.flows(earlier, this, at)
            self._keep(path, *kept)
        return kept

    def measured(
        self, forth: Tensor, back: Tensor, earlier: np.ndarray, this: np.ndarray
    ) -> Motion:
        """Return what the other source makes of the flow both ways."""
        return self.inner.measured(forth, back, earlier, this)

    def drop_before(self, index: int) -> None:
        """Delete every flow of a pair with a frame before a position in the run.

        Raises:
            JobError: One cannot be deleted.
        """
        try:
            for path, first in self._kept():
                if self.first <= first < index:
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise JobError(f"deleting flows in {self.folder} failed: {error.strerror}") from None

    def _kept(self) -> Iterator[tuple[Path, int]]:
        """Yield the files with the earlier frame of each, and what a crash left half written."""
        for path in list(self.folder.glob(f"*{_SUFFIX}*")):
            first = path.name.partition("_")[0]
            if first.isdigit():
                yield path, int(first)

    def _keep(self, path: Path, forth: Tensor, back: Tensor) -> None:
        content = save({"forth": _own(forth), "back": _own(back)})
        check = zlib.crc32(content).to_bytes(_CHECK_BYTES, "big")
        part = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                part.write_bytes(check + content)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            raise JobError(f"keeping a flow in {self.folder} failed: {error.strerror}") from None


def _read(path: Path) -> tuple[Tensor, Tensor] | None:
    """Return a flow that was kept; None where there is none or its file is damaged."""
    try:
        data = path.read_bytes()
        if int.from_bytes(data[:_CHECK_BYTES], "big") != zlib.crc32(data[_CHECK_BYTES:]):
            return None
        tensors = load(data[_CHECK_BYTES:])
        return tensors["forth"], tensors["back"]
    except (OSError, SafetensorError, KeyError):
        return None


def _own(flow: Tensor) -> Tensor:
    """Copy a flow: both directions may lie in one batch, which safetensors refuses."""
    return flow.clone(memory_format=torch.contiguous_format)
