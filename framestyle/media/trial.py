"""Makes a short file of the form asked for, so that what cannot be written is found before work."""

import contextlib
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from framestyle.errors import OutputError
from framestyle.media.clip import ClipInfo, Notices
from framestyle.media.encoding import Encoding
from framestyle.media.ffmpeg import Finished, file_url, run
from framestyle.media.hardware import hardware_kind
from framestyle.media.mux import AUDIO_CODECS, Muxing, mux
from framestyle.media.segments import segment_arguments

_TRIAL_AUDIO_SECONDS = 1.0
_FRAMES = 2


def try_out(
    encoding: Encoding, info: ClipInfo, *, audio: bool, work_dir: Path, notice: Notices
) -> Muxing:
    """Encode two frames of the clip's size, put them together with its sound, and say how.

    Raises:
        OutputError: Where the encoder refuses the settings or the container the codec.
    """
    with contextlib.ExitStack() as stack:
        try:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=work_dir)))
        except OSError as error:
            raise OutputError(f"{work_dir} is not writable ({error.strerror})") from None
        if encoding.container == "gif":
            if audio and info.has_audio:
                notice("a .gif has no sound; it is left out")
            muxing = Muxing(encoding, True, None, info)
            _encode_segment(encoding.lossless(), folder)
            _check(encoding, mux(muxing, folder, [("0.nut", _FRAMES)], folder / "trial.gif"))
            return muxing
        _check(encoding, _encode_directly(encoding, folder))
        muxing = Muxing(encoding, not _joins(encoding, info, folder), None, info)
        if muxing.lossless:
            _encode_segment(encoding.lossless(), folder)
        if not (audio and info.has_audio):
            return muxing
        return replace(muxing, audio=_choose_audio(muxing, folder, notice))


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
    joined = mux(Muxing(encoding, False, None, info), folder, segments, folder / "joined")
    return joined.code == 0 and not joined.log.errors()


def _choose_audio(muxing: Muxing, folder: Path, notice: Notices) -> str:
    container = muxing.encoding.container
    other = AUDIO_CODECS.get(container, "aac")
    reason = ""
    for audio in ("copy", other):
        tried = mux(
            replace(muxing, audio=audio),
            folder,
            [("0.nut", _FRAMES)],
            folder / "sound",
            audio_seconds=_TRIAL_AUDIO_SECONDS,
        )
        if tried.code == 0:
            if audio != "copy":
                notice(f"{container} does not hold this sound ({reason}); it becomes {other}")
            return audio
        reason = reason or tried.log.reason()
    raise OutputError(
        f"the sound of {muxing.info.path} cannot be put into {container} ({reason}); "
        "write .mkv, or leave the sound out with --no-audio"
    )


def _check(encoding: Encoding, finished: Finished) -> None:
    texts = [text for _, text in finished.log.lines]
    unused = [t for t in texts if "has not been used for any stream" in t and "crf" in t]
    if unused:
        raise OutputError(f"--crf: the encoder {encoding.codec} has none; leave --crf out")
    # ffmpeg would rather take another format than fail.
    swapped = [t for t in texts if "auto-selecting" in t or "Incompatible pixel format" in t]
    if finished.code or swapped:
        reason = swapped[0] if swapped else finished.log.reason()
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
