"""What a run's pages and findings say of tables below `learnt/`, written by hand."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from photo51.config.base import parse
from photo51.config.run import Config
from photo51.findings.learnt import learnt
from photo51.io import provenance, write_table
from photo51.io.contracts.debug_data import DISPARITY, RECORDS
from photo51.io.contracts.learnt import DIFF_POSITIONS, DIFF_WINDOWS, GATE, SURVIVAL, WORDS
from photo51.io.contracts.memory import MEMORY_CLASSES
from photo51.report.sections import learnt as page
from photo51.run.layout import path
from photo51.run.opened import Run

ROOT = Path(__file__).parents[2]
VALUES = {"int": 3, "float": 0.5, "bool": True, "str": "x"}


def put(folder, name, spec, *rows):
    filled = [{c: VALUES[col.kind] for c, col in spec.columns.items()} | row for row in rows]
    table = pd.DataFrame(filled)
    write_table(table, path(folder, name), spec, provenance("test"))


def opened(folder):
    (folder / "codes/main").mkdir(parents=True, exist_ok=True)
    (folder / "codes/main/codes.json").touch()
    return Run(folder)


@pytest.fixture
def run(tmp_path):
    put(
        tmp_path,
        "learnt_words",
        WORDS,
        {"word": "GAATTC", "text": "GAATTC", "strand": "both", "counted": 0, "reliable": True},
    )
    put(tmp_path, "learnt_windows", DIFF_WINDOWS, {"delta_bits": 0.25, "kl": 0.125})
    put(tmp_path, "learnt_positions", DIFF_POSITIONS, {"chrom": "c", "position": 41, "around": "ACG"})
    put(tmp_path, "learnt_gate", GATE, {"quantity": "bits", "verdict": "pass"})
    gaps = [
        {"kind": "repeat", "copies": "2", "gap": 0.0, "q": 0.9},
        {"kind": "repeat", "copies": "3-4", "gap": 0.4, "q": 0.01},
    ]
    put(tmp_path, "learnt_memory", MEMORY_CLASSES, *gaps)
    put(tmp_path, "learnt_records", RECORDS, {"record": "bad", "cause": "vector"}, {"record": "good", "cause": "none"})
    put(tmp_path, "learnt_disparity", DISPARITY, {"q": 0.01, "reading": "composition"}, {"q": 0.5, "reading": "none"})
    return opened(tmp_path)


def test_claims_follow_from_the_tables(run):
    claims = {f.finding: f for f in learnt(run, 0.05)}
    assert (claims["equivalence"].verdict, claims["equivalence"].value) == ("yes", 1)
    assert (claims["recitation"].verdict, claims["recitation"].value, claims["recitation"].of) == ("yes", 1, 2)
    assert claims["teaching"].verdict == "no"  # composition alone is no content


def test_an_undecided_gate_is_untested(run):
    put(run.folder, "learnt_gate", GATE, {"verdict": "pass"}, {"verdict": "undecided"})
    claims = {f.finding: f.verdict for f in learnt(Run(run.folder), 0.05)}
    assert claims["equivalence"] == "untested"


def test_the_section_shows_each_table(run):
    section = page.section(run)
    text = re.sub(r"<[^>]+>", " ", "".join(str(b.html()) for b in section.blocks))
    for shown in ("GAATTC", "ACG", "3–4", "bad", "vector"):
        assert shown in text
    assert "good" not in text
    assert "`GAATTC` 0.500 times" in section.answer
    assert "1 word of 1 does not occur in the sequence that was written, and still has" in section.answer
    assert "surprisal rises by 0.250 bits a base" in section.answer
    assert "1 is known better than" in section.answer
    assert "Of 2 records of the corpus 1 stands out (1 vector)" in section.answer
    assert not section.absent


def test_the_verdict_of_the_gate_is_said_in_words(run):
    for verdict, said in (("fail", "more than the 0.500"), ("undecided", "cannot tell"), ("pass", "within the 0.500")):
        put(run.folder, "learnt_gate", GATE, {"quantity": "bits", "verdict": verdict})
        assert said in page.section(Run(run.folder)).answer
    put(run.folder, "learnt_windows", DIFF_WINDOWS, {"delta_bits": 0.0, "kl": 0.0})
    assert "predict the same, base by base" in page.section(Run(run.folder)).answer


def test_spans_without_an_event_and_clusters_are_shown(run):
    rows = [{"event": "open frame", "length": 300, "probability": 0.125, "dead": 0, "counted": 1, "spans": 8}]
    put(run.folder, "learnt_survival", SURVIVAL, *rows)
    put(run.folder, "learnt_disparity", DISPARITY, {"features": "f7 f9", "reading": "content", "d_reference": -2.5})
    section = page.section(Run(run.folder))
    text = re.sub(r"<[^>]+>", " ", "".join(str(b.html()) for b in section.blocks))
    for shown in ("stop codon in frame", "1 of 8", "0.125", "f7 f9", "2.50"):
        assert shown in text
    assert not section.failures
    put(run.folder, "learnt_survival", SURVIVAL, {"event": "open frame", "dead": 2})
    assert "died out" in page.section(Run(run.folder)).failures[0].what


def test_a_run_that_asks_nothing_has_no_section_and_no_claims(tmp_path):
    empty = opened(tmp_path)
    assert not page.asked(empty)
    assert page.section(empty).absent
    assert learnt(empty, 0.05) == []


def test_only_what_is_named_runs(tmp_path):
    assert Config().learnt.stages() == {}
    text = '{"learnt": {"words": ["GAATTC"], "memory": "corpus.fa"}}'
    assert set(parse(Config, text).learnt.stages()) == {"words", "memory"}
    rules = (Path(__file__).parents[2] / "workflow/rules/learnt.smk").read_text()
    for table in (
        parse(Config, '{"learnt": {"words": ["A"], "before": "m", "memory": "c", "debug": "d"}}')
        .learnt.stages()
        .values()
    ):
        assert f'"<results>/{table}"' in rules


def test_spacings_of_words_and_repeats_of_patterns_reach_the_commands(tmp_path):
    """Snakemake takes `{16,18}` for a wildcard wherever a rule states a text."""
    config = yaml.safe_load((ROOT / "config/examples/nano.yaml").read_text())
    config["genomes"] = str(ROOT / config["genomes"])
    config["variants"]["select"] = {"mitomap": 'name.str.contains("m[.][0-9]{4}")'}
    config["learnt"] = {"words": ["TTGACAN{16,18}TATAAT"], "before": "sh2:base", "words_params": {"rollouts": 5}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "-n", "-p", "--quiet", "host", "--cores", "1", "--nolock"]
    command += ["--snakefile", str(ROOT / "workflow/Snakefile"), "--directory", str(tmp_path)]
    command += ["--configfile", str(tmp_path / "config.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    words = next(line for line in done.stdout.splitlines() if "photo51 words" in line)
    given = shlex.split(words)
    assert given[given.index("--words") + 1] == "TTGACAN{16,18}TATAAT"
    assert json.loads(given[given.index("--params") + 1])["rollouts"] == 5
    variants = next(line for line in done.stdout.splitlines() if "photo51 variants" in line)
    stated = next(word for word in shlex.split(variants) if word.startswith("{"))
    assert json.loads(stated)["select"] == config["variants"]["select"]
