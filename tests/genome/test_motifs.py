"""Motifs: Biopython's scores beside ours, and a threshold whose chance is counted over all words."""

from itertools import product

import numpy as np
import pytest
from Bio import motifs as bio
from Bio.Seq import Seq

from photo51.genome.alphabet import decode, encode, reverse_complement
from photo51.genome.motifs import Motif, log_odds, read_meme, scan, score_threshold
from photo51.types import InputError

MEME = """MEME version 4

ALPHABET= ACGT

strands: + -

Background letter frequencies
A 0.25 C 0.25 G 0.25 T 0.25

MOTIF box first
letter-probability matrix: alength= 4 w= 4 nsites= 20 E= 0
0.7 0.1 0.1 0.1
0.1 0.1 0.1 0.7
0.1 0.7 0.1 0.1
0.05 0.05 0.85 0.05

MOTIF other
letter-probability matrix: alength= 4 w= 2 nsites= 20 E= 0
1 0 0 0
0 0 0 1
"""
EVEN = np.full(4, 0.25)


@pytest.fixture
def box(write):
    return read_meme(write("x.meme", MEME))[0]


def test_the_file_is_read_by_rows(box, write):
    assert [m.name for m in read_meme(write("y.meme", MEME))] == ["box", "other"]
    assert box.frequencies[3].tolist() == pytest.approx([0.05, 0.05, 0.85, 0.05])


def test_scores_are_biopythons(box):
    rng = np.random.default_rng(0)
    text = "".join(rng.choice(list("ACGT"), 300))
    counts = {b: (0.99 * box.frequencies[:, i] + 0.01 * 0.25).tolist() for i, b in enumerate("ACGT")}
    pssm = bio.matrix.PositionWeightMatrix("ACGT", counts).log_odds()
    least = 3.0
    expected = set()
    for at, score in enumerate(pssm.calculate(Seq(text))):
        if score >= least:
            expected.add((at, "+", round(float(score), 3)))
    for at, score in enumerate(pssm.reverse_complement().calculate(Seq(text))):
        if score >= least:
            expected.add((at, "-", round(float(score), 3)))
    weights = log_odds(box, EVEN)
    p = float(
        np.mean([sum(weights[j, x] for j, x in enumerate(w)) >= least for w in product(range(4), repeat=4)])
    )
    rows = scan(encode(text), box, EVEN, p, "x")
    assert {(r.start, r.strand, round(r.score, 3)) for r in rows} == expected
    assert {r.kind for r in rows} == {"TFBS:box"}


@pytest.mark.parametrize("p", [0.001, 0.004, 0.05, 0.3])
@pytest.mark.parametrize("base", [EVEN, np.array([0.4, 0.1, 0.1, 0.4])])
def test_the_threshold_has_the_chance_it_says(box, p, base):
    weights = log_odds(box, base)
    words = list(product(range(4), repeat=4))
    chance = np.array([np.prod(base[list(w)]) for w in words])
    score = np.array([sum(weights[j, x] for j, x in enumerate(w)) for w in words])
    least = score_threshold(weights, base, p)
    reached = chance[score >= least - 0.02].sum()
    if np.isinf(least):
        assert chance[np.argmax(score)] > p
    else:
        assert reached <= p + 1e-9 or chance[score >= least + 0.02].sum() <= p
        lower = score[score < least - 0.02].max()
        assert chance[score >= lower - 1e-9].sum() > p


def test_a_match_on_minus_is_the_match_of_the_reverse_complement(box):
    text = encode("CCCCCCATCGCCCCCC")
    forward = [(r.start, r.end) for r in scan(text, box, EVEN, 0.005, "x") if r.strand == "+"]
    assert forward == [(6, 10)]
    flipped = [
        (r.start, r.end) for r in scan(reverse_complement(text), box, EVEN, 0.005, "x") if r.strand == "-"
    ]
    assert flipped == [(6, 10)]
    assert decode(reverse_complement(text)[6:10]) == "CGAT"


def test_ambiguous_bases_never_match(box):
    assert scan(encode("CCCANCGCCCC"), box, EVEN, 0.005, "x") == []
    assert scan(encode("AT"), box, EVEN, 0.005, "x") == []


def test_a_motif_that_says_nothing_never_matches():
    flat = Motif("flat", np.full((4, 4), 0.25))
    assert scan(encode("ACGTACGT"), flat, EVEN, 0.5, "x") == []


@pytest.mark.parametrize(
    "text",
    ["no motif here\n", MEME.replace("other", "box"), MEME.replace("0.7 0.1 0.1 0.1", "0.7 x 0.1 0.1")],
)
def test_what_is_no_motif_file_is_named(write, text):
    with pytest.raises(InputError, match=r"x\.meme"):
        read_meme(write("x.meme", text))
