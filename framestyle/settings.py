"""How one setting is declared: its default, unit, range, flag and meaning, stated once.

The command line, the configuration file, ``--help`` and the job manifest all read these fields.
"""

import dataclasses
import difflib
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Self, TypeVar

from framestyle.errors import SettingsError
from framestyle.files import check_name, home_expanded

Kind = TypeVar("Kind", bound="Settings")
Layers = tuple[tuple[str, float], ...]
"""Layer names with a weight or coefficient each, in the order given."""


@dataclass(frozen=True)
class Meaning:
    """What is known of a setting beside its default.

    Attributes:
        help: One phrase for ``--help``, without the default.
        parse: Turns text from the command line into the value; raises ``ValueError``.
        low: Least value allowed.
        high: Greatest value allowed.
        choices: The only values allowed.
        metavar: What stands for the value in ``--help``; carries the unit.
        flag: Name of the command line flag without ``--``; the field's own name by default.
    """

    help: str
    parse: Callable[[str], Any]
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    metavar: str | None = None
    flag: str | None = None


def setting(default: Any, help: str, parse: Callable[[str], Any] = str, **more: Any) -> Any:
    """Declare a field of a settings dataclass (arguments as in ``Meaning``)."""
    return dataclasses.field(default=default, metadata={"meaning": Meaning(help, parse, **more)})


class Settings:
    """Base of the frozen dataclasses of settings: checks every value when one is made."""

    def __post_init__(self) -> None:
        """Raise ``SettingsError`` where a value is of the wrong kind or out of its range."""
        for field, meaning in meanings(type(self)):
            value = getattr(self, field.name)
            if value is not None or field.default is not None:
                _check(flag_name(field, meaning), value, field.default, meaning)

    def replaced(self, **changes: Any) -> Self:
        """Return a copy with some fields changed; raises ``SettingsError`` for unknown names."""
        known = {field.name for field, _ in meanings(type(self))}
        for name in changes:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=2)
                meant = f" (did you mean {' or '.join(near)}?)" if near else ""
                raise SettingsError(
                    f"unknown setting {name!r}{meant}; there are: {', '.join(sorted(known))}"
                )
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]


def meanings(kind: type[Settings]) -> Iterator[tuple[dataclasses.Field[Any], Meaning]]:
    """Yield the fields of a settings class that are settings, with what is known of each."""
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if "meaning" in field.metadata:
            yield field, field.metadata["meaning"]


def flag_name(field: dataclasses.Field[Any], meaning: Meaning) -> str:
    """Return the command line flag of a setting, with its dashes."""
    return "--" + (meaning.flag or field.name).replace("_", "-")


def _check(flag: str, value: Any, default: Any, meaning: Meaning) -> None:
    if isinstance(default, bool) or isinstance(value, bool):
        if not (isinstance(default, bool) and isinstance(value, bool)):
            raise SettingsError(f"{flag}: got {value!r}, expected {_kind_name(default)}")
        return
    if meaning.choices and value not in meaning.choices:
        raise SettingsError(f"{flag}: got {value!r}, expected one of {', '.join(meaning.choices)}")
    parse = str if isinstance(default, tuple) else meaning.parse
    if parse in _KINDS:
        kind, expected = _KINDS[parse]
        items = (value,)
        if isinstance(default, tuple):
            items = value if isinstance(value, tuple) else (None,)
        is_kind = all(isinstance(item, kind) for item in items)
        if not is_kind or (parse is layers and not _are_layers(value)):
            raise SettingsError(f"{flag}: got {value!r}, expected {expected}")
    if parse is path:
        check_name(value, SettingsError)
    if isinstance(value, int | float | Fraction):
        _check_range(flag, value, meaning)


def _kind_name(default: Any) -> str:
    if isinstance(default, bool):
        return "true or false"
    return "a whole number" if isinstance(default, int) else "something else"


def _is_layer(pair: Any) -> bool:
    return (
        isinstance(pair, tuple | list)
        and len(pair) == 2
        and isinstance(pair[0], str)
        and isinstance(pair[1], int | float)
        and abs(pair[1]) <= sys.float_info.max  # refuses nan too
    )


def _are_layers(value: tuple[Any, ...]) -> bool:
    """Tell whether these are pairs that the command line could give: each named once, at least one.

    Text is how a manifest and a configuration file hold them.
    """
    try:
        return all(map(_is_layer, value)) and layers(_as_text(value)) == tuple(map(tuple, value))
    except ValueError:
        return False


def _as_text(pairs: Iterable[tuple[str, float]]) -> str:
    """Write pairs of a layer and a number as ``layers`` parses them."""
    return ",".join(f"{name}:{number!r}" for name, number in pairs)


def _check_range(flag: str, value: int | float | Fraction, meaning: Meaning) -> None:
    low = -math.inf if meaning.low is None else meaning.low
    high = math.inf if meaning.high is None else meaning.high
    # Refuses nan, infinity and whole numbers that become infinite too.
    is_finite = -sys.float_info.max <= value <= sys.float_info.max
    if not (low <= value <= high and is_finite):
        least, most = (f"{end}" if isinstance(end, int) else f"{end:g}" for end in (low, high))
        bounds = f"at least {least}" if high == math.inf else f"from {least} to {most}"
        shown = value if isinstance(value, int) or not is_finite else f"{float(value):g}"
        raise SettingsError(f"{flag}: got {shown}, expected {bounds}")


def whole(text: str) -> int:
    """Parse a whole number."""
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"got {text!r}, expected a whole number") from None


def number(text: str) -> float:
    """Parse a number; infinity and nan are refused."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"got {text!r}, expected a number")
    return value


def layers(text: str) -> Layers:
    """Parse ``relu1_1:1,relu2_1:0.5``; a layer without a number has weight 1."""
    pairs: list[tuple[str, float]] = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, colon, weight = part.partition(":")
        try:
            value = number(weight) if colon else 1.0
        except ValueError:
            value = math.nan
        if not name or math.isnan(value):
            raise ValueError(f"got {part!r}, expected LAYER or LAYER:NUMBER")
        if name in dict(pairs):
            raise ValueError(f"the layer {name} is named twice")
        pairs.append((name, value))
    if not pairs:
        raise ValueError("no layer is named, expected LAYER:NUMBER,...")
    return tuple(pairs)


def seconds(text: str) -> float:
    """Parse a time: ``12.5``, ``1:02.5`` or ``01:02:03`` (HH:MM:SS), in seconds."""
    match = re.fullmatch(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d*)?|\.\d+)", text.strip())
    hours, minutes, rest = match.groups() if match else ("", "", "inf")
    value = 3600.0 * float(hours or 0) + 60.0 * float(minutes or 0) + float(rest)
    is_clock = minutes is None or (float(rest) < 60 and (hours is None or float(minutes) < 60))
    if not math.isfinite(value) or not is_clock:
        raise ValueError(f"got {text!r}, expected seconds, MM:SS or HH:MM:SS")
    return value


def fraction(text: str) -> Fraction:
    """Parse a frame rate: ``25``, ``29.97`` or ``30000/1001``.

    The decimal forms of the NTSC rates mean the rates themselves: 29.97 is 30000/1001.
    """
    try:
        # The fraction of a large exponent would have as many digits, and take as long.
        value = Fraction(text.strip() if len(text) <= 40 and "e" not in text.lower() else "")
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"got {text!r}, expected frames per second, as 25 or 30000/1001") from None
    ntsc = Fraction(round(value) * 1000, 1001)
    return ntsc if value.denominator != 1 and abs(value - ntsc) < Fraction(1, 200) else value


def path(text: str) -> Path:
    """Parse a file name; ``~`` is the home folder."""
    return home_expanded(text)


_NUMBER = int | float | Fraction, "a number"
_KINDS: Mapping[Callable[[str], Any], tuple[Any, str]] = {
    str: (str, "text"),
    int: (int, "a whole number"),
    whole: (int, "a whole number"),
    float: _NUMBER,
    number: _NUMBER,
    seconds: _NUMBER,
    fraction: _NUMBER,
    path: (str | Path, "a file name"),
    layers: (tuple, "pairs of a layer and a number"),
}
"""What a parser's values are, for those that come from elsewhere than the command line."""


def as_plain(settings: Settings) -> Mapping[str, Any]:
    """Return the settings as numbers, text and booleans, for files; unset ones are left out.

    What ``from_plain`` makes of them equals ``settings``.
    """
    plain: dict[str, Any] = {}
    for field, _ in meanings(type(settings)):
        value = getattr(settings, field.name)
        if isinstance(value, tuple) and all(isinstance(item, str) for item in value):
            value = list(value)
        elif isinstance(value, tuple):
            value = _as_text(value)
        elif isinstance(value, Fraction | Path):
            value = str(value)
        if value is not None:
            plain[field.name] = value
    return plain


def from_plain(base: Kind, plain: Mapping[str, Any]) -> Kind:
    """Return ``base`` with the settings that a file gives; raises ``SettingsError``."""
    known = {field.name: (field, meaning) for field, meaning in meanings(type(base))}
    changes = {}
    for name, value in plain.items():
        key = name.replace("-", "_")
        field, meaning = known.get(key, (None, None))
        if meaning is not None and meaning.parse is fraction and isinstance(value, float):
            value = str(value)  # 29.97 means the same in a file as on the command line
        if field and meaning and isinstance(value, str) and meaning.parse is not str:
            try:
                value = meaning.parse(value)
            except ValueError as error:
                raise SettingsError(f"{flag_name(field, meaning)}: {error}") from None
        changes[key] = tuple(value) if isinstance(value, list) else value
    return base.replaced(**changes)
