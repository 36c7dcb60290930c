"""Random genes, and writers of GFF3, GTF and GenBank that know nothing of the readers."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from Bio.Data.CodonTable import unambiguous_dna_by_id
from Bio.Seq import Seq
from Bio.SeqFeature import CompoundLocation, SeqFeature, SimpleLocation
from Bio.SeqIO import write
from Bio.SeqRecord import SeqRecord


@dataclass
class Gene:
    """A gene: exons and coding parts in reading order, half-open; parts past the length go round the origin."""

    name: str
    strand: str
    exons: list[tuple[int, int]]
    cds: list[tuple[int, int]]
    letters: str


def world(rng: np.random.Generator, code: int, *, circular: bool, genes: int = 4) -> tuple[str, list[Gene]]:
    """A contig with random genes of up to six exons on both strands, one across the origin of a circular one."""
    table = unambiguous_dna_by_id[code]
    length = 2400
    bases = list(rng.choice(list("ACGT"), length))
    out = []
    for i in range(genes):
        start = 460 + 440 * i if not (circular and i == genes - 1) else length - int(rng.integers(20, 200))
        n = int(rng.integers(1, 7))
        codons = [table.start_codons[int(rng.integers(len(table.start_codons)))]]
        forward = sorted(table.forward_table)
        codons += [forward[int(rng.integers(len(forward)))] for _ in range(int(rng.integers(20, 40)))]
        codons.append(table.stop_codons[int(rng.integers(len(table.stop_codons)))])
        message = "".join(codons)
        cuts = sorted(rng.choice(np.arange(4, len(message) - 4), n - 1, replace=False).tolist())
        pieces = [message[a:b] for a, b in zip([0, *cuts], [*cuts, len(message)], strict=True)]
        strand = "+" if rng.random() < 0.5 else "-"
        head, tail = (int(rng.integers(0, 9)) for _ in range(2))
        at = start
        blocks, exons = [], []
        for j, piece in enumerate(pieces if strand == "+" else pieces[::-1]):
            first, last = j == 0, j == n - 1
            before = (head if first else 0) if strand == "+" else (tail if first else 0)
            after = (tail if last else 0) if strand == "+" else (head if last else 0)
            exons.append((at, at + before + len(piece) + after))
            blocks.append((at + before, at + before + len(piece)))
            forward_piece = piece if strand == "+" else str(Seq(piece).reverse_complement())
            for k, base in enumerate(forward_piece):
                bases[(at + before + k) % length] = base
            at = exons[-1][1] + int(rng.integers(12, 30))
        if strand == "-":
            exons, blocks = exons[::-1], blocks[::-1]
        out.append(Gene(f"g{i}", strand, exons, blocks, message))
    return "".join(bases), out


def _phases(parts: list[tuple[int, int]]) -> list[int]:
    out, used = [], 0
    for a, b in parts:
        out.append(-used % 3)
        used += b - a
    return out


def _line(kind: str, start: int, end: int, strand: str, phase: int | str, attributes: str) -> str:
    return f"c1\ttest\t{kind}\t{start + 1}\t{end}\t.\t{strand}\t{phase}\t{attributes}\n"


def gff3(genes: list[Gene], length: int, code: int, *, circular: bool) -> str:
    """GFF3 as its definition asks: ends past the length where a part goes round the origin."""
    text = "##gff-version 3\n" + _line("region", 0, length, "+", ".", f"ID=c1;Is_circular={str(circular).lower()}")
    for g in genes:
        low, high = min(a for a, _ in g.exons), max(b for _, b in g.exons)
        text += _line("gene", low, high, g.strand, ".", f"ID=gene-{g.name};Name={g.name}")
        text += _line("mRNA", low, high, g.strand, ".", f"ID=t-{g.name};Parent=gene-{g.name}")
        for a, b in sorted(g.exons):
            text += _line("exon", a, b, g.strand, ".", f"Parent=t-{g.name}")
        for (a, b), phase in sorted(zip(g.cds, _phases(g.cds), strict=True)):
            text += _line("CDS", a, b, g.strand, phase, f"ID=cds-{g.name};Parent=t-{g.name};transl_table={code}")
    return text


def gtf(genes: list[Gene]) -> str:
    """GTF 2.2: no gene lines, the stop codon outside of the CDS."""
    text = ""
    for g in genes:
        about = f'gene_id "gene-{g.name}"; transcript_id "t-{g.name}"; gene_name "{g.name}";'
        coding, stop, left = list(g.cds), [], 3
        while left:
            a, b = coding.pop()
            take = min(left, b - a)
            stop.append((b - take, b) if g.strand == "+" else (a, a + take))
            if b - a > take:
                coding.append((a, b - take) if g.strand == "+" else (a + take, b))
            left -= take
        for a, b in g.exons:
            text += _line("exon", a, b, g.strand, ".", about)
        for (a, b), phase in zip(coding, _phases(coding), strict=True):
            text += _line("CDS", a, b, g.strand, phase, about)
        for a, b in stop:
            text += _line("stop_codon", a, b, g.strand, 0, about)
    return text


def gene_pred(genes: list[Gene], form: str) -> str:
    """Tables of UCSC: `genePred`, `refGene` (a bin before, extended columns behind) or `refFlat` (the gene's name before)."""
    text = ""
    for g in genes:
        exons, cds = sorted(g.exons), sorted(g.cds)
        starts, ends = ("".join(f"{e[i]}," for e in exons) for i in (0, 1))
        coding = dict(zip(g.cds, _phases(g.cds), strict=True))
        # exonFrames: at which base of a codon the exon's coding bases begin, -1 where it has none
        frames = ["-1"] * len(exons)
        for i, e in enumerate(exons):
            frames[i] = next((str(-phase % 3) for (a, b), phase in coding.items() if e[0] <= a and b <= e[1]), "-1")
        plain = [
            f"t-{g.name}",
            "c1",
            g.strand,
            exons[0][0],
            exons[-1][1],
            cds[0][0],
            cds[-1][1],
            len(exons),
            starts,
            ends,
        ]
        more = [0, g.name, "cmpl", "cmpl", ",".join(frames) + ","]
        columns = {"genePred": plain, "refGene": [585, *plain, *more], "refFlat": [g.name, *plain]}[form]
        text += "\t".join(map(str, columns)) + "\n"
    return text


def genbank(letters: str, genes: list[Gene], code: int, *, circular: bool) -> str:
    """A GenBank record as Biopython writes it, with /translation left to the reader."""
    record = SeqRecord(Seq(letters), id="c1", name="c1", annotations={"molecule_type": "DNA"})
    record.annotations["topology"] = "circular" if circular else "linear"
    for g in genes:
        for kind, parts in (
            ("gene", [(min(a for a, _ in g.exons), max(b for _, b in g.exons))]),
            ("mRNA", g.exons),
            ("CDS", g.cds),
        ):
            pieces = _locations(parts, g.strand, len(letters))
            place = pieces[0] if len(pieces) == 1 else CompoundLocation(pieces)
            qualifiers = {"gene": [g.name]} | ({"transl_table": [str(code)]} if kind == "CDS" else {})
            record.features.append(SeqFeature(place, kind, qualifiers=qualifiers))
    out = io.StringIO()
    write(record, out, "genbank")
    return out.getvalue()


def _locations(parts: list[tuple[int, int]], strand: str, length: int) -> list[SimpleLocation]:
    sign = 1 if strand == "+" else -1
    out = []
    for a, b in parts:
        if b <= length:
            halves = [(a, b)]
        elif a >= length:
            halves = [(a - length, b - length)]
        else:
            halves = [(a, length), (0, b - length)][::sign]
        out += [SimpleLocation(s, e, sign) for s, e in halves]
    return out
