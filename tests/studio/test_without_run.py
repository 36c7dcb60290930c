"""Without a run the page works on the model and the dictionary that come with photo51."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient
from studio_page import ADDRESS, Page
from test_read import unpack

import photo51
from photo51.shipped import shipped
from photo51.studio import without_run
from photo51.studio.app import Studio
from photo51.studio.serve import desk_opener
from photo51.types import InputError


@pytest.fixture(scope="module")
def page():
    studio = Studio(desk_opener(None, "sh2:base", "cpu", 1))
    with TestClient(studio.guard, base_url=ADDRESS, raise_server_exceptions=False) as client:
        yield Page(client, studio.token)
    studio.worker.stop()


@pytest.fixture(scope="module")
def shelf():
    folder = shipped("resources/dictionaries/base")
    return {name: pd.read_parquet(folder / f"{name}.parquet") for name in ("features", "names", "replication")}


def test_a_sequence_is_read_with_the_shipped_dictionary(page, shelf):
    state = page.get("api/state").json()
    assert (state["run"], state["model"]) == ("", "sh2:base")
    np.testing.assert_array_equal(
        unpack(state["features"]["unit"]), shelf["features"]["q99"].fillna(0).astype(np.float32)
    )
    told = page.post("api/read", {"text": state["examples"][0]["bases"]}).json()
    assert len(told["bases"]) == 134
    assert told["place"] is None
    assert told["strongest"]
    largest = shelf["features"].set_index("feature")["maximum"]
    first = told["strongest"][0]
    assert first["share"] == pytest.approx(first["activation"] / largest[first["feature"]])


def test_the_shipped_units_are_those_of_the_contract(shelf):
    table = shelf["features"]
    active = table[table["density"] > 0]
    assert (active["q50"] > 0).all()
    assert (active["q50"] <= active["q99"]).all()
    assert (active["q99"] <= active["maximum"]).all()


def test_search_finds_names_and_says_what_needs_a_run(page, shelf):
    told = page.get("api/search", params={"q": "codon"}).json()
    names = shelf["names"]
    with_word = set(names.loc[names["annotation"].str.contains("codon"), "feature"])
    assert {r["feature"] for r in told["rows"]} <= with_word
    assert "need" not in told["title"].split(";")[0]
    assert "photo51 studio RUN" in told["title"]
    for text in ("katG", "NC_000913.3:100-200", "m.3243A>G"):
        answer = page.get("api/search", params={"q": text})
        assert answer.status_code == 422
        assert "photo51 studio RUN" in answer.json()["error"]


def test_a_feature_has_a_page_with_its_checks(page, shelf):
    named = shelf["names"][shelf["names"]["named"]]["feature"].iloc[0]
    told = page.get(f"api/feature/{named}").json()
    assert told["words"].startswith("Marks ")
    assert len(told["checks"]) == (shelf["replication"]["feature"] == named).sum()
    holds = shelf["replication"].loc[shelf["replication"]["feature"] == named, "survives"].sum()
    assert sum(c[1] == "holds" for c in told["checks"]) == holds


def test_what_needs_a_run_is_said_so(page):
    answer = page.post("api/variants", {"text": "m.3243A>G"})
    assert "need a run" in json.loads(answer.text.splitlines()[-1])["error"]
    answer = page.post("api/read", {"source": {"chrom": "NC_012920.1", "start": 0, "end": 100}})
    assert answer.status_code == 422
    assert "need a run" in answer.json()["error"]


@pytest.mark.slow
def test_it_steers_and_the_notebook_writes_the_same(page):
    body = {"prompt": "ATGGCGAAAGGTAAAGTTCTG", "sliders": [{"target": "f165", "strength": 1.0}], "length": 8}
    told = [json.loads(line) for line in page.post("api/steer", body).text.splitlines()]
    assert told[-1]["done"]
    book = json.loads(page.get("api/export/notebook").text)
    code = "\n".join("".join(c["source"]) for c in book["cells"] if c["cell_type"] == "code")
    assert "photo51.workbench(model='sh2:base')" in code
    exec(code, {})


def test_a_model_without_a_shipped_dictionary_is_refused():
    with pytest.raises(InputError, match="dictionary comes with photo51"):
        photo51.workbench(model="sh2:nano")


def test_every_module_of_the_page_is_javascript(tmp_path):
    """Whatever browser is here or not: a module that does not parse is an empty page."""
    import shutil
    import subprocess

    from photo51.studio.modules import parts

    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    for name, text in parts().items():
        if name.endswith(".js"):
            copy = tmp_path / f"{name}.mjs"
            copy.write_bytes(text)
            done = subprocess.run([node, "--check", str(copy)], check=False, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr


def test_a_dictionary_without_names_says_so_when_searched():
    with pytest.raises(InputError, match="none are known"):
        without_run.search(SimpleNamespace(shelf=None), "tRNA")


def test_what_is_no_run_and_no_host_is_refused_before_anything_is_served(tmp_path):
    from typer.testing import CliRunner

    from photo51.cli import app
    from photo51.studio.serve import listening

    done = CliRunner().invoke(app, ["studio", str(tmp_path), "--no-browser"])
    assert isinstance(done.exception, InputError)
    assert "features.h5ad" in str(done.exception)
    for host in ("256.1.1.1", "192.0.2.1"):  # no address at all; one of documentation, which nobody has
        with pytest.raises(InputError, match="--host: need a name or address of this machine"):
            listening(host, 0)
    taken = listening("127.0.0.1", 0)
    taken.listen()
    with pytest.raises(InputError, match="--port: need a free port"):
        listening("127.0.0.1", taken.getsockname()[1])
    taken.close()
