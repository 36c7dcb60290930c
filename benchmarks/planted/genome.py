"""A synthetic bacterial genome of which everything is known: for tests and benchmarks that need planted truth.

Operons of codon-biased genes on both strands, each with a promoter, ribosome-binding sites and a terminator, some with a
binding site; tRNA genes that fold; copies of an insertion sequence; prophage-like blocks with codons and composition of
their own; a CRISPR array. Between them lies AT-rich sequence without structure.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from Bio.Data.CodonTable import unambiguous_dna_by_id
from numpy.typing import NDArray

from photo51.config.genome import AnnotationParams
from photo51.genome.alphabet import decode, encode, reverse_complement
from photo51.genome.annotation.features import Feature, Part
from photo51.genome.annotation.transcripts import Assembler
from photo51.genome.formats.fasta import Record
from photo51.genome.formats.genbank_links import link_genbank
from photo51.genome.preparation.annotate import Annotator
from photo51.genome.preparation.sources import Contig, settled
from photo51.io import atomic

TFBS = "TGTGAATTCACA"
_REPEAT = "GTGTTCCCCGCGCCAGCGGGGATAAACCG"
_TABLE = unambiguous_dna_by_id[11]
_CODONS = sorted(_TABLE.forward_table)
_BASES = np.frombuffer(b"ACGT", dtype=np.uint8)


class Planted(NamedTuple):
    """A planted genome.

    Attributes
    ----------
    contig
        Name, bases and features, circular, genetic code 11.
    annotations
        Contract `ANNOTATIONS`, by the rules of `photo51.genome.preparation.annotate` from the planted features alone.
    features
        What was planted, as records of a file.
    """

    contig: Contig
    annotations: pd.DataFrame
    features: tuple[Feature, ...]


class Segment(NamedTuple):
    """Letters in reading direction, with features on strand `+` in its own coordinates: (type, start, end, name, product)."""

    letters: str
    features: list[tuple[str, int, int, str, str]]


def planted_genome(length: int = 200_000, seed: int = 51, genome: str = "planted", chrom: str = "chr") -> Planted:
    """Make a genome.

    Parameters
    ----------
    length
        Bases, at least 20,000.
    seed
        Equal seeds give equal genomes.
    genome, chrom
        Names.
    """
    rng = np.random.default_rng(seed)
    maker = _Maker(rng)
    segments = maker.elements(length)
    order = rng.permutation(len(segments))
    letters: list[str] = []
    features: list[Feature] = []
    at = 0
    room = length - sum(len(segments[i].letters) for i in order)
    spacers = _shares(rng, room, len(order) + 1)
    for spacer, i in zip(spacers, order, strict=False):
        letters.append(maker.random(spacer, 0.42))
        at += spacer
        minus = bool(rng.random() < 0.5)
        features += _placed(segments[i], at, chrom, i, minus=minus)
        letters.append(_flipped(segments[i].letters) if minus else segments[i].letters)
        at += len(segments[i].letters)
    letters.append(maker.random(spacers[-1], 0.42))
    record = Record(chrom, encode("".join(letters)), np.zeros((0, 2), dtype=np.int64), "planted")
    features.sort(key=lambda f: (f.parts, f.type))
    assembler = Assembler()
    link_genbank(features, assembler)
    contig = settled(record, assembler.finish(), circular=True, genetic_code=11)
    annotator = Annotator(genome, AnnotationParams(predict=()))
    annotator.add(contig)
    return Planted(contig, annotator.table(), tuple(features))


def _shares(rng: np.random.Generator, room: int, n: int) -> list[int]:
    """Split `room` bases into n spacers of at least 20 bases."""
    if room < 20 * n:
        raise ValueError(f"planted_genome: need at least {20 * n - room} more bases, got too short a genome")
    cuts = np.sort(rng.integers(0, room - 20 * n + 1, n - 1))
    return [int(x) + 20 for x in np.diff(np.concatenate([[0], cuts, [room - 20 * n]]))]


def _flipped(letters: str) -> str:
    return decode(reverse_complement(encode(letters)))


def _placed(segment: Segment, at: int, chrom: str, number: int, *, minus: bool) -> list[Feature]:
    out = []
    n = len(segment.letters)
    for j, (kind, start, end, name, product) in enumerate(segment.features):
        first, last = (at + n - end, at + n - start) if minus else (at + start, at + end)
        part = Part(first, last, "-" if minus else "+", 0 if kind == "CDS" else -1)
        group = f"{kind}-{number}-{j}"
        out.append(Feature(chrom, kind, (part,), name, group, attributes={"gene": name, "product": product}))
    return out


class _Maker:
    """Draws the elements of one genome."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.host, self.guest = self._usage(0.3), self._usage(0.3)
        self.element = self._insertion_sequence()
        self.n_genes = 0

    def elements(self, length: int) -> list[Segment]:
        """Everything that is planted, about four fifths of `length` bases."""
        scale = max(1, length // 100_000)
        out = [self.trna(i) for i in range(6 * scale)]
        out += [self.insertion() for _ in range(4 * scale)] + [self.crispr()]
        out += [self.prophage() for _ in range(max(1, scale // 2))]
        while sum(len(s.letters) for s in out) < 0.8 * length - 2_000:
            out.append(self.operon(self.host))
        return out

    def random(self, n: int, gc: float) -> str:
        """Bases without structure."""
        p = [(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]
        return str(self.rng.choice(_BASES, size=n, p=p).tobytes().decode("ascii"))

    def _usage(self, concentration: float) -> NDArray[np.float64]:
        """Chance of each codon: amino acids are equally frequent, their synonyms drawn from a Dirichlet distribution."""
        amino_acids = [_TABLE.forward_table[c] for c in _CODONS]
        chance = np.zeros(len(_CODONS))
        for a in sorted(set(amino_acids)):
            synonyms = [i for i, b in enumerate(amino_acids) if a == b]
            chance[synonyms] = self.rng.dirichlet([concentration] * len(synonyms)) / 20
        return chance / chance.sum()

    def gene(self, usage: NDArray[np.float64], codons: int) -> str:
        """ATG, codons by the usage, a stop."""
        body = "".join(_CODONS[i] for i in self.rng.choice(len(_CODONS), size=codons, p=usage))
        return "ATG" + body + str(self.rng.choice(["TAA", "TGA", "TAG"], p=[0.6, 0.3, 0.1]))

    def operon(self, usage: NDArray[np.float64], n_genes: int | None = None) -> Segment:
        """Promoter, one to four genes each behind its ribosome-binding site, terminator; every third with a binding site."""
        grown = _Growing()
        self.n_genes += 1
        tag = f"op{self.n_genes:03d}"
        if self.n_genes % 3 == 0:
            grown.add("TFBS", TFBS, "planted_tf")
            grown.text(self.random(12, 0.4))
        spacer = self.random(17, 0.4)
        grown.add("promoter", self._mutated("TTGACA", 0.08) + spacer + self._mutated("TATAAT", 0.08), tag)
        grown.text(self.random(int(self.rng.integers(20, 50)), 0.4))
        first = len(grown)
        for i in range(n_genes or int(self.rng.integers(1, 5))):
            grown.add("RBS", "AGGAGG", f"{tag}_{i + 1}")
            grown.text(self.random(int(self.rng.integers(5, 9)), 0.35))
            start = len(grown)
            letters = self.gene(usage, int(self.rng.integers(60, 400)))
            grown.add("CDS", letters, f"{tag}_{i + 1}")
            grown.mark("gene", start, len(grown), f"{tag}_{i + 1}")
            grown.text(self.random(int(self.rng.integers(4, 25)), 0.4))
        grown.mark("operon", first, len(grown), tag)
        stem = self.random(8, 0.8)
        grown.add("terminator", stem + "TTCG" + _flipped(stem) + "TTTTTTTT", tag)
        return grown.done()

    def _mutated(self, letters: str, rate: float) -> str:
        fresh = self.random(len(letters), 0.5)
        change = self.rng.random(len(letters)) < rate
        return "".join(b if c else a for a, b, c in zip(letters, fresh, change, strict=True))

    def trna(self, number: int) -> Segment:
        """A cloverleaf: four stems that pair, with the loops that tRNAs share."""
        acceptor, d_arm, anti, t_arm = (self.random(n, 0.65) for n in (7, 4, 5, 5))
        loop = f"CT{self.random(3, 0.5)}AA"
        letters = (
            f"{acceptor}TA{d_arm}AGCTGGTAGA{_flipped(d_arm)}C{anti}{loop}{_flipped(anti)}"
            f"{self.random(5, 0.5)}{t_arm}TTCGAAT{_flipped(t_arm)}{_flipped(acceptor)}ACCA"
        )
        name = f"trn{number + 1}"
        return Segment(letters, [("tRNA", 0, len(letters), name, "tRNA"), ("gene", 0, len(letters), name, "tRNA")])

    def _insertion_sequence(self) -> str:
        ends = self.random(20, 0.5)
        return ends + self.random(40, 0.5) + self.gene(self.guest, 260) + self.random(30, 0.5) + _flipped(ends)

    def insertion(self) -> Segment:
        """A copy of the genome's insertion sequence, with one base in a hundred changed."""
        letters = self._mutated(self.element, 0.013)
        return Segment(letters, [("mobile_element", 0, len(letters), "ISplanted", "insertion sequence")])

    def prophage(self) -> Segment:
        """Operons of another codon usage, one after the other."""
        grown = _Growing()
        for _ in range(3):
            grown.take(self.operon(self.guest, 3))
            grown.text(self.random(60, 0.36))
        grown.mark("prophage", 0, len(grown), "PHplanted")
        return grown.done()

    def crispr(self) -> Segment:
        """Ten repeats with spacers between them."""
        grown = _Growing()
        for i in range(10):
            grown.add("CRISPR_repeat", _REPEAT, f"repeat{i + 1}")
            if i < 9:
                grown.add("CRISPR_spacer", self.random(32, 0.5), f"spacer{i + 1}")
        grown.mark("CRISPR_array", 0, len(grown), "CRISPR1")
        return grown.done()


class _Growing:
    """A segment that is being written."""

    def __init__(self) -> None:
        self._letters: list[str] = []
        self._n = 0
        self._features: list[tuple[str, int, int, str, str]] = []

    def __len__(self) -> int:
        return self._n

    def text(self, letters: str) -> None:
        self._letters.append(letters)
        self._n += len(letters)

    def add(self, kind: str, letters: str, name: str) -> None:
        self.mark(kind, self._n, self._n + len(letters), name)
        self.text(letters)

    def mark(self, kind: str, start: int, end: int, name: str) -> None:
        self._features.append((kind, start, end, name, ""))

    def take(self, segment: Segment) -> None:
        self._features += [(k, s + self._n, e + self._n, n, p) for k, s, e, n, p in segment.features]
        self.text(segment.letters)

    def done(self) -> Segment:
        return Segment("".join(self._letters), self._features)


def write_planted(planted: Sequence[Planted], folder: Path | str) -> Path:
    """Write genomes as FASTA and GFF3 with a `genomes.tsv`, for `photo51 prepare`; returns the path of the latter."""
    folder = Path(folder)
    rows = ["genome\tsequence\tannotation\ttopology"]
    for p in planted:
        genome, record = str(p.annotations["genome"].iloc[0]), p.contig.record
        letters = decode(record.ids)
        with atomic(folder / f"{genome}.fa") as out:
            lines = [letters[i : i + 80] for i in range(0, len(letters), 80)]
            out.write_text("\n".join([f">{record.name}", *lines, ""]))
        with atomic(folder / f"{genome}.gff3") as out:
            out.write_text("\n".join(["##gff-version 3", *map(_gff3_line, p.features), ""]))
        rows.append(f"{genome}\t{genome}.fa\t{genome}.gff3\tcircular")
    with atomic(folder / "genomes.tsv") as out:
        out.write_text("\n".join([*rows, ""]))
    return folder / "genomes.tsv"


def _gff3_line(f: Feature) -> str:
    part = f.parts[0]
    phase = str(part.frame) if part.frame >= 0 else "."
    code = ";transl_table=11" if f.type == "CDS" else ""
    attributes = f"ID={f.group};gene={f.name};product={f.attributes['product']}{code}"
    return "\t".join(
        [f.chrom, "planted", f.type, str(part.start + 1), str(part.end), ".", part.strand, phase, attributes]
    )
