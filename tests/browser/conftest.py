import sys
from pathlib import Path

import pytest

from benchmarks._browser import Browser, chromium

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))


@pytest.fixture(scope="session")
def browser():
    if chromium() is None:
        pytest.skip("needs Chromium (apt-get install chromium)")
    with Browser() as opened:
        yield opened
