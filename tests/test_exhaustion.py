"""That memory ran out is told from what is really raised, and from nothing else."""

import pytest
import torch

from framestyle.exhaustion import ran_out


def raised_by(fails):
    with pytest.raises(Exception) as caught:
        fails()
    return caught.value


def after(first, second):
    """What is raised while another error is on its way."""

    def fails():
        try:
            raise first
        finally:
            raise second

    return raised_by(fails)


def test_what_torch_raises_on_a_cpu():
    assert ran_out(raised_by(lambda: torch.empty(1 << 55, dtype=torch.uint8)))


def test_what_python_raises():
    assert ran_out(raised_by(lambda: bytearray(1 << 62)))


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
        RuntimeError("could not create a memory object"),
    ],
)
def test_what_libraries_raise_and_what_fails_for_it(error):
    assert ran_out(error)
    assert ran_out(after(error, RuntimeError("operation failed due to a previous error")))


def test_other_errors_have_other_reasons():
    assert not ran_out(raised_by(lambda: torch.ones(2) @ torch.ones(3)))
    assert not ran_out(ValueError("could not create a memory object"))
    assert not ran_out(after(KeyError("a"), RuntimeError("gone")))
