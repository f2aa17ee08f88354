import pytest
import torch


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    """Pictures this small are done ten times faster by one thread than by two that wait."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
