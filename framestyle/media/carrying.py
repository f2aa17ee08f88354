"""Decides what becomes of the input's other streams, by trying it out, and says what is lost."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from framestyle.errors import OutputError
from framestyle.media.clip import Notices
from framestyle.media.covers import is_attachable
from framestyle.media.mux import Muxing, mux
from framestyle.media.others import ANIMATIONS, NO_CHAPTERS, Carried
from framestyle.media.streams import Stream

_AUDIO_CODECS = {"webm": "libopus", "avi": "libmp3lame"}
_TEXT_CODECS = {"mp4": "mov_text", "mov": "mov_text", "matroska": "srt", "webm": "webvtt"}
_PLAIN_TEXT = ("subrip", "srt", "mov_text", "webvtt", "text")
# Tracks that only MP4 has: ffmpeg makes them anew from chapters and from the time code's tag.
_MADE_ANEW = ("(text /", "(tmcd /")
_WORDS = {
    "audio": "sound",
    "subtitle": "subtitle track",
    "attachment": "attachment",
    "data": "data",
    "picture": "cover picture",
    "video": "other video",
}
# What ffmpeg would take without a word, and lose or spoil.
_NEVER = {
    "mp4": ("attachment",),
    "mov": ("attachment", "picture"),
    "webm": ("attachment", "data", "picture"),
    "avi": ("subtitle", "attachment", "data", "picture"),
}
# What AVI takes, and gives other times.
_MISTIMED = {"avi": ("vorbis", "eac3")}
_TRIAL_SECONDS = 1.0


def carry(
    muxing: Muxing, folder: Path, segments: list[tuple[str, int]], notice: Notices, *, audio: bool
) -> Muxing:
    """Return the muxing with all streams of the input that its container takes.

    Sound that is refused is encoded anew, plain text of subtitles is written in the container's own
    way, and what else is refused is left out; each in one line.

    Args:
        muxing: Without other streams.
        folder: For trials; the segments are there.
        segments: To try with.
        notice: Gets the lines.
        audio: False leaves the sound out.

    Raises:
        OutputError: Where there is sound and the container takes it in no way.
    """
    container, info = muxing.encoding.container, muxing.info
    wanted = [s for s in info.streams if s.index != info.video_stream and not _is_made_anew(s)]
    if not audio:
        wanted = [s for s in wanted if s.kind != "audio"]
    if container in ANIMATIONS:
        _say_bare(container, wanted, notice)
        return muxing
    if info.chapters and container in NO_CHAPTERS:
        notice(f"{container} holds no chapters; the {info.chapters} of {info.path} are left out")
    others = [s for s in wanted if s.kind == "video"]
    if others:
        notice(f"{info.path} has {len(others)} more video; the largest is taken, the rest left out")
    wanted = [s for s in wanted if s.kind != "video"]
    whole = replace(muxing, carried=tuple(Carried(s) for s in wanted))
    if not wanted or _refusal(whole, folder, segments) is None:
        return whole
    carried: list[Carried] = []
    for stream in wanted:
        taken = _chosen(muxing, stream, folder, segments, notice)
        carried += [] if taken is None else [taken]
    return replace(muxing, carried=tuple(carried))


def _chosen(
    muxing: Muxing,
    stream: Stream,
    folder: Path,
    segments: list[tuple[str, int]],
    notice: Notices,
) -> Carried | None:
    """Return how one stream is carried, or None where it is left out."""
    container, name = muxing.encoding.container, _name(stream)
    reason = ""
    for codec in _codecs(stream, container):
        tried = Carried(stream, codec)
        refusal = _refusal(replace(muxing, carried=(tried,)), folder, segments)
        if refusal is None:
            if codec != "copy":
                notice(f"{container} does not hold this {name}, so it becomes {codec}")
            return tried
        reason = reason or refusal
    if stream.kind == "audio":
        raise OutputError(
            f"the {name} of {muxing.info.path} cannot be put into {container} ({reason}); "
            "write .mkv, or leave the sound out with --no-audio"
        )
    advice = "" if container == "matroska" else "; .mkv may hold it"
    notice(f"{container} does not hold this {name}, so it is left out{advice}")
    return None


def _codecs(stream: Stream, container: str) -> Iterator[str]:
    """Yield in which ways a stream may go into a container, the most faithful first."""
    yield "copy"
    if stream.kind == "audio":
        yield _AUDIO_CODECS.get(container, "aac")
    elif stream.kind == "subtitle" and stream.codec in _PLAIN_TEXT and container in _TEXT_CODECS:
        yield _TEXT_CODECS[container]


def _refusal(muxing: Muxing, folder: Path, segments: list[tuple[str, int]]) -> str | None:
    """Return why streams cannot be put together, or None where they can."""
    never = _NEVER.get(muxing.encoding.container, ())
    if any(one.stream.kind in never for one in muxing.carried):
        return "it has no place for it"
    mistimed = _MISTIMED.get(muxing.encoding.container, ())
    if any(one.codec == "copy" and one.stream.codec in mistimed for one in muxing.carried):
        return "it has no times for it"
    if muxing.encoding.container == "matroska" and any(
        one.is_cover and not is_attachable(one.stream) for one in muxing.carried
    ):
        return "it has covers of JPEG and PNG only"
    tried = mux(muxing, folder, segments, folder / "others", others_seconds=_TRIAL_SECONDS)
    return tried.log.reason() if tried.code else None


def _say_bare(container: str, streams: Sequence[Stream], notice: Notices) -> None:
    lost = [_WORDS[kind] for kind in _WORDS if any(s.kind == kind for s in streams)]
    if lost:
        goes = "it is" if len(lost) == 1 else "they are"
        notice(f"a .{container} has no {' and no '.join(lost)}; {goes} left out")


def _is_made_anew(stream: Stream) -> bool:
    return stream.kind == "data" and any(mark in stream.details for mark in _MADE_ANEW)


def _name(stream: Stream) -> str:
    of = [stream.language] if stream.language not in (None, "und") else []
    return f"{_WORDS.get(stream.kind, stream.kind)} ({', '.join([stream.codec, *of])})"
