"""What a media file has in it, from ffmpeg's own listing: container, streams, first moment."""

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from framestyle.errors import InputError
from framestyle.media.ffmpeg import Finished, file_url, run
from framestyle.media.picture_headers import MAX_PIXELS, MAX_SIDE_PX, too_large

# These "read" text as pictures, or open other files and addresses that a file names.
_REFUSED = ("tty", "concat", "hls", "dash", "lavfi", "ffmetadata", "sdp", "rtsp", "imf", "rawvideo")
_INPUT = re.compile(r"Input #0, (\S+), from ")
_DURATION = re.compile(r"Duration: (?:(\d+):(\d+):(\d+\.\d+)|N/A)(?:, start: (-?\d+\.\d+))?")
_STREAM = re.compile(r"\s*Stream #0:(\d+)(?:\[[^\]]*\])?(?:\([^)]*\))?: (\w+): (\w+)(.*)")
_SIZE = re.compile(r", ([1-9]\d*)x([1-9]\d*)\b")
_REFUSED_SIZE = re.compile(r"Picture size (\d+)x(\d+)")
# A script may name other files; nothing but the file itself is ever opened. And no frame of it is
# decoded that has more pixels than a picture may have, wherever in the file one claims to.
LOCAL_ONLY = ("-protocol_whitelist", "file,pipe,crypto,data", "-max_pixels", str(MAX_PIXELS))


@dataclass(frozen=True)
class Container:
    """A media file, as listed.

    Attributes:
        path: The file.
        demuxer: Names of the format, comma-separated.
        video: Number of the stream that is taken.
        codec: Of that stream.
        audio: Numbers of the sound streams.
        start_seconds: First moment of the container; other streams are timed from it.
        duration_seconds: By its header; None where it has none.
    """

    path: Path
    demuxer: str
    video: int
    codec: str
    audio: tuple[int, ...]
    start_seconds: Fraction
    duration_seconds: Fraction | None


def list_streams(path: Path) -> Container:
    """Return what is in a media file.

    Of several video streams the one with the largest area is taken, the first of equals; cover
    pictures are none.

    Raises:
        InputError: Where it is empty, no media file, without video, or cut off before its index.
    """
    check_readable(path)
    listing = run([*LOCAL_ONLY, "-i", file_url(path)])
    texts = [text for _, text in listing.log.lines]
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
    streams = list(filter(None, map(_STREAM.match, texts)))
    videos = [s for s in streams if s[2] == "Video" and "(attached pic)" not in s[4]]
    audio = tuple(int(s[1]) for s in streams if s[2] == "Audio" and s[3] != "none")
    if not videos:
        has = ", ".join(sorted({s[2].lower() for s in streams})) or "nothing"
        raise InputError(f"{path} has no video stream, only {has}; expected a video")
    sized = [s for s in videos if s[3] != "none" and _area(s[4])]
    if not sized:
        _check_claim(path, texts)
        raise InputError(
            f"the video stream of {path} cannot be decoded ({videos[0][3]}{videos[0][4][:60]}); "
            "the file is damaged, or its codec is not known to this ffmpeg"
        )
    best = max(sized, key=lambda s: _area(s[4]))
    _check_size(path, *_size(best[4]))
    start, duration = _times(texts)
    return Container(path, demuxer, int(best[1]), best[3], audio, start, duration)


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


def _size(rest: str) -> tuple[int, int]:
    size = _SIZE.search(rest)
    return (int(size[1]), int(size[2])) if size else (0, 0)


def _area(rest: str) -> int:
    width, height = _size(rest)
    return width * height


def _times(texts: list[str]) -> tuple[Fraction, Fraction | None]:
    for text in texts:
        match = _DURATION.search(text)
        if match:
            hours, minutes, seconds, start = match.groups()
            length = None
            if hours is not None:
                length = 3600 * int(hours) + 60 * int(minutes) + Fraction(seconds)
            return Fraction(start or 0), length
    return Fraction(0), None
