"""The chapters of a part of a clip."""

import re
from fractions import Fraction
from pathlib import Path

from framestyle.media.ffmpeg import file_url, run
from framestyle.media.streams import LOCAL_ONLY

_HEAD = ";FFMETADATA1"
_CHAPTER = "[CHAPTER]"
_BOUND = re.compile(r"(TIMEBASE|START|END)=(.*)")
_PER_SECOND = 1_000_000


def cut_chapters(path: Path, begin: Fraction, length: Fraction | None) -> str:
    """Return the chapters of a part of a file, as ffmpeg's text of metadata.

    Args:
        path: The file.
        begin: Where the part begins, in seconds from the file's first moment.
        length: Of the part, in seconds; None for all that follows.
    """
    listing = run([*LOCAL_ONLY, "-i", file_url(path), "-f", "ffmetadata", "-"])
    lines = [_HEAD]
    for block in _blocks(listing.output.decode("utf-8", "replace")):
        bounds = {m[1]: m[2] for m in map(_BOUND.fullmatch, block) if m}
        tick = Fraction(bounds.get("TIMEBASE", "1/1000000000"))
        start, end = (int(bounds[key]) * tick - begin for key in ("START", "END"))
        start = max(start, Fraction(0))
        end = end if length is None else min(end, length)
        if start < end:
            lines += [_CHAPTER, f"TIMEBASE=1/{_PER_SECOND}"]
            lines += [f"START={round(start * _PER_SECOND)}", f"END={round(end * _PER_SECOND)}"]
            lines += [line for line in block if not _BOUND.fullmatch(line)]
    return "\n".join(lines) + "\n"


def _blocks(text: str) -> list[list[str]]:
    """Return the lines of each chapter; what is said of streams after them is none of theirs."""
    blocks: list[list[str]] = []
    for part in re.split(r"^(?=\[\w+\]$)", text, flags=re.M):
        lines = part.splitlines()
        if lines and lines[0] == _CHAPTER:
            blocks.append([line for line in lines[1:] if line])
    return blocks
