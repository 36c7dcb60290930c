"""The worlds of `benchmarks/_null_worlds.py` are what they say, and nothing is claimed of one of them."""

import numpy as np
import pytest

from benchmarks._null_claims import BACKWARDS, NOVELTY, pass_table, read_backwards
from benchmarks._null_worlds import N, annotation_table, codes, inputs_of, shifted, shuffled
from benchmarks.planted.features import null_feature, planted_genome
from photo51.codes import CodesStore
from photo51.enrichment.novelty.known_readings import explaining_readings


@pytest.fixture(scope="module")
def genome():
    return planted_genome(N, np.random.default_rng(3))


def _dinucleotides(bases, rows):
    pairs = bases[rows - 1] * 4 + bases[rows]
    return np.bincount(pairs, minlength=16) / len(rows)


def test_a_shuffled_genome_keeps_dinucleotides_of_codon_positions_and_loses_words(genome):
    rng = np.random.default_rng(4)
    # codon positions that differ: third positions of genes on + are C or G
    bases = genome.bases.copy()
    third = np.concatenate([np.arange(a + 2, b, 3) for a, b, s in genome.genes.tolist() if s == 0])
    bases[third] = np.where(rng.random(len(third)) < 0.9, 1 + rng.integers(0, 2, len(third)), bases[third])
    bases[1_000:2_000] = np.tile([0, 3, 1, 2, 2, 0, 3, 3, 1, 0], 100)  # a repeat
    own = genome._replace(bases=bases)
    new = shuffled(own, rng)
    between = np.setdiff1d(np.arange(1, N), np.concatenate([np.arange(a, b) for a, b, _ in genome.genes.tolist()]))
    for rows in (third, third - 1, between):
        np.testing.assert_allclose(_dinucleotides(new, rows), _dinucleotides(bases, rows), atol=0.02)
    assert (new[third] % 3 != 0).mean() > 0.85 > 0.6 > (new[between] % 3 != 0).mean()
    assert (new[1_000:2_000] == bases[1_000:2_000]).mean() < 0.4


def test_shifted_annotations_keep_lengths_strands_and_distances(genome):
    table = annotation_table(genome)
    moved = shifted(table, 40_000)
    assert len(table) - len(moved) <= 3  # cut by the end: at most a gene, a start, a tRNA
    assert moved["end"].max() <= N
    start, length = (moved["start"] - 40_000) % N, moved["end"] - moved["start"]
    own = zip(table["kind"], table["start"], table["strand"], table["end"] - table["start"], strict=True)
    assert set(zip(moved["kind"], start, moved["strand"], length, strict=True)) <= set(own)


def test_known_classes_read_backwards_are_explained_and_other_features_are_not(genome, tmp_path):
    rng = np.random.default_rng(7)
    recalls = np.array([0.5, 0.9])
    own = read_backwards(genome, recalls, rng)
    others = [null_feature(genome, shape, 5e-3, rng) for shape in ("short", "clustered", "period3", "iid")]
    store = CodesStore.open(codes(tmp_path / "codes", [*own, *others]))
    inputs = inputs_of(genome, annotation_table(genome), tmp_path)
    found = explaining_readings(store, np.arange(len(own) + len(others)), inputs, NOVELTY)
    readings = {(e.feature, e.annotation, e.orientation) for e in found}
    for feature in range(len(own)):
        name = BACKWARDS[feature // len(recalls)]
        assert {(feature, name, "antisense"), (feature, name, "either")} & readings
        assert (feature, name, "sense") not in readings
    # a reading of some class exceeds its shifts by chance in one of twenty
    assert len({e.feature for e in found} - set(range(len(own)))) <= 1


def test_a_claim_that_was_not_tested_did_not_pass():
    table = pass_table({"a": [True, False, None], "b": [False] * 60}).set_index("claim")
    assert table.loc["a", ["worlds", "tested", "passes"]].tolist() == [3, 2, 1]
    # none of 60: the upper limit is 1 - 0.025 ** (1 / 60)
    assert table.loc["b", "high"] == pytest.approx(1 - 0.025 ** (1 / 60))
    assert table.loc["a", "rate"] == pytest.approx(1 / 3)
