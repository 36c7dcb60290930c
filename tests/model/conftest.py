import pytest
import torch

from .small import ARCHITECTURES, build, sequence


@pytest.fixture(autouse=True)
def one_thread():
    """Models this small gain nothing from threads, which wait for each other on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=sorted(ARCHITECTURES))
def model(request):
    return build(**ARCHITECTURES[request.param])


@pytest.fixture
def ids():
    return sequence(300, batch=2)
