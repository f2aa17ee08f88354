"""Writes frames as picture files: a folder of them, by a pattern, or a single one."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from framestyle.errors import UnfinishedJobError
from framestyle.media.clip import ClipInfo, Frame
from framestyle.media.display import as_usual, coded
from framestyle.media.landing import check_free, disk_errors, move_whole, write_whole
from framestyle.media.ledger import Ledger
from framestyle.media.picture_encoding import encode_picture
from framestyle.media.png_colour import with_colour
from framestyle.media.sink import Sink

RESULT = "result"
"""Folder below that of the job in which files gather."""


class PictureSink(Sink):
    """Files gather in ``work_dir/result`` and move to where they belong at the end."""

    def __init__(
        self,
        output: Path,
        names: Sequence[str],
        info: ClipInfo,
        *,
        work_dir: Path,
        done: int,
        is_folder: bool,
        ledger: Ledger,
        replaces: bool = False,
    ) -> None:
        self.next_index = done
        self._output = output
        self._names = names
        self._info = info
        self._is_folder, self._replaces = is_folder, replaces
        self._ledger = ledger
        self._staging = work_dir / RESULT
        with disk_errors("making the folder for the frames", work_dir):
            self._staging.mkdir(parents=True, exist_ok=True)
            self._resume(done)

    def write(self, frame: Frame) -> None:
        """Take the next frame; see ``Sink.write``."""
        check_frame(frame, self.next_index, self._info)
        self.prepared(frame)()

    def prepared(self, frame: Frame) -> Callable[[], None]:
        """Encode a frame; see ``Sink.prepared``."""
        return partial(self._put, frame, self._file(frame))

    def _put(self, frame: Frame, data: bytes) -> None:
        check_frame(frame, self.next_index, self._info)
        name = self._names[frame.index]
        path = self._staging / name
        with disk_errors(f"writing frame {frame.index + 1} ({name})", self._staging):
            write_whole(path, data)
            self._ledger.enter(path, data)
        self.next_index += 1

    def _file(self, frame: Frame) -> bytes:
        suffix, colour = Path(self._names[frame.index]).suffix.lower(), self._info.colour
        if suffix != ".png":
            usual = replace(frame, pixels=as_usual(frame.pixels, colour))
            return encode_picture(usual.samples(), suffix)
        signal = replace(frame, pixels=coded(frame.pixels, colour))
        return with_colour(encode_picture(signal.samples(), suffix), colour)

    def secure(self) -> None:
        """Have what was written outlive a power cut; see ``Sink.secure``."""
        with disk_errors("putting the frames on the disk", self._staging):
            self._ledger.secure()

    def finish(self) -> Path:
        """Move the files to where they belong; see ``Sink.finish``."""
        check_all_written(self.next_index, self._info)
        with disk_errors(f"moving the frames to {self._output}", self._output.parent):
            self._ledger.secure()
            if self._is_folder and not self._output.exists():
                move_whole(self._staging, self._output)
                return self._output
            folder = self._output if self._is_folder else self._output.parent
            # what is not there any more was moved by an earlier run, and what stands in both places
            # was copied by one, to another disk
            left = [name for name in self._names if (self._staging / name).exists()]
            for name in left if not self._replaces else ():
                if not self._ledger.has_whole(self._staging / name, folder / name):
                    check_free(folder / name)
            for name in left:
                move_whole(self._staging / name, folder / name)
            self._staging.rmdir()
        return self._output

    def close(self) -> None:
        """Do nothing: no frame is ever half done."""

    def _resume(self, done: int) -> None:
        kept = set(self._names[:done])
        there = {entry.name for entry in self._staging.iterdir()}
        landing = done == len(self._names)  # an earlier run may have moved some already
        for name in self._names[:done]:
            path = self._staging / name
            at = self._output / name if landing and name not in there else path
            if not self._ledger.has_whole(path, at):
                raise UnfinishedJobError(
                    f"{path}, a frame done by an earlier run, is missing or damaged; "
                    "use --restart to begin anew"
                )
        for name in there - kept:
            (self._staging / name).unlink()


def check_frame(frame: Frame, expected: int, info: ClipInfo) -> None:
    """Raise ``ValueError`` where a frame is not the next one or has another size."""
    if frame.index != expected or expected >= info.frame_count:
        raise ValueError(f"got frame {frame.index}, expected {expected} of {info.frame_count}")
    if frame.pixels.shape != (info.height_px, info.width_px, 3):
        raise ValueError(
            f"got a frame of shape {frame.pixels.shape}, "
            f"expected ({info.height_px}, {info.width_px}, 3)"
        )
    if (frame.alpha is not None) != info.has_alpha:
        raise ValueError(f"got a frame with alpha: {not info.has_alpha}, the clip says otherwise")


def check_all_written(next_index: int, info: ClipInfo) -> None:
    """Raise ``ValueError`` where frames are missing at the end."""
    if next_index != info.frame_count:
        raise ValueError(f"got {next_index} frames, expected {info.frame_count}")
