"""Random genomes with random gene models, and random variants on them, many of them at edges."""

from __future__ import annotations

import random

from Bio.Data.CodonTable import unambiguous_dna_by_id
from edit_splice_translate import Gene, on_strand, starts

CODES = (1, 2, 4, 5, 11)


def letters(rng, n):
    """Bases with many repeats, so that insertions and deletions may often be written in several ways."""
    out = ""
    while len(out) < n:
        out += rng.choice([rng.choice("ACGT") * rng.randint(1, 4), rng.choice(["AT", "GCA", "TAA", "ATG", "GT", "AG"]) * rng.randint(1, 3),
                           "".join(rng.choices("ACGT", k=5))])  # fmt: skip
    return out[:n]


def coding_letters(rng, codons, code):
    table = unambiguous_dna_by_id[code]
    body = [rng.choice(sorted(table.forward_table)) for _ in range(codons)]
    for i in range(1, codons):  # amino acids that repeat
        if rng.random() < 0.3:
            body[i] = body[i - 1]
        elif rng.random() < 0.1:
            body[i] = "ATG"
    return rng.choice(sorted(starts(code))) + "".join(body) + rng.choice(sorted(table.stop_codons))


def one_gene(rng, name, code):
    """Letters in reading direction, exons as (start, end) in them, and the CDS as a slice of the mRNA (None: RNA gene)."""
    rna = rng.random() < 0.2
    before, behind = (rng.choice([0, 0, 5, 20]) for _ in range(2))
    mrna = letters(rng, rng.randint(30, 90)) if rna else (
        letters(rng, before) + coding_letters(rng, rng.randint(4, 40), code) + letters(rng, behind)
    )  # fmt: skip
    n_exons = rng.choice([1, 1, 2, 3, 4, 5, 6])
    n_exons = min(n_exons, len(mrna) // 8)
    cuts = sorted(rng.sample(range(1, len(mrna)), n_exons - 1))
    text, exons = "", []
    for a, b in zip([0, *cuts], [*cuts, len(mrna)], strict=True):
        exons.append((len(text), len(text) + b - a))
        text += mrna[a:b]
        if b < len(mrna):
            text += rng.choice([letters(rng, rng.randint(10, 40)), "GT" + letters(rng, rng.randint(10, 40)) + "AG"])
    cds = None if rna else (before, len(mrna) - behind)
    return text, exons, cds, rng.choice(["tRNA", "rRNA", "ncRNA"]) if rna else "protein_coding"


def genome(rng, code, circular):
    """Letters and genes: neighbours, genes in introns of others, RNA over all of them, and second transcripts."""
    text, genes = letters(rng, rng.randint(3, 30)), []
    for i in range(rng.randint(1, 3)):
        body, exons, cds, biotype = one_gene(rng, f"g{i}", code)
        strand = rng.choice("+-")
        start = len(text)
        text += on_strand(strand, body)
        at = [list(range(start + a, start + b)) if strand == "+" else list(range(start + len(body) - 1 - a, start + len(body) - 1 - b, -1))
              for a, b in exons]  # fmt: skip
        genes.append(Gene(f"g{i}", strand, at, cds, code, biotype))
        text += letters(rng, rng.choice([0, 1, 3, 30]))
    text += letters(rng, rng.randint(12, 30))
    first = genes[0]
    if first.cds:  # a second transcript that starts at a later ATG of the same frame
        mrna = [text[p] if first.strand == "+" else on_strand("-", text[p]) for p in first.mrna]
        later = [i for i in range(first.cds[0] + 3, first.cds[1] - 6, 3) if "".join(mrna[i : i + 3]) == "ATG"]
        if later:
            genes.append(Gene("second", first.strand, first.exons, (later[0], first.cds[1]), code))
    a = rng.randint(0, len(text) - 40)
    genes.append(Gene("over", "-", [list(range(a + 35, a - 1, -1))], None, code, "ncRNA"))
    if circular:
        cut = rng.randrange(len(text))
        text, genes = text[cut:] + text[:cut], [g.moved(cut, len(text)) for g in genes]
    return text, genes


def variant(rng, text, genes, circular):
    """A variant as VCF writes it, half of them at the edge of something."""
    n = len(text)
    edges = [p for g in genes for e in g.exons for p in (e[0], e[-1])]
    edges += [g.mrna[i] for g in genes if g.cds for i in (g.cds[0], g.cds[1] - 1)]
    edges += [0, n - 1] if circular else []
    pos = (rng.choice(edges) + rng.randint(-6, 5)) % n if rng.random() < 0.6 else rng.randrange(n)
    kind = rng.choice(["snv", "snv", "mnv", "ins", "del", "delins"])
    ref_size = {
        "snv": 1,
        "mnv": rng.randint(2, 5),
        "ins": 1,
        "del": 1 + rng.choice([1, 1, 2, 3, 3, 4, 6, 9, 15, 40]),
        "delins": rng.randint(1, 8),
    }[kind]
    if not circular:
        pos = min(pos, n - ref_size)
    ref = "".join(text[(pos + i) % n] for i in range(ref_size))
    if kind == "ins":
        more = rng.choice([1, 1, 2, 3, 3, 4, 6, 9])
        copied = "".join(text[(pos + 1 + i) % n] for i in range(more))
        alt = ref + rng.choice([letters(rng, more), copied])
    elif kind == "del":
        alt = ref[0]
    elif kind == "delins":
        alt = letters(rng, rng.randint(1, 8))
    else:
        alt = "".join(rng.choice("ACGT".replace(x, "")) if rng.random() < 0.7 or kind == "snv" else x for x in ref)
    return (pos, ref, alt) if alt != ref else variant(rng, text, genes, circular)


def worlds(seed, n_variants, per_world=50):
    """Random worlds with variants, (letters, genes, circular, variants), until there are enough."""
    rng = random.Random(seed)
    while n_variants > 0:
        circular = rng.random() < 0.5
        text, genes = genome(rng, rng.choice(CODES), circular)
        wanted = {variant(rng, text, genes, circular) for _ in range(min(per_world, n_variants))}
        n_variants -= len(wanted)
        yield text, genes, circular, sorted(wanted)


def pieces(gene):
    """A gene as parts (kind, start, end, strand) in reading order; a part across the origin is two."""
    coding, n = [], 0
    for exon in gene.exons:
        if gene.cds:
            coding.append([p for i, p in enumerate(exon, n) if gene.cds[0] <= i < gene.cds[1]])
        n += len(exon)
    exons = [("exon", a, b, gene.strand) for exon in gene.exons for a, b in _runs(exon)]
    return exons + [("CDS", a, b, gene.strand) for part in coding if part for a, b in _runs(part)]


def _runs(positions):
    runs = []
    for p in positions:
        if runs and abs(runs[-1][-1] - p) == 1:
            runs[-1].append(p)
        else:
            runs.append([p])
    return [(min(r), max(r) + 1) for r in runs]
