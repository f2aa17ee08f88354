"""What comes from the input's own file beside the frames: streams, titles, chapters."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from framestyle.errors import JobError
from framestyle.media.chapters import cut_chapters
from framestyle.media.clip import ClipInfo
from framestyle.media.covers import attached_covers
from framestyle.media.ffmpeg import file_url, seconds_text
from framestyle.media.streams import LOCAL_ONLY, Stream
from framestyle.media.subtitles import cut_subtitles

ANIMATIONS = ("gif", "webp", "apng")
"""Containers of moving pictures that hold nothing else."""

NO_CHAPTERS = ("avi", *ANIMATIONS)
"""Containers without chapters."""

_CHAPTERS = "chapters.txt"
# Of the frames as they were, or of the file: they would be untrue of the new one.
_BRANDS = ("major_brand", "minor_version", "compatible_brands")
_STALE = ("encoder", "bps", "duration", "number_of_", "_statistics_", "rotate")
# QuickTime numbers its languages, and ffmpeg knows each by one of its two codes only.
# fmt: off
_QUICKTIME_LANGUAGES = {
    "deu": "ger", "nld": "dut", "swe": "sve", "ell": "gre", "isl": "ice",
    "zho": "chi", "cze": "ces", "slo": "slk", "rum": "ron", "fre": "fra",
    "mkd": "mac", "eus": "baq", "cym": "wel", "sqi": "alb", "fas": "per",
    "hye": "arm", "kat": "geo", "msa": "may", "mya": "bur", "bod": "tib",
}
# fmt: on
# ffmpeg counts the time of these from the first moment of the streams that are taken: sound that
# begins late would begin at once. So the video is taken too, and thrown away.
_COUNTED_FROM_TAKEN = ("mpegts", "mpeg", "ogg")
_MAIN = "1"  # number of the input's own file among those that ffmpeg is given


@dataclass(frozen=True)
class Carried:
    """A stream of the input that goes into the output.

    Attributes:
        stream: Which.
        codec: ``copy``, or the name of an encoder.
    """

    stream: Stream
    codec: str = "copy"

    @property
    def is_converted_text(self) -> bool:
        """True for subtitles that are written in another form."""
        return self.stream.kind == "subtitle" and self.codec != "copy"

    @property
    def is_cover(self) -> bool:
        """True for a cover picture."""
        return self.stream.kind == "picture"


@dataclass(frozen=True)
class Others:
    """Arguments for ffmpeg.

    Attributes:
        inputs: That follow the frames'.
        outputs: What is taken of them.
        beside: Further outputs of the same run.
    """

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


def other_streams(
    info: ClipInfo,
    carried: Sequence[Carried],
    container: str,
    folder: Path,
    seconds: float | None,
) -> Others:
    """Return the arguments for what comes from the input's own file.

    Args:
        info: The clip.
        carried: Streams that are taken, in the order that they get.
        container: ffmpeg's name of the output's.
        folder: Where chapters that are cut, and covers, are put.
        seconds: Take this much at most, for a trial.

    Raises:
        JobError: That file is not there any more.
    """
    if not info.streams or container in ANIMATIONS:
        return Others()
    if not info.path.exists():
        raise JobError(
            f"{info.path} is no longer there, and what goes with the frames comes from it; put it "
            "back and run the same command again"
        )
    covers = [one.stream for one in carried if container == "matroska" and one.is_cover]
    carried = [one for one in carried if one.stream not in covers]
    inputs = [*_window(info, seconds), *LOCAL_ONLY, "-i", file_url(info.path)]
    sources = [f"{_MAIN}:{one.stream.index}" for one in carried]
    if _is_part(info) and seconds is None:
        carried, sources, texts = _with_subtitles_cut(
            info, carried, folder, _number_of_next(inputs)
        )
        inputs += texts
    outputs = ["-map_metadata", _MAIN]
    outputs += [part for key in _BRANDS for part in ("-metadata", f"{key}=")]
    outputs += _metadata(info, carried, container)
    attachments = sum(one.stream.kind == "attachment" for one in carried)
    outputs += attached_covers(info.path, covers, folder, attachments)
    for place, (one, source) in enumerate(zip(carried, sources, strict=True), 1):
        outputs += ["-map", source, f"-c:{place}", one.codec]
        if not source.startswith(f"{_MAIN}:"):
            outputs += [f"-disposition:{place}", one.stream.purposes]
        elif info.cut_start:
            # Seeking lands before the start, and ffmpeg would keep what lies between.
            outputs += [f"-copypriorss:{place}", "0"]
    if any(one.stream.codec == "none" for one in carried):
        outputs += ["-copy_unknown"]
    chapters = _MAIN if info.chapters and container not in NO_CHAPTERS else "-1"
    if chapters == _MAIN and _is_part(info):
        chapters = str(_number_of_next(inputs))
        text = cut_chapters(info.path, *_bounds(info))
        (folder / _CHAPTERS).write_text(text, encoding="utf-8")
        inputs += ["-f", "ffmetadata", "-i", _CHAPTERS]
    outputs += ["-map_chapters", chapters]
    beside: list[str] = []
    if any(name in _COUNTED_FROM_TAKEN for name in info.demuxer.split(",")):
        beside = ["-map", f"{_MAIN}:{info.video_stream}", "-c", "copy", "-f", "null", "-"]
    return Others(tuple(inputs), tuple(outputs), tuple(beside))


def _with_subtitles_cut(
    info: ClipInfo, carried: Sequence[Carried], folder: Path, number: int
) -> tuple[list[Carried], list[str], list[str]]:
    """Write the subtitles of a part that are converted to files of their own.

    Args:
        info: The clip.
        carried: Streams that are taken.
        folder: Where the files are put.
        number: That ffmpeg gives the first of them.

    Returns:
        Streams that the part has, where ffmpeg finds each, and the arguments for the files.
    """
    kept: list[Carried] = []
    sources: list[str] = []
    inputs: list[str] = []
    for one in carried:
        source = f"{_MAIN}:{one.stream.index}"
        if one.is_converted_text:
            text = cut_subtitles(info.path, one.stream.index, *_bounds(info))
            if not text:
                continue
            name = f"subtitles{one.stream.index}.srt"
            (folder / name).write_text(text, encoding="utf-8")
            source = f"{number + inputs.count('-i')}:0"
            inputs += ["-f", "srt", "-i", name]
        kept.append(one)
        sources.append(source)
    return kept, sources, inputs


def _is_part(info: ClipInfo) -> bool:
    return info.cut_start or info.cut_end


def _bounds(info: ClipInfo) -> tuple[Fraction, Fraction | None]:
    """Return where a part begins, in seconds from the file's first moment, and its length."""
    begin = info.start_seconds + info.container_offset_seconds if info.cut_start else Fraction(0)
    return begin, info.duration_seconds + _wait(info) if info.cut_end else None


def _number_of_next(inputs: Sequence[str]) -> int:
    """Return which number ffmpeg gives the next input, after the frames and these."""
    return 1 + inputs.count("-i")


def _window(info: ClipInfo, seconds: float | None) -> list[str]:
    begin, length = _bounds(info)
    length = length if seconds is None else Fraction(seconds)
    arguments = ["-ss", seconds_text(begin)] if info.cut_start else []
    return arguments if length is None else [*arguments, "-t", seconds_text(length)]


def _wait(info: ClipInfo) -> Fraction:
    """Return how long the other streams have begun before the first frame, in seconds."""
    return Fraction(0) if info.cut_start else max(info.container_offset_seconds, Fraction(0))


def _metadata(info: ClipInfo, carried: Sequence[Carried], container: str) -> list[str]:
    """Return arguments for what streams say of themselves, stream by stream."""
    video = next(s for s in info.streams if s.index == info.video_stream)
    arguments = []
    for place, stream in enumerate([video, *(one.stream for one in carried)]):
        arguments += [f"-map_metadata:s:{place}", f"{_MAIN}:s:{stream.index}"]
        if stream.title and container in ("matroska", "webm"):
            arguments += [f"-metadata:s:{place}", f"title={stream.title}"]
        language = _QUICKTIME_LANGUAGES.get(stream.language or "")
        if language and container == "mov":
            arguments += [f"-metadata:s:{place}", f"language={language}"]
    stale = [key for key, _ in video.tags if key.lower().startswith(_STALE)]
    for key in stale:
        arguments += ["-metadata:s:0", f"{key}="]
    return [*arguments, "-disposition:0", video.purposes]
