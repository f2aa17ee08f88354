"""Files as users name them: names that the system cannot look up, and reading without surprises."""

import errno
import os
from pathlib import Path
from typing import BinaryIO

from framestyle.errors import FramestyleError, InputError, ModelError

_SHOWN_CHARACTERS = 60


def home_expanded(name: str | Path) -> Path:
    """Return a file name with ``~`` replaced by the home folder.

    Where there is no such user, ``~name`` is the file's own name, as shells take it.
    """
    return Path(os.path.expanduser(name))  # noqa: PTH111 - that of Path raises RuntimeError


def split_weights(text: str) -> tuple[str, Path]:
    """Split ``NAME=PATH`` of ``--weights``; ``~`` is the home folder.

    Raises:
        ModelError: The text has another form, or no file can have the name.
    """
    name, equals, path = text.partition("=")
    if not (equals and name.strip() and path.strip()):
        raise ModelError(f"--weights: got {text!r}, expected NAME=PATH, as vgg19=vgg19.pth")
    file = home_expanded(path.strip())
    check_name(file, ModelError)
    return name.strip(), file


def check_name(name: str | Path, error: type[FramestyleError] = InputError) -> None:
    """Raise ``error`` where the system cannot even look a file up; a missing one is no such case.

    ``Path.exists`` and its like raise ``OSError`` for names that are too long and folders that may
    not be entered, and ``ValueError`` for a NUL in a name, so this comes before they are asked.

    Args:
        name: As the user gave it.
        error: What to raise.
    """
    try:
        Path(name).stat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as problem:
        raise error(f"{_shown(name)}: {problem.strerror}; check the name") from None
    except ValueError:
        raise error(f"got the file name {str(name)!r}, which no file can have") from None


def opened_at_once(path: Path) -> BinaryIO:
    """Open a file to read its bytes; a pipe that nobody writes into is empty, not waited for.

    Raises:
        OSError: It cannot be opened, or is a folder.
    """
    file = open(path, "rb", opener=_unwaiting)  # noqa: SIM115 - the caller closes it
    os.set_blocking(file.fileno(), True)  # what somebody does write is waited for
    return file


def read_at_most(path: Path, most_bytes: int) -> bytes:
    """Return the bytes of a file; see ``opened_at_once``.

    Raises:
        OSError: It cannot be read, is a folder, or has more bytes.
    """
    with opened_at_once(path) as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, f"{os.strerror(errno.EFBIG)}, over {most_bytes} bytes")
    return data


def _unwaiting(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NONBLOCK)


def _shown(name: str | Path) -> str:
    text = str(name)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."
