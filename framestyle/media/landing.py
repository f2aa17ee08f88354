"""Lands files whole: written under another name, synced to disk, then renamed."""

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from framestyle.errors import JobError, OutputError
from framestyle.media.checksums import checksum

FULL_DISK_TEXT = "No space left on device"
_CANNOT_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES)


@contextlib.contextmanager
def disk_errors(doing: str, folder: Path) -> Iterator[None]:
    """Turn ``OSError`` into ``JobError``; ``doing`` says what was done, with the frame."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise JobError(full_disk(doing, folder)) from None
        raise JobError(f"{doing} failed in {folder}: {error.strerror or error}") from None


def full_disk(doing: str, folder: Path) -> str:
    """Return the message for a disk that is full."""
    return f"{doing} failed: the disk of {folder} is full; make room and run the same command again"


def sync(path: Path) -> None:
    """Have the system put a file, or a folder's entries, on the disk.

    Raises:
        OSError: What was written to the file has not come to the disk.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some file systems cannot sync a folder, which only makes a crash less kind.
        if not path.is_dir() or error.errno not in _CANNOT_SYNC:
            raise
    finally:
        os.close(handle)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is whole or not there at all, whenever the machine stops.

    Whether it is there after a power cut, ``sync`` of its folder decides.
    """
    partial = path.with_name(f".{path.name}.part" if len(os.fsencode(path.name)) < 200 else ".part")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        discard(partial)
        raise


def discard(partial: Path) -> None:
    """Delete what is half done, if it is there: a full disk has no room for what is of no use.

    A disk that has failed, or has turned read-only, keeps it, which does no harm.
    """
    with contextlib.suppress(OSError):
        partial.unlink()


def sealed(data: bytes) -> bytes:
    """Return data with a last line that tells whether it is whole."""
    return b"%s\n# %s\n" % (data, checksum(data).encode())


def unsealed(content: bytes) -> bytes:
    """Return what was sealed; raises ``ValueError`` where it is damaged."""
    data, _, seal = content[:-1].rpartition(b"\n# ")
    if content[-1:] != b"\n" or seal != checksum(data).encode():
        raise ValueError("it is not what was written")
    return data


def partial_beside(final: Path) -> Path:
    """Return the name under which a file is written beside its final place."""
    # Always the same one, so that what a killed run left is overwritten by the next.
    mark = hashlib.sha256(os.fsencode(final.name)).hexdigest()[:12]
    return final.with_name(f".framestyle-{mark}{final.suffix}")


def move_whole(source: Path, final: Path) -> None:
    """Move a finished file or folder to its final name, in one step there, across disks too."""
    sync(source)
    try:
        source.replace(final)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        partial = partial_beside(final)
        _take_away(partial)  # what a killed run left
        try:
            _copy(source, partial)
            partial.replace(final)
        except OSError:
            _take_away(partial)
            raise
        _take_away(source)
    sync(final.parent)


def _copy(source: Path, target: Path) -> None:
    """Copy a file, or a folder of files, and put it on the disk."""
    if source.is_dir():  # one by one: shutil gathers its errors, and a full disk is none of them
        target.mkdir()
        for file in source.iterdir():
            _copy(file, target / file.name)
    else:
        shutil.copyfile(source, target)
    sync(target)


def _take_away(path: Path) -> None:
    """Delete a file or a folder, if it is there and can be deleted."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        discard(path)


def check_free(place: Path) -> None:
    """Raise ``JobError`` where something stands by now in a place that was free."""
    if os.path.lexists(place):
        raise JobError(
            f"{place} has come to be there during the run; take it away, or give --overwrite to "
            "replace it, and run the same command again"
        )


def check_folder(folder: Path, output: Path) -> None:
    """Raise ``OutputError`` where no file can be made in the folder meant for an output."""
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise OutputError(f"{output} cannot be written: {folder} {what}; make it first")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"{output} cannot be written: {folder} is not writable ({error.strerror})"
        ) from None
