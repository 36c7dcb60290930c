import pytest
import torch

from .small import ARCHITECTURES, build, sequence


@pytest.fixture(params=sorted(ARCHITECTURES))
def model(request):
    return build(**ARCHITECTURES[request.param])


@pytest.fixture
def ids():
    return sequence(300, batch=2)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)
