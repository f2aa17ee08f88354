"""How long the threads of OpenMP, on a CPU, wait awake for each other."""

import os

SPINS = "1000"
"""Rounds of libgomp's waiting loop, some ten microseconds; three hundred times as many by itself.
Who waits awake holds a core that the one waited for may need, where other programs run too."""


def wait_briefly() -> None:
    """Have threads sleep soon when they wait; to be called before torch is loaded.

    It leaves alone what the environment says of that. To other OpenMP libraries it means nothing.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
