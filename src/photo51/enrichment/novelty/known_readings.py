"""Which known class, on which strand, already says where a feature fires?

A feature is explained by a reading of a class (sense, antisense, or either) where one of two things holds on held-out
blocks, with threshold and reading chosen on the others:

- its domain F1 for the reading exceeds a limit and 95 % of its own circular shifts;
- the class is one of single positions (a position of codons, a start codon, a splice site), and most of what the
  feature marks is such a position: of the bases that chance would put elsewhere, at least a stated share lies inside.
  Recall does not count then: a feature that marks the second positions of some codons, read backwards, marks nothing
  new.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51.codes import CodesStore
from photo51.config.enrichment import ConceptParams, NoveltyParams
from photo51.enrichment.annotations.classes import AnnotationClass
from photo51.enrichment.annotations.design import Reading
from photo51.enrichment.annotations.domains import domains_of
from photo51.enrichment.annotations.inputs import Inputs
from photo51.enrichment.annotations.readout import Readout, read_in_chunks
from photo51.enrichment.annotations.scoring import Graded, NullF1, choose_thresholds, confusion, graded
from photo51.progress import progress
from photo51.stats.resampling import random_shifts
from photo51.stats.rotation import Orientation, orient

ORIENTATIONS: tuple[Orientation, ...] = ("sense", "antisense", "either")
SEPARATOR = "; "
_CHUNK = 128
_SHIFTS = 200
_POINT = 12  # bases: the widest interval of a class of positions


class ExplainingReading(NamedTuple):
    """One reading that explains one feature: class, orientation, held-out domain F1 and precision of active bases."""

    feature: int
    annotation: str
    orientation: str
    f1: float
    precision: float

    def __str__(self) -> str:
        """As tables have it: `codon_position_2 antisense (F1 0.05, precision 0.93)`."""
        return f"{self.annotation} {self.orientation} (F1 {self.f1:.2f}, precision {self.precision:.2f})"


class Sides(NamedTuple):
    """Rows of strand +, (n_rows,) each: where readings are chosen, and where they are judged."""

    select: NDArray[np.bool_]
    test: NDArray[np.bool_]


def explaining_readings(
    store: CodesStore, features: NDArray[np.integer], inputs: Inputs, params: NoveltyParams
) -> list[ExplainingReading]:
    """Every reading of every class that explains one of some features.

    Parameters
    ----------
    store, inputs
        Codes of a dictionary, and the genomes.
    features
        Which features are asked about.
    params
        `named_f1` is the limit of domain F1, `explained_gain` that of precision beyond chance.

    Returns
    -------
    In order of feature, the reading with the highest F1 first.
    """
    workspace = inputs.workspace
    sides = Sides(workspace.split_mask("train", "select"), workspace.split_mask("test"))
    classes = [c for c in inputs.classes() if len(c.intervals) and c.mask.any() and not c.mask.all()]
    n_judged, bounds = 2 * int(sides.test.sum()), workspace.block_bounds
    shifts = random_shifts(bounds, np.random.default_rng([params.seed, 6]), _SHIFTS)
    explaining: list[ExplainingReading] = []
    chunks = [_Units.of(readout, sides) for readout in read_in_chunks(store, _CHUNK, features)]
    for c in progress(classes, "readings", unit="classes"):
        readings = [Reading(0, o) for o in (ORIENTATIONS if c.stranded else ("either",))]
        on_select, on_test = (domains_of([c], readings, rows) for rows in sides)
        null = NullF1(on_test, bounds, shifts)
        masks = [orient(c.mask, r.orientation) for r in readings]
        chances, of_positions = [float(mask.mean()) for mask in masks], _is_of_positions(c)
        for chunk in chunks:
            chosen = choose_thresholds(chunk.graded, on_select)
            good = chosen.f1 > params.named_f1
            for j, r in np.argwhere(good | of_positions).tolist():
                active, values = chunk.judged[j]
                inside = masks[r][active]
                pure = of_positions and is_pure(inside, chances[r], active, params.explained_gain)
                if not (pure or good[j, r]):
                    continue
                above = active[values >= chosen.threshold[j, r]]
                f1 = confusion(above, r, on_test, n_judged).f1_domain
                if pure or (f1 > params.named_f1 and null.below(f1, above, r)):
                    precision = float(inside.mean()) if len(inside) else 0.0
                    reading = readings[r].orientation
                    explaining.append(ExplainingReading(int(chunk.ids[j]), c.name, reading, f1, precision))
    return sorted(explaining, key=lambda e: (e.feature, -e.f1, e.annotation, e.orientation))


class _Units(NamedTuple):
    """Some features: graded where readings are chosen, active rows and activations where they are judged."""

    ids: NDArray[np.int64]
    graded: Graded
    judged: list[tuple[NDArray[np.int64], NDArray[np.floating]]]

    @classmethod
    def of(cls, readout: Readout, sides: Sides) -> _Units:
        tested = np.tile(sides.test, 2)
        judged = [_active(readout.matrix, j, tested) for j in range(len(readout.ids))]
        return cls(readout.ids, graded(readout.matrix, sides.select, ConceptParams().thresholds), judged)


def is_pure(inside: NDArray[np.bool_], chance: float, active: NDArray[np.integer], gain: float) -> bool:
    """Whether most active bases lie inside a mask, surely: the lower end of a 95 % interval of precision beyond chance.

    Chance is the share of bases that the mask marks; precision `p` gains `(p - chance) / (1 - chance)`, 0 for a
    feature that fires anywhere and 1 for one that fires inside alone. The interval is Clopper and Pearson's, of runs
    of active bases, since neighbours are not independent.

    Parameters
    ----------
    inside
        Whether each active base is inside, (n,).
    chance
        Share of the rows of both strands that the reading marks.
    active
        Active rows, ascending, (n,).
    gain
        Least gain.

    References
    ----------
    Clopper and Pearson 1934, Biometrika 26:404, doi:10.1093/biomet/26.4.404
    """
    # the lower end of the interval lies below the share itself
    if not len(active) or (inside.mean() - chance) / (1 - chance) < gain:
        return False
    # a run begins where the row before is not active; −2 makes row 0 begin one
    runs = np.count_nonzero(np.diff(active, prepend=-2) != 1)
    share = float(inside.mean())
    # as many runs inside as the share of bases inside: not a whole number, which the beta quantile allows
    hits = share * runs
    # lower Clopper-Pearson limit at 97.5 %
    low = float(scipy.stats.beta.ppf(0.025, hits, runs - hits + 1)) if hits > 0 else 0.0
    # as Cohen's κ: what is gained of what could be
    return (low - chance) / (1 - chance) >= gain


def _is_of_positions(c: AnnotationClass) -> bool:
    if c.frame > 0:
        return True
    return float(np.median(c.intervals[:, 1] - c.intervals[:, 0])) <= _POINT


def _active(
    matrix: sp.csc_array, column: int, rows: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Active rows of a column among some rows of the doubled axis, and activations there."""
    entries = slice(matrix.indptr[column], matrix.indptr[column + 1])
    row, value = matrix.indices[entries].astype(np.int64), matrix.data[entries]
    keep = rows[row]
    return row[keep], value[keep]


def by_feature(explaining: Iterable[ExplainingReading], n_features: int, without: Sequence[str] = ()) -> pd.Series:
    """Readings that explain each feature, as text, (n_features,); empty where none does.

    Parameters
    ----------
    without
        Classes that are to be forgotten.
    """
    out = np.full(n_features, "", dtype=object)
    for e in explaining:
        if e.annotation not in without:
            out[e.feature] = f"{out[e.feature]}{SEPARATOR if out[e.feature] else ''}{e}"
    return pd.Series(out, name="explained_by")
