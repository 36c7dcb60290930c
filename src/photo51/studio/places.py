"""Where a search leads: loci of the run's genomes that the page can go to."""

from __future__ import annotations

from typing import Any

from photo51.interventions.places import parse_place
from photo51.report.atlas.find import GENES, gene_spans
from photo51.run.opened import Run
from photo51.types import InputError, Interval

MOST = 12
FLANK = 60  # bases shown around a feature's strongest place, and either side of a gene


def go_to(run: Run, text: str) -> list[dict[str, Any]]:
    """Genes of that name or locus tag, or the locus itself: `label`, `genome`, `chrom`, `start`, `end`."""
    genes = _genes(run, text.lower().removeprefix("gene:").strip())
    if genes:
        return genes[:MOST]
    try:
        place = parse_place(text.replace(" ", ""))
    except InputError:
        return []
    if not isinstance(place, Interval):
        return []
    contigs = run.genomes.contigs
    named = (contigs["chrom"].str.lower() == place.chrom.lower()) | (
        contigs["genome"].str.lower() == place.chrom.lower()
    )
    return [
        {
            "label": f"{c}:{place.start + 1:,}-{place.end:,}",
            "genome": str(g),
            "chrom": str(c),
            "start": place.start,
            "end": place.end,
        }
        for g, c, n in contigs.loc[named, ["genome", "chrom", "length"]].itertuples(index=False)
        if place.end <= n
    ][:MOST]


def _genes(run: Run, word: str) -> list[dict[str, Any]]:
    """Genes, or else other annotations, of a name or locus tag, each copy and each part over an origin by itself."""
    table = run.genomes.annotations()
    tags = {f"{kind}{word}" for kind in ("", "gene-", "cds-", "rna-")} if word else set()
    hit = (table["name"].str.lower() == word) | table["group"].str.lower().isin(tags)
    rows = table[hit & (table["name"] != "")]
    # what is derived from a gene (its ends, its codons) has its name too, and lies around it
    genes = rows[rows["kind"].isin(GENES)]
    rows = rows if genes.empty else genes
    out = []
    for g, c, a, b, s in gene_spans(rows):
        length, name = run.genomes.length(g, c), rows["name"].iloc[0]
        out.append(
            {
                "label": f"{name} · {c}:{a + 1:,}-{b:,} ({s or '.'})",
                "genome": g,
                "chrom": c,
                "start": max(0, a - FLANK),
                "end": min(length, b + FLANK),
            }
        )
    return out
