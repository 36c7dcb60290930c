"""Every command, on a tiny model on disk, from files to files."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from photo51.cli import app
from photo51.cli.interventions import folder_name
from photo51.config.interventions import UnitParams
from photo51.interventions.opening import (
    coding_sequences,
    open_bases,
    open_instrument,
    read_concepts,
    read_sequence,
    reference_windows,
)
from photo51.interventions.places import parse_place
from photo51.io import provenance, read_table, write_table
from photo51.io.contracts import interventions as tables
from photo51.io.contracts.enrichment import CONCEPTS
from photo51.model.families.adapters import load_model
from photo51.model.stripedhyena.pretrained import save_pretrained
from photo51.sae.dictionary import SparseAutoencoder
from photo51.sae.rules import Gate
from photo51.types import InputError, Interval, Variant

UNITS = {"bases": 1024, "window": 128, "warmup": 16}


@pytest.fixture(scope="module")
def files(planted, tmp_path_factory):
    """Model, dictionary, genome and concepts as files, and the options that name them."""
    folder = tmp_path_factory.mktemp("run")
    save_pretrained(planted.model, folder / "model")
    d = planted.dictionary
    weights = {name: getattr(d, name).numpy() for name in ("encoder", "bias", "decoder", "offset")} | {
        "centre": np.zeros(16, np.float32)
    }
    origin = load_model(folder / "model", device="cpu").spec.origin(d.site)
    SparseAutoencoder(weights, Gate(threshold=d.threshold.numpy()), origin).save(folder / "sae" / "main")
    letters = np.random.default_rng(0).choice(list("ACGT"), 3_000)
    (folder / "genome.fa").write_text(">c1\n" + "".join(letters) + "\n")
    (folder / "concepts.yaml").write_text("guanine: 2\nstrong: {1: 1.0, 2: 1.0}\n")
    return folder


def _run(files, *arguments, genome=True, **params):
    options = ["--model", files / "model", "--concepts", files / "concepts.yaml"]
    options += ["--genomes", files / "genome.fa"] if genome else []
    options += ["--params", json.dumps(params)] if params else []
    options += ["--threads", "1"]
    result = CliRunner().invoke(app, [str(a) for a in [arguments[0], files, *arguments[1:], *options]])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


STEER = {
    "doses": [1.0, 4.0], "sequences": 16, "length": 20, "random_directions": 6, "random_sequences": 6, "bootstrap": 100,
    "nll_budget": 9.0, "units": UNITS,
}  # fmt: skip


def test_steer_writes_tables_sequences_a_summary_and_a_figure(files, tmp_path):
    out = tmp_path / "steer"
    _run(files, "steer", "guanine", "ACGTACGT", "--out", out, "--scorer", "base_G", "--motif", "GGR", **STEER)
    verdicts = read_table(out / "verdicts.parquet", tables.VERDICTS).set_index("scorer")
    assert verdicts["declared"].sum() == 1
    assert verdicts.loc["base_G", "steers"]
    assert json.loads((out / "steer.json").read_text())["declared_and_steers"] == ["base_G"]
    assert "scorer:motif_GGR" in read_table(out / "steered.parquet", tables.STEERED).columns
    assert (out / "sequences.fa").read_text().count(">") == 16 * 3
    for spec in (tables.DOSES, tables.OFF_TARGET, tables.TRACE):
        assert len(read_table(out / f"{spec.name}.parquet", spec))
    assert "<svg" in (out / "four_arms.svg").read_text()[:500]


def test_steer_finds_a_feature_for_a_scorer_and_stretches_the_doses(files, tmp_path, caplog):
    small = {**STEER, "sequences": 2, "random_directions": 1, "random_sequences": 2, "length": 8}
    with caplog.at_level("INFO"):
        _run(files, "steer", "auto", "held-out", "--out", tmp_path, "--scorer", "base_G", **small)
    verdict = read_table(tmp_path / "verdicts.parquet", tables.VERDICTS).set_index("scorer").loc["base_G"]
    assert verdict["target"] == "f2"  # it writes G
    assert "auto: feature 2 for base_G" in caplog.text
    doses = read_table(tmp_path / "doses.parquet", tables.DOSES)["dose"].unique()
    assert doses.max() / doses.min() == pytest.approx(4.0)


def test_the_same_command_gives_the_same_bytes(files, tmp_path):
    small = {**STEER, "sequences": 2, "random_directions": 1, "random_sequences": 2, "length": 8}
    for name in ("a", "b"):
        _run(files, "steer", "strong - 0.5*f3", "ACGT", "--out", tmp_path / name, **small)
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_react_writes_what_happened(files, tmp_path):
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules:\n- {name: end, watch: guanine, threshold: 0.5, first: 3, do: {stop: true}}\n")
    out = tmp_path / "react"
    _run(files, "react", rules, "ACGTAC", "--out", out, "--length", "25", "--sequences", "5")
    events = read_table(out / "rule_events.parquet", tables.RULE_EVENTS)
    assert (events["position"] >= 3).all()
    assert set(events["action"]) == {"stop"}
    assert (out / "rules.svg").is_file()


def test_paint_and_repaint_from_files(files, tmp_path):
    bed, moved = tmp_path / "a.bed", tmp_path / "b.bed"
    bed.write_text("toy\t10\t20\tguanine\t4\n")
    moved.write_text("toy\t15\t25\tguanine\t4\n")
    params = {"candidates": 2, "block": 5, "margin": 2, "units": UNITS}
    _run(files, "paint", bed, "ACGT", "--out", tmp_path / "a", "--length", "40", "--sequences", "2", **params)
    first = (tmp_path / "a" / "painted.fa").read_text().split("\n")[1::2]
    again = ["--painted", tmp_path / "a" / "painted.fa", "--before", bed, "--length", "40"]
    _run(files, "paint", moved, "ACGT", "--out", tmp_path / "b", *again, **params)
    second = (tmp_path / "b" / "painted.fa").read_text().split("\n")[1::2]
    assert [s[:10] for s in first] == [s[:10] for s in second]
    _run(files, "paint", moved, "ACGT", "--out", tmp_path / "c", *again, "--infill", **params)
    third = (tmp_path / "c" / "painted.fa").read_text().split("\n")[1::2]
    assert [(s[:10], s[15:20], s[25:]) for s in first] == [(s[:10], s[15:20], s[25:]) for s in third]
    overlap = read_table(tmp_path / "c" / "paint_overlap.parquet", tables.PAINT_OVERLAP)
    assert set(overlap["concept"]) == {"guanine"}
    assert (tmp_path / "c" / "painted.svg").is_file()
    with pytest.raises(InputError, match="both --painted"):
        _run(files, "paint", moved, "ACGT", "--out", tmp_path / "d", *again[:2], "--length", "40", **params)


@pytest.mark.parametrize("place", ["c1:1,001-1,003", "variant"])
def test_explain_writes_table_and_figure(files, tmp_path, place):
    if place == "variant":
        ref = (files / "genome.fa").read_text().split("\n")[1][999]
        place = f"c1:1000:{ref}>{'A' if ref != 'A' else 'C'}"
    params = {"context": 40, "downstream": 10, "window": 8, "ablated": 5, "steps": 8}
    _run(files, "explain", place, "--out", tmp_path, "--strand", "-", **params)
    summary = json.loads((tmp_path / "explain.json").read_text())
    assert summary["completeness_error"] < 0.05
    table = read_table(tmp_path / "attribution.parquet", tables.ATTRIBUTION)
    assert table["contribution"].sum() == pytest.approx(summary["explained_nats"], abs=1e-3)
    assert len(read_table(tmp_path / "mutagenesis.parquet", tables.MUTAGENESIS)) == 3 * (
        8 if place.startswith("c1:1000:") else 8 + 3
    )
    assert (tmp_path / "explain.svg").stat().st_size > 5_000


def test_exchange_writes_law_and_figure(files, tmp_path):
    params = {"copies": [0, 1, 2], "strengths": [0, 1, 2], "contexts": 3, "spacer": 2}
    _run(files, "exchange", "guanine", "GG", "--out", tmp_path, **params)
    assert json.loads((tmp_path / "exchange.json").read_text())["per_strength"] > 0
    assert len(read_table(tmp_path / "exchange.parquet", tables.EXCHANGE)) == 9


def test_a_dictionary_of_another_model_is_refused_naming_both(files, tmp_path):
    torch.manual_seed(9)
    other = load_model(f"{files / 'model'}@random:3", device="cpu")
    with pytest.raises(InputError, match=r"need site block\.3\.out of model .* got site block\.3\.out of model"):
        open_instrument(
            f"{files / 'model'}@random:3",
            files / "sae" / "main",
            reference=np.zeros((1, 8), np.uint8),
            units=UnitParams(),
        )
    assert other.spec.random_seed == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("steer", "f99", "ACGT"), "from 0 to 8"),
        (("steer", "f8", "ACGT"), "silent"),
        (("steer", "f2", ""), "empty sequence"),
        (("steer", "f2", "ACGT", "--scorer", "beauty"), "need one of gc"),
        (("steer", "auto", "ACGT"), "need --scorer with one of gc"),
        (("steer", "auto", "ACGT", "--scorer", "repeats"), "got repeats"),
        (("explain", "c1:3000-3001"), "within the 3,000"),
        (("explain", "c2:5-9"), "contig of the file"),
        (("explain", "here"), "CHROM:START-END"),
        (("explain", "c1:10:A>A"), "two different alleles"),
        (("exchange", "f2", "GNG"), "'GNG'"),
    ],
)
def test_bad_input_is_one_sentence(files, tmp_path, arguments, said):
    params = STEER if arguments[0] == "steer" else {}
    with pytest.raises(InputError, match=said):
        _run(files, *arguments, "--out", tmp_path / "x", **params)
    assert not (tmp_path / "x").exists()


def test_places_are_one_based():
    assert parse_place("chr:1,001-1,010") == Interval("chr", 1000, 1010, "+")
    assert parse_place("chr:7(-)") == Interval("chr", 6, 7, "-")
    assert parse_place("chr:7", "-") == Interval("chr", 6, 7, "-")
    assert parse_place("chr:10:a>Gt") == Variant("chr", 9, "A", "GT")
    assert parse_place("chr:10A>G") == Variant("chr", 9, "A", "G")
    for bad in ("chr:0-5", "chr:9-5", "chr"):
        with pytest.raises(InputError):
            parse_place(bad)


def test_concepts_of_the_enrichment_hold_the_features_that_may_carry_the_name(tmp_path):
    row = {n: (0.0 if c.kind == "float" else 0 if c.kind == "int" else c.kind == "bool" if c.kind == "bool" else "") for n, c in CONCEPTS.columns.items()}  # fmt: skip
    rows = [
        {**row, "readout": "sae", "feature": 4, "annotation": "CDS", "strand": "sense", "frame": 2, "f1_domain": 0.8},
        {**row, "readout": "sae", "feature": 7, "annotation": "CDS", "strand": "sense", "frame": 2, "f1_domain": 0.4},
        {**row, "readout": "sae", "feature": 4, "annotation": "tRNA", "strand": "either", "frame": -1, "f1_domain": 0.5},
        {**row, "readout": "neurons", "feature": 1, "annotation": "tRNA", "strand": "sense", "frame": -1, "f1_domain": 0.9},
        {**row, "readout": "sae", "feature": 5, "annotation": "tRNA", "strand": "sense", "frame": -1, "named": False},
    ]  # fmt: skip
    path = tmp_path / "concepts.parquet"
    write_table(pd.DataFrame(rows), path, CONCEPTS, provenance("test"))
    concepts, names = read_concepts(path, 9)
    assert concepts["CDS/frame 2"].features == (4, 7)
    assert concepts["CDS/frame 2"].weights == pytest.approx((1.0, 0.5))
    assert concepts["tRNA/either"].features == (4,)
    assert names == {4: "CDS/frame 2", 7: "CDS/frame 2"}
    with pytest.raises(InputError, match="from 0 to 4"):
        read_concepts(path, 5)


def test_reference_windows_come_from_both_strands_and_hold_only_bases(files, tmp_path):
    path = tmp_path / "odd.fa"
    path.write_text(">a\n" + "N" * 500 + "AC" * 250 + "\n>b\nACGT\n")
    windows = reference_windows(open_bases(path), 6, 100, seed=1)
    assert windows.shape == (6, 100)
    kinds = {bytes(sorted(set(w))) for w in windows}
    assert kinds == {b"AC", b"GT"}
    with pytest.raises(InputError, match="at least 2000 bases"):
        reference_windows(open_bases(path), 6, 2_000, seed=1)
    assert coding_sequences(open_bases(path)) == []


def test_what_is_chosen_on_and_what_is_reported_on_lie_apart(tmp_path):
    path = tmp_path / "halves.fa"
    path.write_text(">a\n" + "AT" * 300 + "CG" * 300 + "\n")
    bases = open_bases(path)
    for half, letters in (("choosing", b"AT"), ("reporting", b"CG")):
        assert set(reference_windows(bases, 8, 100, 1, half).tobytes()) == set(letters)


def test_prompts_are_letters_or_the_first_record_of_a_file(files):
    assert len(read_sequence(str(files / "genome.fa"))) == 3_000
    assert read_sequence("acgt").tolist() == [65, 67, 71, 84]
    for n in (200, 255, 256, 300, 1_023, 1_024, 5_000):  # too long for the name of a file from 256 on
        assert len(read_sequence("ACGT" * n)) == 4 * n
        assert len(read_sequence("A" * n)) == n


def test_experiments_that_differ_have_folders_that_differ():
    prompt = "ACGT" * 30
    asked = ["steer-f1 + f2-ACGT", "steer-f1 - f2-ACGT", f"steer-812-{prompt}A", f"steer-812-{prompt}C"]
    names = [folder_name(a) for a in asked]
    assert len(set(names)) == 4
    assert all(len(n) <= 100 and not set(n) & set(" /+<>:") for n in names)
    # what loses nothing is called as it was asked for
    assert folder_name("steer-812-held-out") == "steer-812-held-out"
