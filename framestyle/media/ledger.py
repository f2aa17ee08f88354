"""What a job has landed and may rely on: names and checksums, in a file that is only added to."""

import errno
import json
from pathlib import Path

from framestyle.media.checksums import checksum, checksum_of
from framestyle.media.landing import FULL_DISK_TEXT, sync

NAME = "ledger.txt"
_OUTPUT = "output"


class Ledger:
    """The files below a folder that were landed, each with its checksum.

    A file is relied on where it is entered and still has the checksum. What a crash tore off at the
    end of the ledger, or what is damaged in it, is an entry less: the file is not relied on. No
    path is ever taken from the ledger, only asked for in it.

    Args:
        folder: Of the job; the ledger is made in it with the first entry.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / NAME
        self._entries = _read(self._path)
        self._touched: set[Path] = set()

    def enter(self, path: Path, data: bytes | None = None) -> None:
        """Enter a file below the folder that has landed.

        Args:
            path: The file.
            data: What is in it, where that is known; else it is read.
        """
        self._write(self._name(path), checksum_of(path) if data is None else checksum(data))
        self._touched.add(path.parent)

    def has_whole(self, path: Path, at: Path | None = None) -> bool:
        """Tell whether a file stands as it was entered, or stands so where it was moved to."""
        return self._stands(self._name(path), at or path)

    def enter_output(self, path: Path) -> None:
        """Enter the whole output, which lies elsewhere, before it goes to its final name."""
        self._write(_OUTPUT, checksum_of(path))
        self.secure()

    def is_output(self, path: Path) -> bool:
        """Tell whether a file is the output that was entered."""
        return self._stands(_OUTPUT, path)

    def secure(self) -> None:
        """Have all that was entered outlive a power cut."""
        for folder in self._touched:
            sync(folder)
        self._touched.clear()
        if self._path.exists():
            sync(self._path)

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()

    def _stands(self, name: str, path: Path) -> bool:
        entered = self._entries.get(name)
        try:
            return entered is not None and path.is_file() and checksum_of(path) == entered
        except OSError:
            return False

    def _write(self, name: str, digest: str) -> None:
        # As JSON, for names may have line ends in them; the line end comes first, so that a line
        # that was torn off does not swallow the next.
        line = b"\n" + json.dumps([name, digest]).encode()
        with self._path.open("ab", buffering=0) as file:
            if file.write(line) != len(line):
                raise OSError(errno.ENOSPC, FULL_DISK_TEXT)
        self._entries[name] = digest


def _read(path: Path) -> dict[str, str]:
    entries: dict[str, str] = {}
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return entries
    for line in lines:
        try:
            name, digest = json.loads(line)
        except (ValueError, TypeError, RecursionError):
            continue
        if isinstance(name, str) and isinstance(digest, str):
            entries[name] = digest
    return entries
