"""Writes a clip as a video: the same file, byte for byte, however often it is interrupted."""

from pathlib import Path

from framestyle.errors import JobError
from framestyle.media.clip import ClipInfo, Frame
from framestyle.media.ffmpeg import file_url, run
from framestyle.media.landing import (
    FULL_DISK_TEXT,
    check_free,
    discard,
    disk_errors,
    full_disk,
    move_whole,
    partial_beside,
    sync,
)
from framestyle.media.ledger import Ledger
from framestyle.media.mux import Muxing, mux
from framestyle.media.picture_sink import check_all_written, check_frame
from framestyle.media.segments import Segments
from framestyle.media.sink import Sink

SEGMENT_FRAMES = 250


class VideoSink(Sink):
    """Segments gather in ``work_dir/segments`` and are joined beside the output at the end."""

    def __init__(
        self,
        output: Path,
        info: ClipInfo,
        muxing: Muxing,
        *,
        work_dir: Path,
        done: int,
        ledger: Ledger,
        replaces: bool = False,
        segment_frames: int = SEGMENT_FRAMES,
    ) -> None:
        self.next_index = done
        self._replaces = replaces
        self._output = output
        self._info = info
        self._muxing = muxing
        self._partial = partial_beside(output)
        encoding = muxing.encoding.lossless() if muxing.lossless else muxing.encoding
        self._ledger = ledger
        self._segments = Segments(
            work_dir, encoding, info.frame_count, segment_frames, done, ledger
        )

    def write(self, frame: Frame) -> None:
        """Take the next frame; see ``Sink.write``."""
        check_frame(frame, self.next_index, self._info)
        self._segments.write(frame.index, frame.samples())
        self.next_index += 1

    def secure(self) -> None:
        """Have what was written outlive a power cut; see ``Sink.secure``."""
        with disk_errors("putting the frames on the disk", self._segments.folder):
            self._ledger.secure()

    def checkpoint(self, done: int) -> None:
        """Free the kept frames that no later run will need; see ``Sink.checkpoint``."""
        self._segments.forget_frames(done)

    def finish(self) -> Path:
        """Join the segments and land the file; see ``Sink.finish``."""
        check_all_written(self.next_index, self._info)
        self._check_free()  # before what takes time, and again at the last moment
        doing = f"putting {self._output} together"
        names = self._segments.names()
        counts = [end - first for first, end in map(self._segments.bounds, range(len(names)))]
        with disk_errors(doing, self._output.parent):
            pairs = list(zip(names, counts, strict=True))
            # an ffmpeg that outlived a killed run may still write to the old file
            self._partial.unlink(missing_ok=True)
            done = mux(self._muxing, self._segments.folder, pairs, self._partial)
            if done.code:
                self.close()
                if any(FULL_DISK_TEXT in text for text in done.log.errors()):
                    raise JobError(full_disk(doing, self._output.parent))
                raise JobError(f"{doing} failed: {done.log.reason()}; run it again to resume")
            self._check_whole()
            sync(self._partial)
            self._check_free()
            self._ledger.enter_output(self._partial)
            move_whole(self._partial, self._output)
        return self._output

    def close(self) -> None:
        """End the encoder and take away what is half done; see ``Sink.close``."""
        self._segments.close()
        discard(self._partial)

    def _check_free(self) -> None:
        if not self._replaces:
            check_free(self._output)

    def _check_whole(self) -> None:
        if self._muxing.encoding.container == "webp":
            return  # frames that show the same are one there
        scan = run(
            ["-i", file_url(self._partial), "-map", "0:v:0", "-c", "copy", "-f", "framecrc", "-"]
        )
        count = sum(line[:1].isdigit() for line in scan.output.splitlines())
        if scan.code or count < self._info.frame_count:
            self.close()
            raise JobError(
                f"{self._output} came out with {count} frames of {self._info.frame_count}; this is "
                "a fault of the codec or container, so choose another --codec, with --restart"
            )
