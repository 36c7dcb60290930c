"""Paint and listen: what the page is told is what the functions of `photo51 paint` and `photo51 react` give."""

import json
import shlex
import subprocess

import numpy as np
import pytest
from test_panels import events
from test_read import BASES, unpack

from photo51.config.interventions import PaintParams, SamplingParams
from photo51.interventions.edits.bundles import Bundle
from photo51.interventions.opening import read_sequence
from photo51.interventions.writing.canvas import Canvas, Paint
from photo51.interventions.writing.painting import overlap, paint, read_track, repaint
from photo51.types import Interval

LENGTH = 48
BODY = {"prompt": BASES, "length": LENGTH, "block": 12, "candidates": 2, "margin": 4, "seed": 7}
SPAN = {"start": 12, "end": 24, "concept": "f3", "strength": 2.0}
PARAMS = PaintParams(block=12, candidates=2, margin=4, sampling=SamplingParams(seed=7))


def painted(page, paints=(SPAN,), **rest):
    told = events(page.post("api/paint", {**BODY, "paints": list(paints), **rest}))
    assert "error" not in told[-1], told[-1]
    return told


def canvas(start, end, bench, strand="+"):
    bundle = bench.bundle("f3")
    return Canvas("canvas", LENGTH, (Paint(Interval("canvas", start, end, strand), "f3", 2.0, bundle),))


@pytest.mark.parametrize("strand", ["+", "-"])
def test_a_canvas_is_written_as_paint_writes_it(page, bench, strand):
    told = painted(page, strand=strand, sequences=2)
    own = paint(bench.instrument, canvas(12, 24, bench, strand), read_sequence(BASES), sequences=2, params=PARAMS)
    last = told[-1]
    assert last["texts"] == own.sequences()
    track = read_track(bench.instrument, own, PARAMS)
    for i, level in enumerate(last["levels"][0]["level"]):
        mine = track.loc[track["sequence"] == i].sort_values("position")["level"]
        np.testing.assert_array_equal(unpack(level), mine.astype(np.float32))
    mass = overlap(track, own.canvas, 4)["mass_inside"].tolist()
    assert [r["mass_inside"] for r in last["overlap"]] == mass
    blocks = [e for e in told if "bases" in e]
    assert sorted((e["start"], e["end"]) for e in blocks) == [(a, a + 12) for a in range(0, LENGTH, 12)]
    assert [e["start"] for e in blocks] == sorted((e["start"] for e in blocks), reverse=strand == "-")
    letters = sorted(blocks, key=lambda e: e["start"])
    assert ["".join(e["bases"][i] for e in letters) for i in range(2)] == last["texts"]


def test_dragged_paint_rewrites_only_what_follows_its_first_change(page, bench):
    """Paint on [12, 24) dragged to [30, 42): the first changed base is 12."""
    first = painted(page)[-1]
    again = painted(page, [{**SPAN, "start": 30, "end": 42}], before=first["key"])[-1]
    assert again["rewritten"] == [[12, LENGTH]]
    assert again["texts"][0][:12] == first["texts"][0][:12]
    assert not again["outside_changed"]
    prompt = read_sequence(BASES)
    old = paint(bench.instrument, canvas(12, 24, bench), prompt, sequences=1, params=PARAMS)
    own = repaint(bench.instrument, old, canvas(30, 42, bench), PARAMS)
    assert again["texts"] == own.sequences()
    where = [i for i, (a, b) in enumerate(zip(first["texts"][0], again["texts"][0], strict=True)) if a != b]
    inside = {i for a, b in again["differs"] for i in range(a, b)}
    assert inside == set(where)


def test_infill_keeps_both_flanks(page):
    first = painted(page)[-1]
    again = painted(page, [{**SPAN, "end": 30}], before=first["key"], infill=True)[-1]
    assert again["rewritten"] == [[24, 30]]
    assert again["texts"][0][:24] == first["texts"][0][:24]
    assert again["texts"][0][30:] == first["texts"][0][30:]


def test_scorers_of_the_painted_bases_are_those_of_their_letters(page):
    last = painted(page)[-1]
    text = last["texts"][0]
    gc = next(s for s in last["scores"] if s["name"] == "gc")
    share = lambda t: sum(b in "GC" for b in t) / len(t)  # noqa: E731
    assert gc["inside"] == pytest.approx(share(text[12:24]))
    assert gc["outside"] == pytest.approx((12 * share(text[:12]) + 24 * share(text[24:])) / 36)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"paints": [{**SPAN, "end": 60}]}, "within the 48 bases"),
        ({"paints": [{**SPAN, "end": 12}]}, "start < end"),
        ({"paints": [{**SPAN, "concept": "nothing such"}]}, "need a feature number"),
        ({"paints": [SPAN, {**SPAN, "strength": -1.0}]}, "conflict"),
        ({"before": "0123"}, "of this page"),
        ({"prompt": ""}, "at least one base"),
    ],
)
def test_what_cannot_be_painted_is_said(page, body, said):
    assert said in events(page.post("api/paint", {**BODY, "paints": [SPAN], **body}))[-1]["error"]


def test_a_changed_prompt_is_no_repainting(page):
    key = painted(page)[-1]["key"]
    other = {**BODY, "prompt": BASES[:-1], "paints": [{**SPAN, "end": 30}], "before": key}
    assert "another" in events(page.post("api/paint", other))[-1]["error"]
    same = events(page.post("api/paint", {**BODY, "paints": [SPAN], "before": key}))[-1]
    assert "need a change" in same["error"]


def test_paintings_are_of_their_tab(page, client, studio):
    key = painted(page)[-1]["key"]
    assert page.post("api/painted", {"key": key}).json()["texts"]
    headers = {**page.headers, "x-photo51-tab": "anothertab2"}
    answer = client.post(f"/{studio.token}/api/painted", json={"key": key}, headers=headers)
    assert answer.status_code == 422


def test_parts_add_up_to_their_concept(page, bench):
    concept = "0.5*f1 + f3"
    told = page.post("api/parts", {"concept": concept}).json()
    total = {}
    for part in told["parts"]:
        for f, w in zip(part["features"], part["weights"], strict=True):
            total[f] = total.get(f, 0.0) + w
    whole: Bundle = bench.bundle(concept)
    assert total == pytest.approx(dict(zip(whole.features, whole.weights, strict=True)))
    many = " + ".join(f"f{i}" for i in range(8))
    told = page.post("api/parts", {"concept": many}).json()
    assert 1 < len(told["parts"]) <= 4
    assert sorted({f for p in told["parts"] for f in p["features"]}) == list(range(8))


# ---- rules

STOP = {"name": "stop", "word": "TAA|TAG|TGA", "frame": 0, "do": {"stop": True}}
LOG = {"name": "note", "watch": "f3", "threshold": 0.15, "do": {"log": True}}


def listened(page, rules, **rest):
    told = events(page.post("api/listen", {"prompt": BASES, "rules": rules, "length": 60, "sequences": 2, **rest}))
    assert "error" not in told[-1], told[-1]
    return told


def test_rules_fire_while_the_sequence_is_written(page, bench):
    told = listened(page, [LOG])
    last = told[-1]
    run = bench.listen([LOG], BASES, length=60, sequences=2)
    assert last["texts"] == run.sequences
    assert last["events"]
    assert [(e["sequence"], e["position"]) for e in last["events"]] == list(
        zip(run.events["sequence"], run.events["position"], strict=True)
    )
    bases = [e for e in told if "b" in e]
    assert ["".join(e["b"][i] for e in bases) for i in range(2)] == last["texts"]
    began = sorted((row, e["t"]) for e in bases for row, _ in e["began"])
    assert began == sorted((e["sequence"], e["position"]) for e in last["events"])
    level = np.concatenate([unpack(e["levels"][1][0]) for e in told if "levels" in e])
    np.testing.assert_array_equal(level, run.levels[1, :, 0])


def test_the_first_stop_codon_in_frame_ends_the_sequence(page):
    """The prompt has a length of its own: the frame is that of its first base."""
    text = listened(page, [STOP], length=400, sequences=1)[-1]["texts"][0]
    whole = BASES + text
    codons = [whole[i : i + 3] for i in range(0, len(whole) - 2, 3)]
    written = codons[len(BASES) // 3 :]
    assert codons[-1] in {"TAA", "TAG", "TGA"}
    assert len(whole) % 3 == 0
    assert not {"TAA", "TAG", "TGA"} & set(written[:-1])


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [
        (LOG, "ready"),
        (STOP, "ready"),
        ({**LOG, "threshold": 900.0}, "hardly"),
        ({**LOG, "first": 60}, "never"),
        ({**LOG, "watch": "nothing"}, "wrong"),
        ({**STOP, "watch": "f3"}, "wrong"),
    ],
)
def test_what_is_said_of_rules_before_they_run(page, rule, verdict):
    told = page.post("api/rules", {"rules": [rule], "length": 60}).json()
    assert told["verdicts"][0]["verdict"] == verdict
    assert bool(told["verdicts"][0]["reason"]) == (verdict != "ready")
    if verdict in {"never", "wrong"}:
        said = events(page.post("api/listen", {"prompt": BASES, "rules": [rule], "length": 60}))[-1]
        assert "error" in said


# ---- the journal


def test_the_notebook_paints_and_listens_to_the_bit(page):
    page.get("api/state")
    first = painted(page)[-1]
    painted(page, [{**SPAN, "start": 30, "end": 42}], before=first["key"])
    listened(page, [STOP, LOG])
    book = json.loads(page.get("api/export/notebook").text)
    code = "\n".join("".join(c["source"]) for c in book["cells"] if c["cell_type"] == "code")
    assert code.count("assert digest(") == 3
    exec(code, {})
    wrong = code.replace("'seed': 7", "'seed': 8")
    assert wrong != code
    with pytest.raises(AssertionError):
        exec(wrong, {})
    fasta = page.get("api/export/fasta").text
    assert fasta.startswith(">paint_1_painted_0\n")
    lines = page.get("api/journal").json()["lines"]
    assert lines[1]["words"].endswith("bases 13–48 were rewritten")


@pytest.mark.slow
def test_the_commands_of_the_journal_write_the_same(page, tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from photo51.cli import app

    monkeypatch.chdir(tmp_path)
    first = painted(page)[-1]
    again = painted(page, [{**SPAN, "start": 30, "end": 42}], before=first["key"])[-1]
    ruled = listened(page, [STOP, LOG])[-1]
    for line in page.get("api/journal").json()["lines"]:
        for one in line["command"].splitlines():
            if one.startswith("printf"):
                subprocess.run(["bash", "-c", one], check=True)
                continue
            done = CliRunner().invoke(
                app, [*shlex.split(one)[1:], "--threads", "1", "--device", "cpu", "--model", "sh2:nano"]
            )
            assert done.exit_code == 0, done.output
    for folder, file, texts in (
        ("paint_1", "painted.fa", first["texts"]),
        ("paint_2", "painted.fa", again["texts"]),
        ("listen_3", "sequences.fa", ruled["texts"]),
    ):
        records = (tmp_path / folder / file).read_text().split(">")[1:]
        assert ["".join(r.splitlines()[1:]) for r in records] == texts
