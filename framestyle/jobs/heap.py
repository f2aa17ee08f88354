"""What the C library does with memory that is freed: it keeps it for the next iteration."""

import ctypes
import os

MIB = 1 << 20
LARGEST_KEPT, LARGEST_KEPT_WHERE_SHORT = 128 * MIB, 64 * MIB
"""Blocks up to this size are kept, in bytes, and where memory is short. What is larger goes back at
once: a block that is kept may get neighbours that keep it from being used again, and then there is
another of it for a while."""
LARGEST = 32 * MIB
"""What every version of glibc takes for that size, and where it gets by itself once it has seen a
large block freed."""
_MMAP_THRESHOLD, _TRIM_THRESHOLD, _ARENA_MAX = -3, -1, -8
"""Names of glibc's options in its malloc.h; see mallopt(3)."""


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
    any(library.mallopt(_MMAP_THRESHOLD, size) for size in (largest, LARGEST))  # until one is taken
    library.mallopt(_TRIM_THRESHOLD, -1)
    library.mallopt(_ARENA_MAX, 1)


def give_freed_memory_back() -> None:
    """Do so no longer, and hand back what is kept."""
    if (library := _glibc()) is None:
        return
    library.mallopt(_MMAP_THRESHOLD, LARGEST)
    library.mallopt(_TRIM_THRESHOLD, 2 * LARGEST)
    library.mallopt(_ARENA_MAX, 8 * (os.cpu_count() or 1))
    library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """Return the C library, if it is glibc."""
    library = ctypes.CDLL(None) if os.name == "posix" else None
    return library if hasattr(library, "gnu_get_libc_version") else None
