"""Symbolic alleles spelled out: `<DEL>`, `<DUP>` and `<INV>` whose ends a VCF file states exactly, from the genome's
own bases.

VCF puts POS at the base before the change and END at its last base, so that the bases between them are deleted,
repeated behind themselves (a duplication is taken for a tandem one), or read on the other strand.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

import pandas as pd

from photo51.config.biomarkers import VariantsParams
from photo51.genome.alphabet import decode
from photo51.genome.axis.genomes import Genomes
from photo51.genome.variants.windows import named_as_in

log = logging.getLogger(__name__)
KINDS = {
    "<DEL>": "deletion",
    "<DUP>": "duplication",
    "<DUP:TANDEM>": "duplication",
    "<INV>": "inversion",
}
_COMPLEMENT = str.maketrans("ACGT", "TGCA")


class Spelled(NamedTuple):
    """Symbolic alleles as bases, in rows like those of other variants; and what stays refused, with reasons."""

    table: pd.DataFrame
    refused: pd.DataFrame


def spelled_out(
    genomes: Genomes,
    genome: str,
    refused: pd.DataFrame,
    params: VariantsParams,
    others: pd.DataFrame | None = None,
) -> Spelled:
    """Write deletions, duplications and inversions with bases, up to the length that is scored.

    Parameters
    ----------
    genomes, genome
        Where they lie.
    refused
        Alleles that the reader could not use (contract `REFUSED_VARIANTS`), INFO fields as columns.
    params
        `max_allele` and `window`, which say how long an allele may be.
    others
        The file's other variants, with what its header states of contigs: aliases of contigs are known by their bases,
        and REF of a symbolic allele is often N.

    Returns
    -------
    Spelled-out alleles, `given_alt` as the file has them; the rest of `refused`, in order.
    """
    symbolic = refused["alt"].astype(str).str.upper().isin(KINDS)
    if not symbolic.any():
        return Spelled(refused.iloc[:0].drop(columns="reason"), refused)
    rows = refused[symbolic]
    if others is not None:
        both_tables = pd.concat([others[["chrom", "pos", "ref"]], rows[["chrom", "pos", "ref"]]], ignore_index=True)
        both_tables.attrs = dict(others.attrs)
        named, _ = named_as_in(genomes, genome, both_tables, "symbolic alleles")
        # rows of the other variants come first
        rows = rows.assign(chrom=named["chrom"].to_numpy()[len(others) :])
    # as `check_variants` has it
    longest = min(params.max_allele, params.window // 4)
    out, reasons = [], dict[object, str]()
    for index, row in zip(refused.index[symbolic], rows.to_dict("records"), strict=True):
        alleles, reason = _alleles(genomes, genome, row, longest)
        if alleles is None:
            reasons[index] = reason
        else:
            alleles_given = {"given_alt": row["alt"], "ref": alleles[0], "alt": alleles[1]}
            out.append((index, {k: v for k, v in row.items() if k != "reason"} | alleles_given))
    left = refused.drop(index=[index for index, _ in out])
    # by label: rows that stay refused keep their own reason
    left.loc[list(reasons), "reason"] = list(reasons.values())
    if out:
        log.info("%d symbolic alleles are written with the genome's bases", len(out))
    table = pd.DataFrame([row for _, row in out]) if out else refused.iloc[:0].drop(columns="reason")
    return Spelled(table, left.reset_index(drop=True))


def _alleles(genomes: Genomes, genome: str, row: dict[str, object], longest: int) -> tuple[tuple[str, str] | None, str]:
    """Reference and alternative allele; or None and why there are none."""
    alt = str(row["alt"]).upper()
    chrom, pos = str(row["chrom"]), int(str(row["pos"]))
    if not genomes.has(genome, chrom):
        return None, str(row["reason"])
    span = _span(row, pos)
    if span is None:
        return None, f"symbolic allele {alt} without an END or SVLEN behind its POS"
    if _inexact(row):
        return None, f"symbolic allele {alt} whose ends are not exact (IMPRECISE, CIPOS or CIEND)"
    name = KINDS[alt]
    if span > longest:
        return None, f"{name} of {span:,} bases: allele longer than the {longest:,} that are scored"
    if pos + 1 + span > genomes.length(genome, chrom):
        return None, f"{name} of {span:,} bases past the end of {chrom}"
    # the anchor and the span: `pos` counts from 0 and is the base before the change, as POS is from 1
    bases = decode(genomes.sequence(genome, chrom, pos, pos + 1 + span))
    if set(bases) - set("ACGT"):
        return None, f"{name} of {span:,} bases: not covered, the genome has no known bases there"
    stated, body = str(row["ref"])[:1].upper(), bases[1:]
    anchor = stated if stated in set("ACGT") else bases[0]  # another base than the genome's is found out later
    if name == "inversion":
        opposite = body.translate(_COMPLEMENT)[::-1]
        if opposite == body:
            return None, f"inversion of {span:,} bases that reads the same on both strands"
        return (anchor + body, anchor + opposite), ""
    return ((anchor + body, anchor) if name == "deletion" else (anchor, anchor + body)), ""


def _span(row: dict[str, object], pos: int) -> int | None:
    """Bases between POS and END, else SVLEN; None where neither is a number that makes sense."""
    for name in ("END", "SVLEN"):
        text = str(row.get(name) or "").lstrip("-")
        # deletions have a negative SVLEN
        if text.isdigit():
            # END counts from 1 and is the last base; POS (from 1) is pos + 1 and stays: END − POS bases
            span = int(text) - (pos + 1) if name == "END" else int(text)
            return span if span > 0 else None
    return None


def _inexact(row: dict[str, object]) -> bool:
    spread = (str(row.get(name) or "0").replace("-", "").split(",") for name in ("CIPOS", "CIEND"))
    # confidence intervals of zero width are exact
    return str(row.get("IMPRECISE") or "") == "true" or any(v.strip("0") for part in spread for v in part)
