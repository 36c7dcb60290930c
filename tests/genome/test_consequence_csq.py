"""Consequences beside those of `bcftools csq` (doi:10.1093/bioinformatics/btx100), on genes as Ensembl's GFF3 writes them."""

import random
import shutil
from collections import Counter

import pytest
from csq_differences import gravest, kind_of, reason
from edit_splice_translate import NOTHING
from ensembl_genes import csq, genome
from gene_worlds import parts, variants, world
from random_genes import pieces, variant

from photo51.genome.consequence import consequences

PARTED = "a start codon parted by an intron: bcftools does not see that it is lost"


def compared(folder, seed, n_genes, n):
    """Number of variants; transcripts where both say the same; differences with kind, both answers and the reason."""
    text, genes = genome(seed, n_genes)
    genes = [g for g in genes if g.cds]
    rng = random.Random(seed)
    listed = sorted({variant(rng, text, genes, circular=False) for _ in range(n)})
    theirs = csq(folder, text, genes, listed)
    rows = [r for g in genes for r in parts(g.name, pieces(g), chrom="1", genetic_code=1)]
    genomes = world(folder / "world", {"1": text}, rows)
    table = consequences(genomes, "g", variants(*(("1", *v) for v in listed)), genomes.annotations())
    own = dict(
        zip(zip(table["variant"], table["transcript"], strict=True), table["consequence"], strict=True)
    )
    equal, differing = 0, []
    for key in sorted({k for k in own if k[1]} | set(theirs)):
        mine, terms, kind = own.get(key, NOTHING), theirs.get(key, set()), kind_of(*listed[key[0]][1:])
        if mine == gravest(terms):
            equal += 1
        else:
            differing.append((kind, mine, sorted(terms), listed[key[0]], reason(mine, terms, kind)))
    return len(listed), equal, differing


@pytest.mark.skipif(shutil.which("bcftools") is None, reason="needs bcftools (Debian package bcftools)")
def test_bcftools_says_the_same_or_the_difference_is_explained(tmp_path):
    n, equal, differing = compared(tmp_path, 51, 60, 2_000)
    assert n > 1_900
    assert {d[-1] for d in differing if d[0] == "snv"} <= {PARTED}
    assert [d for d in differing if not d[-1]] == [], Counter(d[-1] for d in differing)
    assert equal > 0.88 * (equal + len(differing))
