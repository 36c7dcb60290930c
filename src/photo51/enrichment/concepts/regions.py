"""Long, rare classes against their flanks: a prophage of 40 kb, of which a genome has two, is told from what lies
beside it.

Every instance is cut into windows, and so are segments of its own length to either side. Windows are described by the
mean activation of every feature; beside them by the counts of 6-mers, and by GC alone, with the same learner: a
logistic model with a fixed penalty on standardised columns. One group of instances is held out at a time, the others
are learnt from, and AUROC is that of the held-out instance's windows over those of its own flanks. The best single
feature is chosen on the others too. The null shifts all instances circularly along their contigs and repeats
everything.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from photo51.enrichment.annotations.classes import AnnotationClass
from photo51.enrichment.annotations.design import Reading
from photo51.enrichment.annotations.leaks import canonical_kmers
from photo51.enrichment.concepts.few import Axis, pieces_of
from photo51.enrichment.concepts.instances import Pieces, copy_groups, shifted_pieces
from photo51.stats.binomial import clopper_pearson
from photo51.stats.rotation import Orientation

PENALTY = 0.01  # inverse strength of the ridge penalty, fixed beforehand
_K = 6
EITHER: Orientation = "either"


class RegionWindows(NamedTuple):
    """Windows of instances and of their flanks.

    Attributes
    ----------
    start, end
        Rows of strand +, (n_windows,).
    instance
        Whose window it is, or whose flank's.
    inside
        Whether it is the instance's own.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    instance: NDArray[np.int64]
    inside: NDArray[np.bool_]


class Told(NamedTuple):
    """How well held-out instances are told from their flanks.

    Attributes
    ----------
    auroc
        Of each instance, (n_instances,); NaN where it has no flank.
    unit
        Best single unit of each instance's fold, -1 where there is none.
    single
        AUROC of that unit, (n_instances,).
    """

    auroc: NDArray[np.float64]
    unit: NDArray[np.int64]
    single: NDArray[np.float64]


def windows_of(pieces: Pieces, contigs: NDArray[np.int64], size: int) -> RegionWindows:
    """Windows of `size` rows in each instance and in flanks of its length, where these lie in no instance of the class.

    Parameters
    ----------
    contigs
        Row bounds of contigs, (n_contigs + 1,).
    size
        Rows; shorter ends of less than half a window are left out.
    """
    taken = np.zeros(int(contigs[-1]), dtype=bool)
    for a, b in zip(pieces.start.tolist(), pieces.end.tolist(), strict=True):
        taken[a:b] = True
    rows: list[tuple[int, int, int, bool]] = []
    for i in range(pieces.n_instances):
        pieces_of = np.flatnonzero(pieces.instance == i)
        # flanks of the instance's length, whether or not it is cut
        length = int((pieces.end[pieces_of] - pieces.start[pieces_of]).sum())
        for p in pieces_of.tolist():
            a, b = int(pieces.start[p]), int(pieces.end[p])
            rows += [(s, e, i, True) for s, e in _cut(a, b, size)]
        # flanks lie outside all of its pieces
        a, b = int(pieces.start[pieces_of].min()), int(pieces.end[pieces_of].max())
        contig = int(np.searchsorted(contigs, a, side="right")) - 1
        left, right = max(int(contigs[contig]), a - length), min(int(contigs[contig + 1]), b + length)
        flanks = [*_cut(left, a, size), *_cut(b, right, size)]
        # a flank in another instance of the class is no flank
        rows += [(s, e, i, False) for s, e in flanks if not taken[s:e].any()]
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return RegionWindows(table[:, 0], table[:, 1], table[:, 2], table[:, 3].astype(bool))


def _cut(start: int, end: int, size: int) -> list[tuple[int, int]]:
    # windows shorter than half are left out
    return [(s, min(s + size, end)) for s in range(start, end, size) if min(s + size, end) - s >= size / 2]


def feature_means(rows: sp.csr_array, windows: RegionWindows) -> NDArray[np.float32]:
    """Mean activation of every unit in each window, both strands together, (n_windows, n_units)."""
    n_rows, n = rows.shape[0] // 2, len(windows.start)
    size = windows.end - windows.start
    places = np.concatenate(
        [np.arange(a, b) for a, b in zip(windows.start, windows.end, strict=True)] or [np.zeros(0, int)]
    )
    window_of = np.repeat(np.arange(n), size)
    # (windows, doubled-axis rows) of ones: the product sums activations
    sums = sp.csr_array(
        (np.ones(2 * len(places), np.float32), (np.tile(window_of, 2), np.concatenate([places, places + n_rows]))),
        shape=(n, 2 * n_rows),
    )
    return ((sums @ rows).toarray() / (2 * np.maximum(size, 1))[:, None]).astype(np.float32)


def kmer_shares(bases: NDArray[np.integer], windows: RegionWindows) -> NDArray[np.float32]:
    """Shares of 6-mers, with their reverse complements, in each window, (n_windows, 2,080)."""
    number: dict[int, int] = {}
    for code in range(4**_K):
        # reverse complement: base j complemented, at the other end
        back = sum((3 - (code >> (2 * j) & 3)) << (2 * (_K - 1 - j)) for j in range(_K))
        number.setdefault(min(code, back), len(number))
    lookup = np.zeros(4**_K, dtype=np.int64)
    lookup[list(number)] = list(number.values())
    out = np.zeros((len(windows.start), len(number)), dtype=np.float32)
    for w, (a, b) in enumerate(zip(windows.start.tolist(), windows.end.tolist(), strict=True)):
        if b - a >= _K:
            kmers, unambiguous = canonical_kmers(bases[a:b], _K)
            out[w] = np.bincount(lookup[kmers[unambiguous].astype(np.int64)], minlength=len(number))
    # shares, so that windows of different length compare
    return out / np.maximum(out.sum(axis=1, keepdims=True), 1)


def gc_share(bases: NDArray[np.integer], windows: RegionWindows) -> NDArray[np.float32]:
    """GC of each window, (n_windows, 1)."""
    parts = [bases[a:b] for a, b in zip(windows.start.tolist(), windows.end.tolist(), strict=True)]
    return np.array([[float(np.isin(p, (1, 2)).sum() / max((p < 4).sum(), 1))] for p in parts], np.float32).reshape(
        -1, 1
    )


def tell(x: NDArray[np.float32], windows: RegionWindows, group: NDArray[np.int64]) -> Told:
    """Hold out each group of instances once.

    Parameters
    ----------
    x
        What describes the windows, (n_windows, n_columns).
    group
        Of each instance, (n_instances,).
    """
    auroc, single = np.full(len(group), np.nan), np.full(len(group), np.nan)
    unit = np.full(len(group), -1, dtype=np.int64)
    for g in np.unique(group):
        held_out = group[windows.instance] == g
        learn, inside = x[~held_out], windows.inside[~held_out]
        if inside.all() or not inside.any():
            continue
        # of the learning rows: the held-out ones decide nothing
        centre, spread = learn.mean(axis=0), learn.std(axis=0)
        scale = np.where(spread > 0, spread, 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = LogisticRegression(C=PENALTY, class_weight="balanced", max_iter=200).fit(
                (learn - centre) / scale, inside
            )
        score = ((x - centre) / scale) @ model.coef_[0]
        alone = aurocs(learn, inside)
        # farthest from 0.5: a feature that is low inside tells as well
        best = int(np.argmax(np.abs(alone - 0.5)))
        sign = 1.0 if alone[best] >= 0.5 else -1.0
        for i in np.flatnonzero(group == g).tolist():
            in_instance = windows.instance == i
            if windows.inside[in_instance].any() and not windows.inside[in_instance].all():
                auroc[i] = aurocs(score[in_instance, None], windows.inside[in_instance])[0]
                single[i] = aurocs(sign * x[in_instance][:, [best]], windows.inside[in_instance])[0]
                unit[i] = best
    return Told(auroc, unit, single)


def aurocs(x: NDArray[np.floating], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """AUROC of every column, ties counted half, (n_columns,)."""
    n, k = len(inside), int(inside.sum())
    ranks = scipy.stats.rankdata(x, axis=0)[inside].sum(axis=0)
    # Mann-Whitney: ranks less the smallest they can be, over the number of pairs
    return np.asarray((ranks - k * (k + 1) / 2) / (k * (n - k)), dtype=np.float64)


def region_rows(axis: Axis, c: AnnotationClass, rows: sp.csr_array, ids: NDArray[np.int64]) -> list[dict[str, object]]:
    """A long, rare class against its flanks (contract `REGIONS`): features, best feature, 6-mers, GC; or the reason
    why not.

    Parameters
    ----------
    rows
        The dictionary's features, doubled-axis rows × features.
    ids
        Number of each feature.
    """
    pieces, params = pieces_of(c, Reading(0, EITHER)), axis.params
    length = np.bincount(pieces.instance, pieces.end - pieces.start)
    group = copy_groups(pieces, axis.bases, params.leak_k)
    n, n_groups = pieces.n_instances, len(np.unique(group))
    size = max(100, int(np.median(length)) // params.region_windows)
    fixed = {"annotation": c.name, "n_instances": n, "n_groups": n_groups, "window": size}
    windows = windows_of(pieces, axis.contigs, size)
    reason = _reason(windows, n, n_groups)
    if reason:
        return [fixed | _nothing(reason)]
    features = tell(feature_means(rows, windows), windows, group)
    if np.isnan(features.auroc).all():
        return [fixed | _nothing("no instance has flanks while others that have some are left to learn from")]
    rng = np.random.default_rng([params.seed, 5])
    null = np.array([_shifted_auroc(axis, pieces, group, rows, size, rng) for _ in range(params.region_shifts)])
    # (b + 1) / (n + 1): the observed arrangement counts among the shifts
    p = (1 + (null >= np.nanmean(features.auroc)).sum()) / (1 + len(null))
    units, counts = np.unique(features.unit[features.unit >= 0], return_counts=True)
    out = [
        ("features", -1, features.auroc, p),
        ("best feature", int(ids[units[np.argmax(counts)]]), features.single, np.nan),
        ("6-mers", -1, tell(kmer_shares(axis.bases, windows), windows, group).auroc, np.nan),
        ("GC", -1, tell(gc_share(axis.bases, windows), windows, group).auroc, np.nan),
    ]
    return [fixed | _row(name, feature, auroc, float(p)) for name, feature, auroc, p in out]


def _reason(windows: RegionWindows, n: int, n_groups: int) -> str:
    if n < 2:
        return f"{n} instance{'s' if n != 1 else ''}: one to learn from and one to be told are needed"
    if n_groups < 2:
        return f"{n} instances, all copies of one another: none is held out"
    if windows.inside.all() or not windows.inside.any():
        return f"{n} instances without flanks among the scored bases"
    return ""


def _shifted_auroc(
    axis: Axis,
    pieces: Pieces,
    group: NDArray[np.int64],
    rows: sp.csr_array,
    size: int,
    rng: np.random.Generator,
) -> float:
    windows = windows_of(shifted_pieces(pieces, axis.contigs, rng), axis.contigs, size)
    if not len(windows.start) or windows.inside.all() or not windows.inside.any():
        return 0.5
    auroc = tell(feature_means(rows, windows), windows, group).auroc
    return float(np.nanmean(auroc)) if np.isfinite(auroc).any() else 0.5


def _nothing(reason: str) -> dict[str, object]:
    empty = dict.fromkeys(("auroc", "auroc_least", "told_lo", "told_hi", "p"), np.nan)
    return {"representation": "", "feature": -1, **empty, "n_told": 0, "n_tested": 0, "status": reason}


def _row(name: str, feature: int, auroc: NDArray[np.float64], p: float) -> dict[str, object]:
    finite = auroc[np.isfinite(auroc)]
    n_told_apart = int((finite > 0.5).sum())
    low, high = clopper_pearson(n_told_apart, len(finite))
    return {
        "representation": name,
        "feature": feature,
        "auroc": float(finite.mean()) if len(finite) else np.nan,
        "auroc_least": float(finite.min()) if len(finite) else np.nan,
        "n_tested": len(finite),
        "n_told": n_told_apart,
        "told_lo": float(low),
        "told_hi": float(high),
        "p": p,
        "status": "scored",
    }


def long_classes(classes: Sequence[AnnotationClass], chosen: set[int], min_length: int) -> list[AnnotationClass]:
    """Of the chosen classes, by number, those whose median instance is at least so long (bases)."""
    long = []
    for i in sorted(chosen):
        c = classes[i]
        size = np.bincount(c.instances, c.intervals[:, 1] - c.intervals[:, 0])
        if len(c.intervals) and np.median(size[size > 0]) >= min_length:
            long.append(c)
    return long
