"""Telling whether memory ran out, which torch says in many ways."""

import torch

SIGNS = (
    *("allocate memory", "could not create a primitive", "could not create a memory"),
    *("MPS backend out of memory", "CUDA error: out of memory"),
    *("CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED"),
)
"""What plain errors say where memory ends: those of torch and oneDNN on a CPU, of Apple's GPUs, of
CUDA and its libraries."""


def ran_out(error: BaseException) -> bool:
    """Tell whether memory ran out: that of the machine, or that of a GPU."""
    if isinstance(error, MemoryError) or gpu_ran_out(error):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)


def gpu_ran_out(error: BaseException) -> bool:
    """Tell whether torch had no memory of a GPU left, also where what failed for it hides that.

    A compiler that had no memory says something else: to make less on the GPU is no help to it.
    """
    seen: list[BaseException] = []
    while not isinstance(error, torch.OutOfMemoryError):
        seen.append(error)
        hidden = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if hidden is None or hidden in seen:
            return False
        error = hidden
    return True
