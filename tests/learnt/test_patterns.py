import itertools
import re

import numpy as np
import pytest

from photo51.genome.annotation.motifs import Motif, log_odds_matrix, score_threshold
from photo51.learnt.words.patterns import iupac_event, motif_event, read_events
from photo51.types import InputError


def spelled(pattern):
    return {"".join("ACGT"[b] for b in word) for word in pattern.words()}


def test_iupac_words_and_their_number():
    event = iupac_event("GAYTR")
    assert spelled(event.forward[0]) == {"GACTA", "GACTG", "GATTA", "GATTG"}
    assert event.forward[0].n_words == 4
    assert spelled(event.reverse[0]) == {"TAGTC", "CAGTC", "TAATC", "CAATC"}


@pytest.mark.parametrize("text", ["GAATTC", "GANTC", "CCWGG"])
def test_its_own_reverse_complement_is_counted_once(text):
    event = iupac_event(text)
    assert (len(event.reverse) == 0) == (text in {"GAATTC", "GANTC", "CCWGG"})
    assert len(iupac_event("TTGACA").reverse) == 1


def test_spacers():
    event = iupac_event("TTGN{1,3}TA")
    assert [p.width for p in event.forward] == [6, 7, 8]
    assert event.width == 8
    assert event.forward[1].n_words == 16
    assert iupac_event("TTGN{2}TA").forward[0].width == 7


def test_matches_are_those_of_a_regular_expression_overlaps_too():
    rng = np.random.default_rng(1)
    codes = rng.choice(5, 3_000, p=[0.3, 0.2, 0.2, 0.25, 0.05])
    text = "".join("ACGTN"[c] for c in codes)
    for word, expression in (("ATA", "ATA"), ("RAY", "[AG]A[CT]"), ("ANNT", "A[ACGT][ACGT]T")):
        expected = [m.start() for m in re.finditer(f"(?={expression})", text)]
        assert np.flatnonzero(iupac_event(word).forward[0].matches(codes)).tolist() == expected
    assert not iupac_event("ACGTACGT").forward[0].matches(codes[:5]).any()


def test_a_matrix_holds_the_words_above_its_threshold():
    rng = np.random.default_rng(5)
    motif = Motif("m", rng.dirichlet(np.full(4, 0.4), 6))
    p = 0.01
    weights = log_odds_matrix(motif, np.full(4, 0.25))
    threshold = score_threshold(weights, np.full(4, 0.25), p)
    unit = (weights.max(axis=1) - weights.min(axis=1)).sum() / 200
    scores = {
        "".join("ACGT"[b] for b in w): sum(weights[i, b] for i, b in enumerate(w))
        for w in itertools.product(range(4), repeat=6)
    }
    event = motif_event(motif, p)
    words = spelled(event.forward[0])
    assert {w for w, s in scores.items() if s >= threshold} <= words
    assert all(scores[w] >= threshold - 6 * unit for w in words)
    assert event.forward[0].n_words == len(words)
    turn = str.maketrans("ACGT", "TGCA")
    assert spelled(event.reverse[0]) == {w.translate(turn)[::-1] for w in words}


def test_files(tmp_path):
    (tmp_path / "w.txt").write_text("# sites\nEcoRI\tGAATTC\r\nTATAAT\n")
    assert [e.name for e in read_events([str(tmp_path / "w.txt")], motif_p=1e-4)] == ["EcoRI", "TATAAT"]
    (tmp_path / "w.fa").write_text(">a adapter\nACGT\nAC\n>b\nTTTT\n")
    assert [(e.name, e.width) for e in read_events([str(tmp_path / "w.fa")], motif_p=1e-4)] == [
        ("a", 6),
        ("b", 4),
    ]
    (tmp_path / "w.meme").write_text(
        "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF box\nletter-probability matrix: w= 8\n" + "0.97 0.01 0.01 0.01\n" * 8
    )
    assert read_events([str(tmp_path / "w.meme")], motif_p=1e-3)[0].name == "box"
    assert [e.text for e in read_events(["GAATTC,TTGN{2,3}TA"], motif_p=1e-4)] == ["GAATTC", "TTGN{2,3}TA"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["GAXTC"], "'X'"),
        (["NNN"], "not N"),
        (["AN{5,2}T"], "shortest,longest"),
        (["AN{0,900}T"], "shortest,longest"),
        (["ACGT,ACGT"], "twice"),
        ([" "], "at least one word"),
    ],
)
def test_bad_words(given, says):
    with pytest.raises(InputError, match=says):
        read_events(given, motif_p=1e-4)


def test_a_bad_file_is_named_with_its_line(tmp_path):
    (tmp_path / "w.txt").write_text("GAATTC\nEcoX\tGAQTC\n")
    with pytest.raises(InputError, match=r"w.txt, line 2: .*'Q'"):
        read_events([str(tmp_path / "w.txt")], motif_p=1e-4)
    (tmp_path / "e.txt").write_text("\n")
    with pytest.raises(InputError, match="got nothing"):
        read_events([str(tmp_path / "e.txt")], motif_p=1e-4)
