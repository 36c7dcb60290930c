"""Open reading frames against translation by Biopython, copies by what they keep, separation by planted scores."""

import numpy as np
import pytest
from Bio.Seq import Seq

from photo51.pretraining.frames import codon_shuffled, frame_shifted, long_open_frames, separation, with_copies

CODING = [c for c in (a + b + d for a in "ACGT" for b in "ACGT" for d in "ACGT") if c not in {"TAA", "TAG", "TGA"}]


def ids(text):
    return np.frombuffer(text.encode(), np.uint8)


def text(letters):
    return letters.tobytes().decode()


def gene(rng, n):
    return "ATG" + "".join(rng.choice(CODING, n - 1))


def test_planted_genes_of_both_strands_are_found_and_nothing_else():
    rng = np.random.default_rng(0)
    spacer = "TAATTAACTAGTTAGATGA" * 3  # stops in every frame of both strands
    one, two = gene(rng, 150), gene(rng, 130)
    genome = spacer + one + "TAA" + spacer + str(Seq(two + "TGA").reverse_complement()) + spacer
    found = [text(g) for g in long_open_frames(ids(genome), 125)]
    assert found == [one, two]
    assert all("*" not in str(Seq(g).translate(table=11)) for g in found)
    assert long_open_frames(ids(genome), 151) == []


def test_frames_never_overlap_and_hold_no_stop():
    rng = np.random.default_rng(1)
    genome = "".join(rng.choice(list("ACGT"), 30_000, p=[0.15, 0.35, 0.35, 0.15]))
    found = long_open_frames(ids(genome), 40)
    assert len(found) > 20
    both = genome + "N" + str(Seq(genome).reverse_complement())
    for g in found:
        assert text(g) in both
        assert "*" not in str(Seq(text(g)).translate())
        assert text(g)[:3] in {"ATG", "GTG", "TTG"}
    assert sum(map(len, found)) <= len(genome)


def test_a_shifted_copy_is_in_frame_every_other_segment():
    rng = np.random.default_rng(2)
    g = gene(rng, 200)
    copy = text(frame_shifted(ids(g), np.random.default_rng(3), every=20))
    assert copy[:60] == g[:60]
    assert copy[62:119] == g[63:120]  # a base is gone: one place to the left
    assert copy[122:180] == g[122:180]  # and one came in: in step again
    assert copy[182:239] == g[183:240]


def test_a_shuffled_copy_keeps_codons_and_start():
    rng = np.random.default_rng(4)
    g = gene(rng, 120)
    copy = text(codon_shuffled(ids(g), np.random.default_rng(5)))
    codons = [[s[i : i + 3] for i in range(0, 360, 3)] for s in (g, copy)]
    assert codons[0] != codons[1]
    assert sorted(codons[0]) == sorted(codons[1])
    assert copy.startswith("ATG")


def test_copies_have_one_length_and_are_seeded():
    rng = np.random.default_rng(6)
    genes = [ids(gene(rng, n)) for n in (100, 130)]
    sets = with_copies(genes, 240, seed=1)
    assert {v.shape for v in sets.values()} == {(2, 240)}
    again, other = with_copies(genes, 240, seed=1), with_copies(genes, 240, seed=2)
    assert all(np.array_equal(sets[k], again[k]) for k in sets)
    assert not np.array_equal(sets["codon_shuffled"], other["codon_shuffled"])


def test_separation_of_hand_worked_scores():
    """Bits per base of genes 1, 2 and of copies 1.5, 3: three of four pairs are ranked right, both genes beat their copy."""
    real, copy = (np.repeat(-np.log(2) * np.array(b)[:, None], 200, axis=1) for b in ([1.0, 2.0], [1.5, 3.0]))
    got = separation(real, copy)
    assert got.auroc == pytest.approx(0.75)
    assert got.paired == 1.0
    assert got.bits_real == pytest.approx(1.5)
    assert got.bits_copy == pytest.approx(2.25)
