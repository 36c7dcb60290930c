"""Variants as people write them: `m.3243A>G`, `NC_000962.3:761155:C>T`, `katG S315T`."""

from __future__ import annotations

import re
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
from Bio.Data import CodonTable

from photo51.genome.alphabet import decode, encode, reverse_complement
from photo51.genome.axis.genomes import Genomes
from photo51.genome.consequence.hgvs import is_mitochondrion
from photo51.genome.consequence.protein import THREE_LETTERS
from photo51.types import InputError, Variant

_HGVS = re.compile(r"(?:(\S+):)?([mg])\.([\d,]+)([ACGT]+)>([ACGT]+)", re.IGNORECASE)
_PLACE = re.compile(
    r"(\S+?)[:\s]([\d,]+)[:\s]?([ACGT]+)\s*[>/]\s*([ACGT]+)", re.IGNORECASE
)  # contig:position:REF>ALT, with blanks or a slash as people paste them
_PROTEIN = re.compile(
    r"(\S+?)[\s:]+(?:p\.)?\(?([A-Z*][a-z]{2}|[A-Z*])(\d+)([A-Z*=][a-z]{2}|[A-Z*=])\)?"
)  # gene and p.Ser315Thr, S315T, or `=` and `*`
_RESIDUES = {name: letter for letter, name in THREE_LETTERS.items()}
FORMS = "m.3243A>G, NC_000962.3:761155:C>T or katG S315T"


class GenomeVariant(NamedTuple):
    """A variant and the genome it is of."""

    genome: str
    variant: Variant


def read_variant(text: str, genomes: Genomes) -> list[GenomeVariant]:
    """Look a variant up in prepared genomes.

    Returns
    -------
    One variant; of a protein change every smallest change of the codon that makes it, fewest bases first.

    Raises
    ------
    InputError
        For a text that is no variant, a contig or gene that is not there, a reference allele or amino acid that is
        another, and a place that several contigs have.
    """
    stated = text.strip()
    if match := _HGVS.fullmatch(stated):
        # `m.` without a name is any mitochondrion of the run; a contig that is named is meant, whatever the letter
        pool = _contigs(genomes, match[1] or "", mitochondrial=match[2].lower() == "m" and not match[1])
        return [_placed(stated, genomes, pool, match[3], match[4], match[5])]
    if (match := _PROTEIN.fullmatch(stated)) and not _PLACE.fullmatch(stated):
        return _of_protein(
            stated, genomes, match[1], _residue(match[2], stated), int(match[3]), _residue(match[4], stated)
        )
    if match := _PLACE.fullmatch(stated):
        return [_placed(stated, genomes, _contigs(genomes, match[1]), match[2], match[3], match[4])]
    raise InputError(f"variant: need {FORMS}, got {stated[:60]!r}")


def _contigs(genomes: Genomes, name: str, *, mitochondrial: bool = False) -> list[tuple[str, str, int]]:
    """(genome, contig, bases) that a name may mean; all of them without a name."""
    t = genomes.contigs
    rows = [
        (str(g), str(c), int(n), int(k))
        for g, c, n, k in zip(t["genome"], t["chrom"], t["length"], t["genetic_code"], strict=True)
    ]
    low = name.lower()
    if name:
        # contigs before genomes: a name may be both
        chosen = [r for r in rows if r[1].lower() == low] or [r for r in rows if r[0].lower() == low]
        if not chosen:
            raise InputError(
                f"variant: need a contig or genome of the run ({', '.join(sorted({r[1] for r in rows})[:6])}), got"
                f" {name[:60]!r}"
            )
    elif mitochondrial:
        chosen = [r for r in rows if is_mitochondrion(r[1], r[3])]
        if not chosen:
            raise InputError("variant m.: need a mitochondrial contig in the run, got none; write CONTIG:POS:REF>ALT")
    else:
        chosen = rows
    return [r[:3] for r in chosen]


def _placed(
    text: str, genomes: Genomes, pool: list[tuple[str, str, int]], position: str, ref: str, alt: str
) -> GenomeVariant:
    """The one contig of a pool whose bases are the reference allele."""
    # written from 1 with thousands separators; held from 0
    pos, ref, alt = int(position.replace(",", "")) - 1, ref.upper(), alt.upper()
    if ref == alt:
        raise InputError(f"variant {text}: need two different alleles, got {ref} twice")
    # an allele that runs over the end cannot be compared
    inside = [(g, c) for g, c, n in pool if pos >= 0 and pos + len(ref) <= n]
    if not inside:
        raise InputError(f"variant {text}: need a place within {max(n for _, _, n in pool):,} bases, got {pos + 1:,}")
    there = {(g, c): decode(genomes.sequence(g, c, pos, pos + len(ref))) for g, c in inside}
    fits = [key for key, letters in there.items() if letters == ref]
    if not fits:
        g, c = inside[0]
        raise InputError(f"variant {text}: need the reference allele {there[g, c]} of {c} at {pos + 1:,}, got {ref}")
    if len(fits) > 1:
        raise InputError(
            f"variant {text}: need one contig, got {len(fits)} that have {ref} there"
            f" ({', '.join(c for _, c in fits[:6])}); write CONTIG:POS:REF>ALT"
        )
    return GenomeVariant(fits[0][0], Variant(fits[0][1], pos, ref, alt))


def _residue(text: str, notation: str) -> str:
    if len(text) == 1:
        return text
    if text.capitalize() not in _RESIDUES:
        raise InputError(f"variant {notation}: need an amino acid, got {text!r}")
    return _RESIDUES[text.capitalize()]


def _of_protein(text: str, genomes: Genomes, gene: str, old: str, number: int, new: str) -> list[GenomeVariant]:
    """Changes of a codon that make a change of the protein."""
    if new in {old, "="}:
        raise InputError(f"variant {text}: need a change of the amino acid, got none; write the bases instead")
    parts = genomes.transcripts()
    cds = parts[(parts["kind"] == "CDS") & (parts["gene_name"].str.lower() == gene.lower())]
    if cds.empty:
        raise InputError(f"variant {text}: need a coding gene of the run, got {gene!r}")
    wrong = ""
    for _, rows in cds.groupby(["genome", "transcript"], sort=True):
        rows = rows.sort_values("part")  # noqa: PLW2901
        # a trans-spliced gene has parts on several contigs or strands: no codon is read over these
        genome, chrom = str(rows["genome"].iloc[0]), str(rows["chrom"].iloc[0])
        if rows["chrom"].nunique() > 1 or rows["strand"].nunique() > 1:
            continue
        codon = _codon_positions(rows, number)
        if len(codon) < 3:
            wrong = f"{gene} has fewer than {number} codons"
            continue
        options = _changes(genomes, genome, chrom, codon, str(rows["strand"].iloc[0]), (old, new), first=number == 1)
        if isinstance(options, str):
            wrong = f"codon {number} of {gene} is {options}"
            continue
        return options
    raise InputError(
        f"variant {text}: need amino acid {old} at codon {number}, but {wrong or 'no transcript of it can be read'}"
    )


def _codon_positions(rows: pd.DataFrame, number: int) -> np.ndarray:
    """Contig positions of a codon (1-based), in reading order."""
    runs = []
    for i, (start, end, strand, frame) in enumerate(
        zip(rows["start"], rows["end"], rows["strand"], rows["frame"], strict=True)
    ):
        # reading order: on '-' the last base of each part is read first
        bases = np.arange(start, end)[:: -1 if strand == "-" else 1]
        # the first part may begin within a codon; `frame` says how many bases to leave out (−1: unknown)
        runs.append(bases[max(int(frame), 0) :] if i == 0 else bases)
    every = np.concatenate(runs)
    # amino acids are numbered from 1
    return every[3 * (number - 1) : 3 * number]


def _changes(
    genomes: Genomes,
    genome: str,
    chrom: str,
    positions: np.ndarray,
    strand: str,
    change: tuple[str, str],
    *,
    first: bool,
) -> list[GenomeVariant] | str:
    """Variants of a codon from one amino acid to another; the amino acid that is there, where it is another."""
    old, new = change
    table = CodonTable.unambiguous_dna_by_id[genomes.genetic_code(genome, chrom)]
    forward = np.array([genomes.sequence(genome, chrom, int(p), int(p) + 1)[0] for p in positions], dtype=np.uint8)
    # complemented without being turned: the positions are in reading order already
    letters = forward if strand == "+" else reverse_complement(forward)[::-1]
    codon = decode(letters)
    there = "*" if codon in table.stop_codons else table.forward_table.get(codon, "?")
    # a start codon makes methionine whatever it codes for elsewhere
    if there != old and not (first and old == "M" and codon in table.start_codons):
        return there
    out: list[tuple[int, GenomeVariant]] = []
    for other in map("".join, product("ACGT", repeat=3)):
        makes = "*" if other in table.stop_codons else table.forward_table.get(other, "?")
        changed = [i for i in range(3) if other[i] != codon[i]]
        if makes != new or not changed:
            continue
        # positions run down on '-': smallest and largest, not first and last
        low, high = int(positions[changed].min()), int(positions[changed].max())
        if high - low != max(changed) - min(changed):
            continue  # an intron lies between
        # alleles from the first to the last changed base, the unchanged one between them included
        inner = slice(min(changed), max(changed) + 1)
        pair = [encode(codon[inner]), encode(other[inner])]
        # alleles are always written on the forward strand
        ref, alt = (decode(p if strand == "+" else reverse_complement(p)) for p in pair)
        out.append((len(changed), GenomeVariant(genome, Variant(chrom, low, ref, alt))))
    fewest = min((n for n, _ in out), default=0)
    # the likeliest way to a change of the protein is the one with fewest mutations
    return [f for n, f in sorted(out) if n == fewest]
