"""Length-fair scores: kinds by hand, random changes that are what they say, and a score that no longer follows length."""

import numpy as np
import pytest
from scipy import stats

from photo51.effects.length_null import LengthChange, classify_change, nulls, random_changes
from photo51.genome.alphabet import decode
from photo51.types import InputError

from .toy import ToyGenomes, random_sequence

SEQUENCE = "ACGTTGCAAGGCTTACCATG"
GENOMES = ToyGenomes({"c": SEQUENCE})


@pytest.mark.parametrize(
    ("pos", "ref", "alt", "expected"),
    [
        (2, "G", "T", LengthChange("substitution", 1)),
        (2, "GTT", "GTA", LengthChange("substitution", 1)),
        (2, "GT", "CA", LengthChange("mnv", 2)),
        (4, "TGCAAGG", "CCTTGCA", LengthChange("inversion", 7)),
        (4, "TGCA", "T", LengthChange("deletion", 3)),
        (4, "T", "TCCC", LengthChange("insertion", 3)),
        (4, "T", "TGCA", LengthChange("duplication", 3)),
        (4, "TGC", "TAAAA", LengthChange("delins", 4)),
    ],
)
def test_kinds_by_hand(pos, ref, alt, expected):
    assert classify_change(GENOMES, "g", "c", pos, ref, alt) == expected


@pytest.mark.parametrize("kind", ["substitution", "mnv", "insertion", "deletion", "duplication", "inversion", "delins"])
def test_random_changes_are_of_the_kind_and_length_and_on_the_genome(kind):
    genomes = ToyGenomes({"c": random_sequence(3_000, 1), "d": random_sequence(2_000, 2)}, circular=("d",))
    change = LengthChange(kind, 1 if kind == "substitution" else 6)
    seen = []

    def score(drawn):
        for v in drawn.to_dict("records"):
            found = decode(genomes.sequence("g", v["chrom"], v["pos"], v["pos"] + len(v["ref"])))
            assert found == v["ref"]
            seen.append(classify_change(genomes, "g", v["chrom"], v["pos"], v["ref"], v["alt"]))
        return drawn["gc"].to_numpy() * 3 + 1

    found = nulls(genomes, "g", ["c", "d"], {change}, score, n=40, seed=0)[change]
    assert np.mean([s.kind == kind for s in seen]) > 0.6  # a random mnv may be shorter, an insertion a repeat
    assert found.at(0.25) == pytest.approx(1.75)
    assert found.sd < 1e-6


def test_a_score_that_grows_with_length_is_fair_beside_its_null():
    """Flanks that lose a nat a base, with noise: |rho| of new random deletions is above 0.9 before and below 0.1 after."""
    genomes = ToyGenomes({"c": random_sequence(20_000, 3)})
    rng = np.random.default_rng(0)

    def score(drawn):
        length = drawn["ref"].str.len() - 1
        return -1.0 * length.to_numpy() + rng.normal(0, 1 + 0.2 * length.to_numpy(), len(drawn))

    lengths = (1, 2, 3, 6, 9, 15, 24, 60)
    changes = {n: LengthChange("deletion", n) for n in lengths}
    found = nulls(genomes, "g", ["c"], set(changes.values()), score, n=200, seed=0)
    raw, fair, size = [], [], []
    for n, change in changes.items():
        values = score(random_changes(genomes, "g", ["c"], change, 200, rng))
        raw += values.tolist()
        fair += ((values - found[change].mean) / found[change].sd).tolist()
        size += [n] * 200
    assert abs(stats.spearmanr(raw, size).statistic) > 0.9
    assert abs(stats.spearmanr(fair, size).statistic) < 0.1


def test_changes_of_every_length_are_drawn_at_the_same_places():
    genomes = ToyGenomes({"c": random_sequence(9_000, 4), "d": random_sequence(1_000, 5)}, circular=("c", "d"))
    drawn = [
        random_changes(genomes, "g", ["c", "d"], LengthChange("deletion", n), 30, np.random.default_rng([0, 1]))
        for n in (1, 6, 40)
    ]
    for other in drawn[1:]:
        assert (other[["chrom", "pos"]] == drawn[0][["chrom", "pos"]]).all(axis=None)
    assert drawn[0]["chrom"].value_counts()["c"] > 20  # nine tenths of the bases
    assert drawn[0]["pos"].nunique() > 25


def test_a_genome_without_room_is_refused():
    with pytest.raises(InputError, match="random deletion of 50 bases"):
        random_changes(GENOMES, "g", ["c"], LengthChange("deletion", 50), 4, np.random.default_rng(0))
