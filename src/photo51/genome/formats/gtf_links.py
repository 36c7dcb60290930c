"""Which gene and transcript a record of a GTF file belongs to: by contig, gene_id and transcript_id together.

Bacterial files of NCBI give every CDS the transcript_id `unknown_transcript_1`, gene tables of UCSC one transcript_id
to copies on several contigs, AUGUSTUS and BRAKER a bare name to genes and transcripts.
"""

from __future__ import annotations

from dataclasses import replace

from photo51.genome.annotation.features import Feature
from photo51.genome.annotation.rules import role_of
from photo51.genome.annotation.transcripts import Assembler

_GENE = ("gene_id", "geneId", "gene", "name", "Name")
# JGI numbers an exon by transcriptId, a CDS by proteinId; the name joins them
_TRANSCRIPT = ("transcript_id", "name", "transcriptId", "proteinId", "Name")


def link_gtf(lines: list[Feature], assembler: Assembler) -> list[tuple[str, str]]:
    """Hand every record to the assembler; what is left out comes back with the reason.

    Parameters
    ----------
    lines
        Records in the order of the file, one part each.
    assembler
        Is filled.
    """
    left_out: list[tuple[str, str]] = []
    gene_of = _genes_of_transcripts(lines)
    for f in lines:
        role = role_of(f.type)
        gene, transcript = _first(f, _GENE), _first(f, _TRANSCRIPT)
        bare = f.attributes.get("name_only", "")
        if bare:
            gene, transcript = (bare, "") if role == "gene" else (gene_of.get((f.chrom, bare), bare), bare)
        gene = gene or gene_of.get((f.chrom, transcript), transcript)
        if role == "other" or not (gene or transcript):
            name = _first(f, ("gene_name", "gene", "Name", "name")) or gene
            assembler.others.append(replace(f, name=name, group=gene or f"{f.type}_{f.where}"))
            continue
        feature = replace(f, group="")
        key = (f.chrom, gene)
        if role == "gene":
            assembler.gene(key, feature, gene)
        elif role == "transcript":
            assembler.gene(key, name=gene)
            assembler.transcript(key, (*key, transcript), feature, transcript)
        elif role == "intron":
            left_out.append(("introns, which follow from exons", f.where))
        else:
            assembler.gene(key, name=gene)
            assembler.transcript(key, (*key, transcript), name=transcript)
            assembler.piece(key, (*key, transcript), role, feature)
    return left_out


def _first(f: Feature, keys: tuple[str, ...]) -> str:
    return next((f.attributes[k] for k in keys if f.attributes.get(k)), "")


def _genes_of_transcripts(lines: list[Feature]) -> dict[tuple[str, str], str]:
    """Gene of each transcript of a contig, from the records that name both."""
    out: dict[tuple[str, str], str] = {}
    for f in lines:
        gene, transcript = f.attributes.get("gene_id", ""), f.attributes.get("transcript_id", "")
        if gene and transcript:
            out.setdefault((f.chrom, transcript), gene)
    return out
