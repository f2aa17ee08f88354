"""Where the job of an output lies."""

import errno
import os
import stat
from pathlib import Path

from framestyle.errors import OutputError
from framestyle.media.landing import check_folder

MARK = "framestyle-job"
"""Suffix of a job's folder, and the name of the file that marks it as one."""


def named(output: Path) -> Path:
    """Return an output by a path that ends in its name, which ``.`` and ``a/..`` do not."""
    return output.resolve() if output.name in ("", "..") else output


def folder_beside(output: Path) -> Path:
    """Return where the job of an output lies unless told otherwise."""
    output = named(output)
    return output.parent / f"{output.name}.{MARK}"


def choose_folder(output: Path, job_dir: Path | None) -> Path:
    """Return where the job of an output lies.

    Raises:
        OutputError: The output's own folder is missing; the job's folder can have no such name, has
            none to lie in, or something else is there; or one of the two would lie in the other,
            and the job's is deleted when the job is done.
    """
    if not output.parent.is_dir():
        check_folder(output.parent, output)
    folder = job_dir or folder_beside(output)
    try:
        mode = folder.stat().st_mode
    except FileNotFoundError as error:
        if folder.is_symlink() or not folder.parent.is_dir():
            raise cannot_be_made(folder, error) from None
    except OSError as error:
        raise cannot_be_made(folder, error) from None
    else:
        if not stat.S_ISDIR(mode):
            raise cannot_be_made(folder, OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)))
    if output.resolve().is_relative_to(folder.resolve()):
        raise OutputError(
            f"the output {output} lies in the job folder {folder}, which is deleted at the end; "
            "name another with --job-dir"
        )
    if folder.resolve().is_relative_to(output.resolve()):
        raise OutputError(
            f"the job folder {folder} lies in the output {output}; name another with --job-dir"
        )
    return folder


def cannot_be_made(folder: Path, error: OSError) -> OutputError:
    """Return the error for a job's folder that the system refuses."""
    return OutputError(
        f"cannot make the job folder {folder}: {error.strerror}; name another with --job-dir"
    )
