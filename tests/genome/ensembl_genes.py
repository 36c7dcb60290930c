"""A random genome with genes as Ensembl's GFF3 writes them, and `bcftools csq` on it."""

from __future__ import annotations

import random
import subprocess

import pysam
from edit_splice_translate import Gene, on_strand
from random_genes import letters, one_gene, pieces

TERMS = {"5_prime_utr": "5_prime_UTR", "3_prime_utr": "3_prime_UTR", "non_coding": "ncRNA"}


def genome(seed, n_genes):
    """Letters and genes of the standard code, apart from each other."""
    rng = random.Random(seed)
    text, genes = letters(rng, 200), []
    while len(genes) < n_genes:
        body, exons, cds, _ = one_gene(rng, "", 1)
        if min(b - a for a, b in exons) < 4:
            continue
        strand, start, size = rng.choice("+-"), len(text), len(body)
        text += on_strand(strand, body) + letters(rng, 60)
        if strand == "+":
            at = [list(range(start + a, start + b)) for a, b in exons]
        else:
            at = [list(range(start + size - 1 - a, start + size - 1 - b, -1)) for a, b in exons]
        biotype = "protein_coding" if cds else "ncRNA"
        genes.append(Gene(f"G{len(genes)}", strand, at, cds, 1, biotype))
    return text + letters(rng, 200), genes


def gff3(genes):
    """Lines of a GFF3 file as Ensembl writes it."""
    lines = ["##gff-version 3"]

    def line(kind, start, end, strand, attributes, phase="."):
        lines.append(f"1\tensembl\t{kind}\t{start + 1}\t{end}\t.\t{strand}\t{phase}\t{attributes}")

    for g in genes:
        low, high = min(g.mrna), max(g.mrna) + 1
        biotype = "protein_coding" if g.cds else "lncRNA"
        gene, transcript = ("gene", "mRNA") if g.cds else ("ncRNA_gene", "lnc_RNA")
        line(gene, low, high, g.strand, f"ID=gene:{g.name};Name={g.name};biotype={biotype};gene_id={g.name}")
        line(transcript, low, high, g.strand,
             f"ID=transcript:{g.name};Parent=gene:{g.name};biotype={biotype};transcript_id={g.name}")  # fmt: skip
        read = 0
        for kind, start, end, strand in pieces(g):
            phase = str(-read % 3) if kind == "CDS" else "."
            read += end - start if kind == "CDS" else 0
            line(kind, start, end, strand, f"Parent=transcript:{g.name}", phase)
        for kind, part in (
            (("five_prime_UTR", g.mrna[: g.cds[0]]), ("three_prime_UTR", g.mrna[g.cds[1] :])) if g.cds else ()
        ):
            for _, start, end, strand in pieces(
                Gene(
                    "",
                    g.strand,
                    [[p for p in e if p in set(part)] for e in g.exons if set(e) & set(part)],
                    None,
                )
            ):
                line(kind, start, end, strand, f"Parent=transcript:{g.name}")
    return "\n".join(lines) + "\n"


def csq(folder, text, genes, listed):
    """Terms of bcftools csq: (variant, transcript) → set of terms, for variants (position, reference, alternative)."""
    (folder / "a.gff3").write_text(gff3(genes))
    (folder / "g.fa").write_text(f">1\n{text}\n")
    pysam.faidx(str(folder / "g.fa"))
    head = f"##fileformat=VCFv4.2\n##contig=<ID=1,length={len(text)}>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    rows = [(p, i, r, a) for i, (p, r, a) in enumerate(listed)]
    body = "".join(f"1\t{p + 1}\t{i}\t{r}\t{a}\t.\t.\t.\n" for p, i, r, a in sorted(rows))
    (folder / "v.vcf").write_text(head + body)
    command = ["bcftools", "csq", "-l", "-f", "g.fa", "-g", "a.gff3", "-B", "1", "-n", "64", "v.vcf"]
    out = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    found: dict[tuple[int, str], set[str]] = {}
    for line in out.splitlines():
        if line.startswith("#"):
            continue
        cells = line.split("\t")
        info = dict(x.partition("=")[::2] for x in cells[7].split(";"))
        for entry in info.get("BCSQ", "").split(","):
            fields = entry.split("|")
            if len(fields) > 2:
                terms = {TERMS.get(t, t) for t in fields[0].lstrip("*").split("&")}
                found.setdefault((int(cells[2]), fields[1]), set()).update(terms)
    return found
