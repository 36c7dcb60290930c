"""Random gene models and variants against an oracle that edits, splices and translates (`edit_splice_translate`)."""

import pytest
from edit_splice_translate import NOTHING, consequence
from gene_worlds import parts, variants, world
from random_genes import pieces, worlds

from photo51.genome.consequence import consequences


def disagreements(folder, seed, n):
    """Variants that were judged, and those of them that differ from the oracle in a gene: (letters, gene, variant, both answers)."""
    judged, differing = 0, []
    for text, genes, circular, listed in worlds(seed, n):
        rows = [r for g in genes for r in parts(g.name, pieces(g), genetic_code=g.code, biotype=g.biotype)]
        genomes = world(folder, {"c": text}, rows, ("c",) if circular else ())
        table = consequences(genomes, "g", variants(*(("c", *v) for v in listed)), genomes.annotations())
        found = dict(zip(zip(table["variant"], table["transcript"], strict=True), table["consequence"], strict=True))
        judged += len(listed)
        for i, variant in enumerate(listed):
            for g in genes:
                answers = consequence(text, g, *variant, circular), found.get((i, g.name), NOTHING)
                if answers[0] != answers[1]:
                    differing.append((text, g, variant, answers))
    return judged, differing


@pytest.mark.slow
def test_no_consequence_differs_from_the_edited_spliced_translated_gene(tmp_path):
    judged, differing = disagreements(tmp_path, 51, 2_000)
    assert judged > 1_900
    assert differing == []
