"""Puts segments and the input's other streams together into one file."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from framestyle.media.clip import ClipInfo
from framestyle.media.encoding import Encoding
from framestyle.media.ffmpeg import Finished, file_url, run, seconds_text
from framestyle.media.others import Carried, other_streams
from framestyle.media.retiming import Clock, clock_of, is_uneven
from framestyle.media.webp import end_animation

_LIST = "list.txt"
_PALETTE = "palette.png"
_TIMES = "times.txt"


@dataclass(frozen=True)
class Muxing:
    """How a file is put together.

    Attributes:
        encoding: Of the video stream.
        lossless: True where the segments hold lossless frames that are encoded only now.
        carried: Streams of the input that come with it.
        info: The clip; the streams and metadata are taken from its file.
    """

    encoding: Encoding
    lossless: bool
    carried: tuple[Carried, ...]
    info: ClipInfo


def mux(
    muxing: Muxing,
    folder: Path,
    segments: list[tuple[str, int]],
    output: Path,
    *,
    others_seconds: float | None = None,
) -> Finished:
    """Put segments together with the other streams.

    Args:
        muxing: How.
        folder: Where the segments are; lists that ffmpeg reads are put there too.
        segments: Their names and numbers of frames, in order.
        output: The file to make; replaced where it exists.
        others_seconds: Take this much of the other streams at most, for a trial.

    Returns:
        How ffmpeg ended; the output is only good where its code is 0.
    """
    encoding = muxing.encoding
    (folder / _LIST).write_text(_list_of(segments, encoding.frame_rate), encoding="ascii")
    joined = ["-f", "concat", "-i", _LIST]
    frames = sum(count for _, count in segments)
    clock = clock_of(muxing.info, encoding.frame_rate, encoding.container, frames)
    (folder / _TIMES).write_text(_times(muxing, clock, joined, folder), encoding="ascii")
    if encoding.container == "gif":
        # In two goes, for a palette and its use in one keep every frame in memory.
        palette = run([*joined, "-vf", "palettegen", "-y", _PALETTE], cwd=folder)
        if palette.code:
            return palette
        joined += ["-i", _PALETTE]
    others = other_streams(muxing.info, muxing.carried, encoding.container, folder, others_seconds)
    arguments = [*joined, *others.inputs, *_video(muxing, clock, frames), *others.outputs]
    # Bit-exact: or Matroska is given random numbers, and no two runs the same bytes.
    arguments += [*_container(muxing, clock, frames), "-fflags", "+bitexact"]
    arguments += ["-f", encoding.container]
    # ffmpeg takes names in the list from the folder it runs in: no path needs quoting there.
    done = run([*arguments, "-y", file_url(output), *others.beside], cwd=folder)
    if encoding.container == "webp" and not done.code:
        end_animation(output, round(clock.end_seconds(frames) * 1000))
    return done


def _times(muxing: Muxing, clock: Clock, joined: list[str], folder: Path) -> str:
    """Return the filters that give the frames their times: of packets, or of frames to encode."""
    encoding = muxing.encoding
    if not muxing.lossless:
        order = _order(joined, folder, encoding.frame_rate)
        return clock.retimed_packets(encoding.frame_rate, _delay(order))
    if encoding.container == "gif":
        # Dither spreads from pixel to pixel: what stands still would boil beside what moves.
        return f"[0:v]{clock.retimed_frames()}[v];[v][1:v]paletteuse=diff_mode=rectangle"
    return f"{clock.retimed_frames()},{encoding.filters()}"


def _video(muxing: Muxing, clock: Clock, frames: int) -> list[str]:
    """Return the arguments for the stream of the frames."""
    encoding = muxing.encoding
    if encoding.container == "gif":
        timing = ["-fps_mode", "passthrough", "-enc_time_base", str(clock.tick)]
        return ["-/filter_complex", _TIMES, *timing]
    arguments = ["-map", "0:v:0"]
    if muxing.lossless:
        arguments += ["-/filter:0", _TIMES, *encoding.stream_arguments()]
        # ffmpeg 7.0 does not know how long the last frame is shown, and MP4 would leave it out.
        last = round(clock.last_seconds(frames) / clock.tick)
        kept = f"setts=pts=PTS:dts=DTS:duration='if(DURATION,DURATION,{last})'"
        return [*arguments, "-bsf:0", kept, "-enc_time_base", str(clock.tick)]
    # Segments do not say what their numbers mean where the codec does not.
    arguments += ["-c:0", "copy", "-/bsf:0", _TIMES, *encoding.tag_arguments()]
    if not is_uneven(muxing.info, encoding.container):
        arguments += ["-r", str(encoding.frame_rate)]
    return arguments


def _container(muxing: Muxing, clock: Clock, frames: int) -> list[str]:
    """Return the arguments that a container asks for."""
    encoding = muxing.encoding
    plays = muxing.info.plays or 0
    if encoding.container == "gif":
        # A GIF counts repetitions, and has no word for none.
        last = str(round(clock.last_seconds(frames) * 100))
        return ["-loop", str(plays - 1 or -1 if plays else 0), "-final_delay", last]
    if encoding.container == "webp":
        return ["-loop", str(plays)]
    if encoding.container == "apng":
        return ["-plays", str(plays), "-final_delay", str(clock.last_seconds(frames))]
    arguments = []
    if encoding.container in ("mp4", "mov"):
        arguments += ["-movflags", "+faststart"]
    if encoding.container == "avi":
        # AVI counts frames: the priming of AAC would push the picture back, gap and all.
        arguments += ["-avoid_negative_ts", "disabled"]
    return arguments


def _order(joined: list[str], folder: Path, rate: Fraction) -> list[int]:
    """Return the positions of the frames in the order in which their packets come."""
    scan = run([*joined, "-map", "0:v:0", "-c", "copy", "-f", "framecrc", "-"], cwd=folder)
    tick, order = Fraction(0), []
    for line in scan.output.decode("ascii", "replace").splitlines():
        if line.startswith("#tb 0:"):
            tick = Fraction(line.split()[2])
        elif not line.startswith("#"):
            order.append(round(int(line.split(",")[2]) * tick * rate))
    return order


def _delay(order: list[int]) -> int:
    """Return by how many frames decoding runs ahead of what is shown."""
    if order == sorted(order):  # also where packets that are never shown stand between
        return 0
    return max(place - position for place, position in enumerate(order))


def _list_of(segments: list[tuple[str, int]], rate: Fraction) -> str:
    lines, frames, micros = ["ffconcat version 1.0"], 0, 0
    for name, count in segments:
        frames += count
        # From rounded ends, so that roundings do not add up over many segments.
        end = round(frames / rate * 1_000_000)
        lines += [f"file {name}", f"duration {seconds_text(Fraction(end - micros, 1_000_000))}"]
        micros = end
    return "\n".join(lines) + "\n"
