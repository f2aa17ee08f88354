"""The command line's flags, made from the settings: names, defaults and help stand there once."""

import argparse
import dataclasses
import difflib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from framestyle import __version__
from framestyle.config import FLOWS, GROUPS, PRESETS, Config
from framestyle.errors import SettingsError
from framestyle.settings import Meaning, flag_name, meanings

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
OUTPUT is a video (.mp4 .mov .mkv .webm .avi .gif), a folder, a pattern or a picture.

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


class _Parser(argparse.ArgumentParser):
    """Raises instead of printing its usage and leaving."""

    def error(self, message: str) -> NoReturn:
        message = message.removeprefix("argument ")
        if message.startswith("unrecognized arguments: "):
            message = self._unknown(message.partition(": ")[2])
        raise SettingsError(f"{message} (framestyle --help lists everything)")

    def _unknown(self, arguments: str) -> str:
        name = arguments.split()[0]
        near = difflib.get_close_matches(name.partition("=")[0], self._option_string_actions, n=2)
        meant = f"; did you mean {' or '.join(near)}?" if near else ""
        return f"there is no {name}{meant}"


def parse(argv: Sequence[str]) -> Arguments:
    """Parse the command line; raises ``SettingsError``, and ``SystemExit`` after ``--help``."""
    # argparse takes what follows "--" for flags where no path stands before it
    split = argv.index("--") if "--" in argv else len(argv)
    found = vars(_parser().parse_intermixed_args(argv[:split]))
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
    _check_used(changes)
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


def _check_used(changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse flags that another one makes useless: who gives both means something else."""
    style, motion = changes.get("style", {}), changes.get("motion", {})
    adam = {"step_size", "first_step_size", "beta1", "beta2", "averaging", "levels"}
    dream = changes.get("dream", {})
    dreams, paints = {"layers", "strength", "guide"}, {"style_layers", "style_weight", "init"}
    flow = motion.get("flow", "auto")
    unused_by_flow = set() if flow in ("auto", "dis") else {"flow_preset"}
    unused_by_flow |= set() if flow in FLOWS else {"flow_size"}
    useless = {
        "--no-dream": ("dream", dream.get("enabled") is False, dreams),
        "--no-style": ("style", style.get("enabled") is False, paints),
        "--no-temporal": ("motion", motion.get("temporal") is False, {"temporal_weight"}),
        f"--flow {flow}": ("motion", True, unused_by_flow),
        "--optimizer lbfgs": ("style", style.get("optimizer") == "lbfgs", adam),
        "--warm-start none": ("style", motion.get("warm_start") == "none", {"iterations"}),
    }
    for said, (group, is_said, names) in useless.items():
        clash = sorted(names.intersection(changes.get(group, {})))
        if is_said and clash:
            known = {pair[0].name: pair for pair in _settings(group)}
            flag = flag_name(*known[clash[0]])
            raise SettingsError(f"{flag} does nothing with {said}; give one of them up")


def _settings(group: str) -> list[tuple[dataclasses.Field[Any], Meaning]]:
    return list(meanings(type(getattr(Config(), group))))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="framestyle",
        usage="framestyle INPUT STYLE[:WEIGHT]... -o OUTPUT [options]",
        description="Turn a video, a folder of frames or a picture into a dreamed and painted one.",
        epilog=EPILOG,
        formatter_class=_formatter,
        allow_abbrev=False,
        add_help=False,
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


def _add_group(parser: argparse.ArgumentParser, group: str) -> None:
    section = parser.add_argument_group(TITLES[group])
    if group == "dream":
        section.add_argument("--dream-only", action="store_true", help="the same as --no-style")
    for field, meaning in _settings(group):
        flag, dest = flag_name(field, meaning), f"{group}.{field.name}"
        if isinstance(field.default, bool):
            section.add_argument(
                flag, dest=dest, action="store_const", const=not field.default, help=meaning.help
            )
            continue
        section.add_argument(
            flag,
            dest=dest,
            action="append" if field.default == () else "store",
            type=_type(meaning),
            metavar=_metavar(meaning),
            help=_help(field, meaning),
        )


def _type(meaning: Meaning) -> Callable[[str], Any]:
    def parsed(text: str) -> Any:
        try:
            return meaning.parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parsed


def _metavar(meaning: Meaning) -> str | None:
    return meaning.metavar or ("|".join(meaning.choices) if meaning.choices else None)


def _help(field: dataclasses.Field[Any], meaning: Meaning) -> str:
    text = meaning.help.replace("%", "%%")
    shown = field.default is not None and field.default != ()
    return f"{text} (default: {field.default})" if shown else text


def _formatter(prog: str) -> argparse.HelpFormatter:
    width = min(100, shutil.get_terminal_size((100, 24)).columns)
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=30, width=width)
