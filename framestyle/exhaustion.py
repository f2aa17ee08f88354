"""Telling whether memory ran out, which torch says in many ways."""

import torch

SIGNS = (
    *("allocate memory", "could not create a primitive", "could not create a memory"),
    *("MPS backend out of memory", "CUBLAS_STATUS_ALLOC_FAILED"),
)
"""What plain errors say where memory ends: those of torch and oneDNN on a CPU, of Apple's GPUs, and
of cuBLAS."""


def ran_out(error: BaseException) -> bool:
    """Tell whether memory ran out, also where what failed for it hides that."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    if isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS):
        return True
    hidden = error.__cause__ or error.__context__
    return hidden is not None and ran_out(hidden)
