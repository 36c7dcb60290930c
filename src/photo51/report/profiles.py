"""Mean activation around sites of one kind, for many features at the cost of their active bases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.genome.workspace import Workspace
from photo51.report.places import Column
from photo51.types import STRANDS, Strand

SITES = (
    "start_codon", "stop_codon", "tRNA", "rRNA", "ncRNA", "rbs", "rbs_predicted", "promoter", "promoter_predicted",
    "terminator", "terminator_predicted", "splice_donor", "splice_acceptor", "TFBS", "mobile_element", "CRISPR", "repeat",
)  # fmt: skip
_FAR = np.iinfo(np.int16).min


class Profile(NamedTuple):
    """Mean activation around the first bases of annotated intervals.

    Attributes
    ----------
    kind
        Class of annotation.
    n
        Sites whose first base was scored, both strands.
    offsets
        Bases from the first base of the interval, in reading direction.
    mean
        Mean activation there; NaN where no base was scored.
    null
        Mean activation over all scored bases of both strands.
    """

    kind: str
    n: int
    offsets: NDArray[np.int64]
    mean: NDArray[np.float64]
    null: float

    @property
    def contrast(self) -> float:
        """How far the profile rises above the null, weighted by the square root of the number of sites."""
        return float((np.nanmax(self.mean, initial=0.0) - self.null) * np.sqrt(self.n))

    def frame(self) -> pd.DataFrame:
        """As a table: offset, mean, null."""
        return pd.DataFrame({"offset": self.offsets, "mean": self.mean, "null": self.null})


class Profiles:
    """Offsets of every scored base from the nearest site of each kind, so that a feature's profiles are sums over its bases.

    Parameters
    ----------
    workspace
        The axis.
    annotations
        Contract `ANNOTATIONS`; intervals without strand are left out, as they have no first base.
    reach
        Bases to either side.
    at_least
        Kinds with fewer sites are left out.
    """

    def __init__(self, workspace: Workspace, annotations: pd.DataFrame, reach: int, at_least: int = 10):
        self.reach, self._n_rows = reach, workspace.n_rows
        self._maps: dict[str, tuple[int, Mapping[Strand, NDArray[np.int16]], NDArray[np.int64]]] = {}
        for kind in SITES:
            rows = annotations[(annotations["kind"] == kind) & (annotations["strand"] != ".")]
            if "part" in rows.columns:
                rows = rows[rows["part"] <= 0]
            maps = {s: _offsets(workspace, rows[rows["strand"] == s], s, reach) for s in STRANDS}
            n = sum(int((m == 0).sum()) for m in maps.values())
            if n >= at_least:
                counts = sum(_counted(m, reach, None) for m in maps.values())
                self._maps[kind] = n, maps, np.asarray(counts, dtype=np.int64)

    @property
    def kinds(self) -> list[str]:
        """Kinds with sites enough."""
        return list(self._maps)

    def of(self, column: Mapping[Strand, Column], kind: str) -> Profile:
        """Profile of a feature around one kind of site; the site's own strand is read."""
        n, maps, counts = self._maps[kind]
        total = sum(_counted(maps[s][column[s].rows], self.reach, column[s].values) for s in STRANDS)
        mean = np.divide(total, counts, out=np.full(len(counts), np.nan), where=counts > 0)
        null = sum(float(column[s].values.sum(dtype=np.float64)) for s in STRANDS) / (2 * self._n_rows)
        return Profile(kind, n, np.arange(-self.reach, self.reach + 1), mean, null)

    def best(self, column: Mapping[Strand, Column], n: int, first: Sequence[str] = ()) -> list[Profile]:
        """The profiles that say most: those of `first`, then those that stand out most from the mean."""
        wanted = [k for k in first if k in self._maps]
        found = {k: self.of(column, k) for k in self._maps}
        others = sorted((k for k in found if k not in wanted), key=lambda k: -found[k].contrast)
        return [found[k] for k in [*wanted, *others][:n]]


def _offsets(workspace: Workspace, sites: pd.DataFrame, strand: Strand, reach: int) -> NDArray[np.int16]:
    """Offset of each row from the nearest site, in reading direction; `_FAR` where none is within reach, (n_rows,)."""
    out = np.full(workspace.n_rows, _FAR, dtype=np.int16)
    for genome, chrom, start, end in zip(
        sites["genome"], sites["chrom"], sites["start"], sites["end"], strict=True
    ):
        first = int(start) if strand == "+" else int(end) - 1
        for rows in workspace.rows_of(str(genome), str(chrom), first - reach, first + reach + 1):
            position = workspace.locate(np.arange(rows.start, rows.stop)).position
            offset = (position - first if strand == "+" else first - position).astype(np.int16)
            nearer = np.abs(offset.astype(np.int32)) < np.abs(out[rows].astype(np.int32))
            out[rows] = np.where(nearer, offset, out[rows])
    return out


def _counted(
    offsets: NDArray[np.int16], reach: int, weights: NDArray[np.floating] | None
) -> NDArray[np.float64]:
    near = offsets != _FAR
    chosen = None if weights is None else weights[near].astype(np.float64)
    return np.bincount(
        offsets[near].astype(np.int64) + reach, weights=chosen, minlength=2 * reach + 1
    ).astype(np.float64)
