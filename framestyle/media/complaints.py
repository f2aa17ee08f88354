"""Keeps C libraries from writing on standard error what Python tells in an exception anyway."""

import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator

_STDERR = 2
_ONE_AT_A_TIME = threading.Lock()


@contextlib.contextmanager
def complaints_dropped() -> Iterator[None]:
    """Drop what is written on standard error meanwhile, if an exception comes out; else pass it on.

    libtiff, as Pillow has it, cannot be told where to write. Other threads write there too, so what
    was caught follows at the end.
    """
    with _ONE_AT_A_TIME, contextlib.ExitStack() as stack:
        try:
            caught = stack.enter_context(tempfile.TemporaryFile())
            shown = stack.enter_context(os.fdopen(os.dup(_STDERR), "wb"))
        except OSError:  # there is no standard error, or no room for a file
            yield
            return
        os.dup2(caught.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(shown.fileno(), _STDERR)
        caught.seek(0)
        shutil.copyfileobj(caught, shown)
