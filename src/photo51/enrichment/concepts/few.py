"""Which classes have too few instances for a fixed test split, how they are judged instead, and what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from photo51.config.enrichment import ConceptParams
from photo51.enrichment.annotations.classes import AnnotationClass
from photo51.enrichment.annotations.design import Reading
from photo51.enrichment.annotations.readout import Readout
from photo51.enrichment.annotations.scoring import matthews
from photo51.enrichment.concepts.instances import (
    Folds,
    Judged,
    Levels,
    Pieces,
    copy_groups,
    folds_of,
    judge_folds,
    levels_of,
    shifted_pieces,
)
from photo51.genome.axis.workspace import Workspace
from photo51.stats.binomial import clopper_pearson
from photo51.stats.rotation import orient

FIXED, CROSS, COPIES, GENOMES = "held-out blocks", "cross-validated", "among copies", "across genomes"


class FoldPlan(NamedTuple):
    """How a reading with few instances is judged.

    Attributes
    ----------
    evaluation
        `cross-validated`: copies of one sequence are in one fold. `among copies`: all instances are copies of one
        another, and stand on both sides. `across genomes`: each genome is held out once. Empty: not at all.
    reason
        Why not, with the numbers.
    pieces, folds
        Instances, and what is held out together; None where the reading is not judged.
    held_out
        Name of each fold; empty names where folds have none.
    """

    evaluation: str
    reason: str
    pieces: Pieces | None = None
    folds: Folds | None = None
    held_out: tuple[str, ...] = ()


class Axis:
    """What judging needs to know of the axis.

    Parameters
    ----------
    workspace
        The scored bases.
    bases
        Forward-strand codes, (n_rows,).
    params
        Of the stage.
    """

    def __init__(self, workspace: Workspace, bases: NDArray[np.uint8], params: ConceptParams):
        self.workspace, self.bases, self.params = workspace, bases, params
        self.bounds = workspace.block_bounds
        first = workspace.table.drop_duplicates("block")
        place = first.groupby(["genome", "chrom"], sort=False).ngroup().to_numpy()
        # first row of each contig, and the end
        self.contigs = np.append(self.bounds[:-1][np.diff(place, prepend=-1) != 0], workspace.n_rows)
        self.genomes = first["genome"].to_numpy()

    def plan(self, c: AnnotationClass, reading: Reading) -> FoldPlan:
        """Judge a class within the run, each instance by a choice it had no part in."""
        pieces = pieces_of(c, reading)
        n = pieces.n_instances
        if n < 2:
            return FoldPlan("", f"{n} instance{'s' if n != 1 else ''}: one to choose on and one to judge on are needed")
        rng = np.random.default_rng([self.params.seed, 3])
        group = copy_groups(pieces, self.bases, self.params.leak_k)
        folds = folds_of(pieces, group, self.bounds, self.params.folds, rng)
        if folds.n >= 2:
            return FoldPlan(CROSS, "", pieces, folds)
        alone = folds_of(pieces, np.arange(n), self.bounds, self.params.folds, rng)
        if alone.n >= 2:
            return FoldPlan(COPIES, f"{n} instances, all copies of one another", pieces, alone)
        return FoldPlan("", f"{n} instances in one block or across neighbouring ones: none can be held out")

    def across(self, c: AnnotationClass, reading: Reading) -> FoldPlan:
        """Judge a class on each genome by a choice made on the others."""
        pieces = pieces_of(c, reading)
        block = np.searchsorted(self.bounds, pieces.start, side="right") - 1
        having = sorted(set(self.genomes[block]))
        if len(having) < 2:
            return FoldPlan("", f"instances in {len(having)} genome{'s' if len(having) != 1 else ''}: two are needed")
        # genomes that have instances first: folds are numbered in this order
        names = sorted(set(self.genomes), key=lambda g: (g not in having, g))
        number = np.array([names.index(g) for g in self.genomes])
        instance = np.zeros(pieces.n_instances, dtype=np.int64)
        instance[pieces.instance] = number[block]
        folds = Folds(number, instance, len(names), len(having))
        return FoldPlan(GENOMES, "", pieces, folds, tuple(names))

    def shifts(self, plan: FoldPlan, n: int, seed: int) -> list[tuple[Pieces, Folds]]:
        """Arrangements of the null: instances shifted along their contigs, folds made as for those as they are."""
        assert plan.pieces is not None
        assert plan.folds is not None
        rng = np.random.default_rng([self.params.seed, 4, seed])
        alone = plan.evaluation == COPIES
        group = (
            np.arange(plan.pieces.n_instances) if alone else copy_groups(plan.pieces, self.bases, self.params.leak_k)
        )
        out = []
        for _ in range(n):
            moved = shifted_pieces(plan.pieces, self.contigs, rng)
            folds = plan.folds
            if plan.evaluation != GENOMES:
                folds = folds_of(moved, group, self.bounds, self.params.folds, rng)
            out.append((moved, folds))
        return out


def pieces_of(c: AnnotationClass, reading: Reading) -> Pieces:
    """Instances of a class as a reading reads them."""
    strand = c.intervals[:, 2].copy()
    if reading.orientation == "either":
        strand[:] = 2
    elif reading.orientation == "antisense":
        # antisense: the other strand reads it; none stays none
        strand = np.where(strand < 2, 1 - strand, 2)
    number = np.unique(c.instances, return_inverse=True)[1].astype(np.int64)
    order = np.argsort(number, kind="stable")
    return Pieces(*(x[order].astype(np.int64) for x in (c.intervals[:, 0], c.intervals[:, 1], strand, number)))


class Result(NamedTuple):
    """What a readout did for a reading: as it is, and under shifts."""

    plan: FoldPlan
    observed: Judged
    null: NDArray[np.float64]
    p: float


def judged(axis: Axis, chunks: Sequence[Levels], plan: FoldPlan, n_shifts: int, seed: int) -> Result:
    """Judge a readout for one reading; p counts the shifts that reach what was observed (NaN without shifts).

    Where a shift ties everything together, so that nothing can be held out, it reaches nothing.
    """
    assert plan.pieces is not None
    assert plan.folds is not None
    shifts = [(p, f) for p, f in axis.shifts(plan, n_shifts, seed) if f.n >= 2]
    results = judge_folds(chunks, [(plan.pieces, plan.folds), *shifts], axis.workspace.n_rows)
    null = np.array([j.f1 for j in results[1:]] + [0.0] * (n_shifts - len(shifts)))
    if not n_shifts:
        p = np.nan
    else:
        # an F1 of 0 is reached by every shift
        p = 1.0 if results[0].f1 == 0 else float((1 + (null >= results[0].f1).sum()) / (1 + n_shifts))
    return Result(plan, results[0], null, p)


class Calls(NamedTuple):
    """Called domains: active rows joined where they are near, and how many touch the class."""

    n: int
    inside: int


def calls(active: NDArray[np.int64], inside: NDArray[np.bool_], near: int, bounds: NDArray[np.int64]) -> Calls:
    """Join active rows at most `near` rows apart, of one strand and block, to called domains.

    Parameters
    ----------
    active
        Doubled-axis rows, ascending, (n,).
    inside
        Whether each lies in the class, (n,).
    near
        Half the median length of the class's instances: one instance is called once (bases).
    bounds
        Row bounds of blocks.
    """
    if not len(active):
        return Calls(0, 0)
    n_rows = int(bounds[-1])
    # strand and block as one number: a run ends where either changes
    place = (active >= n_rows) * len(bounds) + np.searchsorted(bounds, active % n_rows, side="right")
    # a gap wider than `near`
    new = np.flatnonzero((np.diff(active, prepend=active[0]) > near) | (np.diff(place, prepend=place[0]) != 0))
    first = np.append(0, new)
    return Calls(len(first), int(np.count_nonzero(np.add.reduceat(inside.astype(np.int64), first))))


def near_of(c: AnnotationClass) -> int:
    """Distance at which active rows belong to one called domain: half the median instance."""
    size = np.bincount(c.instances, c.intervals[:, 1] - c.intervals[:, 0])
    return max(1, int(np.median(size[size > 0])) // 2) if len(c.intervals) else 1


def limits(hit: int, n: int, called: Calls) -> dict[str, float | int]:
    """Columns of exact limits, of recall over instances and of precision over called domains."""
    recall = clopper_pearson(hit, n)
    precision = clopper_pearson(called.inside, called.n)
    return {
        "recall_lo": float(recall[0]),
        "recall_hi": float(recall[1]),
        "n_calls": called.n,
        "precision_calls": called.inside / called.n if called.n else 0.0,
        "precision_calls_lo": float(precision[0]),
        "precision_calls_hi": float(precision[1]),
    }


def modal(observed: Judged) -> tuple[int, int]:
    """The unit that most folds chose, of equal ones the lowest, and its middle level; (-1, -1) where none was
    chosen.
    """
    units, counts = np.unique(observed.unit[observed.unit >= 0], return_counts=True)
    if not len(units):
        return -1, -1
    unit = int(units[np.argmax(counts)])
    level = np.sort(observed.level[observed.unit == unit])
    # the middle one; of an even number the upper
    return unit, int(level[len(level) // 2])


def grid_of(chunks: Sequence[Levels], unit: int, level: int) -> float:
    """A threshold."""
    chunk = next(c for c in chunks if c.first <= unit < c.first + len(c.grid))
    return float(chunk.grid[unit - chunk.first, level])


def concept_row(
    axis: Axis,
    c: AnnotationClass,
    reading: Reading,
    readout: Readout,
    chunks: Sequence[Levels],
    result: Result,
) -> dict[str, object]:
    """A row of the concepts table (contract `CONCEPTS`): metrics pooled over folds; the unit is the one most folds
    chose.

    Average precision and AUROC are of one unit over all rows, chosen on part of them, and so are not given.
    """
    plan, observed, n_rows = result.plan, result.observed, axis.workspace.n_rows
    assert plan.pieces is not None
    assert plan.folds is not None
    mask = orient(c.mask, reading.orientation)
    active = active_rows(axis, readout, chunks, plan.folds, observed)
    inside = mask[active]
    unit, level = modal(observed)
    n, hit = plan.pieces.n_instances, int(observed.hit.sum())
    tp, positives, total = float(inside.sum()), int(mask.sum()), 2 * n_rows
    precision, recall = tp / max(len(active), 1), hit / n
    share = positives / total
    # runs: active rows without a gap
    runs = calls(active, inside, 1, axis.bounds)
    precision_run = runs.inside / max(runs.n, 1)
    return {
        "readout": readout.name,
        "feature": int(readout.ids[unit]),
        "unit": readout.units[unit],
        "annotation": c.name,
        "strand": reading.orientation,
        "frame": c.frame,
        "threshold": grid_of(chunks, unit, level),
        "threshold_split": "other folds",
        "f1_select": float(observed.f1_chosen.mean()),
        "precision_bp": precision,
        "recall_bp": tp / max(positives, 1),
        "recall_domain": recall,
        "recall_half": _half(plan.pieces, active, n_rows),
        "f1_domain": _f1(precision, recall),
        "precision_run": precision_run,
        "f1_run": _f1(precision_run, recall),
        "mcc": matthews(tp, len(active) - tp, positives - tp, total - positives - len(active) + tp),
        "f1_null95": float(np.quantile(result.null, 0.95)) if len(result.null) else np.nan,
        "f1_always": 2 * share / (1 + share),
        "auprc_baseline": share,
        **dict.fromkeys(("auprc", "auroc", "kmer_auprc", "d_auprc", "d_auprc_lo", "d_auprc_hi"), np.nan),
        "boundary_offset": np.nan,
        "n_test_domains": n,
        "n_leaked": 0,
        "evaluation": plan.evaluation,
        "n_instances": n,
        "p_instances": result.p,
        **limits(hit, n, calls(active, inside, near_of(c), axis.bounds)),
    }


def instance_rows(
    axis: Axis,
    c: AnnotationClass,
    reading: Reading,
    readout: Readout,
    chunks: Sequence[Levels],
    result: Result,
) -> list[dict[str, object]]:
    """Rows of the instances table (contract `INSTANCES`): pooled over folds, and of each fold that has a name."""
    plan, observed = result.plan, result.observed
    assert plan.pieces is not None
    assert plan.folds is not None
    mask = orient(c.mask, reading.orientation)
    counts = np.bincount(plan.folds.instance, minlength=plan.folds.n)
    pooled = [("", np.arange(plan.folds.n))]
    each = [(name, np.array([f])) for f, name in enumerate(plan.held_out) if counts[f]]
    rows = []
    for name, folds in pooled + each:
        only = observed._replace(unit=np.where(np.isin(np.arange(plan.folds.n), folds), observed.unit, -1))
        unit, _ = modal(only)
        active = active_rows(axis, readout, chunks, plan.folds, only)
        called = calls(active, mask[active], near_of(c), axis.bounds)
        n, hit = int(counts[folds].sum()), int(observed.hit[folds].sum())
        precision = float(observed.inside[folds].sum()) / max(int(observed.active[folds].sum()), 1)
        rows.append(
            {
                "readout": readout.name,
                "annotation": c.name,
                "strand": reading.orientation,
                "evaluation": plan.evaluation,
                "held_out": name,
                "feature": int(readout.ids[unit]) if unit >= 0 else -1,
                "unit": readout.units[unit] if unit >= 0 else "",
                "n_instances": n,
                "n_groups": plan.folds.n_groups,
                "n_folds": plan.folds.n,
                "n_hit": hit,
                "recall_domain": hit / max(n, 1),
                "precision_bp": precision,
                "f1_domain": _f1(precision, hit / max(n, 1)),
                "p_instances": result.p if not name else np.nan,
                "status": plan.reason or "scored",
                **limits(hit, n, called),
            }
        )
    return rows


def active_rows(
    axis: Axis, readout: Readout, chunks: Sequence[Levels], folds: Folds, observed: Judged
) -> NDArray[np.int64]:
    """Doubled-axis rows at which each fold's choice is active on that fold, ascending."""
    m, parts = readout.matrix, [np.zeros(0, dtype=np.int64)]
    n_rows = axis.workspace.n_rows
    for f in np.flatnonzero(observed.unit >= 0).tolist():
        unit = int(observed.unit[f])
        entries = slice(m.indptr[unit], m.indptr[unit + 1])
        rows = m.indices[entries][m.data[entries] >= grid_of(chunks, unit, int(observed.level[f]))].astype(np.int64)
        # a row belongs to the fold that holds its block out
        block = np.searchsorted(axis.bounds, rows % n_rows, side="right") - 1
        parts.append(rows[folds.block[block] == f])
    return np.sort(np.concatenate(parts))


def _half(pieces: Pieces, active: NDArray[np.int64], n_rows: int) -> float:
    """Share of instances at least half of whose rows are active, of the strand where more are."""
    size, touched = np.zeros(pieces.n_instances), np.zeros((2, pieces.n_instances))
    np.add.at(size, pieces.instance, pieces.end - pieces.start)
    for s in (0, 1):
        # active rows within each piece: those below its end less those below its start
        low, high = (np.searchsorted(active, s * n_rows + x) for x in (pieces.start, pieces.end))
        read = (pieces.strand == 2) | (pieces.strand == s)
        np.add.at(touched[s], pieces.instance[read], (high - low)[read])
    # the better strand: an instance without strand may be read on either
    return float((2 * touched.max(axis=0) >= size).mean())


def _f1(a: float, b: float) -> float:
    return 2 * a * b / (a + b) if a + b else 0.0


def chunks_of(axis: Axis, readout: Readout) -> list[Levels]:
    """A readout on its grid of thresholds."""
    return list(levels_of(readout.matrix, axis.bounds, axis.params.few_levels))
