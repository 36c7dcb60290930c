"""Motifs: Biopython's scores beside ours, and a threshold whose chance is counted over all words."""

from itertools import product

import numpy as np
import pytest
from Bio.motifs import matrix
from Bio.Seq import Seq

from photo51.genome.alphabet import decode, encode, reverse_complement
from photo51.genome.annotation.motifs import Motif, log_odds_matrix, read_meme, scan, score_threshold, warn_of_short
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
    pssm = matrix.PositionWeightMatrix("ACGT", counts).log_odds()
    least = 3.0
    expected = set()
    for at, score in enumerate(pssm.calculate(Seq(text))):
        if score >= least:
            expected.add((at, "+", round(float(score), 3)))
    for at, score in enumerate(pssm.reverse_complement().calculate(Seq(text))):
        if score >= least:
            expected.add((at, "-", round(float(score), 3)))
    weights = log_odds_matrix(box, EVEN)
    p = float(np.mean([sum(weights[j, x] for j, x in enumerate(w)) >= least for w in product(range(4), repeat=4)]))
    rows = scan(encode(text), box, EVEN, p, "x")
    assert {(r.start, r.strand, round(r.score, 3)) for r in rows} == expected
    assert {r.kind for r in rows} == {"TFBS:box"}


@pytest.mark.parametrize("p", [0.001, 0.004, 0.05, 0.3])
@pytest.mark.parametrize("base", [EVEN, np.array([0.4, 0.1, 0.1, 0.4])])
def test_the_threshold_has_the_chance_it_says(box, p, base):
    weights = log_odds_matrix(box, base)
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
    flipped = [(r.start, r.end) for r in scan(reverse_complement(text), box, EVEN, 0.005, "x") if r.strand == "-"]
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


ROWS = " 0.207  0.313  0.407  0.073\n" * 7
STREME = """********************************************************************************
STREME - Sensitive, Thorough, Rapid, Enriched Motif Elicitation
********************************************************************************
MEME version 5.5.5

ALPHABET "DNA" DNA-LIKE
A "Adenine" CC0000 ~ T "Thymine" 008000
C "Cytosine" 0000CC ~ G "Guanine" FFB300
N "Any base" = ACGT
X = ACGT
R "Purine" = AG
END ALPHABET

strands: + -

Background letter frequencies
A 0.25 C 0.25 G 0.25 T 0.25

MOTIF 1-ACGTAC STREME-1
letter-probability matrix: alength= 4 w= 7 nsites= 5 E= 4.0e-003
"""


@pytest.mark.parametrize(
    "head",
    [
        STREME,
        "MEME version 4\n\nALPHABET= ACGU\n\nMOTIF 1-ACGTAC\nletter-probability matrix: alength= 4 w= 7 nsites= 5\n",
        "MEME version 4\nALPHABET= ACGT\nstrands: + -\nMOTIF 1-ACGTAC x\nletter-probability matrix:\n\n",
        "MEME version 4\r\nMOTIF 1-ACGTAC\r\nletter-probability matrix: alength=4 w=7\r\n",
        "MEME version 4\nALPHABET= ACGT\nMOTIF 1-ACGTAC\nlog-odds matrix: alength= 4 w= 2\n1 2 3 4\n1 2 3 4\n"
        "letter-probability matrix: alength= 4 w= 7 nsites= 0 E= 0\n",
    ],
)
@pytest.mark.parametrize("tail", ["", "URL http://x\n", "\nMOTIF b\nletter-probability matrix: w= 1\n1 0 0 0\n"])
def test_matrices_are_read_to_the_last_digit_whoever_wrote_them(head, tail, write):
    motif = read_meme(write("x.meme", head + ROWS + tail))[0]
    assert motif.name == "1-ACGTAC"
    assert motif.frequencies.tolist() == [pytest.approx([0.207, 0.313, 0.407, 0.073])] * 7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (">MA0004.1\tArnt\nA [ 4 19 0 ]\n", "JASPAR's, HOMER's or FASTA format"),
        ("ID any_old\nBF species\n", "TRANSFAC's format"),
        ("MEME version 4\nALPHABET= ACDEFGHIKLMNPQRSTVWY\n", "need an alphabet of DNA or RNA"),
        (
            'MEME version 4\nALPHABET "x"\nA ~ T\nC ~ G\nm ~ 1\nEND ALPHABET\n',
            "need an alphabet of DNA or RNA",
        ),
        ("MEME version 4\nMOTIF\n", "line 2: need a name behind MOTIF"),
        (
            "MEME version 4\nMOTIF a\nletter-probability matrix: w= 3\n1 0 0 0\n\n",
            "motif 'a': need a matrix .* 3 places",
        ),
        ("MEME version 4\nMOTIF a\nletter-probability matrix: w= 1\n1 0 0\n", "motif 'a': need a matrix"),
        ("MEME version 4\nMOTIF a\nletter-probability matrix: w= 1\n0 0 0 0\n", "motif 'a': need a matrix"),
        ("MEME version 4\n" + "MOTIF a\nletter-probability matrix: w= 1\n1 0 0 0\n" * 2, "'a' twice"),
        ("MEME version 4\n", "got none"),
    ],
)
def test_what_is_no_file_of_motifs_is_named(text, words, write):
    with pytest.raises(InputError, match=words):
        read_meme(write("x.meme", text))


def test_motifs_too_short_to_be_as_rare_as_asked_for_are_named(caplog):
    sharp = np.eye(4)[[0, 1, 2, 3, 0, 1, 2, 3, 0]]
    warn_of_short([Motif("long", sharp), Motif("short", sharp[:8])], 1e-5)
    assert "1 can have no hit with a chance of at most 1e-05" in caplog.text
    assert "short (8 bases)" in caplog.text
    assert "long" not in caplog.text
