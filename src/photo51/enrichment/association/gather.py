"""Families of all chunks together: q-values, and the run's calibration on its own rotated activations."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy
from numpy.typing import ArrayLike, NDArray

from photo51 import __version__
from photo51.config.enrichment import EnrichParams
from photo51.enrichment.association.pairs import TESTED
from photo51.io.contracts.enrichment import ENRICHMENT, QQ, RATES
from photo51.stats.multiple import attainable, bh_within, hierarchical

_QQ_POINTS = 400  # points of a curve
_KEYS = ["annotation", "strand"]
BAND, MOST = (0.03, 0.07), 0.003
"""Where the share of circularly shifted features with p_adj_comp ≤ 0.05 must lie, and what that with p ≤ 0.001
may be."""
_DOUBT = 0.01  # chance that any class and reading of a run is called out of band though its rate is at the band's edge


def with_families(pairs: pd.DataFrame, alpha: float, rates: pd.DataFrame | None = None) -> pd.DataFrame:
    """Make the q-values of all chunks together.

    What is claimed is that a feature marks a class, so that a class is a family: all its features and readings.
    q-values are `multiple.hierarchical`: classes are selected first, tests within selected classes second. Pairs whose
    smallest attainable p could never be rejected in their class leave the families first (`attainable`, from the
    margins alone) and say so in `status`. A class and reading whose adjusted test is out of band has its p beyond
    composition, but no q of it, and is in no family.

    Parameters
    ----------
    pairs
        Rows of all chunks (contract `ENRICHMENT`), q-values not yet made.
    alpha
        Level of the family.
    rates
        How often the adjusted test calls circularly shifted features (contract `RATES`); None where that was not
        measured.

    Returns
    -------
    The same, q-values filled, by feature, class and strand.
    """
    table = pairs.sort_values(["feature", *_KEYS], kind="stable", ignore_index=True).copy()
    family = table["annotation"].to_numpy(dtype=object)
    tested = (table["status"] == TESTED).to_numpy()
    floor = table["p_floor"].where(tested).to_numpy(dtype=np.float64)
    # by class, as that is the family: what can be attained depends on how many tests share it
    can = np.zeros(len(table), dtype=bool)
    for of_class in table.groupby("annotation").indices.values():
        can[of_class] = attainable(floor[of_class], alpha)
    hopeless = tested & ~can
    table.loc[hopeless, "status"] = "attainable p too large for the family"
    # no p where no verdict could come of it: it would only widen the family
    table.loc[hopeless, ["p_rot", "p_depleted", "p_adj_comp", "z_adj"]] = np.nan
    table.loc[hopeless, "p_method"] = ""
    table["adjusted"] = _adjusted(table, rates)
    judged = table["p_adj_comp"].where(table["adjusted"].isin(["in band", "not measured"]))
    table["q"] = hierarchical(table["p_rot"], family)
    table["q_depleted"] = hierarchical(table["p_depleted"], family)
    table["q_adj_comp"] = hierarchical(judged, family)
    table["q_within_annotation"] = bh_within(table["p_rot"], family)
    return ENRICHMENT.check(table)


def _adjusted(table: pd.DataFrame, rates: pd.DataFrame | None) -> NDArray:
    """Whether the adjusted test of each pair holds in this run, by its class and reading; empty where there is none."""
    verdict = (
        {}
        if rates is None
        else dict(zip(zip(rates["annotation"], rates["strand"], strict=True), rates["verdict"], strict=True))
    )
    keys = zip(table["annotation"], table["strand"], strict=True)
    holds = np.array([verdict.get(key, "not measured") for key in keys], dtype=object)
    return np.where(table["p_adj_comp"].isna(), "", holds)


def adjusted_rates(rotated: pd.DataFrame) -> pd.DataFrame:
    """How often the adjusted test calls circularly shifted features, by class and reading (contract `RATES`).

    A class and reading is out of band where its counts could hardly come from a rate in the band: where the binomial
    chance of as many at p ≤ 0.05 under a rate of 0.07, of as few under 0.03, or of as many at p ≤ 0.001 under 0.003,
    is below 0.01 divided by the number of classes and readings. Features are shifted independently, so that counts are
    binomial.

    Parameters
    ----------
    rotated
        Pairs of features that were circularly shifted once (contract `ENRICHMENT`, q-values not needed).
    """
    adjusted = rotated[rotated["p_adj_comp"].notna()]
    groups = adjusted.groupby(_KEYS, sort=True)["p_adj_comp"]
    rows = [
        {
            "annotation": a,
            "strand": s,
            "n": len(p),
            "n_05": int((p <= 0.05).sum()),
            "n_001": int((p <= 0.001).sum()),
        }
        for (a, s), p in groups
    ]
    if not rows:
        return RATES.empty()
    table = pd.DataFrame(rows)
    n, doubt = table["n"], _DOUBT / len(table)
    # P(X ≥ n_05): the survival function is of more than its argument
    many = scipy.stats.binom.sf(table["n_05"] - 1, n, BAND[1])
    few = scipy.stats.binom.cdf(table["n_05"], n, BAND[0])
    tail = scipy.stats.binom.sf(table["n_001"] - 1, n, MOST)
    table["rate_05"], table["rate_001"] = table["n_05"] / n, table["n_001"] / n
    table["tolerance"] = doubt
    out = (many < doubt) | (few < doubt) | (tail < doubt)
    table["verdict"] = np.where(out, "out of band", "in band").astype(object)
    return RATES.check(table)


LEVELS = ("05", "01", "001")  # digits after "0." of the levels at which errors are counted


class Calibration(NamedTuple):
    """What the run finds in its real activations and in the same activations rotated once.

    Attributes
    ----------
    figures
        Flat numbers (`calibration.json`).
    qq
        Quantiles for the plot (contract `QQ`).
    """

    figures: dict[str, float | int | str | None]
    qq: pd.DataFrame


def calibration(
    real: pd.DataFrame, rotated: pd.DataFrame | None, params: EnrichParams, rates: pd.DataFrame | None = None
) -> Calibration:
    """Compare real with rotated discoveries, on the features that were rotated: `run_real_…` and `run_rotated_…`.

    Parameters
    ----------
    rates
        From `adjusted_rates`, of all features that were shifted.
    real, rotated
        Tables with families; None where the run did not rotate. Where it rotated some features only, the real pairs of
        these are a family of their own here, so that like is counted with like; `run_all_…` is of all features.
    """
    everything = real
    if rotated is not None and set(rotated["feature"]) != set(real["feature"]):
        real = with_families(real[real["feature"].isin(rotated["feature"])], params.alpha, rates)
    figures: dict[str, float | int | str | None] = {
        "version": __version__,
        "seed": params.seed,
        "alpha": params.alpha,
        "features_compared": int(real["feature"].nunique()),
        "run_all_pairs": int((everything["status"] == TESTED).sum()),
        "run_all_discoveries": _discoveries(everything["q"], params.alpha),
        "run_all_both": _discoveries(np.maximum(everything["q"], everything["q_adj_comp"]), params.alpha),
        "run_real_pairs": int((real["status"] == TESTED).sum()),
        "run_real_discoveries": _discoveries(real["q"], params.alpha),
        "run_real_discoveries_adjusted": _discoveries(real["q_adj_comp"], params.alpha),
        "run_real_both": _discoveries(np.maximum(real["q"], real["q_adj_comp"]), params.alpha),
        "run_real_features": _features(real, params.alpha),
    }
    if rates is not None and len(rates):
        figures |= {
            "adjusted_fpr_05_worst": float(rates["rate_05"].max()),
            "adjusted_fpr_001_worst": float(rates["rate_001"].max()),
            "adjusted_out_of_band": int((rates["verdict"] == "out of band").sum()),
        }
    both = real["q"] <= params.alpha
    # of classes in which the adjusted test calls too many shifted features it says nothing
    judged = both & ~real["adjusted"].isin(["", "out of band"])
    # of what is found by rotation and has an adjusted verdict, how much that keeps
    figures["adjusted_kept"] = _share_of(judged & (real["q_adj_comp"] <= params.alpha), judged)
    curves = [_curves(real, "real")]
    if rotated is not None:
        p, adjusted = rotated["p_rot"].dropna(), rotated["p_adj_comp"].dropna()
        figures |= {
            "run_rotated_pairs": int((rotated["status"] == TESTED).sum()),
            "run_rotated_discoveries": _discoveries(rotated["q"], params.alpha),
            "run_rotated_discoveries_adjusted": _discoveries(rotated["q_adj_comp"], params.alpha),
            "run_rotated_both": _discoveries(np.maximum(rotated["q"], rotated["q_adj_comp"]), params.alpha),
            "run_rotated_features": _features(rotated, params.alpha),
            **{f"fpr_{level}": _share(p, float(f"0.{level}")) for level in LEVELS},
            **{f"fpr_{level}_se": _error_of_share(rotated, float(f"0.{level}")) for level in LEVELS},
            **{f"fpr_adjusted_{level}": _share(adjusted, float(f"0.{level}")) for level in LEVELS},
            # distance of the p-values of shifted features from uniform ones, which is what they should be
            "ks_distance": float(scipy.stats.kstest(p, "uniform").statistic) if len(p) else None,
            "ks_distance_adjusted": float(scipy.stats.kstest(adjusted, "uniform").statistic) if len(adjusted) else None,
        }
        curves.append(_curves(rotated, "rotated"))
    return Calibration(figures, QQ.check(pd.concat(curves, ignore_index=True)))


def _discoveries(q: ArrayLike, alpha: float) -> int:
    return int(np.count_nonzero(np.asarray(q) <= alpha))


def _features(table: pd.DataFrame, alpha: float) -> int:
    """Features with a discovery of both tests: pairs of one feature come and go together."""
    return int(table.loc[np.maximum(table["q"], table["q_adj_comp"]) <= alpha, "feature"].nunique())


def _share_of(part: pd.Series, whole: pd.Series) -> float | None:
    return float(part.sum() / whole.sum()) if whole.any() else None


def _share(p: pd.Series, level: float) -> float | None:
    return float((p <= level).mean()) if len(p) else None


def _error_of_share(table: pd.DataFrame, level: float) -> float | None:
    """Standard error of the share of p-values at or below a level; pairs of a feature are one cluster."""
    tested = table[table["p_rot"].notna()]
    per = tested.assign(hit=tested["p_rot"] <= level).groupby("feature")["hit"].agg(["sum", "size"])
    if len(per) < 2:
        return None
    # what each feature has beyond its share: linearised ratio estimator
    left = per["sum"] - per["size"] * per["sum"].sum() / per["size"].sum()
    # n / (n − 1), as the share itself is estimated
    return float(np.sqrt(len(per) / (len(per) - 1) * (left**2).sum()) / per["size"].sum())


def _curves(table: pd.DataFrame, activations: str) -> pd.DataFrame:
    parts = []
    for test, column in (("rotation", "p_rot"), ("adjusted", "p_adj_comp")):
        p = np.sort(table[column].dropna().to_numpy())
        if len(p):
            expected, observed = qq_points(p)
            parts.append(
                pd.DataFrame({"activations": activations, "test": test, "expected": expected, "observed": observed})
            )
    return pd.concat(parts, ignore_index=True) if parts else QQ.empty()


def qq_points(p: NDArray[np.float64], n: int = _QQ_POINTS) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """-log10 of uniform quantiles and of sorted p-values at them; the smallest ones are all there."""
    # ranks in geometric steps: all of the smallest, few of the rest
    ranks = np.unique(np.geomspace(1, len(p), n).round().astype(np.int64))
    # rank − ½: the expected quantile of the middle of each step
    uniform = (ranks - 0.5) / len(p)
    return -np.log10(uniform), -np.log10(np.sort(p)[ranks - 1])
