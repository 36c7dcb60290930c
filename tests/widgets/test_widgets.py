"""Widgets: one module without imports, drawn by traits, written by the workbench."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("anywidget")
sys.path.insert(0, str(Path(__file__).parents[1] / "studio"))
import made
from test_read import BASES, unpack

import photo51
from photo51.types import InputError, Interval
from photo51.widgets.bundle import STATIC, bundle


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return photo51.workbench(made.build(tmp_path_factory.mktemp("widgets") / "made"))


@pytest.mark.parametrize("name", [p.name for p in STATIC.glob("*.js")])
def test_a_bundle_is_one_module_that_loads_nothing(name, tmp_path):
    text = bundle(name)
    assert not re.search(
        r"^\s*import\b|\bimport\s*\(|\bfrom\s+[\"']|@import|https?://(?!www\.w3\.org)", text, re.MULTILINE
    )
    assert text.count("export default") == 1
    assert "export const" not in text
    if node := shutil.which("node"):
        file = tmp_path / "bundle.mjs"
        file.write_text(f"{text}")
        probe = tmp_path / "probe.mjs"
        probe.write_text(
            "import widget from './bundle.mjs'; if (typeof widget.render !== 'function') throw new Error('no render');"
        )
        # what the studio's modules touch when they are loaded, and a page has
        done = subprocess.run([node, str(probe)], check=False, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr


def test_a_reading_is_that_of_the_workbench(bench):
    widget = photo51.widgets.read(f">mine\n{BASES}", bench)
    own = bench.read(BASES)
    assert widget.reading["bases"] == BASES
    np.testing.assert_array_equal(unpack(widget.reading["bits"]["-"]), own.bits["-"])
    assert len(widget.names) == bench.sae.n_features
    sent = []
    widget.send = lambda content, **_: sent.append(content)
    widget._asked(widget, {"ask": "bases", "id": 4, "start": 3, "end": 5}, [])
    assert sent[0]["id"] == 4
    assert len(sent[0]["answer"]["features"]["+"]) == 2


def test_a_place_of_the_run_is_read(bench):
    widget = photo51.widgets.read(Interval("chromosome", 3_000, 3_060), bench)
    assert widget.reading["place"]["start"] == 3_000
    assert len(widget.reading["bases"]) == 60


def test_a_canvas_writes_what_paint_writes_and_again_only_what_changed(bench):
    widget = photo51.widgets.canvas(["f3", "f1"], BASES, bench, length=48, seed=7)
    with pytest.raises(InputError, match="at least one interval"):
        widget.write()
    widget.paints = [{"lane": 0, "start": 12, "end": 24, "strength": 2.0, "towards": 1}]
    widget._asked(widget, {"do": "all"}, [])
    canvas = bench.canvas([(12, 24, "f3 -> f1", 2.0)], 48)
    first = bench.paint(canvas, BASES, params=widget._params).texts[0]
    assert widget.result["text"] == first
    assert {lane["concept"] for lane in widget.result["levels"]} == {"f3", "f1"}
    widget.paints = [{"lane": 0, "start": 30, "end": 42, "strength": 2.0, "towards": 1}]
    widget._asked(widget, {"do": "changes"}, [])
    assert widget.result["rewritten"] == [[12, 48]]
    assert widget.result["text"][:12] == first[:12]
    widget._asked(widget, {"do": "changes"}, [])
    assert "need a change" in widget.error


def test_what_is_no_canvas_is_refused(bench):
    with pytest.raises(InputError, match="feature number"):
        photo51.widgets.canvas(["nothing such"], BASES, bench)
    with pytest.raises(InputError, match="at least one base"):
        photo51.widgets.canvas(["f1"], "", bench)
    with pytest.raises(InputError, match="at least one concept"):
        photo51.widgets.canvas([], BASES, bench)
