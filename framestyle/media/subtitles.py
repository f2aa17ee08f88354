"""The plain subtitles of a part of a clip, where they are written in another form.

ffmpeg cuts what it copies. What it converts it takes from the file's beginning to its end.
"""

import re
from fractions import Fraction
from pathlib import Path

from framestyle.errors import JobError
from framestyle.media.ffmpeg import file_url, run
from framestyle.media.streams import LOCAL_ONLY

_TIME = r"(\d+):(\d\d):(\d\d),(\d{3})"
_HEAD = re.compile(rf"^\d+\n{_TIME} --> {_TIME}$", re.M)


def cut_subtitles(path: Path, stream: int, begin: Fraction, length: Fraction | None) -> str:
    """Return the subtitles that begin in a part of a file, as SubRip; empty where none does.

    Args:
        path: The file.
        stream: Number of the stream, which holds plain text.
        begin: Where the part begins, in seconds from the file's first moment.
        length: Of the part, in seconds; None for all that follows.

    Raises:
        JobError: They cannot be read.
    """
    told = run([*LOCAL_ONLY, "-i", file_url(path), "-map", f"0:{stream}", "-f", "srt", "-"])
    if told.code:
        raise JobError(
            f"the subtitles of {path} cannot be read: {told.log.reason()}; run it again to resume"
        )
    text = told.output.decode("utf-8", "replace").replace("\r\n", "\n")
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    blocks: list[str] = []
    for head, next_head in zip(heads, ends, strict=True):
        shown, gone = (_seconds(head.groups()[at : at + 4]) - begin for at in (0, 4))
        if shown >= 0 and (length is None or shown < length):
            gone = gone if length is None else min(gone, length)
            times = f"{_told(shown)} --> {_told(gone)}"
            blocks.append(f"{len(blocks) + 1}\n{times}{text[head.end() : next_head].rstrip()}\n\n")
    return "".join(blocks)


def _seconds(parts: tuple[str, ...]) -> Fraction:
    hours, minutes, seconds, thousandths = (int(part) for part in parts)
    return Fraction(((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths, 1000)


def _told(seconds: Fraction) -> str:
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    minutes, last = divmod(whole, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{last:02d},{thousandths:03d}"
