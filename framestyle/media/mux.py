"""Puts segments and the input's sound together into one file."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from framestyle.media.clip import ClipInfo
from framestyle.media.encoding import Encoding
from framestyle.media.ffmpeg import Finished, file_url, run

AUDIO_CODECS = {"webm": "libopus", "avi": "libmp3lame"}
"""What sound becomes where a container does not take it as it is; else AAC."""

_LIST = "list.txt"
_PALETTE = "palette.png"


@dataclass(frozen=True)
class Muxing:
    """How a file is put together.

    Attributes:
        encoding: Of the video stream.
        lossless: True where the segments hold lossless frames that are encoded only now.
        audio: ``copy``, an encoder's name, or None for no sound.
        info: The clip; its sound and metadata are taken from its file.
    """

    encoding: Encoding
    lossless: bool
    audio: str | None
    info: ClipInfo


def mux(
    muxing: Muxing,
    folder: Path,
    segments: list[tuple[str, int]],
    output: Path,
    *,
    audio_seconds: float | None = None,
) -> Finished:
    """Put segments together with the sound.

    Args:
        muxing: How.
        folder: Where the segments are; the list of them is put there too.
        segments: Their names and numbers of frames, in order.
        output: The file to make; replaced where it exists.
        audio_seconds: Take this much of the sound at most, for a trial.

    Returns:
        How ffmpeg ended; the output is only good where its code is 0.
    """
    (folder / _LIST).write_text(_list_of(segments, muxing.encoding.frame_rate), encoding="ascii")
    joined = ["-f", "concat", "-i", _LIST]
    if muxing.encoding.container == "gif":
        # In two goes, for a palette and its use in one keep every frame in memory.
        palette = run([*joined, "-vf", "palettegen", "-y", _PALETTE], cwd=folder)
        if palette.code:
            return palette
        joined += ["-i", _PALETTE]
    # ffmpeg takes names in the list from the folder it runs in: no path needs quoting there.
    return run([*_arguments(muxing, joined, audio_seconds), "-y", file_url(output)], cwd=folder)


def _arguments(muxing: Muxing, joined: list[str], audio_seconds: float | None) -> list[str]:
    encoding, info = muxing.encoding, muxing.info
    if encoding.container == "gif":
        # Dither spreads from pixel to pixel: what stands still would boil beside what moves.
        use = "[0:v][1:v]paletteuse=diff_mode=rectangle"
        timing = ["-fps_mode", "passthrough", "-loop", "0"]
        return [*joined, "-filter_complex", use, *timing, "-f", "gif"]
    arguments = list(joined)
    with_audio = muxing.audio is not None and info.has_audio
    if with_audio and not info.cut_start and info.container_offset_seconds > 0:
        # The sound begins before the picture and is kept whole, so the picture waits for it.
        arguments = ["-itsoffset", _seconds(info.container_offset_seconds), *joined]
    has_source = info.kind == "video" and (with_audio or info.path.exists())
    if has_source:
        arguments += [*_window(info, audio_seconds), "-i", file_url(info.path)]
    arguments += ["-map", "0:v:0"]
    if with_audio:
        arguments += ["-map", "1:a", "-c:a", str(muxing.audio)]
        if info.cut_start:
            # Seeking lands before the start, and ffmpeg would keep what lies between.
            arguments += ["-copypriorss:a", "0"]
    if has_source:
        chapters = "-1" if info.cut_start or info.cut_end else "1"
        arguments += ["-map_metadata", "1", "-map_chapters", chapters]
    if muxing.lossless:
        arguments += ["-vf", encoding.filters(), *encoding.stream_arguments()]
    else:
        # Segments do not say what their numbers mean where the codec does not.
        arguments += ["-c:v", "copy", "-r", str(encoding.frame_rate), *encoding.tag_arguments()]
    if encoding.container in ("mp4", "mov"):
        arguments += ["-movflags", "+faststart"]
    if encoding.container == "avi":
        # AVI counts frames: the priming of AAC would push the picture back, gap and all.
        arguments += ["-avoid_negative_ts", "disabled"]
    # Bit-exact: or Matroska is given random numbers, and no two runs the same bytes.
    return [*arguments, "-fflags", "+bitexact", "-f", encoding.container]


def _window(info: ClipInfo, audio_seconds: float | None) -> list[str]:
    arguments = []
    if info.cut_start:
        arguments += ["-ss", _seconds(info.start_seconds + info.container_offset_seconds)]
    if audio_seconds is not None:
        arguments += ["-t", _seconds(Fraction(audio_seconds))]
    elif info.cut_end:
        waited = Fraction(0) if info.cut_start else info.container_offset_seconds
        arguments += ["-t", _seconds(info.duration_seconds + max(waited, Fraction(0)))]
    return arguments


def _list_of(segments: list[tuple[str, int]], rate: Fraction) -> str:
    lines, frames, micros = ["ffconcat version 1.0"], 0, 0
    for name, count in segments:
        frames += count
        # From rounded ends, so that roundings do not add up over many segments.
        end = round(frames / rate * 1_000_000)
        lines += [f"file {name}", f"duration {_seconds(Fraction(end - micros, 1_000_000))}"]
        micros = end
    return "\n".join(lines) + "\n"


def _seconds(value: Fraction) -> str:
    return f"{round(value * 1_000_000) / 1_000_000:.6f}"
