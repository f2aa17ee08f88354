"""Configuration files: TOML that holds a run, read and written."""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from framestyle.cli.streams import is_text
from framestyle.config import GROUPS, Config
from framestyle.errors import SettingsError
from framestyle.files import check_name, read_at_most
from framestyle.settings import as_plain, meanings

RUN = "run"
"""Table of what a run has beside its settings: source, styles, output, preset."""


MOST_BYTES = 1 << 18
"""A longer file is no configuration."""
MOST_DOTS = 100
"""In a line, outside of texts: keys within keys take time and memory by the square of how deep."""
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|\'[^\']*\'')


@dataclass(frozen=True)
class RunFile:
    """What a configuration file says.

    Attributes:
        source: The input.
        styles: Style pictures, with weights as on the command line.
        output: The output.
        preset: The preset that the settings build on.
        changes: Settings by group.
    """

    source: str | None = None
    styles: tuple[str, ...] = ()
    output: str | None = None
    preset: str | None = None
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read(path: Path) -> RunFile:
    """Read a configuration file; raises ``SettingsError`` where it is not one."""
    check_name(path, SettingsError)
    try:
        text = read_at_most(path, MOST_BYTES).decode()
        if any(_QUOTED.sub("", line).count(".") > MOST_DOTS for line in text.splitlines()):
            raise ValueError("keys within keys")
        plain = tomllib.loads(text)
    except OSError as error:
        raise SettingsError(f"--config {path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:  # Python refuses numbers of many digits, too
        raise SettingsError(f"--config {path}: not a TOML file ({error})") from None
    run = plain.pop(RUN, {})
    known = {"source": str, "styles": list, "output": str, "preset": str}
    for name in plain:
        if name in known and name not in GROUPS:
            raise SettingsError(f"--config {path}: {name} stands alone; it belongs below [{RUN}]")
    for name, value in run.items() if isinstance(run, dict) else [("", None)]:
        if not isinstance(value, known.get(name, type)):
            raise SettingsError(
                f"--config {path}: [{RUN}] {name} = {value!r} is not understood; there are "
                "source, output and preset (texts), and styles (a list of texts)"
            )
    styles = tuple(str(style) for style in run.pop("styles", ()))
    for name in ("source", "output"):
        if name in run:  # as a shell does on the command line; a slash at the end stays
            run[name] = os.path.expanduser(run[name])  # noqa: PTH111
    return RunFile(styles=styles, changes=plain, **run)


def written(source: str | None, styles: tuple[str, ...], output: str | None, config: Config) -> str:
    """Return the text of a configuration file that reproduces a run.

    Raises:
        SettingsError: A file has a name that is no text.
    """
    lines = [
        "# framestyle --config THIS_FILE reproduces the run, from the folder it was started in.",
        "",
        f"[{RUN}]",
    ]
    named: dict[str, Any] = {"source": source, "styles": list(styles), "output": output}
    lines += [f"{name} = {_value(value)}" for name, value in named.items() if value]
    for group in GROUPS:
        settings = getattr(config, group)
        plain = as_plain(settings)
        lines += ["", f"[{group}]"]
        for item, meaning in meanings(type(settings)):
            help_text = meaning.help
            if isinstance(item.default, bool) and item.default:
                help_text = f"false: {help_text}"
            if item.name in plain:
                lines.append(f"{item.name} = {_value(plain[item.name])}  # {help_text}")
            else:
                lines.append(f"# {item.name} is not set  # {help_text}")
    for line in lines:
        if not is_text(line):
            raise SettingsError(
                f"--print-config: {line} is no text, which a configuration file must be; give the "
                "file another name"
            )
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    """Write a TOML value; JSON's texts, numbers, booleans and lists are TOML's."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
