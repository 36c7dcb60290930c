"""A small, coherent run: two made-up genomes with genes, a dictionary of 72 features with known meaning, and every table.

What each feature does is decided first (`MEANING`) and its codes are laid on the genome accordingly; tables are filled from
their contracts, so that a contract that changes is noticed here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.sparse as sp

from photo51.codes import CodesMeta, gather, write_codes
from photo51.config.genome import GenomeParams
from photo51.genome.axis.genomes import Genomes
from photo51.genome.axis.masks import annotation_masks
from photo51.genome.axis.workspace import Workspace
from photo51.genome.preparation.prepare import prepare
from photo51.io.origin import Origin

N_FEATURES = 72
MOTIF = "GGATTCCGT"  # the unnamed motif: planted, annotated nowhere
MEANING = {
    0: "start_codon", 1: "stop_codon", 2: "rbs_predicted", 3: "codon_position_1", 4: "codon_position_2", 5: "codon_position_3",
    6: "tRNA", 7: "CDS", 8: "intergenic", 9: MOTIF,
}  # fmt: skip
RING = (3, 4, 5)
DEAD = (70, 71)
_TRNA = "GCGGATTTAGCTCAGTTGGGAGAGCGCCAGACTGAAGATCTGGAGGTCCTGTGTTCGATCCACAGAATTCGCACCA"
_PARAMS = GenomeParams(core=1024, warmup=64, block=2048, gap=64, homology_bases=None, shard=16_384)


def reverse_complement(text: str) -> str:
    return text.translate(str.maketrans("ACGT", "TGCA"))[::-1]


def contig(rng: np.random.Generator, length: int, prefix: str) -> tuple[str, list[tuple[str, int, int, str, str]]]:
    """Random bases with genes on both strands, tRNAs and motifs; and (kind, start, end, strand, name), 0-based half-open."""
    bases = list("".join(rng.choice(list("ACGT"), length)))
    rows, at, number = [], 120, 0
    while True:
        n_codons = int(rng.integers(80, 300))
        kind = "tRNA" if number % 7 == 6 else "CDS"
        inner = (
            _TRNA if kind == "tRNA" else "AGGAGGTTATAC" + "ATG" + "".join(_codon(rng) for _ in range(n_codons)) + "TAA"
        )
        if at + len(inner) + 200 > length:
            return "".join(bases), rows
        strand = "+" if rng.random() < 0.6 else "-"
        bases[at : at + len(inner)] = inner if strand == "+" else reverse_complement(inner)
        skip = 0 if kind == "tRNA" else 12
        start, end = (at + skip, at + len(inner)) if strand == "+" else (at, at + len(inner) - skip)
        rows.append((kind, start, end, strand, f"{prefix}{number:02d}"))
        at += len(inner) + int(rng.integers(60, 160))
        if number % 2:
            place = at - 40
            bases[place : place + len(MOTIF)] = MOTIF if rng.random() < 0.5 else reverse_complement(MOTIF)
        number += 1


def _codon(rng: np.random.Generator) -> str:
    while (codon := "".join(rng.choice(list("ACGT"), 3, p=[0.22, 0.28, 0.3, 0.2]))) in {"TAA", "TAG", "TGA"}:
        pass
    return codon


def make_genomes(folder: Path, seed: int = 51) -> Genomes:
    """Write FASTA, GFF3 and `genomes.tsv`, and prepare them."""
    rng = np.random.default_rng(seed)
    given = folder / "given"
    given.mkdir(parents=True)
    table = ["genome\tsequence\tannotation\tgenetic_code\ttopology"]
    for genome, topology, sizes in (
        ("ring", "circular", {"chromosome": 40_000}),
        ("rods", "linear", {"one": 14_000, "two": 9_000}),
    ):
        fasta, gff = [], ["##gff-version 3"]
        for chrom, size in sizes.items():
            text, rows = contig(rng, size, f"{chrom[:3]}")
            fasta.append(f">{chrom}\n{text}\n")
            for kind, start, end, strand, name in rows:
                place = f"{chrom}\tmade\t{{}}\t{start + 1}\t{end}\t.\t{strand}\t{{}}\t"
                gff.append(place.format("gene", ".") + f"ID=g-{name};Name={name}")
                phase = "0" if kind == "CDS" else "."
                gff.append(
                    place.format(kind, phase) + f"ID=x-{name};Parent=g-{name};gene={name};product=made-up {kind} {name}"
                )
        (given / f"{genome}.fa").write_text("".join(fasta))
        (given / f"{genome}.gff3").write_text("\n".join(gff) + "\n")
        table.append(f"{genome}\t{genome}.fa\t{genome}.gff3\t11\t{topology}")
    (given / "genomes.tsv").write_text("\n".join(table) + "\n")
    return prepare(given / "genomes.tsv", folder / "genome", _PARAMS)


def make_codes(genomes: Genomes, folder: Path, seed: int = 7) -> dict[str, sp.csr_matrix]:
    """Lay the features on the genomes, write the codes store, and return the codes of each strand."""
    rng = np.random.default_rng(seed)
    workspace = genomes.workspace()
    masks = annotation_masks(workspace, genomes.annotations())
    codes = {}
    for strand in ("+", "-"):
        dense = np.zeros((workspace.n_rows, N_FEATURES), dtype=np.float32)
        for feature, meaning in MEANING.items():
            rows = (
                _motif_rows(genomes, workspace, strand)
                if meaning == MOTIF
                else np.flatnonzero(getattr(masks[meaning], "plus" if strand == "+" else "minus"))
            )
            if meaning in {"start_codon", "stop_codon"}:
                rows = rows[::3] if strand == "+" else rows[2::3]
            hit = rows[rng.random(len(rows)) < (0.92 if len(rows) < 5_000 else 0.75)]
            dense[hit, feature] = rng.gamma(9.0, 0.5, len(hit))
            stray = rng.integers(0, workspace.n_rows, max(3, len(rows) // 40))
            dense[stray, feature] = rng.gamma(3.0, 0.3, len(stray))
        for feature in range(len(MEANING), N_FEATURES):
            if feature not in DEAD:
                n = int(workspace.n_rows * 10 ** rng.uniform(-3.6, -1.6))
                starts = rng.integers(0, workspace.n_rows - 12, max(n // 6, 2))
                for start in starts:
                    dense[start : start + int(rng.integers(1, 12)), feature] = rng.gamma(4.0, 0.5)
        codes[strand] = sp.csr_matrix(np.round(dense, 3).astype(np.float16).astype(np.float32))
    meta = CodesMeta("5ae0", Origin("a0de1", "block.2.out", 32, model_name="nano"), N_FEATURES, workspace="axis")
    for strand in ("+", "-"):
        half = workspace.n_rows // 2
        write_codes(folder, 0, strand, 0, codes[strand][:half], meta)
        write_codes(folder, 1, strand, half, codes[strand][half:], meta)
    gather(folder, workspace.n_rows)
    return codes


def _motif_rows(genomes: Genomes, workspace: Workspace, strand: str) -> np.ndarray:
    """Rows of the last base of each planted motif, in reading direction: a causal model has then seen all of it."""
    found = []
    for genome, chrom, n in genomes.contigs[["genome", "chrom", "length"]].itertuples(index=False):
        text = genomes.sequence(genome, chrom, 0, n).tobytes().decode()
        wanted = MOTIF if strand == "+" else reverse_complement(MOTIF)
        at = text.find(wanted)
        while at >= 0:
            base = at + len(MOTIF) - 1 if strand == "+" else at
            found += [s.start for s in workspace.rows_of(genome, chrom, base, base + 1)]
            at = text.find(wanted, at + 1)
    return np.array(sorted(found), dtype=np.int64)
