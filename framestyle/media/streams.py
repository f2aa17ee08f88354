"""What a media file has in it, from ffmpeg's own listing: container, streams, first moment."""

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from framestyle.errors import InputError
from framestyle.media.ffmpeg import Finished, file_url, run
from framestyle.media.picture_headers import MAX_PIXELS, MAX_SIDE_PX, too_large

# These "read" text as pictures, or open other files and addresses that a file names.
_REFUSED = ("tty", "concat", "hls", "dash", "lavfi", "ffmetadata", "sdp", "rtsp", "imf", "rawvideo")
_INPUT = re.compile(r"Input #0, (\S+), from ")
_DURATION = re.compile(r"\s*Duration: (?:(\d+):(\d+):(\d+\.\d+)|N/A)(?:, start: (-?\d+\.\d+))?")
_STREAM = re.compile(r"\s*Stream #0:(\d+)(?:\[[^\]]*\])?(?:\(([^)]*)\))?: (\w+): (\w+)(.*)")
_TAG = re.compile(r"\s{6,8}(\S.*?) *: (.*)")
_SIZE = re.compile(r", ([1-9]\d*)x([1-9]\d*)\b")
_CHAPTER = re.compile(r"\s*Chapter #0:\d+: start ")
_REFUSED_SIZE = re.compile(r"Picture size (\d+)x(\d+)")
_PURPOSES = ("default", "forced", "original")
# A script may name other files; nothing but the file itself is ever opened. And no frame of it is
# decoded that has more pixels than a picture may have, wherever in the file one claims to.
LOCAL_ONLY = ("-protocol_whitelist", "file,pipe,crypto,data", "-max_pixels", str(MAX_PIXELS))


@dataclass(frozen=True)
class Stream:
    """One stream of a media file, as listed.

    Attributes:
        index: Its number in the file.
        kind: ``video``, ``audio``, ``subtitle``, ``attachment``, ``data`` or ``picture`` (a cover).
        codec: ffmpeg's name; ``none`` where it knows none.
        language: As the file has it, or None.
        details: The rest of the line: size, rates, what the stream is for.
        tags: Its metadata, by key as written.
    """

    index: int
    kind: str
    codec: str
    language: str | None = None
    details: str = ""
    tags: tuple[tuple[str, str], ...] = ()

    def is_for(self, purpose: str) -> bool:
        """Return whether it is marked, for instance as ``default`` or ``forced``."""
        return f"({purpose})" in self.details

    @property
    def purposes(self) -> str:
        """What it is for, as ffmpeg's option for it takes it; ``0`` for nothing."""
        return "+".join(p for p in _PURPOSES if self.is_for(p)) or "0"

    @property
    def title(self) -> str | None:
        """Its name for people: ``title`` in Matroska, ``name`` in MP4."""
        return self.tag("title") or self.tag("name")

    def tag(self, name: str) -> str | None:
        """Return what its metadata says under a key, in whatever case that is written."""
        return next((value for key, value in self.tags if key.lower() == name), None)

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height; 0 where it has none."""
        size = _SIZE.search(self.details)
        return (int(size[1]), int(size[2])) if size else (0, 0)

    @property
    def area_px(self) -> int:
        """Width times height."""
        width, height = self.size_px
        return width * height


@dataclass(frozen=True)
class Container:
    """A media file, as listed.

    Attributes:
        path: The file.
        demuxer: Names of the format, comma-separated.
        video: Number of the stream that is taken.
        codec: Of that stream.
        streams: All streams, that one too.
        start_seconds: First moment of the container; other streams are timed from it.
        duration_seconds: By its header; None where it has none.
        chapters: Number of them.
    """

    path: Path
    demuxer: str
    video: int
    codec: str
    streams: tuple[Stream, ...]
    start_seconds: Fraction
    duration_seconds: Fraction | None
    chapters: int = 0

    @property
    def audio(self) -> tuple[int, ...]:
        """Numbers of the sound streams that ffmpeg knows."""
        return tuple(s.index for s in self.streams if s.kind == "audio" and s.codec != "none")


def list_streams(path: Path) -> Container:
    """Return what is in a media file.

    Of several video streams the one with the largest area is taken, the first of equals; cover
    pictures are none.

    Raises:
        InputError: Where it is empty, no media file, without video, or cut off before its index.
    """
    check_readable(path)
    texts: list[str] = []
    listing = run([*LOCAL_ONLY, "-i", file_url(path)], on_line=lambda _, text: texts.append(text))
    found = next(filter(None, map(_INPUT.match, texts)), None)
    if found is None:
        raise InputError(_why_unreadable(path, listing))
    demuxer = found[1]
    names = demuxer.split(",")
    if any(n in _REFUSED or n.startswith("image2") or n.endswith("_pipe") for n in names):
        raise InputError(
            f"{path} is not a video that is read (ffmpeg takes it for {demuxer}); expected a "
            "video, a folder of frames, or a PNG, JPEG, TIFF, WebP or BMP picture"
        )
    streams = _streams(texts)
    videos = [s for s in streams if s.kind == "video"]
    if not videos:
        has = ", ".join(sorted({s.kind for s in streams}))
        if not has:
            raise InputError(
                f"ffmpeg takes {path} for {demuxer} and finds nothing to show in it; a picture of "
                "another form than PNG, JPEG, TIFF, WebP or BMP has to be made one of these first"
            )
        raise InputError(f"{path} has no video stream, only {has}; expected a video")
    sized = [s for s in videos if s.codec != "none" and s.area_px]
    if not sized:
        _check_claim(path, texts)
        raise InputError(
            f"the video stream of {path} cannot be decoded "
            f"({videos[0].codec}{videos[0].details[:60]}); "
            "the file is damaged, or its codec is not known to this ffmpeg"
        )
    best = max(sized, key=lambda s: s.area_px)
    _check_size(path, *best.size_px)
    start, duration = _times(texts)
    chapters = sum(1 for text in texts if _CHAPTER.match(text))
    return Container(path, demuxer, best.index, best.codec, streams, start, duration, chapters)


def _streams(texts: list[str]) -> tuple[Stream, ...]:
    found: list[Stream] = []
    for text in texts:
        match = _STREAM.match(text)
        if match and all(stream.index != int(match[1]) for stream in found):  # groups repeat some
            number, language, kind, codec, details = match.groups()
            is_cover = "(attached pic)" in details
            kind = "picture" if is_cover else kind.lower()
            found.append(Stream(int(number), kind, codec, language, details))
        elif found and (match := _TAG.fullmatch(text)):
            found[-1] = replace(found[-1], tags=(*found[-1].tags, (match[1], match[2])))
    return tuple(found)


def check_readable(path: Path) -> None:
    """Raise ``InputError`` where a file may not be read or has nothing in it."""
    try:
        empty = not _head(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; check it") from None
    if empty:
        raise InputError(f"{path} is an empty file (0 bytes); expected a video or a picture")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(16)


def _why_unreadable(path: Path, listing: Finished) -> str:
    reason = listing.log.reason()
    is_boxed = _head(path)[4:8] in (b"ftyp", b"mdat", b"free", b"wide", b"skip", b"pnot")
    if is_boxed and any("moov atom not found" in text for text in listing.log.errors()):
        return (
            f"{path} is cut off: its index (the moov atom) is missing, so no frame can be found; "
            "copy or download the whole file again"
        )
    if listing.code < 0:
        reason = "this ffmpeg crashes on it, so install a newer imageio-ffmpeg"
    if "Invalid data found" in reason or "moov atom" in reason:
        reason = "ffmpeg finds no video in it"
    return (
        f"{path} is neither a video nor a picture ({reason}); expected a file that ffmpeg reads, a "
        "folder of frames, or a PNG, JPEG, TIFF, WebP or BMP picture"
    )


def _check_size(path: Path, width_px: int, height_px: int) -> None:
    if max(width_px, height_px) > MAX_SIDE_PX or width_px * height_px > MAX_PIXELS:
        raise too_large(path, f"{width_px}x{height_px} pixels")


def _check_claim(path: Path, texts: list[str]) -> None:
    """Say of a stream for whose size ffmpeg will not decode it, that this is why."""
    for claim in filter(None, map(_REFUSED_SIZE.search, texts)):
        _check_size(path, int(claim[1]), int(claim[2]))


def _times(texts: list[str]) -> tuple[Fraction, Fraction | None]:
    for text in texts:
        if match := _DURATION.match(text):
            hours, minutes, seconds, start = match.groups()
            length = None
            if hours is not None:
                length = 3600 * int(hours) + 60 * int(minutes) + Fraction(seconds)
            return Fraction(start or 0), length
    return Fraction(0), None
