"""What all commands share: their parser, and flags made from settings, which stand there once."""

import argparse
import dataclasses
import difflib
import shutil
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from framestyle.errors import SettingsError
from framestyle.settings import Meaning, Settings, flag_name, meanings

PART = ("start", "end", "frames", "fps")
"""Settings of the input that say which part of a clip is meant."""


class Parser(argparse.ArgumentParser):
    """Raises ``SettingsError`` instead of printing its usage and leaving."""

    def __init__(self, prog: str, usage: str, description: str, epilog: str) -> None:
        super().__init__(
            prog=prog,
            usage=usage,
            description=description,
            epilog=epilog,
            formatter_class=_formatter,
            allow_abbrev=False,
            add_help=False,
        )

    def values(self, argv: Sequence[str]) -> dict[str, Any]:
        """Return what is parsed, by name; raises ``SettingsError``, and ``SystemExit`` for help."""
        return self.checked(vars(self.parse_args(argv)))

    def checked(self, found: dict[str, Any]) -> dict[str, Any]:
        """Return what was parsed; raises ``SettingsError`` where a value was ``--``.

        argparse takes it for the mark that ends the flags, and leaves an empty list.
        """
        for action in self._actions:
            value = found.get(action.dest)
            lost = value == [] and action.default != [] and action.nargs is None
            if lost or (isinstance(value, list) and [] in value):
                named = "/".join(action.option_strings) or action.metavar
                self.error(f"{named}: got --, expected a value; name such a file ./--")
        return found

    def error(self, message: str) -> NoReturn:
        """Raise ``SettingsError``; a flag that there is not is told with those of like names."""
        message = message.removeprefix("argument ")
        unknown = message.removeprefix("unrecognized arguments: ")
        if unknown != message and unknown.startswith("-"):
            message = self._unknown(unknown.split()[0])
        raise SettingsError(f"{message} ({self.prog} --help lists everything)")

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name.partition("=")[0], self._option_string_actions, n=2)
        meant = f"; did you mean {' or '.join(near)}?" if near else ""
        return f"there is no {name}{meant}"


def add_setting(
    section: argparse._ArgumentGroup, field: dataclasses.Field[Any], meaning: Meaning, dest: str
) -> None:
    """Add the flag of a setting.

    Args:
        section: Where ``--help`` lists it.
        field: The setting.
        meaning: What is known of it.
        dest: Name of its value among those parsed; None there where the flag is not given.
    """
    flag = flag_name(field, meaning)
    if isinstance(field.default, bool):
        section.add_argument(
            flag, dest=dest, action="store_const", const=not field.default, help=meaning.help
        )
        return
    section.add_argument(
        flag,
        dest=dest,
        action="append" if field.default == () else "store",
        type=_type(meaning),
        metavar=meaning.metavar or ("|".join(meaning.choices) if meaning.choices else None),
        help=_help(field, meaning),
    )


def add_settings(
    section: argparse._ArgumentGroup, kind: type[Settings], names: Container[str]
) -> None:
    """Add the flags of some settings of a class; their values have the settings' names."""
    for field, meaning in meanings(kind):
        if field.name in names:
            add_setting(section, field, meaning, field.name)


def given(found: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the values parsed for some settings; those not given are left out."""
    values = {name: found[name] for name in names if found[name] is not None}
    return {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}


def _type(meaning: Meaning) -> Callable[[str], Any]:
    def parsed(text: str) -> Any:
        try:
            return meaning.parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parsed


def _help(field: dataclasses.Field[Any], meaning: Meaning) -> str:
    text = meaning.help.replace("%", "%%")
    shown = field.default is not None and field.default != ()
    return f"{text} (default: {field.default})" if shown else text


def _formatter(prog: str) -> argparse.HelpFormatter:
    width = min(100, shutil.get_terminal_size((100, 24)).columns)
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=30, width=width)
