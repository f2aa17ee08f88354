"""Results that are made before it is their turn, on disk until then."""

import contextlib
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from framestyle.errors import JobError
from framestyle.media import ClipInfo, Frame
from framestyle.media.landing import discard, disk_errors, sealed, sync, unsealed

_NAME = re.compile(r"(\d{1,12})\.\d\.frame")


class Results:
    """Frames by position and version, exactly as they are to be written.

    Args:
        folder: Where; it is there when a frame is kept.
        info: The clip.
    """

    def __init__(self, folder: Path, info: ClipInfo) -> None:
        self.folder, self._info = folder, info

    def write(self, frame: Frame, version: int) -> None:
        """Keep a frame; it outlives a killed run, and ``secure`` has it outlive a power cut.

        Raises:
            JobError: It cannot be written.
        """
        path = self._path(frame.index, version)
        parts = {"pixels": frame.pixels, "alpha": frame.alpha}
        arrays = {k: np.ascontiguousarray(v) for k, v in parts.items() if v is not None}
        arrays["at"] = np.array([frame.index, version])
        part = path.with_suffix(".part")
        with disk_errors(f"keeping {frame.label} until its turn", self.folder):
            try:
                part.write_bytes(sealed(save(arrays)))
                part.replace(path)
            finally:
                discard(part)

    def read(self, index: int, version: int) -> Frame:
        """Return a frame as it was kept.

        Raises:
            JobError: It is missing or damaged.
        """
        path = self._path(index, version)
        try:
            arrays = load(unsealed(path.read_bytes()))
            if arrays["at"].tolist() != [index, version]:
                raise ValueError("it is another frame")
            name = self._info.frame_name(index)
            return Frame(index, arrays["pixels"], name, arrays.get("alpha"))
        except (OSError, ValueError, SafetensorError, KeyError) as error:
            raise JobError(
                f"{path}, which waited for its turn, is missing or damaged ({error}); the same "
                "command makes it again"
            ) from None

    def secure(self, indices: Iterable[int], version: int) -> None:
        """Have frames outlive a power cut.

        Raises:
            JobError: The disk fails.
        """
        with disk_errors("putting frames on the disk", self.folder):
            for index in indices:
                # one that is not there has been written to the output meanwhile
                with contextlib.suppress(FileNotFoundError):
                    sync(self._path(index, version))
            sync(self.folder)

    def count(self) -> int:
        """Return how many frames are kept."""
        return sum(1 for _ in self.folder.glob("*.frame"))

    def drop_before(self, index: int) -> None:
        """Delete all frames before a position: they have had their turn.

        Raises:
            JobError: One cannot be deleted.
        """
        with disk_errors("deleting frames that are written", self.folder):
            for path in self.folder.glob("*.frame"):
                found = _NAME.fullmatch(path.name)
                if found is not None and int(found[1]) < index:
                    path.unlink(missing_ok=True)

    def _path(self, index: int, version: int) -> Path:
        return self.folder / f"{index}.{version}.frame"
