"""``framestyle metrics``: how steady and how faithful a result is."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from framestyle.cli.flags import PART, Parser, add_settings, given
from framestyle.cli.streams import put
from framestyle.config import InputSettings
from framestyle.errors import OutputError
from framestyle.files import check_name
from framestyle.metrics import MetricsSettings
from framestyle.settings import meanings

EPILOG = """\
INPUT and OUTPUT are videos, folders of frames, patterns or pictures, with as many frames each.
The table goes to standard output, and what is to be known of it to standard error.

  framestyle metrics input.mp4 out.mp4 --style style.jpg
  framestyle metrics input.mp4 out.mp4 --style a.jpg:2 --style b.jpg --json figures.json
  framestyle metrics input.mp4 part.mp4 --start 1:05 --frames 48

docs/metrics.md says what the figures mean; read the warping error beside the style distance, for a
grey picture is perfectly steady.
"""
STDOUT = "-"
ALL = tuple(field.name for field, _ in meanings(MetricsSettings))


def metrics(argv: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    found = _parser().values(argv)
    settings = MetricsSettings(**given(found, ALL))
    part = InputSettings(**given(found, PART))
    _measure(found, settings, part)
    return 0


def _measure(found: dict[str, Any], settings: MetricsSettings, part: InputSettings) -> None:
    from framestyle.cli.console import Console
    from framestyle.jobs.pictures import parse_style
    from framestyle.media.landing import disk_errors, write_whole
    from framestyle.metrics.inputs import open_inputs  # OpenCV takes a moment to load, --help none

    styles = [parse_style(text) for text in found["style"]]
    file = None if found["json"] in (None, STDOUT) else Path(found["json"])
    if file is not None:
        _check_file(file, [found["source"], found["result"], *(path for path, _ in styles)])
    console = Console(found["quiet"])
    try:
        inputs = open_inputs(found["source"], found["result"], styles, settings, part)
        from framestyle.metrics.comparison import compare  # torch takes seconds: after all checks
        from framestyle.metrics.table import table

        report = compare(inputs, settings, console)
    finally:
        console.close()
    text = json.dumps(report.as_plain(), indent=2, allow_nan=False) + "\n"
    put(text if found["json"] == STDOUT else table(report))
    if file is not None:
        with disk_errors(f"writing {file}", file.parent):
            write_whole(file, text.encode())


def _check_file(file: Path, inputs: Iterable[str | Path]) -> None:
    """Raise ``OutputError`` where the figures cannot be written, or would replace an input."""
    from framestyle.media.landing import check_folder
    from framestyle.media.listing import find_pictures

    check_name(file, OutputError)
    there = file.exists()
    if there and not file.is_file():
        what = "a folder" if file.is_dir() else "no regular file"
        raise OutputError(
            f"--json: {file} is {what}, expected the name of a file to write, or - for standard "
            "output"
        )
    check_folder(file.parent, file)
    for path in map(Path, inputs):
        taken = find_pictures(path) or (path,)
        if there and any(other.samefile(file) for other in taken):
            raise OutputError(f"--json: {file} is read by the command; give it another name")


def _parser() -> Parser:
    parser = Parser(
        prog="framestyle metrics",
        usage="framestyle metrics INPUT OUTPUT [--style PICTURE[:WEIGHT]]... [options]",
        description="Measure how steady a result is, and how near to its style and its content.",
        epilog=EPILOG,
    )
    parser.add_argument("source", metavar="INPUT", help="what the result was made of")
    parser.add_argument("result", metavar="OUTPUT", help="the result")
    options = parser.add_argument_group("options")
    options.add_argument(
        "--style",
        action="append",
        default=[],
        metavar="PICTURE[:WEIGHT]",
        help="what it was to look like; again for several",
    )
    options.add_argument(
        "--json", metavar="FILE", help="write the figures as JSON; - for standard output"
    )
    add_settings(options, MetricsSettings, ALL)
    options.add_argument("--quiet", action="store_true", help="show nothing but figures and errors")
    options.add_argument("-h", "--help", action="help", help="show this and stop")
    part = parser.add_argument_group("which part of INPUT the result was made of")
    add_settings(part, InputSettings, PART)
    return parser
