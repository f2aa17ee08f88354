"""Makes a short file of the form asked for, so that what cannot be written is found before work."""

import contextlib
import tempfile
from pathlib import Path

import numpy as np

from framestyle.errors import OutputError
from framestyle.media.carrying import carry
from framestyle.media.clip import ClipInfo, Notices
from framestyle.media.encoding import Encoding
from framestyle.media.ffmpeg import Finished, file_url, run
from framestyle.media.hardware import hardware_kind
from framestyle.media.landing import FULL_DISK_TEXT, full_disk
from framestyle.media.mux import Muxing, mux
from framestyle.media.others import ANIMATIONS
from framestyle.media.segments import segment_arguments

_FRAMES = 2
_SEGMENT = [("0.nut", _FRAMES)]


def try_out(
    encoding: Encoding, info: ClipInfo, *, audio: bool, work_dir: Path, notice: Notices
) -> Muxing:
    """Encode two frames of the clip's size, put them together with its streams, and say how.

    Raises:
        OutputError: Where the encoder refuses the settings or the container the codec.
    """
    with contextlib.ExitStack() as stack:
        try:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=work_dir)))
        except OSError as error:
            raise OutputError(f"{work_dir} is not writable ({error.strerror})") from None
        if encoding.container in ANIMATIONS:
            muxing = Muxing(encoding, True, (), info)
            _encode_segment(encoding.lossless(), folder)
            _check(encoding, mux(muxing, folder, _SEGMENT, folder / "trial"), folder)
        else:
            _check(encoding, _encode_directly(encoding, folder), folder)
            muxing = Muxing(encoding, not _joins(encoding, info, folder), (), info)
            if muxing.lossless:
                _encode_segment(encoding.lossless(), folder)
        return carry(muxing, folder, _SEGMENT, notice, audio=audio)


def _raw_frames(encoding: Encoding) -> bytes:
    kind = np.uint16 if encoding.is_deep else np.uint8
    channels = 4 if encoding.has_alpha else 3
    frame = np.zeros((encoding.height_px, encoding.width_px, channels), kind)
    return bytes(encoding.raw(frame)) * _FRAMES


def _encode_directly(encoding: Encoding, folder: Path) -> Finished:
    return run(
        [
            *encoding.feed_arguments(),
            *("-vf", encoding.filters(), *encoding.stream_arguments()),
            *("-f", encoding.container, "-y", file_url(folder / "direct")),
        ],
        stdin=_raw_frames(encoding),
    )


def _encode_segment(encoding: Encoding, folder: Path) -> Finished:
    return run(segment_arguments(encoding, folder / "0.nut"), stdin=_raw_frames(encoding))


def _joins(encoding: Encoding, info: ClipInfo, folder: Path) -> bool:
    """Return whether the codec's segments can be put together without encoding again."""
    if not encoding.joins or _encode_segment(encoding, folder).code:
        return False
    (folder / "1.nut").write_bytes((folder / "0.nut").read_bytes())
    segments = [("0.nut", _FRAMES), ("1.nut", _FRAMES)]
    joined = mux(Muxing(encoding, False, (), info), folder, segments, folder / "joined")
    return joined.code == 0 and not joined.log.errors()


def _check(encoding: Encoding, finished: Finished, folder: Path) -> None:
    texts = [text for _, text in finished.log.lines]
    unused = [t for t in texts if "has not been used for any stream" in t and "crf" in t]
    if unused:
        raise OutputError(f"--crf: the encoder {encoding.codec} has none; leave --crf out")
    # ffmpeg would rather take another format than fail.
    swapped = [t for t in texts if "auto-selecting" in t or "Incompatible pixel format" in t]
    if finished.code or swapped:
        reason = swapped[0] if swapped else finished.log.reason()
        if FULL_DISK_TEXT in reason:
            raise OutputError(full_disk("trying the output out", folder))
        kind = hardware_kind(encoding.codec)
        if kind and not swapped:
            raise OutputError(
                f"--codec {encoding.codec}: this machine's {kind} encoder cannot be used at "
                f"{encoding.width_px}x{encoding.height_px} in {encoding.pixel_format} ({reason}); "
                "leave --codec out, or take one in software, such as h264, hevc or av1"
            )
        raise OutputError(
            f"{encoding.container} with {encoding.codec} in {encoding.pixel_format} at "
            f"{encoding.width_px}x{encoding.height_px} cannot be written: {reason}; choose other "
            "--codec, --pixel-format or --crf"
        )
