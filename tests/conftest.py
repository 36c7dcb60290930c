import sys

import pytest


@pytest.fixture(autouse=True)
def denormal_floats_stay():
    """What a test leaves set in the processor changes the numbers of all that run after it."""
    yield
    assert sys.float_info.min / 2 > 0, "this test left the processor taking denormal floats as zeros"
