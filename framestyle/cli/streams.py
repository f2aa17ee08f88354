"""What commands write: results on standard output, and lines for people on standard error."""

import contextlib
import os
import sys
import unicodedata
from collections.abc import Iterator
from typing import TextIO

from framestyle.errors import OutputError

_NO_LINE = ("Cc", "Cs", "Zl", "Zp")  # categories: control, no character, end of line, of paragraph


def put(text: str) -> None:
    """Write a result on standard output; what the terminal cannot show is escaped.

    Raises:
        OutputError: It cannot be written. A reader that has ended has read enough.
    """
    if sys.stdout is None:  # closed before the command began
        raise OutputError("standard output cannot be written: it is closed")
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except OSError as error:
        _discard(sys.stdout)
        if not isinstance(error, BrokenPipeError):
            raise OutputError(f"standard output cannot be written: {error.strerror}") from None


def say(message: str, stream: TextIO | None = None) -> None:
    """Write one line for people, on standard error unless told otherwise.

    Where it cannot be written, it is not: see ``unwatched``.
    """
    stream = stream or sys.stderr
    with unwatched(stream):
        print(on_one_line(message), file=stream, flush=True)


@contextlib.contextmanager
def unwatched(stream: TextIO) -> Iterator[None]:
    """Go on where a line for people cannot be written: a run needs nobody who watches it.

    Its reader has ended, its terminal has gone, the disk of its log is full.
    """
    try:
        yield
    except OSError:
        _discard(stream)


def open_standard_streams() -> None:
    """Have the three standard streams open, on nothing where a daemon was given none.

    The next file that is opened would get the number of one that is closed, and whatever a library
    writes to it would land in that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the least number that is free
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def _discard(stream: TextIO) -> None:
    """Write nowhere from now on: what is still buffered would fail once more at the end."""
    with open(os.devnull, "wb") as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), stream.fileno())


def on_one_line(text: str) -> str:
    """Return a text with everything escaped that would end a line or steer the terminal.

    A file's name may have any of it, and comes from outside.
    """
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in _NO_LINE
        else character
        for character in text
    )


def is_text(text: str) -> bool:
    """Tell whether a text can be encoded; the name of a file may be bytes that are none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
