"""What the C library does with memory that is freed: it keeps it for the next iteration."""

import ctypes
import os
from collections.abc import Mapping

_MMAP_THRESHOLD, _TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -3, -1, -4, -8
"""Names of glibc's options in its malloc.h; see mallopt(3)."""
_KEEPING = {_MMAP_MAX: 0, _TRIM_THRESHOLD: -1, _ARENA_MAX: 1}
_GIVING_BACK = {
    _MMAP_MAX: 65536,
    # where glibc gets by itself once it has seen a large block freed
    _MMAP_THRESHOLD: 32 << 20,
    _TRIM_THRESHOLD: 64 << 20,
    _ARENA_MAX: 8 * (os.cpu_count() or 1),
}


def keep_freed_memory() -> None:
    """Have the process keep the memory that an iteration frees for the next one.

    glibc hands large blocks back to the system when they are freed, and gets others page by page,
    each of which the system clears: a seventh of an iteration of small frames, and a tenth of one
    of large ones. Threads would have an arena each, in which large blocks have no place. To other
    C libraries this means nothing.
    """
    _set(_KEEPING)


def give_freed_memory_back() -> None:
    """Do so no longer, and hand back what is kept."""
    if _set(_GIVING_BACK):
        ctypes.CDLL(None).malloc_trim(0)


def _set(options: Mapping[int, int]) -> bool:
    """Set glibc's options; return whether this is glibc."""
    library = ctypes.CDLL(None) if os.name == "posix" else None
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    assert library is not None
    for option, value in options.items():
        library.mallopt(option, value)
    return True
