"""Probes beside scikit-learn, k-mers by hand, the rule of the recommendation, and a tiny model read from end to end."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from photo51.config.genome import GenomeParams
from photo51.config.quicklook import LayersParams
from photo51.enrichment.annotations.inputs import Inputs
from photo51.genome.alphabet import codes, encode
from photo51.genome.preparation.prepare import prepare
from photo51.model.families.adapters import load_model
from photo51.quicklook.layers import _kmers, _read, auroc, kmer_auroc, layers, neuron_auroc, probe_auroc, recommend
from photo51.types import InputError


def test_areas_are_those_of_another_library() -> None:
    rng = np.random.default_rng(1)
    scores, positive = rng.integers(0, 6, (300, 4)).astype(float), rng.random((300, 3)) < 0.3
    expected = [[roc_auc_score(positive[:, c], scores[:, s]) for c in range(3)] for s in range(4)]
    assert auroc(scores, positive) == pytest.approx(np.array(expected), abs=1e-12)


def test_planted_directions_are_probed_and_nothing_else_is() -> None:
    rng = np.random.default_rng(2)
    n, d = 4_000, 12
    y = rng.random((n, 3)) < 0.25
    x = rng.standard_normal((n, d)).astype(np.float32)
    x[:, 5] -= 3 * y[:, 0]  # a neuron, downwards
    x[:, :4] += 1.5 * y[:, [1]] * np.array([1, -1, 1, -1])  # a direction over four neurons; the third class is nowhere
    half = n // 2
    probe = probe_auroc(x[:half], x[half:], y[:half], y[half:], 0.01)
    neuron = neuron_auroc(x[:half], x[half:], y[:half], y[half:])
    assert probe[0] > 0.95
    assert neuron[0] > 0.95
    assert probe[1] > neuron[1] + 0.05
    assert abs(probe[2] - 0.5) < 0.06
    assert abs(neuron[2] - 0.5) < 0.06


def test_kmers_are_read_in_the_direction_of_reading() -> None:
    text = "ACGTTGNACCGT"
    inputs = SimpleNamespace(
        workspace=SimpleNamespace(n_rows=12), bases=codes(encode(text)), segments=np.array([0, 9, 12])
    )

    def number(word: str) -> int:
        return sum(4 ** (len(word) - 1 - i) * "ACGT".index(b) for i, b in enumerate(word))

    found = _kmers(inputs, np.array([2, 4, 6, 8, 10, 11, 12 + 0, 12 + 9, 12 + 3]), 3).tolist()  # type: ignore[arg-type]
    # forward: ACG, GTT, an N, an N, over the end of a segment, CGT; reverse: of ACG, of CGT, of TTG
    assert found == [
        number("ACG"),
        number("GTT"),
        64,
        64,
        64,
        number("CGT"),
        number("CGT"),
        number("ACG"),
        number("CAA"),
    ]
    words = np.array([0, 0, 1, 1] * 50)
    y = (words == 1)[:, None]
    assert kmer_auroc(words, words, y, y, 5).tolist() == [1.0]
    assert kmer_auroc(words, np.full(200, 4), y, y, 5).tolist() == [0.5]


def test_the_earliest_of_those_as_good_is_recommended() -> None:
    table = pd.DataFrame(
        {
            "bits_recovered": [0.99, 0.5, 0.95, 0.97],
            "probe_auroc": [0.70, 0.95, 0.897, 0.90],
            "kmer_auroc": 0.6,
        }
    )
    found = recommend(table, LayersParams())
    assert found["recommended"].tolist() == [False, False, True, False]
    assert "recovers 0.50 of the bits, the best 0.99" in found.loc[1, "why"]
    assert found.loc[3, "why"] == "as good, and costs more"
    assert recommend(table, LayersParams(near=0))["recommended"].tolist() == [False, False, False, True]


@pytest.fixture
def genome(tmp_path: Path):
    rng = np.random.default_rng(3)
    (tmp_path / "g.fa").write_text(">c\n" + "".join(rng.choice(list("ACGT"), 6_000)) + "\n")
    genes = "".join(f"c\tx\tgene\t{a + 1}\t{a + 60}\t.\t+\t.\tID=g{a}\n" for a in range(20, 5_900, 150))
    (tmp_path / "g.gff3").write_text("##gff-version 3\n" + genes)
    (tmp_path / "t.tsv").write_text(f"genome\tsequence\tannotation\ng\t{tmp_path}/g.fa\t{tmp_path}/g.gff3\n")
    small = GenomeParams(block=400, gap=10, core=200, warmup=32, min_context=0, shard=2_000)
    return prepare(tmp_path / "t.tsv", tmp_path / "genome", small)


def test_a_model_is_read_from_end_to_end(genome) -> None:
    few = LayersParams(
        bases=2_000,
        test_bases=1_000,
        score_windows=1,
        n_features=160,
        k=4,
        tokens=8_000,
        batch=512,
        min_positives=30,
        probes=2,
        context=256,
        longest=128,
    )
    model = load_model("sh2:nano", device="cpu")
    table = layers(model, genome, few)
    assert table["site"].tolist() == [f"block.{i}.out" for i in range(model.spec.n_layers)]
    assert table["recommended"].sum() == 1
    assert table["n_classes"].iloc[0] >= 1
    assert table[["probe_auroc", "neuron_auroc", "kmer_auroc"]].apply(lambda c: c.between(0, 1).all()).all()
    assert (table["variance_explained"] < 1).all()
    with pytest.raises(InputError, match="annotation class"):
        layers(model, genome, few.model_copy(update={"min_positives": 100_000}))


def test_what_begins_cold_is_not_learnt_from_whichever_windows_are_drawn(genome, monkeypatch) -> None:
    first = genome.windows().query("strand == '+' and start == 0")
    assert first["warmup"].item() == 0
    monkeypatch.setattr("photo51.quicklook.layers._windows", lambda *_: first)
    model, inputs = load_model("sh2:nano", device="cpu"), Inputs.open(genome.folder)
    read = _read(model, genome, inputs, ["block.0.out"], "train", bases=100, seed=0)
    assert read.rows.tolist() == list(range(32, int(first["end"].item())))  # 32: the warm-up of the others


def test_where_a_constant_does_as_well_as_the_model_probes_alone_decide() -> None:
    table = pd.DataFrame(
        {"bits_recovered": [np.nan, np.nan, np.nan], "probe_auroc": [0.6, 0.8, 0.8], "kmer_auroc": [0.7] * 3}
    )
    found = recommend(table, LayersParams())
    assert found["recommended"].tolist() == [False, True, False]
    assert "costs no bits at any block" in found["why"][1]
    mixed = recommend(table.assign(bits_recovered=[np.nan, 0.2, 0.9]), LayersParams())
    assert mixed["recommended"].tolist() == [False, False, True]
    assert mixed["why"][0] == "a constant in its place costs no bits"
