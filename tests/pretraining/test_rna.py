"""Genes of structured RNA are found where they were put, and their copies keep nothing but dinucleotides."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest

from photo51.genome.alphabet import encode, reverse_complement
from photo51.pretraining.rna import (
    PIECE,
    WINDOW,
    Query,
    annotated_rna,
    dinucleotide_shuffled,
    find_homologues,
    in_turn,
)
from photo51.shipped import shipped


def letters(rng, n):
    return encode("".join(rng.choice(list("ACGT"), n))).copy()


def pairs(ids):
    return Counter(zip(ids[:-1].tolist(), ids[1:].tolist(), strict=True))


def test_a_copy_keeps_every_dinucleotide_and_its_ends():
    rng = np.random.default_rng(1)
    for n in (1, 2, 3, 30, 300):
        gene = letters(rng, n)
        copy = dinucleotide_shuffled(gene, rng)
        assert pairs(copy) == pairs(gene)
        assert (copy[0], copy[-1]) == (gene[0], gene[-1])
    assert (copy != gene).mean() > 0.5


def test_every_order_with_the_same_dinucleotides_is_alike_likely():
    """All orders of eight letters are tried: those with the same dinucleotides are what is drawn, evenly."""
    gene = encode("ACAGACGA")
    alike = {"".join(p) for p in permutations("ACAGACGA") if pairs(encode("".join(p))) == pairs(gene)}
    assert len(alike) > 3
    rng, n = np.random.default_rng(2), 4_000
    drawn = Counter(dinucleotide_shuffled(gene, rng).tobytes().decode() for _ in range(n))
    assert set(drawn) == alike
    expected = n / len(alike)
    # chi-squared of len(alike) - 1 degrees of freedom: mean k, standard deviation sqrt(2 k)
    k = len(alike) - 1
    assert sum((count - expected) ** 2 / expected for count in drawn.values()) < k + 4 * np.sqrt(2 * k)


@pytest.mark.parametrize("strand", ["+", "-"])
def test_a_gene_that_was_put_into_a_contig_is_found_on_its_strand(strand):
    rng = np.random.default_rng(3)
    gene, contig = letters(rng, 80), letters(rng, 5_000)
    there = gene.copy()
    for i in range(0, 24, 2):  # 12 of 80 bases, each to a letter that it was not
        there[i] = encode("CATG")["ACGT".index(chr(there[i]))]
    contig[2_000:2_080] = there if strand == "+" else reverse_complement(there)
    (found,) = find_homologues(contig, [Query("tRNA", gene), Query("rRNA", letters(rng, 120))])
    assert (found.kind, found.length) == ("tRNA", 80)
    assert found.identity == pytest.approx(1 - 12 / 80)
    assert found.window[-80:].tobytes() == there.tobytes()
    before = contig[2_080 - WINDOW : 2_000] if strand == "+" else reverse_complement(contig[2_080 : 2_000 + WINDOW])
    assert found.window[:-80].tobytes() == before.tobytes()


def test_a_place_too_unlike_or_without_a_window_before_it_is_none():
    rng = np.random.default_rng(4)
    gene, contig = letters(rng, 80), letters(rng, 3_000)
    contig[100:180] = gene  # 512 bases do not fit before its end
    contig[1_000:1_059] = gene[:59]  # 59 of 80 are 0.7375, and none of the others
    contig[1_059:1_080] = encode("".join("CATG"["ACGT".index(chr(b))] for b in gene[59:]))
    assert find_homologues(contig, [Query("tRNA", gene)]) == []


def test_the_annotated_genes_of_e_coli_are_their_own_homologues():
    folder = shipped("resources/ecoli_k12")
    queries = annotated_rna(folder / "NC_000913.3.fa.gz", folder / "NC_000913.3.gff3.gz")
    assert {q.kind for q in queries} == {"tRNA", "rRNA"}
    lengths = [len(q.ids) for q in queries if q.kind == "tRNA"]
    assert 70 <= min(lengths) <= max(lengths) <= 100
    assert {len(q.ids) for q in queries if q.kind == "rRNA"} <= {PIECE, *range(110, 125)}  # 16S and 23S; 5S
    # tRNA-Ile of rrnH, by RefSeq: 225,381 to 225,457 on the forward strand
    text = next(q for q in queries if q.kind == "tRNA").ids.tobytes().decode()
    assert text.startswith("AGGCTTGTAGCTCAGG")
    assert text.endswith("CCA")


def test_genomes_take_turns():
    a, b = ([f"{name}{i}" for i in range(n)] for name, n in (("a", 1), ("b", 3)))
    assert in_turn([a, b], 3) == ["a0", "b0", "b1"]
