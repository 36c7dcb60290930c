"""Consequences beside those of `bcftools csq` (doi:10.1093/bioinformatics/btx100), on genes as Ensembl's GFF3 writes them."""

import random
import shutil
from collections import Counter
from typing import NamedTuple

import pytest
from csq_differences import Facts, as_vcf, gravest, reason
from edit_splice_translate import NOTHING
from ensembl_genes import csq, genome
from gene_worlds import parts, variants, world
from random_genes import pieces, variant

from photo51.genome.consequence import consequences


class Compared(NamedTuple):
    """Variants; those on which both say the same in every transcript; the others' answers, each with its reason."""

    variants: int
    equal: int
    differing: list[tuple[Facts, str]]

    @property
    def unexplained(self):
        return [f for f, why in self.differing if not why]


def compared(folder, seed, n_genes, n):
    """`n` different variants on random genes, photo51 beside bcftools."""
    text, genes = genome(seed, n_genes)
    by_name = {g.name: g for g in genes}
    coding = [g for g in genes if g.cds]
    rng = random.Random(seed)
    drawn = set()
    while len(drawn) < n:
        drawn.add(variant(rng, text, coding, circular=False))
    listed = sorted(drawn)
    theirs = csq(folder, text, coding, listed)
    rows = [r for g in coding for r in parts(g.name, pieces(g), chrom="1", genetic_code=1)]
    genomes = world(folder / "world", {"1": text}, rows)
    table = consequences(genomes, "g", variants(*(("1", *v) for v in listed)), genomes.annotations())
    own = dict(zip(zip(table["variant"], table["transcript"], strict=True), table["consequence"], strict=True))
    unlike = [
        key
        for key in sorted({k for k in own if k[1]} | set(theirs))
        if own.get(key, NOTHING) != gravest(theirs.get(key, set()))
    ]
    elsewhere = _asked_again(folder, text, coding, {listed[i] for i, _ in unlike})
    differing = []
    for i, name in unlike:
        answers = [gravest(found.get(name, set())) for found in elsewhere.get(listed[i], [])]
        f = Facts(text, by_name[name], listed[i], own.get((i, name), NOTHING), theirs.get((i, name), set()), answers)
        differing.append((f, reason(f)))
    return Compared(n, n - len({i for i, _ in unlike}), differing)


def _asked_again(folder, text, genes, listed):
    """bcftools' answers to every spelling of each variant: gene → terms."""
    written = {v: as_vcf(text, *v) for v in listed}
    every = sorted({s for own in written.values() for s in own})
    answers = [{} for _ in every]
    if every:
        for (i, name), terms in csq(folder, text, genes, every).items():
            answers[i][name] = terms
    place = {s: i for i, s in enumerate(every)}
    return {v: [answers[place[s]] for s in own] for v, own in written.items()}


@pytest.mark.skipif(shutil.which("bcftools") is None, reason="needs bcftools (Debian package bcftools)")
def test_bcftools_says_the_same_or_the_difference_is_explained(tmp_path):
    found = compared(tmp_path, 51, 60, 2_000)
    assert [(f.variant, f.mine, sorted(f.theirs)) for f in found.unexplained] == []
    assert {why for f, why in found.differing if f.kind == "snv"} <= {"no start codon is left"}
    assert found.equal > 0.88 * found.variants, Counter(why for _, why in found.differing)
