"""Difference of two models by annotation class: what one has learnt of coding sequence, of tRNA, of the rest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from photo51.config.learnt import DiffParams
from photo51.genome.alphabet import codes
from photo51.genome.annotation.genes import wrapped
from photo51.genome.formats.gff import read_lines
from photo51.io.contracts.learnt import DIFF_CLASSES
from photo51.learnt.diff.compare import Laws
from photo51.learnt.diff.windows import Windows
from photo51.learnt.words.chains import chain_law, chain_surprisal
from photo51.stats.multiple import benjamini_hochberg
from photo51.types import InputError, Strand

ORDER = 5  # of the baseline: 6-mers
WHOLE = frozenset(
    {"region", "source", "chromosome", "contig", "sequence_feature", "exon", "gene", "transcript", "mRNA"}
)
"""Types that say nothing of their own: whole contigs, and the frame around what is annotated within."""


def annotated(path: Path, windows: Windows) -> dict[str, NDArray[np.bool_]]:
    """Bases of windows by class, (strands, windows, length) in forward coordinates; strand 0 is +.

    `CDS sense` and `CDS antisense` are as the strand reads them; other types hold both strands; `unannotated` is what
    no record of any type covers.

    Raises
    ------
    InputError
        Where no record lies on the contigs of the windows.
    """
    n, length = len(windows.places), windows.length
    starts = windows.places["start"].to_numpy()
    contigs = {c: np.flatnonzero(windows.places["chrom"] == c) for c in windows.places["chrom"].unique()}
    masks: dict[str, NDArray[np.bool_]] = {}
    other = np.ones((2, n, length), dtype=bool)
    any_line = False
    for feature, _ in read_lines(path):
        if feature.chrom not in contigs:
            continue
        any_line = True
        if feature.type in WHOLE - {"gene"}:
            continue
        size = int(windows.places["contig_length"].to_numpy()[contigs[feature.chrom][0]])
        # a record that runs past the end of its contig goes on at the beginning: only circles have such
        places = [ab for part in feature.parts for ab in wrapped(part.start, part.end, size, circular=True)]
        for start, end in places:
            for w in contigs[feature.chrom]:
                # the part of the record inside the window, in the window's coordinates
                a, b = max(start - starts[w], 0), min(end - starts[w], length)
                if a >= b:
                    continue
                other[:, w, a:b] = False
                if feature.type == "gene":
                    continue
                for s in (0, 1):
                    # strand 1 reads the minus strand: sense where both agree
                    sense = "sense" if (feature.strand == "-") == bool(s) else "antisense"
                    name = f"CDS {sense}" if feature.type == "CDS" else feature.type
                    masks.setdefault(name, np.zeros((2, n, length), dtype=bool))[s, w, a:b] = True
    if not any_line:
        raise InputError(
            f"{path}: need records on {', '.join(sorted(contigs)[:3])}, got none; are names of contigs alike?"
        )
    return masks | {"unannotated": other}


def class_differences(windows: Windows, laws: Mapping[Strand, Laws], path: Path, params: DiffParams) -> pd.DataFrame:
    """Change of surprisal by class (contract `DIFF_CLASSES`), windows as blocks; three at least.

    Control: the same annotation circularly shifted along the windows, both strands together, says what intervals of
    these lengths change by anywhere.
    """
    rows = []
    rng = np.random.default_rng([params.seed, 24])
    # a window at least, so that no annotation is compared with itself
    offsets = rng.integers(windows.length, max(2, len(windows.places) - 1) * windows.length, params.shifts)
    # laws are in reading order; columns of the reverse strand run backwards along the genome
    forward = [
        (x.bits_b - x.bits_a, x.bits_a, x.bits_b)
        if s == "+"
        else tuple(v[:, ::-1] for v in (x.bits_b - x.bits_a, x.bits_a, x.bits_b))
        for s, x in laws.items()
    ]
    warm = np.arange(windows.length) >= params.warmup
    # the reverse strand begins to read at the window's last base: its warm-up lies there
    usable = np.stack([np.tile(warm, (len(windows.places), 1)), np.tile(warm[::-1], (len(windows.places), 1))])
    change, a, b = (np.stack([f[i] for f in forward]) for i in range(3))
    chain = chain_of_other_half(windows)
    for name, mask in sorted(annotated(path, windows).items()):
        inside = mask & usable
        bases = inside.sum(axis=(0, 2))
        # windows without a base of the class are no blocks of it
        used = bases > 0
        if used.sum() < 3:
            continue
        sums = np.where(inside, change, 0.0).sum(axis=(0, 2))[used]
        mean = sums.sum() / bases[used].sum()
        ratio = ratio_test(sums, bases[used])
        shifted = shifted_means(change, mask, usable, offsets)
        # two-sided: as far from the mean of the shifts, either way
        farther = np.abs(shifted - shifted.mean()) >= abs(mean - shifted.mean())
        rows.append(
            {
                "class": name,
                "bases": int(bases.sum()),
                "windows": int(used.sum()),
                "bits_a": float(a[inside].mean()),
                "bits_b": float(b[inside].mean()),
                "bits_chain": float(chain[inside].mean()),
                "delta_bits": float(mean),
                "low": float(mean - ratio.half),
                "high": float(mean + ratio.half),
                "p": ratio.p,
                "shifted": float(shifted.mean()),
                # the annotation as it is counts as one of the shifts
                "p_shifted": float((1 + farther.sum()) / (1 + len(shifted))),
            }
        )
    if not rows:
        return DIFF_CLASSES.empty()
    table = pd.DataFrame(rows)
    table = table.assign(q=benjamini_hochberg(table["p"]), q_shifted=benjamini_hochberg(table["p_shifted"]))
    return DIFF_CLASSES.check(table[list(DIFF_CLASSES.columns)])


class RatioTest(NamedTuple):
    """Half the width of a 95 % interval of a ratio of sums, and a two-sided p-value of its being 0."""

    half: float
    p: float


def ratio_test(sums: NDArray[np.float64], bases: NDArray[np.int64]) -> RatioTest:
    """Student's test of a mean over bases, windows as blocks, by what is left of each after the mean (Cochran 1977).

    Windows of many bases weigh more: degrees of freedom are those of as many equal windows, (Σn)² / Σn² - 1.

    Parameters
    ----------
    sums, bases
        Sum of the change, and bases, of each window that has any, (windows,).
    """
    m, total = len(sums), bases.sum()
    mean = sums.sum() / total
    # what a window's sum is off the common mean, for as many bases as it has
    left = sums - mean * bases
    # linearised variance of a ratio of sums, with m / (m - 1) for the mean that was fitted
    se = np.sqrt(m / (m - 1) * (left**2).sum()) / total
    freedom = max(1.0, total**2 / (bases.astype(float) ** 2).sum() - 1)
    # all windows change alike, as a model against itself does
    if se == 0:
        return RatioTest(0.0, float(mean == 0))
    return RatioTest(float(stats.t.ppf(0.975, freedom) * se), float(2 * stats.t.sf(abs(mean) / se, freedom)))


def chain_of_other_half(windows: Windows) -> NDArray[np.float64]:
    """Bits of each base under a chain of 6-mers fitted to every other window, both strands, (strands, windows, length).

    Forward coordinates; bases that no whole context stands before cost two bits.
    """
    both = [codes(x).astype(np.int64) for x in (windows.plus, windows.minus)]
    out = np.full((2, *windows.plus.shape), 2.0)
    for half in (0, 1):
        # the other half's windows, both strands of each
        law = chain_law(np.concatenate([x[1 - half :: 2] for x in both]), ORDER)
        for strand, x in enumerate(both):
            out[strand, half::2, ORDER:] = chain_surprisal(law, x[half::2])
    out[1] = out[1, :, ::-1]
    return out


def shifted_means(
    change: NDArray[np.float64], mask: NDArray[np.bool_], usable: NDArray[np.bool_], offsets: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Mean change over a mask moved by each offset along all windows end to end, (offsets,).

    Parameters
    ----------
    change, mask, usable
        (strands, windows, length), forward coordinates; bases that are not usable do not count.
    offsets
        Bases by which both strands are moved together, the end joined to the beginning.
    """
    n = mask[0].size
    strand, place = np.nonzero(mask.reshape(2, n))
    weight = usable.reshape(2, n).astype(np.float64)
    value = np.where(usable, change, 0.0).reshape(2, n)
    out = []
    for offset in offsets:
        at_base = (place + offset) % n
        out.append(value[strand, at_base].sum() / max(weight[strand, at_base].sum(), 1.0))
    return np.array(out)
