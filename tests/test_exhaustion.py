"""That memory ran out is told from what is really raised, and from nothing else."""

import pytest
import torch

from framestyle.exhaustion import gpu_ran_out, ran_out

OF_A_GPU = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")


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
    error = raised_by(lambda: torch.empty(1 << 55, dtype=torch.uint8))
    assert ran_out(error)
    assert not gpu_ran_out(error)


def test_what_python_raises():
    assert ran_out(raised_by(lambda: bytearray(1 << 62)))


@pytest.mark.parametrize(
    "says",
    [
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "CUDA error: out of memory",
        "MPS backend out of memory (MPS allocated: 9 GB)",
        "could not create a memory object",
    ],
)
def test_what_libraries_say(says):
    assert ran_out(RuntimeError(says))
    assert not ran_out(ValueError(says))


def test_the_memory_of_a_gpu_also_behind_what_failed_for_it():
    failed = RuntimeError("operation failed due to a previous error during capture")
    for error in (OF_A_GPU, after(OF_A_GPU, failed), after(after(OF_A_GPU, failed), KeyError("a"))):
        assert gpu_ran_out(error)
        assert ran_out(error)


def test_other_errors_have_other_reasons():
    assert not ran_out(raised_by(lambda: torch.ones(2) @ torch.ones(3)))
    assert not ran_out(after(KeyError("a"), RuntimeError("gone")))


def test_what_is_raised_instead_of_it_on_purpose_and_circles_are_no_reason():
    def fails():
        try:
            raise OF_A_GPU
        except RuntimeError:
            raise RuntimeError("wrong size") from None

    assert not ran_out(raised_by(fails))
    one, other = KeyError("a"), KeyError("b")
    one.__cause__, other.__cause__ = other, one
    assert not gpu_ran_out(one)
