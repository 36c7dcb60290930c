"""Why, steer and variants: what is streamed is what the functions of the commands give."""

import json

import numpy as np
import pytest
import torch
from test_read import BASES, unpack

from photo51.interventions.opening import read_sequence
from photo51.interventions.steering.steer import steer
from photo51.interventions.writing.generate import generate, score
from photo51.interventions.writing.scorers import gc, sequence_scorers
from photo51.studio.asked import SteerAsked
from photo51.studio.reasons import QUICK
from photo51.types import InputError, Interval

LN2 = np.log(2.0)


def events(answer):
    assert answer.status_code == 200
    return [json.loads(line) for line in answer.text.splitlines()]


def locus(page, start=3_000, end=3_120):
    where = {"genome": "ring", "chrom": "chromosome", "start": start, "end": end}
    return page.post("api/read", {"source": where}).json()


# ---- why


def test_what_it_would_have_preferred_are_the_bits_of_the_reading(page):
    told = page.post("api/read", {"text": BASES}).json()
    for strand, at in (("+", 40), ("-", 12)):
        first, _, last = events(page.post("api/why", {"reading": told["key"], "at": at, "strand": strand}))
        p = first["preferred"]
        assert sum(p.values()) == pytest.approx(1.0)
        assert -np.log2(p[first["letter"]]) == pytest.approx(unpack(told["bits"][strand])[at], abs=2e-4)
        assert last["done"]


def test_contributions_are_those_of_explain_and_add_up(page, bench):
    import photo51
    from photo51.config.interventions import AttributionParams

    told = locus(page)
    _, reasons, changes = events(page.post("api/why", {"reading": told["key"], "at": 100, "strand": "+"}))
    summary = reasons["summary"]
    total = unpack(reasons["values"]).sum(dtype=np.float64) + reasons["outside"]
    assert total == pytest.approx(summary["explained_nats"], abs=1e-4)
    assert summary["completeness_error"] < 0.05
    place = Interval("chromosome", 3_100, 3_101, "+")
    own = photo51.api.workbench.explain_place(
        bench.instrument, bench.run.genomes, "ring", place, AttributionParams(**QUICK)
    )
    assert summary["target_nats"] == own.value
    mine = own.table.loc[own.table["feature"] >= 0].groupby("feature")["contribution"].sum()
    for f in reasons["features"]:
        assert f["contribution"] == pytest.approx(mine[f["feature"]], rel=1e-6)
    assert len(changes["mutagenesis"]) == len(own.map) == 3 * 33
    assert [c["effect"] for c in changes["mutagenesis"]] == pytest.approx(own.map["effect"].tolist(), rel=1e-6)


def test_direct_paths_are_those_of_explain_in_the_coordinates_of_the_reading(page, bench):
    import photo51
    from photo51.config.interventions import AttributionParams

    told = locus(page)
    for strand in "+-":
        _, _, last = events(page.post("api/why", {"reading": told["key"], "at": 100, "strand": strand}))
        place = Interval("chromosome", 3_100, 3_101, strand)
        own = photo51.api.workbench.explain_place(
            bench.instrument, bench.run.genomes, "ring", place, AttributionParams(**QUICK)
        )
        direct = last["direct"]
        assert direct["at"] == (list(range(4, 100)) if strand == "+" else list(range(196, 100, -1)))
        for block in direct["blocks"]:
            mine = own.influence[own.influence["block"] == block["block"]]
            assert block["total"] == pytest.approx(mine["contribution"].sum())
            assert block["further"] + unpack(block["values"]).sum() == pytest.approx(block["total"], abs=1e-5)
            nearest = mine.loc[mine["position"] == 3_000 + direct["at"][-1], "contribution"].sum()
            assert unpack(block["values"])[-1] == pytest.approx(nearest, rel=1e-5)
        assert direct["score_nats"] == pytest.approx(own.direct["score_nats"])


def test_the_score_of_a_second_base_has_reasons_and_no_change(page):
    """One base stands before it: it explains, and there is no base after the first that could be changed."""
    key = page.post("api/read", {"text": BASES}).json()["key"]
    _, reasons, changes = events(page.post("api/why", {"reading": key, "at": 1, "strand": "+", "base": "C"}))
    assert len(unpack(reasons["values"])) == len(BASES)
    assert changes["mutagenesis"] == []
    assert changes["done"]


def test_a_base_that_nothing_stands_before_is_refused(page):
    key = page.post("api/read", {"text": BASES}).json()["key"]
    assert "before it" in events(page.post("api/why", {"reading": key, "at": 0, "strand": "+"}))[-1]["error"]
    assert "need one within" in events(page.post("api/why", {"reading": key, "at": 500}))[-1]["error"]


# ---- steer


def written(page, **rest):
    body = {"prompt": BASES, "sliders": [{"target": "f3", "strength": 1.5}], "length": 30, "seed": 7, **rest}
    told = events(page.post("api/steer", body))
    texts = ["".join(e["b"][i] for e in told if "b" in e) for i in range(len(told[0]["arms"]))]
    return told, texts


@pytest.mark.slow
def test_arms_are_sequence_0_of_the_steer_command(page, bench):
    told, texts = written(page)
    params = bench.steer_params(length=30, seed=7, doses=(1.0,), sequences=2, random_sequences=2)
    table = steer(
        bench.instrument,
        bench.bundle("1.5*f3"),
        prompt=read_sequence(BASES),
        reference=bench.reference(7),
        judges=sequence_scorers(),
        params=params,
    ).sequences
    first = table[table["sequence"] == 0]
    for arm, text in zip(told[0]["arms"], texts, strict=True):
        some = first[(first["arm"] == arm) & (first["direction"] <= 0)]
        assert some["bases"].tolist() == [text]
    assert texts[0] != texts[1]


def test_the_control_is_plain_generation_and_scores_are_those_of_the_scorers(page, bench):
    told, texts = written(page)
    prompt = read_sequence(BASES)
    params = bench.steer_params(length=30, seed=7)
    plain = generate(bench.instrument.model, np.tile(prompt, (1, 1)), 30, sampling=params.sampling)
    assert plain.sequences() == [texts[0]]
    looks = [e for e in told if "start" in e]
    assert [looks[0]["start"], looks[-1]["end"]] == [0, 30]
    column = [j["name"] for j in told[0]["judges"]].index("gc")
    assert [arm[column] for arm in looks[-1]["scores"]] == [gc(t) for t in texts]
    bits = np.concatenate([unpack(e["bits"][1]) for e in looks])
    full = np.concatenate([prompt, read_sequence(texts[1])])[None]
    own = -score(bench.instrument.model, full, len(prompt))[0] / LN2
    np.testing.assert_allclose(bits, own, atol=2e-4)


def test_the_same_seed_writes_the_same_and_another_does_not(page):
    first, texts = written(page)
    again, same = written(page)
    assert texts == same
    assert first[-1]["digest"] == again[-1]["digest"]
    assert written(page, seed=8)[1] != texts


def test_without_a_slider_the_control_is_written_alone(page):
    told, texts = written(page, sliders=[{"target": "f3", "strength": 0.0}])
    assert told[0]["arms"] == ["control"]
    assert len(texts[0]) == 30


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"sliders": [{"target": "f9999", "strength": 1.0}]}, "0 to"),
        ({"sliders": [{"target": "nothing such", "strength": 1.0}]}, "need"),
        ({"sliders": [{"target": "x*f2", "strength": 1.0}]}, "a number before"),
        ({"prompt": ""}, "at least one base"),
        ({"prompt": "MKVLE"}, "IUPAC"),
    ],
)
def test_what_cannot_be_steered_is_said(page, body, said):
    answer = page.post("api/steer", {"prompt": BASES, "length": 8, **body})
    assert said in events(answer)[-1]["error"]


def test_sliders_become_the_sum_that_the_command_takes():
    sliders = [{"target": "f3", "strength": 1.5}, {"target": "CDS", "strength": -0.25}, {"target": "f1", "strength": 0}]  # fmt: skip
    assert SteerAsked(prompt="A", sliders=sliders).expression() == "1.5*f3 - 0.25*CDS"
    bundle = [{"target": "f3 - 0.5*f1", "strength": -2.0}, {"target": "f4", "strength": 1.0}]
    assert SteerAsked(prompt="A", sliders=bundle).expression() == "-2*f3 + 1*f1 + 1*f4"
    with pytest.raises(InputError, match="a feature"):
        SteerAsked(prompt="A", sliders=[{"target": "2*", "strength": 1.0}]).expression()


def test_the_sum_is_read_back_by_the_bundle_parser(bench):
    bundle = bench.bundle(
        SteerAsked(
            prompt="A", sliders=[{"target": "f3", "strength": -1.5}, {"target": "f1", "strength": 2.0}]
        ).expression()
    )
    assert dict(zip(bundle.features, bundle.weights, strict=True)) == {3: -1.5, 1: 2.0}


@pytest.mark.slow
def test_the_safe_range_ends_with_the_first_dose_past_the_budget(page):
    told = events(page.post("api/dose", {"target": "f3", "prompt": BASES, "seed": 7}))
    assert [e["dose"] for e in told] == [0.5, 1.0, 2.0, 4.0][: len(told)]
    assert all(e["safe"] for e in told[:-1])
    for e in told:
        assert e["safe"] == (max(e["nll_rise"], e["nll_rise_real"]) <= e["budget"])


# ---- variants


def test_a_variant_is_scored_as_the_score_command_does(page, bench, tmp_path):
    from photo51.effects.score import score_file as command

    ref = bench.run.genomes.sequence("ring", "chromosome", 499, 500).tobytes().decode()
    alt = "A" if ref != "A" else "C"
    first, last = events(page.post("api/variants", {"text": f"chromosome:500:{ref}>{alt}"}))
    table = tmp_path / "one.tsv"
    table.write_text(f"chrom\tpos\tref\talt\nchromosome\t500\t{ref}\t{alt}\n")
    own, _ = command(bench.run.genomes.folder, [table], bench.model, bench.sae, genome="ring")
    for key in ("llr", "llr_flank", "llr_markov", "severity"):
        assert last["scores"][0][key] == own[key].iloc[0]
    column = first["at"]
    assert (first["letters"]["ref"][column], first["letters"]["alt"][column]) == (ref, alt)
    assert first["first"] + column == 499
    assert first["letters"]["ref"].replace(ref, "") is not None
    differing = [i for i, (a, b) in enumerate(zip(*first["letters"].values(), strict=True)) if a != b]
    assert differing == [column]


def test_an_insertion_gets_a_gap_and_unchanged_bases_before_it_the_same_bits(page, bench):
    ref = bench.run.genomes.sequence("ring", "chromosome", 499, 500).tobytes().decode()
    first = events(page.post("api/variants", {"text": f"chromosome:500:{ref}>{ref}GG"}))[0]
    assert first["letters"]["ref"][first["at"] + 1 : first["at"] + 3] == "--"
    assert len(first["letters"]["ref"]) == len(first["letters"]["alt"])
    before = slice(0, first["at"] + 1)
    assert first["bits"]["ref"]["+"][before] == pytest.approx(first["bits"]["alt"]["+"][before], abs=1e-4)
    assert first["bits"]["ref"]["+"][first["at"] + 1] is None


def test_a_long_stream_stops_when_it_is_told_to(page, studio):
    """Cancelled before it begins or between two bases: the stream ends with the word `replaced`."""
    import threading

    told = []
    follow = threading.Thread(target=lambda: told.extend(events(page.post("api/steer", {"prompt": BASES, "length": 4_000}))))  # fmt: skip
    follow.start()
    for _ in range(600):
        if page.post("api/cancel", {"panel": "steer"}).json()["cancelled"]:
            break
        threading.Event().wait(0.05)
    follow.join(60)
    assert told[-1] == {"replaced": True}
    assert torch.get_num_threads() >= 1


# ---- two sequences


def test_two_sequences_are_compared_column_by_column(page, bench):
    """One base changed and two left out: the alignment is worked by hand."""
    other = BASES[:10] + "A" + BASES[11:30] + BASES[32:]
    assert BASES[10] != "A"
    (told,) = events(page.post("api/compare", {"first": f">one\n{BASES}", "second": other}))
    assert told["names"] == ["one", "sequence"]
    assert told["letters"]["ref"] == BASES
    assert told["letters"]["alt"].replace("-", "") == other
    assert told["letters"]["alt"].count("-") == 2
    assert told["differs"] == 3
    assert told["bits"]["ref"]["+"][1:10] == pytest.approx(told["bits"]["alt"]["+"][1:10], abs=1e-5)
    own = bench.read(other).bits["-"]
    shown = [b for b in told["bits"]["alt"]["-"] if b is not None]
    assert shown == pytest.approx(own[~np.isnan(own)].tolist())
    same = events(page.post("api/compare", {"first": BASES, "second": BASES}))[0]
    assert same["differs"] == 0
    assert same["features"] == []
    assert "at most 1,000" in events(page.post("api/compare", {"first": "A" * 1_001, "second": "A"}))[0]["error"]


def test_commands_of_the_journal_bring_the_files_they_read(page, bench, tmp_path):
    """A shell that runs the line finds the variants and the bases that the page had."""
    import subprocess

    ref = bench.run.genomes.sequence("ring", "chromosome", 499, 500).tobytes().decode()
    alt = "A" if ref != "A" else "C"
    events(page.post("api/variants", {"text": f"chromosome:500:{ref}>{alt}"}))
    key = page.post("api/read", {"text": f">mine\n{BASES}"}).json()["key"]
    events(page.post("api/why", {"reading": key, "at": 20}))
    written = {"variants": "variant.tsv", "why": "sequence.fa"}
    for line in page.get("api/journal").json()["lines"]:
        if line["panel"] not in written:
            continue
        first, last = line["command"].splitlines()
        assert f" {written[line['panel']]} " in f"{last} "
        subprocess.run(["bash", "-c", first], check=True, cwd=tmp_path)
    assert (tmp_path / "variant.tsv").read_text() == f"chrom\tpos\tref\talt\nchromosome\t500\t{ref}\t{alt}\n"
    assert (tmp_path / "sequence.fa").read_text() == f">sequence\n{BASES}\n"
