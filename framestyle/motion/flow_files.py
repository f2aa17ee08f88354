"""Optical flow that was made elsewhere: a folder of files, one for each pair and direction."""

import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from framestyle.errors import InputError
from framestyle.motion.flow import FlowSource, Pair
from framestyle.motion.flow_formats import SUFFIXES, FlowField, read_flow

OUT_OF_THE_FRAME_PX = 1e6
"""Where the flow is not known it leads out of the frame: nothing is trusted or carried there, but
where the clip itself shows that it rests (``without_idle_motion``)."""
_NAME = re.compile(r"(forward|backward)_(\d+)_(\d+)")


class FlowFiles(FlowSource):
    """Flow from a folder with the names of manuelruder/artistic-videos.

    ``forward_1_2.flo`` is flow[1->2] and ``backward_2_1.flo`` is flow[2->1]: first the frame where
    the vectors start, then the one they lead to. Frames are numbered from 1 by their position in
    the run; zeros in front are fine. Files are Middlebury's (``.flo``) or KITTI's (``.png``).
    Reliability files are not read; masks are computed from both directions.

    Args:
        folder: The folder.

    Raises:
        InputError: There is no such folder, no flow in it, or names that contradict each other.
    """

    worth_keeping = False  # the files are kept already

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._paths = _found(folder)

    @property
    def files(self) -> list[Path]:
        """All files of flow in the folder, in order of their frames."""
        return [self._paths[pair] for pair in sorted(self._paths)]

    def has(self, at: Pair) -> bool:
        """Tell whether the flow between two frames is there, both ways."""
        first, second = at
        return (first, second) in self._paths and (second, first) in self._paths

    def flows(self, earlier: np.ndarray, this: np.ndarray, at: Pair) -> tuple[Tensor, Tensor]:
        """Read both directions, at the size of the frames; see ``FlowSource.flows``.

        Raises:
            InputError: A file is not there, damaged, or of another size than the frames.
        """
        height, width = this.shape[:2]
        first, second = at
        forth, back = (
            self._read((first, second), width, height),
            self._read(at[::-1], width, height),
        )
        return _leading_out(forth), _leading_out(back)

    def unused(self, frame_count: int) -> int:
        """Return how many files are for frames that a run of so many does not have."""
        return sum(max(pair) >= frame_count for pair in self._paths)

    def check(self, frame_count: int, width: int, height: int) -> None:
        """Read all that a run may ask for, so that nothing stops it in the middle.

        Args:
            frame_count: Number of frames of the run.
            width: Of the frames, in pixels.
            height: Likewise.

        Raises:
            InputError: Flow between neighbouring frames is missing, or a file is damaged or of
                another size; the first is named.
        """
        neighbours = [(i, i + 1) for i in range(frame_count - 1)]
        wanted = [pair for at in neighbours for pair in (at, at[::-1])]
        if missing := [pair for pair in wanted if pair not in self._paths]:
            more = f" and {len(missing) - 1} more are" if len(missing) > 1 else " is"
            raise InputError(
                f"{self.folder}: {_name(missing[0])}{more} missing (.flo or .png) for the flow "
                f"between {frame_count} frames, which are numbered from 1"
            )
        for pair in sorted(self._paths):
            if max(pair) < frame_count:
                self._read(pair, width, height)

    def _read(self, pair: Pair, width: int, height: int) -> FlowField:
        if pair not in self._paths:
            raise InputError(f"{self.folder}: {_name(pair)} is missing (.flo or .png)")
        return read_flow(self._paths[pair], (width, height))


def _found(folder: Path) -> dict[Pair, Path]:
    """Return the files of flow in a folder by where their vectors start and lead to, from 0."""
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        raise InputError(f"the flow folder {folder} {what}")
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"the flow folder {folder} cannot be read: {error.strerror}") from None
    paths: dict[Pair, Path] = {}
    for path in entries:
        match = _NAME.fullmatch(path.stem)
        if match is None or path.suffix.lower() not in SUFFIXES:
            continue
        start, end = int(match[2]), int(match[3])
        pair = start - 1, end - 1
        if min(start, end) < 1 or start == end or (match[1] == "forward") != (start < end):
            raise InputError(
                f"{path}: expected forward_A_B or backward_B_A with frame A before B, from 1"
            )
        if pair in paths:
            raise InputError(f"{paths[pair]} and {path.name} are the same flow; remove one of them")
        paths[pair] = path
    if not paths:
        raise InputError(
            f"the flow folder {folder} has no flow in it; expected files as forward_1_2.flo and "
            "backward_2_1.flo (or .png as KITTI has it)"
        )
    return paths


def _name(pair: Pair) -> str:
    return f"{'forward' if pair[0] < pair[1] else 'backward'}_{pair[0] + 1}_{pair[1] + 1}"


def _leading_out(field: FlowField) -> Tensor:
    return torch.where(field.known, field.flow, OUT_OF_THE_FRAME_PX)
