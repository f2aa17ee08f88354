"""The text that names a clip's shots: written by ``framestyle shots``, edited by hand, read back.

One shot a line: its first and its last frame, counted from 1, then ``dissolve N`` where the shot
before still shows in its first N frames. ``#`` begins a comment.
"""

import re
from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from framestyle.errors import InputError, SettingsError
from framestyle.files import read_at_most
from framestyle.motion.shots import Shot, covering

HEADER = """\
# One shot a line: its first and its last frame, counted from 1.
# "dissolve N" after them: the shot before still shows in its first N frames.
# Frames that no line names form shots of their own.
"""
MOST_BYTES = 16_000_000
"""A longer file names no shots: it would take half a million of them."""

_LINE = re.compile(r"([0-9]{1,15})\s+([0-9]{1,15})(?:\s+dissolve\s+([0-9]{1,15}))?", re.IGNORECASE)


def write_shots(
    shots: Iterable[Shot],
    frame_rate: Fraction | None = None,
    start_seconds: Fraction = Fraction(0),
) -> str:
    """Return the text that names shots; ``read_shots`` reads it back.

    Args:
        shots: In the order in which their lines are to stand.
        frame_rate: Frames per second; where it is given, a comment tells each shot's time.
        start_seconds: Time of the run's first frame, for these comments.
    """
    lines = []
    for shot in shots:
        line = f"{shot.first + 1:>6} {shot.end:>6}"
        line += f"  dissolve {shot.dissolve}" if shot.dissolve else ""
        if frame_rate:
            times = (start_seconds + at / frame_rate for at in (shot.first, shot.end))
            line = f"{line:<28}# {' - '.join(map(_clock, times))}"
        lines.append(line + "\n")
    return HEADER + "".join(lines)


def read_shots(path: Path, frame_count: int) -> list[Shot]:
    """Read a file that names shots.

    Args:
        path: Text in UTF-8; its lines may be in any order.
        frame_count: Number of frames in the clip.

    Returns:
        Shots that cover the clip, in order, without gaps or overlaps: frames that no line names
        form shots of their own.

    Raises:
        InputError: The file cannot be read, or is no text.
        SettingsError: A line is not understood, or names what the clip does not have.
    """
    named: dict[Shot, int] = {}
    for number, line in enumerate(_text(path).splitlines(), 1):
        said = line.partition("#")[0].strip()
        if said:
            shot = _parsed(said, frame_count, f"{path}, line {number}")
            if shot in named:
                raise SettingsError(
                    f"{path}, line {number}: got {said!r}, which line {named[shot]} names too; "
                    "take one of them out"
                )
            named[shot] = number
    for before, after in pairwise(sorted(named, key=lambda shot: shot.first)):
        if after.first < before.end:
            raise SettingsError(
                f"{path}, line {named[after]}: the shot begins at frame {after.first + 1}, but "
                f"that of line {named[before]} ends at frame {before.end}; expected shots that do "
                "not overlap; move one of the two"
            )
    return covering(named, frame_count)


def _parsed(said: str, frame_count: int, where: str) -> Shot:
    match = _LINE.fullmatch(said)
    if match is None:
        shown = said if len(said) <= 60 else said[:57] + "..."
        raise SettingsError(
            f"{where}: got {shown!r}, expected a shot's first and last frame, as 1 48, and no more "
            "than dissolve N after them; write a remark after #"
        )
    first, last, dissolve = (int(group or 0) for group in match.groups())
    if last < first:
        raise SettingsError(
            f"{where}: the last frame ({last}) is before the first ({first}); expected the first "
            "one first; swap them"
        )
    if first < 1 or last > frame_count:
        raise SettingsError(
            f"{where}: got frames {first} to {last}, expected frames from 1 to {frame_count}, "
            "which the clip has; frames are counted from the first one taken (see --start)"
        )
    if dissolve > last - first + 1:
        raise SettingsError(
            f"{where}: the dissolve ({dissolve} frames) is longer than its shot, expected at most "
            f"{last - first + 1}; let the shot end later or the dissolve sooner"
        )
    if dissolve and first == 1:
        raise SettingsError(
            f"{where}: got a dissolve at the clip's first frame, expected one from a shot before "
            f"it; take 'dissolve {dissolve}' out"
        )
    return Shot(first - 1, last, dissolve)


def _text(path: Path) -> str:
    try:
        content = read_at_most(path, MOST_BYTES)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror or error}); expected a file that names shots, "
            "as framestyle shots prints it"
        ) from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise InputError(
            f"{path} is no text; expected a file that names shots, as framestyle shots prints it"
        )
    return text


def _clock(seconds: Fraction) -> str:
    """Return a time as ``H:MM:SS.mmm``."""
    thousandths = round(seconds * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest // 1000:02}.{rest % 1000:03}"
