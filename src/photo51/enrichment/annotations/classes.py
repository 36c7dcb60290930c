"""Annotation classes as the tests read them: a mask on the doubled axis, its intervals, and why it cannot be tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.genome.axis.masks import CODON_POSITIONS, iter_annotation_masks
from photo51.genome.axis.workspace import Workspace
from photo51.stats.rotation import Orientation

_SINGLE = ("exon", "intron")  # parts of a group that are instances of their own


@dataclass(frozen=True)
class AnnotationClass:
    """One class of annotation over a workspace.

    Attributes
    ----------
    name
        Class.
    mask
        What it marks on the doubled axis, (2 * n_rows,), read in sense.
    intervals
        Its intervals in rows: row_start, row_end, strand (0: +, 1: -, 2: none), (n, 3), in order. An annotation that
        the ends of scored segments cut is several.
    frame
        Codon position 1, 2 or 3; -1 for classes that have none.
    reason
        Why it cannot be tested; empty where it can.
    instance
        Number of the annotated instance that each interval is a part of, (n,); by default each is its own.
    """

    name: str
    mask: NDArray[np.bool_]
    intervals: NDArray[np.int64]
    frame: int = -1
    reason: str = ""
    instance: NDArray[np.int64] | None = None

    @property
    def instances(self) -> NDArray[np.int64]:
        """Number of the instance of each interval, (n,): an instance is what was annotated, however often it is cut."""
        return np.arange(len(self.intervals)) if self.instance is None else self.instance

    @property
    def n_instances(self) -> int:
        """Instances as annotated, of which a base is scored."""
        return len(np.unique(self.instances))

    @property
    def stranded(self) -> bool:
        """Whether it marks the strands differently."""
        plus, minus = np.split(self.mask, 2)
        return not np.array_equal(plus, minus)

    @property
    def coverage(self) -> float:
        """Share of (base, strand) pairs it marks."""
        return float(self.mask.mean())

    @property
    def longest(self) -> int:
        """Rows of its longest interval."""
        return int((self.intervals[:, 1] - self.intervals[:, 0]).max(initial=0))

    def orientations(self, requested: Sequence[Orientation]) -> list[Orientation]:
        """How it is read: as wanted, or `either` where the strands are alike."""
        return list(requested) if self.stranded or self.reason else ["either"]


def annotation_classes(
    workspace: Workspace,
    annotations: pd.DataFrame,
    *,
    chosen: Sequence[str] = (),
    leave_out: Sequence[str] = (),
    contigs: pd.DataFrame | None = None,
) -> list[AnnotationClass]:
    """Every class of a table of annotations (contract `ANNOTATIONS`) over a workspace, in alphabetical order.

    Parameters
    ----------
    chosen, leave_out
        Classes to keep (all if none is named), and to drop. A class that is wanted and nowhere annotated is there, with
        the reason.
    contigs
        Contract `CONTIGS`; with it, classes whose intervals lie past the end of a contig are told.
    """
    past = _past_the_end(annotations, contigs)
    clipped = workspace.clip(annotations)
    kinds = annotations["kind"].to_numpy()[clipped["interval"].to_numpy()]
    # 2: without strand
    strands = annotations["strand"].map({"+": 0, "-": 1, ".": 2}).to_numpy()[clipped["interval"].to_numpy()]
    rows = np.stack([clipped["row_start"], clipped["row_end"], strands], axis=1).astype(np.int64)
    instance = instances_of(annotations)[clipped["interval"].to_numpy()]
    classes = []
    for name, masks in iter_annotation_masks(workspace, annotations):
        frame = CODON_POSITIONS.index(name) + 1 if name in CODON_POSITIONS else -1
        # a codon position is a frame of CDS: its intervals are those of CDS
        kind = "CDS" if frame > 0 else name
        classes.append(
            AnnotationClass(
                name,
                np.concatenate([masks.plus, masks.minus]),
                rows[kinds == kind],
                frame,
                past.get(kind, ""),
                # numbers of the class alone, from 0
                np.unique(instance[kinds == kind], return_inverse=True)[1].astype(np.int64),
            )
        )
    keep = [c for c in classes if (not chosen or c.name in chosen) and c.name not in leave_out]
    absent = sorted(set(chosen) - {c.name for c in classes})
    nothing = np.zeros(2 * workspace.n_rows, dtype=bool)
    keep += [AnnotationClass(n, nothing, np.zeros((0, 3), dtype=np.int64), reason="not annotated") for n in absent]
    return sorted(keep, key=lambda c: c.name)


def instances_of(annotations: pd.DataFrame) -> NDArray[np.int64]:
    """Number of the annotated instance that each row of a table of annotations belongs to, (n,).

    The parts of one feature (parts on either side of an origin, coding parts of one gene) are one instance; exons and
    introns are each their own.
    """
    alone = (annotations["group"] == "") | annotations["kind"].isin(_SINGLE)
    # numbers as text beside groups: `alone` keeps them apart should a group be called `12`
    number = np.arange(len(annotations)).astype(str)
    group = np.where(alone, number, annotations["group"])
    keys = annotations.assign(group=group, alone=alone)
    return keys.groupby(["genome", "chrom", "kind", "alone", "group"], sort=False).ngroup().to_numpy(np.int64)


def _past_the_end(annotations: pd.DataFrame, contigs: pd.DataFrame | None) -> dict[str, str]:
    """Class → reason, for classes with an interval outside its contig."""
    if contigs is None:
        return {}
    keys = ["genome", "chrom"]
    end = annotations[keys].merge(contigs[[*keys, "length"]], how="left", on=keys)["length"].to_numpy(dtype=float)
    start, stop = annotations["start"].to_numpy(), annotations["end"].to_numpy()
    reasons = {}
    for i in np.flatnonzero(~((start >= 0) & (start <= stop) & (stop <= end))).tolist():  # no length: NaN, so False
        row = annotations.iloc[i]
        place = f"interval {row['start']}..{row['end']} past the end of {row['chrom']} ({end[i]:.0f} bases)"
        reasons[str(row["kind"])] = place if np.isfinite(end[i]) else f"interval on the unknown contig {row['chrom']}"
    return reasons


def with_reasons(classes: Sequence[AnnotationClass], min_intervals: int, max_coverage: float) -> list[AnnotationClass]:
    """Classes with the reason why they cannot be tested, where their margins say so."""
    return [replace(c, reason=c.reason or _reason(c, min_intervals, max_coverage)) for c in classes]


def _reason(c: AnnotationClass, min_intervals: int, max_coverage: float) -> str:
    n = c.n_instances
    if n == 0 or not c.mask.any():
        return "no interval in the workspace"
    if c.mask.all():
        return "full coverage: every base is inside"
    if n < min_intervals:
        return f"{n} instance{'s' if n > 1 else ''} in the workspace, at least {min_intervals} are needed"
    if c.coverage > max_coverage:
        return f"coverage {c.coverage:.3f} above {max_coverage:g}"
    return ""


def rotation_units(workspace: Workspace, min_rows: float) -> NDArray[np.int64]:
    """Row bounds of what turns as one: blocks, neighbours of a contig joined until each unit has `min_rows` rows.

    A rotation within a block cannot take an interval off itself that is nearly as long as the block, so that classes
    with long intervals need longer units. What is left over joins the unit before it; a contig shorter than `min_rows`
    is one unit.
    """
    bounds = workspace.block_bounds
    first = workspace.table.drop_duplicates("block")
    contig = (first["genome"] + "\t" + first["chrom"]).to_numpy()
    cuts = [0]
    for b in range(1, workspace.n_blocks + 1):
        new_contig = b == workspace.n_blocks or contig[b] != contig[b - 1]
        # counted from the last cut: blocks are joined until the unit is long enough
        long_enough = bounds[b] - cuts[-1] >= min_rows
        # what is left at a contig's end joins its last unit, where it has one
        if new_contig and not long_enough and len(cuts) > 1 and _contig_at(cuts[-2], bounds, contig) == contig[b - 1]:
            cuts[-1] = int(bounds[b])
        elif new_contig or long_enough:
            cuts.append(int(bounds[b]))
    return np.array(cuts, dtype=np.int64)


def _contig_at(row: int, bounds: NDArray[np.int64], contig: NDArray) -> str:
    return str(contig[np.searchsorted(bounds, row, side="right") - 1])


def unit_lengths(classes: Sequence[AnnotationClass], factor: float) -> NDArray[np.float64]:
    """Least unit of each class: `factor` × its longest interval, rounded up to a power of two so that classes share
    units.
    """
    longest = np.array([max(c.longest, 1) for c in classes], dtype=np.float64)
    # powers of two: classes of like length then share units, and their shifts
    return 2.0 ** np.ceil(np.log2(factor * longest))
