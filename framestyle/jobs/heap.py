"""What the C library does with memory that is freed: it keeps it for the next iteration."""

import ctypes
import os
import threading

MIB = 1 << 20
LARGEST_KEPT, LARGEST_KEPT_WHERE_SHORT = 128 * MIB, 64 * MIB
"""Blocks up to this size are kept, in bytes, and where memory is short. What is larger goes back at
once: a block that is kept may get neighbours that keep it from being used again, and then there is
another of it for a while."""
USUAL = 32 * MIB
"""The largest that old versions of glibc take for that size, and where any gets by itself once it
has seen a large block freed."""
_MMAP_THRESHOLD, _TRIM_THRESHOLD, _ARENA_MAX = -3, -1, -8
"""Names of glibc's options in its malloc.h; see mallopt(3)."""

_keeps = threading.Event()
"""Set while freed memory is kept: a process that never asked for it keeps the options it has."""


def keep_freed_memory(largest: int = LARGEST_KEPT) -> None:
    """Have the process keep the memory that an iteration frees for the next one.

    glibc hands freed memory back to the system, and gets it again page by page, each of which the
    system clears: a seventh of an iteration of small frames, and a tenth of one of large ones.
    Threads would have an arena each, in which large blocks have no place. To other C libraries this
    means nothing.

    Args:
        largest: Blocks up to this size are kept, in bytes.
    """
    if (library := _glibc()) is None:
        return
    if not library.mallopt(_MMAP_THRESHOLD, largest):
        library.mallopt(_MMAP_THRESHOLD, USUAL)
    library.mallopt(_TRIM_THRESHOLD, -1)
    library.mallopt(_ARENA_MAX, 1)
    _keeps.set()


def keep_less() -> None:
    """Hand back what is kept, and keep no larger blocks than where memory is short; or do nothing.

    A large block that is free may stay where it is, and be used again.
    """
    if _keeps.is_set() and (library := _glibc()) is not None:
        keep_freed_memory(LARGEST_KEPT_WHERE_SHORT)
        library.malloc_trim(0)


def give_freed_memory_back() -> None:
    """Do so no longer, and hand back what is kept; where nothing is, do nothing."""
    if not _keeps.is_set() or (library := _glibc()) is None:
        return
    _keeps.clear()
    library.mallopt(_MMAP_THRESHOLD, USUAL)
    library.mallopt(_TRIM_THRESHOLD, 2 * USUAL)
    library.mallopt(_ARENA_MAX, 8 * (os.cpu_count() or 1))
    library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """Return the C library, if it is glibc."""
    library = ctypes.CDLL(None) if os.name == "posix" else None
    return library if hasattr(library, "gnu_get_libc_version") else None
