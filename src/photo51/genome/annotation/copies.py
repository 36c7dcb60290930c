"""Genes that stand there twice: copies that one identifier was given, and one gene that two files describe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from photo51.genome.annotation.coding import spliced, stated_code, stops_of
from photo51.genome.annotation.features import Part
from photo51.genome.annotation.transcripts import Gene, Model, Transcript


def split_copies(
    genes: list[Gene], transcripts: list[Transcript], ids: NDArray[np.uint8], code: int
) -> tuple[list[Gene], list[Transcript]]:
    """Take apart transcripts whose parts are whole genes, one after the other: each begins with a start and ends with a
    stop codon.

    Tables of genes give one identifier to copies of a gene on one contig; read as one, the first copy's stop codon
    would lie inside of it.
    """
    by_id = {g.id: g for g in genes}
    out: list[Transcript] = []
    for t in transcripts:
        for i, copy in enumerate(_copies(t, ids, stated_code(t) or code)):
            if i and not by_id[t.gene].parts:
                gene_id = f"{t.gene}#{i + 1}"
                if gene_id not in by_id:
                    by_id[gene_id] = replace(by_id[t.gene], id=gene_id)
                copy = replace(copy, gene=gene_id)  # noqa: PLW2901
            out.append(copy if not i else replace(copy, id=f"{t.id}#{i + 1}"))
    return list(by_id.values()), out


def _copies(t: Transcript, ids: NDArray[np.uint8], code: int) -> list[Transcript]:
    if len(t.cds) < 2 or t.ordered or any(p.chrom or p.strand == "." for p in t.cds):
        return [t]
    stops = stops_of(code)
    letters = spliced(t.cds, ids)
    offset = 0
    for k, part in enumerate(t.cds[:-1]):
        offset += part.end - part.start
        whole = (
            offset % 3 == 0
            and offset >= 6
            and letters[:3] in stops.starts
            and letters[offset - 3 : offset] in stops.stops
        )
        if (
            whole
            and letters[offset : offset + 3] in stops.starts
            and letters[-3:] in stops.stops
            and len(letters) % 3 == 0
        ):
            head, tail = _cut(t, k + 1)
            return [head, *_copies(tail, ids, code)]
    return [t]


def _cut(t: Transcript, k: int) -> tuple[Transcript, Transcript]:
    """A transcript before and after its coding part k; exons part where they are farthest apart."""
    low, high = _end(t.cds[k - 1]), _begin(t.cds[k])
    edges = [i for i in range(1, len(t.exons)) if _between(_end(t.exons[i - 1]), _begin(t.exons[i]), low, high)]
    if not edges:
        return replace(t, exons=t.cds[:k], cds=t.cds[:k]), replace(t, exons=t.cds[k:], cds=t.cds[k:])
    cut = max(edges, key=lambda i: abs(_begin(t.exons[i]) - _end(t.exons[i - 1])))
    return replace(t, exons=t.exons[:cut], cds=t.cds[:k]), replace(t, exons=t.exons[cut:], cds=t.cds[k:])


def _begin(p: Part) -> int:
    return p.end if p.strand == "-" else p.start


def _end(p: Part) -> int:
    return p.start if p.strand == "-" else p.end


def _between(a: int, b: int, low: int, high: int) -> bool:
    first, last = min(low, high), max(low, high)
    return first <= a <= last and first <= b <= last


def without_copies(models: Sequence[Model]) -> tuple[Model, list[tuple[str, str]]]:
    """Models of one contig from several files as one: a gene that an earlier file has is that gene.

    Two genes are the same where they share a strand and a transcript of the same coding bases (or exons, where nothing
    is coded), or the same place. Transcripts that only the later file has join the gene of the earlier one.

    Returns
    -------
    The model, and what was left out: (reason, where).
    """
    out = Model(list(models[0].genes), list(models[0].transcripts), [f for m in models for f in m.others])
    left_out: list[tuple[str, str]] = []
    for model in models[1:]:
        by_signature = {_signature(t): t for t in reversed(out.transcripts)}
        places = {_place(g): g for g in out.genes if g.parts}
        names = {g.id: g for g in out.genes}
        by_gene: dict[str, list[Transcript]] = {}
        for t in model.transcripts:
            by_gene.setdefault(t.gene, []).append(t)
        for gene in model.genes:
            members = by_gene.get(gene.id, [])
            twin = next((names[by_signature[s].gene] for t in members if (s := _signature(t)) in by_signature), None)
            twin = twin or (places.get(_place(gene)) if gene.parts else None)
            if twin is None:
                new = gene if gene.id not in names else replace(gene, id=f"{gene.id}@{len(names)}")
                out.genes.append(new)
                out.transcripts.extend(replace(t, gene=new.id) for t in members)
                continue
            left_out.append(("gene that a file before describes too", gene.where))
            more = [t for t in members if _signature(t) not in by_signature]
            out.transcripts.extend(replace(t, gene=twin.id, gene_name=twin.name) for t in more)
    return out, left_out


def _signature(t: Transcript) -> tuple:
    parts = t.cds or t.exons
    return (bool(t.cds), tuple((p.start, p.end, p.strand) for p in parts))


def _place(g: Gene) -> tuple:
    return (g.parts[0].strand, tuple((p.start, p.end) for p in g.parts))
