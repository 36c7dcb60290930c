"""What is known of a variant without the model: its gene, its consequence, its sequence context."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from photo51.config.biomarkers import VariantsParams
from photo51.effects.choose import numbers
from photo51.genome.alphabet import decode
from photo51.genome.axis.genomes import Genomes
from photo51.genome.consequence import (
    change_of,
    consequences,
    genomic,
    is_mitochondrion,
    letters_of,
    normalised,
    trimmed,
)
from photo51.genome.variants.windows import check_reference
from photo51.io.contracts.biomarkers import VARIANT_EFFECTS
from photo51.types import Variant

_COMPLEMENT = str.maketrans(
    "ACGTRYKMSWBDHVN", "TGCAYRMKSWVHDBN"
)  # ambiguity codes too: R (A or G) faces Y (T or C), B (not A) faces V (not T)
_GENES = ("gene", "CDS", "tRNA", "rRNA", "ncRNA")


class Checked(NamedTuple):
    """Variants that can be scored, and those that cannot, with the reason."""

    variants: pd.DataFrame
    refused: pd.DataFrame


def check_variants(
    genomes: Genomes, genome: str, variants: pd.DataFrame, params: VariantsParams, set_name: str = "variants"
) -> Checked:
    """Leave out variants whose reference allele is not the genome's, or that lie off it, and alleles too long for the
    window.

    Raises
    ------
    InputError
        Where the share of other reference alleles exceeds `max_ref_mismatch`, with the first of them.
    """
    check = check_reference(genomes, genome, variants, max_mismatch=params.max_ref_mismatch, set_name=set_name)
    longest = np.maximum(*(check.matches[c].str.len().to_numpy() for c in ("ref", "alt")))
    # a quarter of the window, so that bases are left on both sides of the longest allele
    longest_scored = min(params.max_allele, params.window // 4)
    too_long = longest > longest_scored
    long = check.matches[too_long].assign(
        reason=[
            f"{_named(r, a)} of {max(len(r), len(a)):,} bases: allele longer than the {longest_scored:,} that are"
            " scored"
            for r, a in check.matches.loc[too_long, ["ref", "alt"]].itertuples(index=False)
        ]
    )
    return Checked(
        check.matches[~too_long].reset_index(drop=True), pd.concat([check.refused(), long], ignore_index=True)
    )


def _named(ref: str, alt: str) -> str:
    if len(ref) == len(alt):
        # equal lengths and the other strand's spelling; a palindrome never gets here, its alleles are equal
        return "inversion" if alt == ref.translate(_COMPLEMENT)[::-1] else "substitution"
    return "deletion" if len(ref) > len(alt) else "insertion or duplication"


def bare(genome: str, variants: pd.DataFrame) -> pd.DataFrame:
    """Columns of `describe` that scores need, and that neither annotation nor sequence decides."""
    places = zip(variants["chrom"], variants["pos"], variants["ref"], variants["alt"], strict=True)
    names = [str(Variant(chrom, int(pos), ref, alt)) for chrom, pos, ref, alt in places]
    return variants[["chrom", "pos", "ref", "alt"]].assign(genome=genome, variant=names)


def describe(
    genomes: Genomes,
    genome: str,
    variants: pd.DataFrame,
    annotations: pd.DataFrame,
    params: VariantsParams,
) -> pd.DataFrame:
    """Columns of `VARIANT_EFFECTS` that need no model, one row a variant, in order; columns of the input follow.

    A column of the input whose name is taken gets `given_` before it; columns of numbers become numbers.
    """
    every = consequences(genomes, genome, variants, annotations)
    worst = every[every["worst"]].reset_index(drop=True)
    # 0: a linear contig
    circles = {
        c: genomes.length(genome, c) if genomes.is_circular(genome, c) else 0
        for c in set(variants["chrom"].astype(str))
    }
    gene = _genes(worst, variants, annotations[annotations["genome"] == genome], circles)
    rows = [
        _around(genomes, genome, Variant(chrom, int(pos), ref, alt), strand, params)
        for chrom, pos, ref, alt, strand in zip(
            variants["chrom"], variants["pos"], variants["ref"], variants["alt"], worst["strand"], strict=True
        )
    ]
    described = pd.DataFrame(rows).assign(
        genome=genome,
        gene=gene,
        strand=worst["strand"],
        consequence=worst["consequence"],
        codon_position=worst["codon_position"],
        genes=_touched(every, len(variants)),
        **{c: worst[c] for c in ("transcript", "codon", "ref_aa", "alt_aa", "hgvs_c", "hgvs_p")},
        **_spelled(genomes, genome, variants),
    )
    extra = variants.drop(columns=["chrom", "pos", "ref", "alt"])
    # a column of the file that has a name of ours is kept beside it, not lost
    extra.columns = [f"given_{c}" if c in VARIANT_EFFECTS.columns else c for c in extra.columns]
    return pd.concat([described, extra.apply(numbers)], axis=1)


def _around(genomes: Genomes, genome: str, variant: Variant, strand: str, params: VariantsParams) -> dict[str, object]:
    length, circular = genomes.length(genome, variant.chrom), genomes.is_circular(genome, variant.chrom)

    def bases(start: int, end: int) -> str:
        if circular:
            return decode(genomes.sequence(genome, variant.chrom, start, end))
        inside = decode(genomes.sequence(genome, variant.chrom, max(start, 0), min(end, length)))
        # a linear contig ends: N there, so that both contexts keep their length
        return "N" * max(0, -start) + inside + "N" * max(0, end - length)

    left, right = (
        bases(variant.pos - params.context, variant.pos),
        bases(variant.end, variant.end + params.context),
    )
    # no longer than the contig, so that a circle is not counted twice; GC is the same on both strands
    half = min(params.window, length) // 2
    window = bases(max(variant.pos - half, -half), variant.pos + half)
    # of known bases only, else N would pass for A or T
    n_known = len(window) - window.count("N")
    return {
        "variant": str(variant),
        "chrom": variant.chrom,
        "pos": variant.pos,
        # people count from 1, `pos` from 0
        "position": variant.pos + 1,
        "ref": variant.ref,
        "alt": variant.alt,
        "substitution": substitution(variant, strand),
        # as the gene is read: alleles and both flanks are turned together
        "context_ref": _on(strand, left + variant.ref + right),
        "context_alt": _on(strand, left + variant.alt + right),
        "gc": (window.count("G") + window.count("C")) / max(n_known, 1),
    }


def substitution(variant: Variant, strand: str) -> str:
    """Change on a gene's strand, as `C>T` however long it is written; `ins`, `del` or `mnv` where it is more than one
    base.
    """
    # what both alleles share at their ends is no part of the change
    _, ref, alt = trimmed(variant.pos, variant.ref, variant.alt)
    if len(ref) == len(alt) == 1:
        return f"{_on(strand, ref)}>{_on(strand, alt)}"
    if len(ref) == len(alt):
        return "mnv"
    return "ins" if len(alt) > len(ref) else "del"


def _touched(every: pd.DataFrame, n: int) -> list[str]:
    """All genes of each variant as `gene:consequence;…`, gravest first, each with its gravest consequence; (n,)."""
    named = every[every["gene"] != ""].drop_duplicates(["variant", "gene"])
    text = named["gene"].astype(str) + ":" + named["consequence"].astype(str)
    joined = text.groupby(named["variant"], sort=False).agg(";".join)
    return [joined.get(i, "") for i in range(n)]


def _spelled(genomes: Genomes, genome: str, variants: pd.DataFrame) -> dict[str, list[str]]:
    """The one spelling of each variant, and its HGVS text on the contig."""
    bases = letters_of(genomes, genome)
    code = {c: genomes.genetic_code(genome, c) for c in variants["chrom"].astype(str).unique()}
    columns: dict[str, list[str]] = {"normalised": [], "hgvs_g": []}
    for chrom, pos, ref, alt in zip(
        variants["chrom"].astype(str), variants["pos"], variants["ref"], variants["alt"], strict=True
    ):
        length, circular = genomes.length(genome, chrom), genomes.is_circular(genome, chrom)
        change = change_of(chrom, int(pos), ref, alt)
        one = normalised(change, bases, length=length, circular=circular)
        columns["normalised"].append(f"{chrom}:{one.pos + 1}:{one.ref}>{one.alt}")
        # HGVS: m. for mitochondrial contigs, g. for any other
        kind = "m" if is_mitochondrion(chrom, code[chrom]) else "g"
        # length 0 says linear: only on a circle may a change run over the origin
        columns["hgvs_g"].append(genomic(change, bases, kind=kind, length=length if circular else 0))
    return columns


def _on(strand: str, letters: str) -> str:
    return letters.translate(_COMPLEMENT)[::-1] if strand == "-" else letters


def _genes(
    worst: pd.DataFrame, variants: pd.DataFrame, annotations: pd.DataFrame, circles: Mapping[str, int]
) -> list[str]:
    """Gene of each variant; outside genes the nearest, so that a promoter is never held out without its gene.

    `circles` holds the length of each contig that is a circle, round which the nearest may lie, and 0 of the others.
    """
    placed = annotations[annotations["kind"].isin(_GENES) & (annotations["name"] != "")]
    by_chrom = dict(list(placed.groupby("chrom")))
    out = []
    for name, kind, chrom, pos in zip(
        worst["gene"], worst["consequence"], variants["chrom"], variants["pos"], strict=True
    ):
        if kind == "control_region":
            out.append("control_region")
        elif name or chrom not in by_chrom:
            out.append(name or "intergenic")
        else:
            genes = by_chrom[chrom]
            # before the gene: start − pos; after it: pos − (end − 1), the last base of [start, end); inside, both ≤ 0
            start, end = genes["start"].to_numpy(), genes["end"].to_numpy()
            around = {pos, pos - circles[str(chrom)], pos + circles[str(chrom)]}
            distance = np.min([np.maximum(start - p, p - end + 1) for p in sorted(around)], axis=0)
            out.append(str(genes["name"].iloc[int(np.argmin(distance))]))
    return out
