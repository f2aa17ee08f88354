"""How threads on a CPU wait for each other: how long awake, and which of them first."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

SPINS = "1000"
"""Rounds of libgomp's waiting loop, some ten microseconds; three hundred times as many by itself.
Who waits awake holds a core that the one waited for may need, where other programs run too."""


def wait_briefly() -> None:
    """Have threads sleep soon when they wait; to be called before torch is loaded.

    It leaves alone what the environment says of that. To other OpenMP libraries it means nothing.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)


NICENESS = 10
"""Of a thread that gives way: it gets a tenth of a core that another wants as well (nice(7))."""


@contextmanager
def giving_way() -> Iterator[None]:
    """Have a thread, and those that it starts, leave the cores to others that want them.

    Those that share an operation wait for the last of them, which on a core that is taken is late.
    A thread that has given way does so until it ends. Only Linux has this for single threads.
    """
    if sys.platform == "linux":
        with suppress(OSError):  # what may not be told is done without
            own = threading.get_native_id()
            lower = os.getpriority(os.PRIO_PROCESS, own) + NICENESS
            os.setpriority(os.PRIO_PROCESS, own, lower)
    yield
