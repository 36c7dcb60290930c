from __future__ import annotations

import numpy as np
import pytest
from Bio.Data import CodonTable
from Bio.Seq import Seq

from photo51.interventions.writing import scorers as o
from photo51.types import InputError


def test_composition_runs_and_repeats_by_hand():
    assert o.gc("GGCAATTTTT") == pytest.approx(0.3)
    assert o.homopolymer("GGCAATTTTT") == pytest.approx(0.5)
    assert o.homopolymer("AAAACCCC") == 0.0
    assert o.longest_run("GGCAATTTTT") == 5
    assert o.repeats("ACGTACGTACGTA", k=12) == 0.0
    assert o.repeats("ACG" * 6, k=12) == pytest.approx(1 - 3 / 7)
    assert o.entropy("A" * 20) == 0.0


def test_codons_are_counted_in_all_three_frames():
    # CATGATAAG: triplets CAT ATG TGA GAT ATA TAA AAG
    assert o.starts("CATGATAAG") == pytest.approx(100 / 7)
    assert o.stops("CATGATAAG") == pytest.approx(200 / 7)
    assert o.stops("CATGATAAG", code=2) == pytest.approx(100 / 7)  # TGA is Trp in vertebrate mitochondria


def test_open_reading_frames_agree_with_translation_by_biopython():
    rng = np.random.default_rng(3)
    sequence = "".join(rng.choice(list("ACGT"), 3_000))
    found = o.orfs(sequence, code=11, min_length=60)
    assert len(found) > 3
    for a, b in found:
        assert sequence[a : a + 3] == "ATG"
        protein = str(Seq(sequence[a:b]).translate(table=11))
        assert protein.endswith("*")
        assert protein.count("*") == 1
    # every frame's peptides between stops, from their first M, are the same set
    expected = 0
    for frame in range(3):
        whole = sequence[frame : frame + (len(sequence) - frame) // 3 * 3]
        closed = str(Seq(whole).translate(table=11)).split("*")[:-1]
        expected += sum("M" in p and 3 * (len(p) - p.index("M") + 1) >= 60 for p in closed)
    assert len(found) == expected


def test_open_frame_is_the_longest_segment_without_a_stop():
    # frame 0: TAA GCT×5 TGA, 15 bases open; frame 1: AAG CTG×4 CTT GAA, 21; frame 2: AGC TGC×4 TTG, 18
    assert o.open_frame_share("TAA" + "GCT" * 5 + "TGA" + "A") == pytest.approx(21 / 22)
    assert o.open_frame_share("TAACTAACTAAC") == pytest.approx(9 / 12)  # frame 0: CTA ACT AAC after the stop


def test_period_three_sees_codons_and_not_composition():
    rng = np.random.default_rng(0)
    plain = "".join(rng.choice(list("ACGT"), 900, p=[0.4, 0.1, 0.1, 0.4]))
    phased = "".join(rng.choice(list("GA")) + rng.choice(list("ACGT")) + rng.choice(list("CG")) for _ in range(300))
    assert o.period3_power(phased) > 20
    values = [o.period3_power("".join(rng.permutation(list(plain)))) for _ in range(200)]
    assert np.mean(values) == pytest.approx(1.0, abs=0.15)


def test_codon_usage_finds_the_frame_it_was_made_in():
    table = o.codon_table(["CTGGAAAAA" * 50])
    assert table["CTG"] > 2
    assert table["TTA"] < 0
    assert o.codon_usage("CTGGAACTGAAA", table) == pytest.approx(o.codon_usage("GCTGGAACTGAAA", table))
    assert o.codon_usage("TTATTATTA", table) < 0
    with pytest.raises(InputError, match="codon"):
        o.codon_table(["AC"])


def test_motifs_count_both_strands_once_for_palindromes():
    assert o.motif("GGATCCAAAA", "GGATCC") == pytest.approx(100.0)
    assert o.motif("TTTTTTCCTCC" + "GGAGG" + "A" * 4, "GGAGG") == pytest.approx(2 * 50.0)
    assert o.motif("AAAA", "AA") == pytest.approx(3 * 250.0)
    assert o.motif("ACGTAC", "RY") > 0
    with pytest.raises(InputError, match="IUPAC"):
        o.motif("ACGT", "AX")


def test_genetic_codes_are_those_of_biopython():
    for code in (1, 2, 4, 11):
        stop = CodonTable.unambiguous_dna_by_id[code].stop_codons
        text = "GCC".join(stop)
        assert o.stops(text, code) >= 100 * len(stop) / (len(text) - 2)
    with pytest.raises(InputError, match="translation table"):
        o.stops("ACGT", 99)


def test_judging_gives_a_row_a_sequence_and_a_column_a_scorer():
    judges = o.sequence_scorers(motifs=["TATAAT"])
    scores = o.judge(["ACGT" * 30, "TATAAT" * 20], judges)
    assert scores.shape == (2, len(judges))
    column = [j.name for j in judges].index("motif_TATAAT")
    assert scores[0, column] == 0 < scores[1, column]
