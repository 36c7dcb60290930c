"""What each feature does over the workspace: how often, how strongly, in how long runs, where most."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51.codes import CodesStore
from photo51.config.features import FeaturesParams
from photo51.genome.axis.workspace import Workspace
from photo51.io.contracts.features import FEATURES, TOP_WINDOWS
from photo51.progress import progress
from photo51.types import STRANDS, Strand

if TYPE_CHECKING:
    import anndata as ad


class Runs(NamedTuple):
    """Segments of consecutive active rows, one entry a run; `column` is the feature within its chunk."""

    column: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    peak: NDArray[np.int64]
    value: NDArray[np.float32]


def feature_runs(codes: sp.csc_matrix, breaks: NDArray[np.int64]) -> Runs:
    """Runs of each column.

    Parameters
    ----------
    codes
        (rows, features), zeros not stored.
    breaks
        Rows at which a run may not go on from the row before: firsts of segments of the workspace.

    Returns
    -------
    Runs by column, then by row. `peak` is the row of the largest value, the first of them where equal.
    """
    codes = codes.tocsc(copy=True)
    codes.sort_indices()
    row = codes.indices.astype(np.int64)
    column = np.repeat(np.arange(codes.shape[1]), np.diff(codes.indptr))
    if not len(row):
        nothing = np.zeros(0, dtype=np.int64)
        return Runs(nothing, nothing, nothing, nothing, np.zeros(0, dtype=np.float32))
    new = np.ones(len(row), dtype=bool)
    # number of segments begun up to a row: another number, another segment
    torn = np.searchsorted(breaks, row, side="right")
    new[1:] = (np.diff(row) != 1) | (np.diff(column) != 0) | (np.diff(torn) != 0)
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(row)) - 1
    value = np.maximum.reduceat(codes.data, first)
    at_peak = codes.data == np.repeat(value, last - first + 1)
    # entries at a run's peak, their number; the smallest is the first of equal peaks
    peak_entry = np.where(at_peak, np.arange(len(row)), len(row))
    peak = row[np.minimum.reduceat(peak_entry, first)]
    return Runs(column[first], row[first], row[last] + 1, peak, value.astype(np.float32))


def feature_table(store: CodesStore, workspace: Workspace, params: FeaturesParams) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Statistics of every feature, and its strongest runs.

    Returns
    -------
    `FEATURES` and `TOP_WINDOWS` tables.
    """
    breaks = workspace.table["offset"].to_numpy()
    statistics, windows = [], []
    chunks = range(0, store.n_features, params.chunk)
    for first in progress(chunks, "features", unit="chunks"):
        ids = np.arange(first, min(first + params.chunk, store.n_features))
        codes = {strand: store.features(ids, strand) for strand in STRANDS}
        runs_of = {strand: feature_runs(codes[strand], breaks) for strand in STRANDS}
        statistics.append(_statistics(ids, codes, runs_of, workspace))
        windows.append(_strongest(ids, runs_of, workspace, params))
    features = pd.concat(statistics, ignore_index=True)
    top = pd.concat(windows, ignore_index=True)
    return FEATURES.check(features), TOP_WINDOWS.check(top) if len(top) else TOP_WINDOWS.empty()


def _statistics(ids: NDArray[np.int64], codes: dict, runs_of: dict[Strand, Runs], workspace: Workspace) -> pd.DataFrame:
    n = workspace.n_rows
    active = {s: np.diff(codes[s].indptr).astype(np.int64) for s in STRANDS}
    n_active = active["+"] + active["-"]
    n_runs = sum(np.bincount(runs_of[s].column, minlength=len(ids)) for s in STRANDS)
    rows = []
    for j in range(len(ids)):
        parts = [codes[s].data[codes[s].indptr[j] : codes[s].indptr[j + 1]] for s in STRANDS]
        values = np.concatenate(parts).astype(np.float64)
        hit = [codes[s].indices[codes[s].indptr[j] : codes[s].indptr[j + 1]] for s in STRANDS]
        blocks = np.unique(np.searchsorted(workspace.block_bounds, np.concatenate(hit), side="right"))
        q50, q99 = np.quantile(values, [0.5, 0.99]) if len(values) else (np.nan, np.nan)
        mean, top = (values.mean(), values.max()) if len(values) else (np.nan, 0.0)
        rows.append((mean, q50, q99, top, _strand_correlation(parts[0], parts[1], hit[0], hit[1], n), len(blocks)))
    mean, q50, q99, top, correlation, n_blocks = (np.array(c) for c in zip(*rows, strict=True))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_run = np.where(n_runs > 0, n_active / n_runs, np.nan)
    return pd.DataFrame(
        {
            "feature": ids,
            "alive": n_active > 0,
            "density": n_active / (2 * n),
            "density_plus": active["+"] / n,
            "density_minus": active["-"] / n,
            "n_active": n_active,
            "n_runs": n_runs,
            "mean_run": mean_run,
            "mean_active": mean,
            "q50": q50,
            "q99": q99,
            "maximum": top,
            "strand_correlation": correlation,
            "n_blocks": n_blocks,
        }
    )


def _strand_correlation(plus: NDArray, minus: NDArray, plus_rows: NDArray, minus_rows: NDArray, n: int) -> float:
    """Pearson correlation of two sparse vectors of length n; nan where one is constant."""
    if not len(plus) or not len(minus):
        return float("nan")
    plus, minus = plus.astype(np.float64), minus.astype(np.float64)
    on_plus, on_minus = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    on_plus[plus_rows], on_minus[minus_rows] = True, True
    # rows of either strand ascend, so that those of both come in one order
    covariance = plus[on_minus[plus_rows]] @ minus[on_plus[minus_rows]] / n - plus.sum() * minus.sum() / n**2
    spread = [(v @ v) / n - (v.sum() / n) ** 2 for v in (plus, minus)]
    return float(covariance / np.sqrt(spread[0] * spread[1])) if min(spread) > 0 else float("nan")


def _strongest(
    ids: NDArray[np.int64], runs_of: dict[Strand, Runs], workspace: Workspace, params: FeaturesParams
) -> pd.DataFrame:
    """The strongest runs of each feature, both strands, peaks of one strand `apart` or more from each other."""
    edges = {s: np.searchsorted(runs_of[s].column, np.arange(len(ids) + 1)) for s in STRANDS}
    picked = []
    for j in range(len(ids)):
        plus, minus = ([part[edges[s][j] : edges[s][j + 1]] for part in runs_of[s]] for s in STRANDS)
        both = Runs(*(np.concatenate(pair) for pair in zip(plus, minus, strict=True)))  # type: ignore[arg-type]
        chosen = _spaced(both.peak, both.value, len(plus[0]), params)
        strand = np.where(chosen < len(plus[0]), *STRANDS)
        best = dict(zip(Runs._fields, (part[chosen] for part in both), strict=True))
        picked.append(pd.DataFrame({**best, "strand": strand}))
    table = pd.concat(picked, ignore_index=True)
    places = workspace.locate(table["peak"].to_numpy())
    segment = workspace.table.iloc[places.segment]
    # a run lies in one segment, so one shift puts it on the contig
    shift = places.position - table["peak"].to_numpy()
    return pd.DataFrame(
        {
            "feature": ids[table["column"].to_numpy()],
            "rank": table.groupby("column").cumcount().to_numpy(),
            "genome": segment["genome"].to_numpy(),
            "chrom": segment["chrom"].to_numpy(),
            "start": table["start"].to_numpy() + shift,
            "end": table["end"].to_numpy() + shift,
            "peak": places.position,
            "strand": table["strand"].to_numpy(),
            "value": table["value"].to_numpy(dtype=np.float64),
            "row": table["peak"].to_numpy(),
            "split": segment["split"].to_numpy(),
        }
    )


def _spaced(
    peak: NDArray[np.int64], value: NDArray[np.float32], n_plus: int, params: FeaturesParams
) -> NDArray[np.int64]:
    """The strongest runs of one feature, greedily, skipping those too near to a stronger one; of equal ones the first.

    Parameters
    ----------
    peak, value
        Runs of strand +, `n_plus` of them, then those of strand -; peaks of a strand ascend.
    """
    left = value.copy()
    chosen: list[int] = []
    while len(chosen) < params.top_windows and len(left) and left[i := int(left.argmax())] > -np.inf:
        chosen.append(i)
        strand = slice(0, n_plus) if i < n_plus else slice(n_plus, len(peak))
        near = np.searchsorted(peak[strand], [peak[i] - params.apart + 1, peak[i] + params.apart])
        left[strand][near[0] : near[1]] = -np.inf
        left[i] = -np.inf  # itself, also where runs need not be apart
    return np.array(chosen, dtype=np.int64)


def as_anndata(features: pd.DataFrame, decoder: NDArray[np.float32], site: str) -> ad.AnnData:
    """Features as observations of an AnnData whose variables are the channels of the site; `X` is the decoder.

    Parameters
    ----------
    features
        `FEATURES` table.
    decoder
        (features, d_model), rows as the dictionary holds them.
    site
        Where in the model the channels are.
    """
    import anndata as ad

    obs = features.set_index(features["feature"].astype(str).rename("id"))
    var = pd.DataFrame(index=pd.Index([f"{site}[{i}]" for i in range(decoder.shape[1])], name="channel"))
    return ad.AnnData(decoder.astype(np.float32), obs=obs, var=var)
