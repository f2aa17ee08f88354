"""The frames of a video on their way: whole segments, and the one at work frame by frame.

Segments begin at fixed positions, so the bytes of the result do not depend on where a run was
interrupted: whoever encodes a segment encodes it from its first frame.
"""

import re
from pathlib import Path

import cv2
import numpy as np

from framestyle.errors import JobError, UnfinishedJobError
from framestyle.media.encoding import Encoding
from framestyle.media.ffmpeg import Running, file_url
from framestyle.media.landing import (
    FULL_DISK_TEXT,
    disk_errors,
    full_disk,
    sync,
    write_whole,
)
from framestyle.media.ledger import Ledger
from framestyle.media.picture_encoding import FAST_PNG, encode_picture, swapped


class Segments:
    """Encodes frames into ``segments/000000.nut``, ... below a folder.

    The frames are also kept as PNG in ``frames/`` until they are told to be forgotten: an encoder
    cannot be stopped and taken up again, and a run may go on from long before the last one written.
    """

    def __init__(
        self,
        work_dir: Path,
        encoding: Encoding,
        frame_count: int,
        length: int,
        done: int,
        ledger: Ledger,
    ) -> None:
        self.folder = work_dir / "segments"
        self._frames = work_dir / "frames"
        self._encoding = encoding
        self._frame_count = frame_count
        self._length = length
        self._ledger = ledger
        self._encoder: Running | None = None
        with disk_errors("making the folders for the frames", work_dir):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._frames.mkdir(exist_ok=True)
        self._resume(done)

    def names(self) -> list[str]:
        """Return the names of all segments that the whole clip has, in order."""
        return [self._name(s) for s in range(-(-self._frame_count // self._length))]

    def bounds(self, segment: int) -> tuple[int, int]:
        """Return the position of a segment's first frame and that after its last."""
        first = segment * self._length
        return first, min(first + self._length, self._frame_count)

    def write(self, index: int, pixels: np.ndarray) -> None:
        """Keep and encode the frame at a position; closes its segment after the last.

        Pixels may have an alpha as a fourth channel.

        Raises:
            JobError: Where the encoder or the disk fails.
        """
        path, data = self._frame_path(index), encode_picture(pixels, ".png", FAST_PNG)
        with disk_errors(f"keeping frame {index + 1}", self._frames):
            write_whole(path, data)
            self._ledger.enter(path, data)
        self._encode(index, pixels)

    def forget_frames(self, before: int) -> None:
        """Delete kept frames that a run which goes on at a position or later has no use for.

        Those are the frames of whole segments; the segment of that position is made anew.

        Raises:
            JobError: One cannot be deleted.
        """
        first = before // self._length * self._length
        with disk_errors("deleting frames that are encoded", self._frames):
            for path in self._frames.iterdir():
                index = _index_of(path)
                if index is None or (index < first and self._path(index // self._length).exists()):
                    path.unlink()

    def close(self) -> None:
        """End the encoder; the kept frames stay."""
        if self._encoder is not None:
            self._encoder.kill()
            self._encoder = None

    def _encode(self, index: int, pixels: np.ndarray) -> None:
        segment = index // self._length
        first, end = self.bounds(segment)
        partial = self._path(segment).with_suffix(".part")
        if self._encoder is None:
            self._encoder = Running(segment_arguments(self._encoding, partial), feed=True)
        try:
            self._encoder.stdin.write(self._encoding.raw(pixels))
            if index + 1 < end:
                return
            self._encoder.stdin.close()
            code = self._encoder.wait()
        except BrokenPipeError:
            code = self._encoder.wait() or 1
        log = self._encoder.log()
        self.close()
        if code:
            reason = log.reason() if code > 0 else f"it was killed by signal {-code}"
            doing = f"encoding frame {index + 1}"
            if any(FULL_DISK_TEXT in text for text in log.errors()):
                raise JobError(full_disk(doing, self.folder))
            raise JobError(f"{doing} failed: ffmpeg ended early: {reason}; run it again to resume")
        with disk_errors(f"landing frames {first + 1} to {end}", self.folder):
            sync(partial)
            partial.replace(self._path(segment))
            self._ledger.enter(self._path(segment))

    def _resume(self, done: int) -> None:
        at_work = done // self._length if done < self._frame_count else len(self.names())
        first = at_work * self._length
        needed = [self._path(segment) for segment in range(at_work)]
        for path in [*needed, *map(self._frame_path, range(first, done))]:
            if not self._ledger.has_whole(path):
                raise self._lost(path)
        for path in self.folder.iterdir():
            if path.name not in self.names()[:at_work]:
                path.unlink()
        for path in self._frames.iterdir():
            index = _index_of(path)
            if index is None or index >= done:
                path.unlink()
        for index in range(first, done):
            self._encode(index, self._kept(index))

    def _kept(self, index: int) -> np.ndarray:
        path = self._frame_path(index)
        pixels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
        if pixels is None:
            raise self._lost(path)
        return swapped(pixels)

    def _lost(self, path: Path) -> UnfinishedJobError:
        return UnfinishedJobError(
            f"{path}, made by an earlier run, is missing or damaged; use --restart to begin anew"
        )

    def _frame_path(self, index: int) -> Path:
        return self._frames / f"{index:08d}.png"

    def _path(self, segment: int) -> Path:
        return self.folder / self._name(segment)

    def _name(self, segment: int) -> str:
        return f"{segment:06d}.nut"


def segment_arguments(encoding: Encoding, path: Path) -> list[str]:
    """Return the arguments for encoding raw frames into one segment."""
    # NUT keeps the times of any codec exactly: its time base is that of the frames.
    return [
        *encoding.feed_arguments(),
        *("-vf", encoding.filters()),
        *encoding.stream_arguments(),
        *("-f", "nut", "-y", file_url(path)),
    ]


def _index_of(path: Path) -> int | None:
    match = re.fullmatch(r"(\d{8})\.png", path.name)
    return int(match[1]) if match else None
