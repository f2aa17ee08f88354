"""``framestyle shots``: where a clip's shots begin and end."""

import json
import sys
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

from framestyle.cli.flags import PART, Parser, add_settings, given
from framestyle.cli.streams import put, say
from framestyle.config import InputSettings

if TYPE_CHECKING:
    import numpy as np

    from framestyle.media import ClipInfo, Source
    from framestyle.motion import Shot

EPILOG = """\
INPUT is a video, a folder of frames, a pattern (frames/%04d.png, 'frames/*.png') or a picture.
The shots go to standard output: one a line, first and last frame counted from 1, and "dissolve N"
where the shot before still shows in the first N frames.

  framestyle shots input.mp4
  framestyle shots input.mp4 > shots.txt
  framestyle shots input.mp4 --start 1:05 --frames 480 --json

docs/shots.md says what is found and what is not, and how to change it by hand.
"""
BAR_SECONDS = 0.2


def shots(argv: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    found = _parser().values(argv)
    part = InputSettings(**given(found, PART))
    _find(found["source"], part, found["json"], found["quiet"])
    return 0


def _find(path: str, part: InputSettings, as_json: bool, quiet: bool) -> None:
    from framestyle.media import open_source  # OpenCV takes a moment to load, --help none

    notices: list[str] = []
    source = open_source(path, part, notice=notices.append)
    if not quiet:
        for line in notices:
            say(f"framestyle: {line}")
    from framestyle.motion import find_shots, write_shots  # torch takes seconds: after all checks

    info = source.info
    shots = find_shots(_pixels(source, quiet))
    if as_json:
        text = json.dumps(_plain(path, shots, info), indent=2, allow_nan=False) + "\n"
    else:
        text = write_shots(shots, info.frame_rate, info.start_seconds)
    put(text)


def _pixels(source: "Source", quiet: bool) -> "Generator[np.ndarray, None, None]":
    """Yield the frames' pixels, and draw how far they are on standard error."""
    from tqdm import tqdm

    reading = source.read()
    bar = tqdm(
        total=source.info.frame_count,
        unit="frame",
        mininterval=BAR_SECONDS,
        leave=False,
        disable=quiet or not sys.stderr.isatty(),
    )
    try:
        with bar:
            for frame in reading:
                yield frame.pixels
                bar.update()
    finally:
        reading.close()


def _plain(path: str, shots: "Sequence[Shot]", info: "ClipInfo") -> dict[str, Any]:
    """Return what is found as numbers and text; frames are counted from 1, as in the text."""
    rate = info.frame_rate
    listed: list[dict[str, Any]] = []
    for shot in shots:
        entry: dict[str, Any] = {
            "first": shot.first + 1,
            "last": shot.end,
            "dissolve": shot.dissolve,
        }
        if rate:
            entry["start_seconds"] = float(info.start_seconds + shot.first / rate)
            entry["end_seconds"] = float(info.start_seconds + shot.end / rate)
        listed.append(entry)
    return {
        "input": path,
        "frames": info.frame_count,
        "frame_rate": str(rate) if rate else None,
        "shots": listed,
    }


def _parser() -> Parser:
    parser = Parser(
        prog="framestyle shots",
        usage="framestyle shots INPUT [options]",
        description="Find a clip's cuts, dissolves and fades, and name the shots between them.",
        epilog=EPILOG,
    )
    parser.add_argument("source", metavar="INPUT", help="the clip")
    options = parser.add_argument_group("options")
    options.add_argument("--json", action="store_true", help="print JSON instead of lines")
    add_settings(options, InputSettings, PART)
    options.add_argument("--quiet", action="store_true", help="show nothing but shots and errors")
    options.add_argument("-h", "--help", action="help", help="show this and stop")
    return parser
