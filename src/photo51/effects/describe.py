"""What is known of a variant without the model: its gene, its consequence, its sequence context."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from photo51.config.biomarkers import VariantsParams
from photo51.effects.choose import numbers
from photo51.genome.alphabet import decode
from photo51.genome.consequence import consequences
from photo51.genome.genomes import Genomes
from photo51.genome.variant_windows import check_reference
from photo51.io.contracts.biomarkers import VARIANT_EFFECTS
from photo51.types import Variant

_COMPLEMENT = str.maketrans("ACGTRYKMSWBDHVN", "TGCAYRMKSWVHDBN")
_GENES = ("gene", "CDS", "tRNA", "rRNA", "ncRNA")


class Checked(NamedTuple):
    """Variants that can be scored, and those that cannot, with the reason."""

    variants: pd.DataFrame
    refused: pd.DataFrame


def check_variants(
    genomes: Genomes, genome: str, variants: pd.DataFrame, params: VariantsParams, where: str = "variants"
) -> Checked:
    """Leave out variants whose reference allele is not the genome's, or that lie off it, and alleles too long for the window.

    Raises
    ------
    InputError
        Where the share of other reference alleles exceeds `max_ref_mismatch`, with the first of them.
    """
    check = check_reference(genomes, genome, variants, most=params.max_ref_mismatch, where=where)
    longest = np.maximum(*(check.matches[c].str.len().to_numpy() for c in ("ref", "alt")))
    most = min(params.max_allele, params.window // 4)
    too_long = longest > most
    long = check.matches[too_long].assign(reason=f"allele longer than {most} bases")
    return Checked(
        check.matches[~too_long].reset_index(drop=True), pd.concat([check.refused(), long], ignore_index=True)
    )


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
    worst = consequences(genomes, genome, variants, annotations)
    worst = worst[worst["worst"]].reset_index(drop=True)
    gene = _genes(worst, variants, annotations[annotations["genome"] == genome])
    rows = [
        _around(genomes, genome, Variant(chrom, int(pos), ref, alt), strand, params)
        for chrom, pos, ref, alt, strand in zip(
            variants["chrom"], variants["pos"], variants["ref"], variants["alt"], worst["strand"], strict=True
        )
    ]
    known = pd.DataFrame(rows).assign(
        genome=genome,
        gene=gene,
        strand=worst["strand"],
        consequence=worst["consequence"],
        codon_position=worst["codon_position"],
    )
    extra = variants.drop(columns=["chrom", "pos", "ref", "alt"])
    extra.columns = [f"given_{c}" if c in VARIANT_EFFECTS.columns else c for c in extra.columns]
    return pd.concat([known, extra.apply(numbers)], axis=1)


def _around(
    genomes: Genomes, genome: str, variant: Variant, strand: str, params: VariantsParams
) -> dict[str, object]:
    length, circular = genomes.length(genome, variant.chrom), genomes.is_circular(genome, variant.chrom)

    def bases(start: int, end: int) -> str:
        if circular:
            return decode(genomes.sequence(genome, variant.chrom, start, end))
        inside = decode(genomes.sequence(genome, variant.chrom, max(start, 0), min(end, length)))
        return "N" * max(0, -start) + inside + "N" * max(0, end - length)

    left, right = (
        bases(variant.pos - params.context, variant.pos),
        bases(variant.end, variant.end + params.context),
    )
    half = min(params.window, length) // 2
    window = bases(max(variant.pos - half, -half), variant.pos + half)
    known = len(window) - window.count("N")
    return {
        "variant": str(variant),
        "chrom": variant.chrom,
        "pos": variant.pos,
        "ref": variant.ref,
        "alt": variant.alt,
        "substitution": substitution(variant, strand),
        "context_ref": _on(strand, left + variant.ref + right),
        "context_alt": _on(strand, left + variant.alt + right),
        "gc": (window.count("G") + window.count("C")) / max(known, 1),
    }


def substitution(variant: Variant, strand: str) -> str:
    """Change on a gene's strand, as `C>T`; `ins`, `del` or `mnv` where it is more than one base."""
    if len(variant.ref) == len(variant.alt) == 1:
        return f"{_on(strand, variant.ref)}>{_on(strand, variant.alt)}"
    if len(variant.ref) == len(variant.alt):
        return "mnv"
    return "ins" if len(variant.alt) > len(variant.ref) else "del"


def _on(strand: str, letters: str) -> str:
    return letters.translate(_COMPLEMENT)[::-1] if strand == "-" else letters


def _genes(worst: pd.DataFrame, variants: pd.DataFrame, annotations: pd.DataFrame) -> list[str]:
    """Gene of each variant; outside genes the nearest, so that a promoter is never held out without its gene."""
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
            distance = np.maximum(genes["start"].to_numpy() - pos, pos - genes["end"].to_numpy() + 1)
            out.append(str(genes["name"].iloc[int(np.argmin(distance))]))
    return out
