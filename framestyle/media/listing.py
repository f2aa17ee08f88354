"""Which files an input names: one file, a folder, ``frames/%04d.png`` or ``frames/*.png``."""

import difflib
import glob
import itertools
import re
from pathlib import Path

from framestyle.errors import InputError
from framestyle.media.picture_headers import FORMATS, is_picture

_NUMBER = re.compile(r"(?<!%)((?:%%)*)%(0?\d{0,3})d")  # no name has a thousand digits
_PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".tif", ".tiff", ".webp", ".bmp", ".dib")


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key that sorts numbers in names by value: 9 before 10 before 100."""
    parts = re.split(r"(\d+)", text)
    # The text itself decides between 1 and 01, so that the order never depends on the folder's.
    key = [(1, int(p), "") if p.isdecimal() else (0, 0, p.casefold()) for p in parts]
    return (*key, (0, 0, text))


def is_number_pattern(name: str) -> bool:
    """Return whether a file name has a printf number in it, as ``%04d.png``."""
    return _NUMBER.search(name) is not None


def fill_number(pattern: str, number: int) -> str:
    """Return a file name with the number put into its printf pattern."""
    filled = _NUMBER.sub(lambda m: m[1] + _digits(m[2], number), pattern, count=1)
    return filled.replace("%%", "%")


def number_of_stem(stem: str) -> int | None:
    """Return the last number in a stem (16 of ``frame_0016``), or None."""
    found = re.findall(r"\d+", stem)
    return int(found[-1]) if found else None


def find_pictures(path: Path) -> tuple[Path, ...] | None:
    """Return the pictures that a folder or a pattern names, in natural order.

    Returns:
        None where ``path`` is a single file.

    Raises:
        InputError: Where nothing is there, no picture is among it, or two have the same stem.
    """
    if path.is_file():
        return None
    if path.is_dir():
        found = _in_folder(path)
    elif path.exists():
        raise InputError(f"{path} is not a regular file; expected a video, a folder or a picture")
    elif is_number_pattern(path.name):
        found = _numbered(path)
    elif glob.has_magic(str(path)):
        found = [Path(name) for name in glob.glob(_pattern(path))]  # noqa: PTH207 - any may match
        found = [file for file in found if file.is_file()]
        if not found:
            raise InputError(f"no file matches {path}; check the pattern")
    else:
        raise InputError(_missing(path))
    ordered = sorted(found, key=lambda file: natural_key(str(file)))
    _check_stems(ordered)
    return tuple(ordered)


def _pattern(path: Path) -> str:
    """Return a pattern in which a folder that is there stands for itself, brackets and all."""
    for folder in path.parents:
        if folder.is_dir():
            return str(Path(glob.escape(str(folder)), path.relative_to(folder)))
    return str(path)


def missing_numbers(files: tuple[Path, ...]) -> tuple[int, int] | None:
    """Return the first gap in the numbering as (last before, first after), or None."""
    numbers = [number_of_stem(file.stem) for file in files]
    for before, after in itertools.pairwise(numbers):
        if before is None or after is None:
            return None
        if after > before + 1:
            return before, after
    return None


def _digits(width: str, number: int) -> str:
    return f"{number:{width}d}" if width else str(number)


def _in_folder(folder: Path) -> list[Path]:
    try:
        entries = [e for e in folder.iterdir() if not e.name.startswith(".") and e.is_file()]
        # What says that it is empty is not opened: some of the system's files make a reader wait.
        found = [
            e
            for e in entries
            if e.suffix.lower() in _PICTURE_SUFFIXES or (e.stat().st_size and is_picture(e))
        ]
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}") from None
    if not found:
        raise InputError(
            f"the folder {folder} has no pictures in it ({len(entries)} other files); "
            f"expected frames as {FORMATS}"
        )
    return found


def _numbered(path: Path) -> list[Path]:
    if not path.parent.is_dir():
        raise InputError(_missing(path.parent))
    match = _NUMBER.search(path.name)
    assert match is not None
    head, tail = path.name[: match.start(2) - 1], path.name[match.end() :]
    head, tail = head.replace("%%", "%"), tail.replace("%%", "%")
    names = re.compile(re.escape(head) + r"(\d+)" + re.escape(tail))
    found = []
    for entry in path.parent.iterdir():
        number = names.fullmatch(entry.name)
        if number and fill_number(path.name, int(number[1])) == entry.name and entry.is_file():
            found.append(entry)
    if not found:
        raise InputError(
            f"no file matches {path}; the first would be "
            f"{fill_number(path.name, 0)} or {fill_number(path.name, 1)}"
        )
    return found


def _missing(path: Path) -> str:
    message = f"{path} does not exist"
    parent = path.parent
    if not parent.is_dir():
        return f"{message}, nor does its folder {parent}"
    try:
        near = difflib.get_close_matches(path.name, [e.name for e in parent.iterdir()], cutoff=0.6)
    except OSError:
        near = []
    return f"{message}; near it there is: {', '.join(near)}" if near else f"{message}; check it"


def _check_stems(files: list[Path]) -> None:
    seen: dict[str, Path] = {}
    for file in files:
        if file.stem in seen:
            raise InputError(
                f"{seen[file.stem]} and {file} have the same stem, so their results would have the "
                "same name; move one of them away"
            )
        seen[file.stem] = file
