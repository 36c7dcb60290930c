"""Likelihood ratios that do not follow the length of a change: each beside random changes of its kind and length.

A deletion takes bases out of the sum that a likelihood is, an insertion adds some: the ratio of whole windows follows
the length whatever the change does. The ratio over the flanks that both windows share still grows with the length. So
a change is compared with random ones of the same kind and length on the same genome, at the GC content of its own
window.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.genome.alphabet import decode
from photo51.genome.axis.genomes import Genomes
from photo51.types import InputError

KINDS = ("substitution", "mnv", "insertion", "deletion", "duplication", "inversion", "delins")
EXACT, LADDER = 30, 1.25  # lengths are exact to 30 bases, then in steps of 25 %: few nulls serve many lengths
AROUND = 100  # bases on each side in which GC is counted
TRIES = 200  # draws for each change wanted: contigs full of N give up in the end
_COMPLEMENT = str.maketrans("ACGT", "TGCA")
FlankScore = Callable[[pd.DataFrame], NDArray[np.float64]]
"""Score of each of some variants (genome, chrom, pos, ref, alt, variant), (n,)."""


class LengthChange(NamedTuple):
    """Kind of a change, and the length by which it is compared (bases)."""

    kind: str
    length: int


class LengthNull(NamedTuple):
    """Scores of random changes: their number, mean, spread, and how the mean moves with GC."""

    n: int
    mean: float
    sd: float
    slope: float
    gc: float

    def at(self, gc: float) -> float:
        """Mean at a GC content."""
        # the regression line through (gc, mean)
        return self.mean + self.slope * (gc - self.gc)


def classify_change(genomes: Genomes, genome: str, chrom: str, pos: int, ref: str, alt: str) -> LengthChange:
    """What a change is; an insertion of what stands beside it is a duplication."""
    # shared bases at the beginning first, then at the end, so that a repeat is not counted twice
    head = 0
    while head < min(len(ref), len(alt)) and ref[head] == alt[head]:
        head += 1
    tail = 0
    # less `head`: the two runs must not overlap in the shorter allele
    while tail < min(len(ref), len(alt)) - head and ref[-1 - tail] == alt[-1 - tail]:
        tail += 1
    gone, new = ref[head : len(ref) - tail], alt[head : len(alt) - tail]
    if len(gone) == len(new):
        # two bases that are turned are as well two substitutions, hence more than 2
        inverted = len(gone) > 2 and new == gone.translate(_COMPLEMENT)[::-1]
        kind = "inversion" if inverted else "substitution" if len(gone) <= 1 else "mnv"
        return LengthChange(kind, _ladder(max(len(gone), 1)))
    if gone and new:
        return LengthChange("delins", _ladder(max(len(gone), len(new))))
    if gone:
        return LengthChange("deletion", _ladder(len(gone)))
    # the insertion lies between border − 1 and border; a duplicate stands on either side of it
    border = pos + head
    adjacent = (
        _bases(genomes, genome, chrom, border - len(new), border),
        _bases(genomes, genome, chrom, border, border + len(new)),
    )
    return LengthChange("duplication" if new in adjacent else "insertion", _ladder(len(new)))


def _ladder(length: int) -> int:
    """Lengths up to `EXACT` as they are, longer ones in steps of a quarter."""
    if length <= EXACT:
        return length
    # nearest rung in the logarithm: ratio, not difference, is what a length is off by
    return round(EXACT * LADDER ** round(np.log(length / EXACT) / np.log(LADDER)))


def _bases(genomes: Genomes, genome: str, chrom: str, start: int, end: int) -> str:
    """Bases of an interval; empty where it leaves a linear contig."""
    length = genomes.length(genome, chrom)
    if not genomes.is_circular(genome, chrom) and (start < 0 or end > length):
        return ""
    return decode(genomes.sequence(genome, chrom, start, end))


def gc_around(genomes: Genomes, genome: str, chrom: str, pos: int) -> float:
    """Share of G and C among the known of the 200 bases around a position."""
    start, end = pos - AROUND, pos + AROUND
    if not genomes.is_circular(genome, chrom):
        start, end = max(start, 0), min(end, genomes.length(genome, chrom))
    bases = _bases(genomes, genome, chrom, start, end)
    # max(…, 1): a window of N alone has no GC, and 0 is taken
    return (bases.count("G") + bases.count("C")) / max(len(bases) - bases.count("N"), 1)


def random_changes(
    genomes: Genomes, genome: str, chroms: list[str], change: LengthChange, n: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Random changes of a kind and length, n rows: genome, chrom, pos, ref, alt, variant, gc (of the 200 bases around).

    What is inserted is taken from elsewhere in the genome, so that it is as likely by itself as any of its sequence.
    Generators of one seed give the same places for every kind and length, where these have room there.

    Raises
    ------
    InputError
        Where the contigs hold too few such places without N.
    """
    lengths = np.array([genomes.length(genome, c) for c in chroms], dtype=float)
    # cumulative shares of the genome: a uniform number falls in a contig as often as it is long
    ends = np.cumsum(lengths) / lengths.sum()
    letters = np.random.default_rng(rng.integers(0, 2**63))  # of its own: places are then the same for every change
    rows: list[dict[str, object]] = []
    for _ in range(TRIES * n):
        if len(rows) == n:
            break
        # all random numbers are drawn before any is refused, so that the stream stays in step for every length
        draws, first, second = rng.random(2), rng.random(), rng.random()
        # rounding may leave the last bound below 1, hence min
        chrom, other = (chroms[min(int(np.searchsorted(ends, u, side="right")), len(chroms) - 1)] for u in draws)
        span = change.length
        pos = int(first * genomes.length(genome, chrom))
        # one base more: the anchor before the change, as VCF writes insertions and deletions
        taken = _bases(genomes, genome, chrom, pos, pos + span + 1)
        start = int(second * genomes.length(genome, other))
        there = _bases(genomes, genome, other, start, start + span)
        alleles = _made(change.kind, taken, there, letters)
        if pos + span + 1 > genomes.length(genome, chrom) or alleles is None or set("".join(alleles)) - set("ACGT"):
            continue
        ref, alt = alleles
        gc = gc_around(genomes, genome, chrom, pos)
        rows.append(
            {
                "genome": genome,
                "chrom": chrom,
                "pos": pos,
                "ref": ref,
                "alt": alt,
                "variant": f"{chrom}:{pos + 1}:{ref}>{alt}",
                "gc": gc,
            }
        )
    if len(rows) < n:
        raise InputError(
            f"null: need {n} places for a random {change.kind} of {change.length} bases in {genome}, got {len(rows)};"
            " set null_variants: 0 to do without"
        )
    return pd.DataFrame(rows)


def _made(kind: str, taken: str, there: str, rng: np.random.Generator) -> tuple[str, str] | None:
    """Reference and alternative allele; None where the draw gives no such change."""
    # the end of a linear contig left one of them empty
    if len(taken) != len(there) + 1:
        return None
    anchor, body = taken[0], taken[1:]
    # VCF style: alleles of an insertion or deletion share the base before the change
    if kind == "deletion":
        return taken, anchor
    if kind == "insertion":
        # what was drawn is what stands there: that is a duplication
        return (anchor, anchor + there) if there != body else None
    if kind == "duplication":
        return anchor, anchor + body
    if kind == "inversion":
        opposite = body.translate(_COMPLEMENT)[::-1]
        # a palindrome read on the other strand is no change
        return (body, opposite) if opposite != body else None
    if kind == "delins":
        # half as many bases as go: it replaces bases and changes the length
        return (body, there[: max(1, len(there) // 2)]) if len(body) > 1 else None
    # every base changes, to each of the other three alike
    other = "".join(str(rng.choice([b for b in "ACGT" if b != base])) for base in body)
    return body, other


def nulls(
    genomes: Genomes,
    genome: str,
    chroms: list[str],
    changes: set[LengthChange],
    score: FlankScore,
    *,
    n: int,
    seed: int,
) -> dict[LengthChange, LengthNull]:
    """Scores of `n` random changes of each kind and length, by the same scorer.

    Each kind and length is scored alone, so that a null does not depend on what else is asked. All are drawn at the
    same places: what is special about these then shifts the nulls of all lengths alike, and does not look like an
    effect of length.
    """
    out = {}
    for change in sorted(changes):
        # of the genome's name and not `hash()`, which differs from one run of Python to the next
        key = zlib.crc32(genome.encode())
        drawn = random_changes(genomes, genome, chroms, change, n, np.random.default_rng([seed, key]))
        # alleles of a substitution start at the base itself, those of the others at the base before
        if change.kind in {"substitution", "mnv", "inversion", "delins"}:
            drawn["pos"] += 1
            drawn["variant"] = [
                f"{c}:{p + 1}:{r}>{a}"
                for c, p, r, a in zip(drawn["chrom"], drawn["pos"], drawn["ref"], drawn["alt"], strict=True)
            ]
        values = score(drawn)
        gc = drawn["gc"].to_numpy(dtype=float)
        spread = gc - gc.mean()
        # least squares; without spread in GC, or with few points, a slope would be noise
        slope = float(spread @ values / (spread @ spread)) if np.ptp(gc) > 1e-6 and n >= 16 else 0.0
        rest = values - values.mean() - slope * spread
        # n − 2: mean and slope are both estimated
        sd = float(np.sqrt((rest**2).sum() / max(n - 2, 1)))
        # a floor, as the score is divided by it
        out[change] = LengthNull(n, float(values.mean()), max(sd, 1e-9), slope, float(gc.mean()))
    return out
