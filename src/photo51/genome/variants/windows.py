"""Variants on a genome: windows around them, and whether the genome has the base that the file says it has."""

from __future__ import annotations

import logging
import re
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.genome.alphabet import decode
from photo51.genome.axis.genomes import Genomes
from photo51.genome.formats.contig_names import candidates, judge_contig, nearest_contig
from photo51.types import InputError

log = logging.getLogger(__name__)
_KNOWN = re.compile(r"[ACGT]+")


class ReferenceCheck(NamedTuple):
    """Whether the reference alleles of a set are the genome's.

    Attributes
    ----------
    n
        Variants looked at.
    matches
        Variants whose reference allele is the genome's (contract `VARIANTS`), in order, on contigs named as the
        genome's.
    mismatches
        Those of another reference allele, with `found`: the genome's bases there, empty past a contig's end.
    uncovered
        Those at bases that the genome does not have: between the pieces of one that is known in part, in gaps, at
        ambiguous letters. They say nothing for or against the genome.
    absent
        Those on contigs that the genome does not have.
    """

    n: int
    matches: pd.DataFrame
    mismatches: pd.DataFrame
    uncovered: pd.DataFrame
    absent: pd.DataFrame

    def refused(self) -> pd.DataFrame:
        """All that cannot be used, each with a reason (contract `REFUSED_VARIANTS`)."""
        alleles = self.mismatches.get("found", pd.Series(dtype=object))
        other = self.mismatches.drop(columns="found", errors="ignore").assign(
            reason=[f"reference allele is {f[:20] or 'past the end'} in the genome" for f in alleles]
        )
        bare = self.uncovered.assign(reason="not covered: the genome has no known bases there")
        absent = self.absent.assign(reason=[f"contig {c!r} is not in the genome" for c in self.absent["chrom"]])
        parts = [t for t in (other, bare, absent) if len(t)]
        return pd.concat(parts, ignore_index=True) if parts else other


def check_reference(
    genomes: Genomes, genome: str, variants: pd.DataFrame, max_mismatch: float = 0.05, set_name: str = "variants"
) -> ReferenceCheck:
    """Compare reference alleles with the genome.

    A contig that the genome does not have under this name is looked for under its others (`chr1`, `1`,
    `NC_000001.11`), and is taken for the same where the lengths that a VCF header states
    (`variants.attrs["contig_lengths"]`) or the reference alleles agree.

    Parameters
    ----------
    genomes
        Prepared genomes.
    genome
        Which of them.
    variants
        Contract `VARIANTS`.
    max_mismatch
        Share of mismatches, of the variants at known bases, from which on the whole set is refused: it was called
        against another reference.
    set_name
        What to name in messages.

    Raises
    ------
    InputError
        Where more than that share differs, with the first five; where no variant lies on a contig of the genome, with
        the nearest name; where none lies at bases that the genome has.
    """
    variants, missing = named_as_in(genomes, genome, variants, set_name)
    alleles = [
        _found(genomes, genome, *row)
        for row in zip(variants["chrom"].tolist(), variants["pos"].tolist(), variants["ref"].tolist(), strict=True)
    ]
    same = np.array([f == ref for f, ref in zip(alleles, variants["ref"], strict=True)], dtype=bool)
    absent = np.array([not genomes.has(genome, c) for c in variants["chrom"]], dtype=bool)
    # letters that are no bases on the genome's side: neither for nor against it
    bare = np.array([bool(f) and not _KNOWN.fullmatch(f) for f in alleles], dtype=bool) & ~same
    wrong = ~same & ~absent & ~bare
    mismatches = variants[wrong].assign(found=[f for f, bad in zip(alleles, wrong, strict=True) if bad])
    _report(variants, (absent, bare), genome, set_name, missing)
    if len(mismatches):
        # variants that could be compared: others must not dilute the share
        n_known = len(variants) - int(absent.sum()) - int(bare.sum())
        listed = "; ".join(
            f"{v['chrom']}:{v['pos'] + 1} {v['ref'][:20]} (genome: {v['found'] or 'past the end'})"
            for v in mismatches.head(5).to_dict("records")
        )
        text = f"{set_name}: {len(mismatches)} of {n_known} reference alleles are not those of {genome}: {listed}"
        if len(mismatches) > max_mismatch * n_known:
            raise InputError(
                f"{text}; need at most {max_mismatch:.0%} (max_ref_mismatch): was the set called against another"
                " reference?"
            )
        log.warning("%s; these variants are left out", text)
    parts = [variants[mask].reset_index(drop=True) for mask in (same, bare, absent)]
    return ReferenceCheck(len(variants), parts[0], mismatches.reset_index(drop=True), parts[1], parts[2])


def _report(
    variants: pd.DataFrame,
    masks: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    genome: str,
    set_name: str,
    missing: list[str],
) -> None:
    """Say what lies off the genome, and refuse a set that lies off it whole."""
    absent, bare = masks
    rename = "rename the contigs (`bcftools annotate --rename-chrs`), or name the genome that has them (--genome)"
    if absent.any():
        text = (
            f"{set_name}: {int(absent.sum())} of {len(variants)} variants lie on contigs that {genome} does not have:"
            f" {'; '.join(missing[:5])}"
        )
        if absent.all():
            raise InputError(f"{text}; {rename}")
        log.warning("%s; they are left out", text)
    if bare.any():
        first = variants[bare].iloc[0]
        text = (
            f"{set_name}: {int(bare.sum())} of {len(variants)} variants are not covered by {genome}, which has no known"
            f" bases there (first: {first['chrom']}:{first['pos'] + 1})"
        )
        if (bare | absent).all():
            raise InputError(
                f"{text}; need variants at bases of its sequence: does column 'topology' (pieces) or the sequence file"
                " leave them out?"
            )
        log.warning("%s; they are left out", text)


def named_as_in(genomes: Genomes, genome: str, variants: pd.DataFrame, set_name: str) -> tuple[pd.DataFrame, list[str]]:
    """Variants with contigs named as the genome's, and a sentence for each contig that it does not have."""
    contigs = genomes.sequences[genomes.sequences["genome"] == genome]
    lengths: dict[str, int | None] = dict(
        zip(contigs["chrom"].astype(str).tolist(), contigs["length"].astype(int).tolist(), strict=True)
    )
    stated = variants.attrs.get("contig_lengths", {})
    names = [c for c in dict.fromkeys(variants["chrom"].tolist()) if c not in lengths]
    renamed: dict[str, str] = {}
    missing = []
    for name in names:
        reason = f"the nearest name is {nearest_contig(name, lengths)!r}"
        for contig in candidates(name, lengths, stated.get(name)):
            rows = variants[variants["chrom"] == name]
            bases = _agreeing(genomes, genome, contig, rows)
            length = lengths[contig]
            assert length is not None
            same, why = judge_contig(name, contig, (stated.get(name), length), bases)
            if same:
                renamed[name] = contig
                log.warning("%s: contig %r is taken for %r of %s: %s", set_name, name, contig, genome, same.why)
                break
            reason = f"it may be contig {contig!r} under another name, but {why}"
        if name not in renamed:
            missing.append(f"{name!r} ({reason})")
    if renamed:
        variants = variants.assign(chrom=variants["chrom"].replace(renamed))
    return variants, missing


def _agreeing(genomes: Genomes, genome: str, contig: str, rows: pd.DataFrame) -> tuple[int, int]:
    """Bases of reference alleles at different places that are compared with a contig, at most 10,000, and how many
    agree.
    """
    compared = agree = 0
    places = rows.drop_duplicates(["pos"]).head(10_000)
    for pos, ref in zip(places["pos"].tolist(), places["ref"].tolist(), strict=True):
        bases = _found(genomes, genome, contig, pos, ref) or "-" * len(ref)
        # ambiguous letters of the genome are left out; "-" is a base past its end, and disagrees
        pairs = [(a, b) for a, b in zip(bases, ref, strict=True) if a in "ACGT-"]
        compared += len(pairs)
        agree += sum(a == b for a, b in pairs)
    return compared, agree


def _found(genomes: Genomes, genome: str, chrom: str, pos: int, ref: str) -> str:
    """The genome's bases at a reference allele; empty where it has none."""
    if not genomes.has(genome, chrom):
        return ""
    length, end = genomes.length(genome, chrom), pos + len(ref)
    # past the end, or over the end of a linear contig
    if pos >= length or (end > length and not genomes.is_circular(genome, chrom)):
        return ""
    return decode(genomes.sequence(genome, chrom, pos, end))
