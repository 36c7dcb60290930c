import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import made
from starlette.testclient import TestClient
from studio_page import ADDRESS, Page

from photo51.studio.app import Studio
from photo51.studio.serve import desk_opener


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return made.build(tmp_path_factory.mktemp("studio") / "made")


@pytest.fixture(scope="session")
def studio(folder):
    return Studio(desk_opener(folder, "sh2:base", "cpu", 1))


@pytest.fixture(scope="session")
def client(studio):
    with TestClient(studio.guard, base_url=ADDRESS, raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def page(client, studio, request):
    tab = "".join(c for c in request.node.name.lower() if c.isalnum())[:30].ljust(8, "0")
    return Page(client, studio.token, tab)


@pytest.fixture(scope="session")
def bench(folder):
    import photo51

    return photo51.workbench(folder)
