"""The command line's flags, made from the settings: names, defaults and help stand there once."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framestyle import __version__
from framestyle.cli.contradictions import check_used
from framestyle.cli.flags import Parser, add_setting
from framestyle.config import GROUPS, PRESETS, Config
from framestyle.errors import SettingsError
from framestyle.settings import meanings

TITLES = {
    "input": "frames",
    "output": "output",
    "dream": "dream (DeepDream)",
    "style": "style (neural style transfer)",
    "motion": "between frames",
    "compute": "computing",
    "job": "unfinished runs",
}

EPILOG = """\
INPUT is a video, a folder of frames, a pattern (frames/%04d.png, 'frames/*.png') or a picture.
OUTPUT is a video (.mp4 .mov .mkv .webm .avi) or moving picture (.gif .webp .apng), a folder,
a pattern or a picture.

  framestyle input.mp4 style.jpg -o out.mp4
  framestyle input.mp4 style.jpg:2 other.jpg:1 -o out.mp4 --preset draft
  framestyle frames/ style.jpg -o painted/ --fps 24
  framestyle input.mp4 -o dreamed.mp4 --dream-only --dream-strength 1.5
  framestyle input.mp4 style.jpg -o out.mp4 --print-config > run.toml
  framestyle --config run.toml
  framestyle weights            which networks there are, and where their weights were found
  framestyle weights fetch      download the weights ahead
  framestyle shots input.mp4    where the clip's shots begin and end; docs/shots.md
  framestyle metrics input.mp4 out.mp4 --style style.jpg    how steady and faithful a result is
"""


@dataclass(frozen=True)
class Arguments:
    """What was said on the command line.

    Attributes:
        source: The input, if named.
        styles: Style pictures, with their weights as text.
        output: The output, if named.
        preset: The preset, if named.
        config_file: The configuration file, if named.
        print_config: Whether only the configuration is wanted.
        quiet: Whether to show nothing but errors.
        changes: Settings by group, as parsed.
    """

    source: str | None
    styles: tuple[str, ...]
    output: str | None
    preset: str | None
    config_file: Path | None
    print_config: bool
    quiet: bool
    changes: dict[str, dict[str, Any]]


def parse(argv: Sequence[str]) -> Arguments:
    """Parse the command line; raises ``SettingsError``, and ``SystemExit`` after ``--help``."""
    # argparse takes what follows "--" for flags where no path stands before it
    split = argv.index("--") if "--" in argv else len(argv)
    parser = _parser()
    found = parser.checked(vars(parser.parse_intermixed_args(argv[:split])))
    found["paths"] += argv[split + 1 :]
    changes: dict[str, dict[str, Any]] = {}
    for key, value in found.items():
        group, dot, name = key.partition(".")
        if dot and value is not None:
            changes.setdefault(group, {})[name] = tuple(value) if name == "weights" else value
    if found["dream_only"]:
        if changes.get("dream", {}).get("enabled") is False:
            raise SettingsError("--dream-only contradicts --no-dream; give one of them")
        changes.setdefault("dream", {})["enabled"] = True
        changes.setdefault("style", {})["enabled"] = False
    check_used(changes)
    positional = found["paths"]
    if changes.get("style", {}).get("enabled") is False and len(positional) > 1:
        raise SettingsError(
            f"a style picture is given ({positional[1]}), but the style is left out; give one of "
            "them up"
        )
    return Arguments(
        source=positional[0] if positional else None,
        styles=tuple(positional[1:]),
        output=found["output_path"],
        preset=found["preset"],
        config_file=found["config_file"],
        print_config=found["print_config"],
        quiet=found["quiet"],
        changes=changes,
    )


def _parser() -> Parser:
    parser = Parser(
        prog="framestyle",
        usage="framestyle INPUT STYLE[:WEIGHT]... -o OUTPUT [options]",
        description="Turn a video, a folder of frames or a picture into a dreamed and painted one.",
        epilog=EPILOG,
    )
    parser.add_argument("paths", nargs="*", metavar="INPUT STYLE", help=argparse.SUPPRESS)
    main = parser.add_argument_group("main")
    main.add_argument("-o", "--output", dest="output_path", metavar="OUTPUT", help="the result")
    main.add_argument(
        "--preset",
        choices=tuple(PRESETS),
        help="settings to begin with: draft for a quick look, standard (the default) or fine",
    )
    main.add_argument(
        "--config",
        dest="config_file",
        type=Path,
        metavar="FILE",
        help="read settings from a TOML file; flags on the command line win",
    )
    main.add_argument(
        "--print-config",
        action="store_true",
        help="print a configuration file that reproduces the run, and stop",
    )
    main.add_argument("--quiet", action="store_true", help="show nothing but errors")
    main.add_argument("--version", action="version", version=f"framestyle {__version__}")
    main.add_argument("-h", "--help", action="help", help="show this and stop")
    for group in GROUPS:
        _add_group(parser, group)
    return parser


def _add_group(parser: Parser, group: str) -> None:
    section = parser.add_argument_group(TITLES[group])
    if group == "dream":
        section.add_argument("--dream-only", action="store_true", help="the same as --no-style")
    for field, meaning in meanings(type(getattr(Config(), group))):
        add_setting(section, field, meaning, f"{group}.{field.name}")
