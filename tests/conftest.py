import sys

import pytest


def denormals_kept() -> bool:
    return sys.float_info.min / 2 > 0


@pytest.fixture(autouse=True)
def denormal_floats_stay():
    """What a test leaves set in the processor changes the numbers of all that run after it."""
    before = denormals_kept()
    yield
    assert denormals_kept() == before, "this test left the processor taking denormal floats as zeros"
