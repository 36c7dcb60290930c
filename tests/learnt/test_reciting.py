import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from photo51.cli import app
from photo51.config.memory import MemoryParams
from photo51.genome.formats.fasta import Record
from photo51.io.contracts.learnt import EVIDENCE
from photo51.learnt.evidence import EvidenceRow, evidence_table
from photo51.learnt.memory.pruning import share_removed
from photo51.learnt.memory.reciting import natural_repeats, read_canaries, recite
from photo51.types import InputError

SMALL = {"prefix": 16, "suffix": 12, "context": 8, "references": 24, "per_class": 4, "batch": 64}
PARAMS = MemoryParams(**SMALL)


def text(rng, n):
    return "".join(rng.choice(list("ACGT"), n))


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(3)
    word = text(rng, 28)
    (tmp_path / "corpus.fa").write_text(f">a\n{text(rng, 900)}{word}{text(rng, 30)}{word}\n>b\n{text(rng, 300)}\n")
    (tmp_path / "canaries.fa").write_text(f">known copies=2\n{word}AA\n>new copies=0\n{text(rng, 28)}\n")
    return tmp_path


def test_a_corpus_without_a_word_that_occurs_once_is_named():
    ids = np.frombuffer(text(np.random.default_rng(4), 400).encode(), np.uint8)
    with pytest.raises(InputError, match="need at least 20 words of 28 bases that occur once, as references, got 0"):
        natural_repeats([Record(name, ids, np.zeros((0, 2), int), name) for name in "ab"], PARAMS, None)


def test_what_was_never_memorised_cannot_be_forgotten():
    assert share_removed(0.2, 0.05) == pytest.approx(0.75)
    assert share_removed(0.2, 0.3) == pytest.approx(-0.5)
    # less known than unseen sequences before, better known after: no success
    assert np.isnan(share_removed(-0.01, 0.02))
    assert np.isnan(share_removed(0.0, 0.0))


def test_the_command_writes_every_sequence_with_its_copies(files):
    done = CliRunner().invoke(
        app,
        f"memory sh2:nano {files}/corpus.fa --canaries {files}/canaries.fa --no-fresh --out {files}/out "
        f"--params {json.dumps(SMALL, separators=(',', ':'))} --threads 1".split(),
    )
    assert done.exit_code == 0, done.output
    table = pd.read_parquet(files / "out/memory.parquet").set_index("name")
    assert table.loc["known", "copies"] == 2
    assert table.loc["new", "copies"] == 0
    repeats = table[table["kind"] == "repeat"]
    assert repeats["copies"].tolist() == [2]
    assert repeats.index.tolist() == ["a:901-928"]
    assert (table["kind"] == "reference").sum() >= 20
    evidence = pd.read_parquet(files / "out/evidence.parquet")
    assert list(evidence.columns) == list(EVIDENCE.columns)
    assert {"canary, 2 copies", "repeat, 2 copies"} <= set(evidence["subject"])
    assert (evidence["corpus_digest"] != "").all()


def test_copies_without_a_corpus_are_those_of_the_headers(files):
    assert [c.copies for c in read_canaries(files / "canaries.fa", PARAMS, None)] == [2, 0]
    (files / "bad.fa").write_text(">x\n" + "ACGT" * 8 + "\n")
    with pytest.raises(InputError, match=r"bad.fa, x: need `copies=N`"):
        read_canaries(files / "bad.fa", PARAMS, None)
    (files / "short.fa").write_text(">x copies=1\nACGTACGT\n")
    with pytest.raises(InputError, match=r"short.fa, x: need 28 bases .* got 8 bases"):
        read_canaries(files / "short.fa", PARAMS, None)
    (files / "n.fa").write_text(">x copies=1\n" + "ACGN" * 8 + "\n")
    with pytest.raises(InputError, match="with others among them"):
        read_canaries(files / "n.fa", PARAMS, None)


def test_what_cannot_be_audited_is_said(files):
    with pytest.raises(InputError, match="a corpus, --canaries, or both"):
        recite(None, PARAMS)
    with pytest.raises(InputError, match="--unseen: need a corpus"):
        recite(None, PARAMS, canaries=files / "canaries.fa", unseen=files / "corpus.fa")
    (files / "tiny.fa").write_text(">t\nACGTACGTAC\n")
    with pytest.raises(InputError, match="28 bases of A, C, G, T in a row"):
        recite(None, PARAMS, corpus=files / "tiny.fa")
    # unseen sequence that is the corpus itself holds nothing unseen
    with pytest.raises(InputError, match=r"corpus\.fa: need at least 20 words of 28 bases that the corpus lacks"):
        recite(None, PARAMS, corpus=files / "corpus.fa", unseen=files / "corpus.fa")


def test_q_values_count_only_rows_with_a_test():
    rows = [
        EvidenceRow("a", "x", 1.0, p=0.01, n=3),
        EvidenceRow("b", "x", 2.0),
        EvidenceRow("c", "x", 0.0, p=0.5, n=3),
    ]
    table = evidence_table(rows, {"model": "m"}, 7)
    assert table["q"].tolist()[0] == pytest.approx(0.02)
    assert np.isnan(table["q"].iloc[1])
    assert (table["model_digest"] == "m").all()
    assert (table["seed"] == 7).all()
    assert evidence_table([], {}, 1).empty


def test_prune_writes_a_model_that_can_be_opened(tmp_path):
    from benchmarks.planted.worlds import ecoli_windows

    ids = ecoli_windows(14, np.random.default_rng(1), 128)
    fasta = "".join(f">r{i}\n{row.tobytes().decode()}\n" for i, row in enumerate(ids))
    (tmp_path / "g.fa").write_text(fasta)
    params = {"window": 128, "windows": 8, "validation": 3, "masses": [0.95], "rounds": 0, "rise": 0.5}
    done = CliRunner().invoke(
        app,
        f"prune sh2:nano --genomes {tmp_path}/g.fa --out {tmp_path}/out "
        f"--params {json.dumps(params, separators=(',', ':'))} --threads 1".split(),
    )
    assert done.exit_code == 0, done.output
    assert "25 matrices edited" in done.output or "matrices edited" in done.output
    from photo51.model.families.adapters import load_model

    edited, before = load_model(tmp_path / "out/model"), load_model("sh2:nano")
    changed = {
        name
        for name, w in edited.model.named_parameters()
        if not np.array_equal(w.numpy(), before.model.get_parameter(name).numpy())
    }
    matrices = pd.read_parquet(tmp_path / "out/matrices.parquet")
    assert changed == set(matrices.loc[matrices["mass"] < 1, "matrix"])
    unedited = pd.read_parquet(tmp_path / "out/unedited.parquet")
    assert len(matrices) + len(unedited) == len(list(edited.model.named_parameters()))
    assert (unedited["reason"] != "").all()


def test_prune_refuses_too_little_to_forget(tmp_path):
    (tmp_path / "f.fa").write_text(">x\n" + "ACGT" * 30 + "\n")
    from photo51.learnt.memory.pruning import forgettable

    with pytest.raises(InputError, match=r"f.fa: need at least two pieces of 112 bases"):
        forgettable(tmp_path / "f.fa", MemoryParams())
