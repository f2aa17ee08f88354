"""What commands write: results on standard output, and lines for people on standard error."""

import os
import sys
import unicodedata
from typing import TextIO

from framestyle.errors import OutputError

_NO_LINE = ("Cc", "Cs", "Zl", "Zp")  # categories: control, no character, end of line, of paragraph


def put(text: str) -> None:
    """Write a result on standard output; what the terminal cannot show is escaped.

    Raises:
        OutputError: It cannot be written. A reader that has ended has read enough.
    """
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

    Where nobody reads it any more, it is not written: a run goes on without being watched.
    """
    stream = stream or sys.stderr
    try:
        print(on_one_line(message), file=stream, flush=True)
    except BrokenPipeError:
        _discard(stream)


def _discard(stream: TextIO) -> None:
    """Write nowhere from now on: what is still buffered would fail once more at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


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
