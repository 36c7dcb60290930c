"""Families of all chunks together: q-values, and the run's calibration on its own rotated activations."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from photo51 import __version__
from photo51.config.enrichment import EnrichParams
from photo51.enrichment.pairs import TESTED
from photo51.io.contracts.enrichment import ENRICHMENT, QQ
from photo51.stats.multiple import attainable, benjamini_hochberg, bh_within

_QQ_POINTS = 400


def with_families(pairs: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Make the q-values of all chunks together.

    Pairs whose smallest attainable p could never be rejected leave the families first (`attainable`, from the margins
    alone) and say so in `status`.

    Parameters
    ----------
    pairs
        Rows of all chunks (contract `ENRICHMENT`), q-values not yet made.
    alpha
        Level of the family.

    Returns
    -------
    The same, q-values filled, by feature, class and strand.
    """
    table = pairs.sort_values(["feature", "annotation", "strand"], kind="stable", ignore_index=True).copy()
    tested = (table["status"] == TESTED).to_numpy()
    can = attainable(table["p_floor"].where(tested), alpha)
    hopeless = tested & ~can
    table.loc[hopeless, "status"] = "attainable p too large for the family"
    table.loc[hopeless, ["p_rot", "p_depleted", "p_adj_comp", "z_adj"]] = np.nan
    table.loc[hopeless, "p_method"] = ""
    table["q"] = benjamini_hochberg(table["p_rot"])
    table["q_depleted"] = benjamini_hochberg(table["p_depleted"])
    table["q_adj_comp"] = benjamini_hochberg(table["p_adj_comp"])
    table["q_within_annotation"] = bh_within(table["p_rot"], table["annotation"] + "\t" + table["strand"])
    return ENRICHMENT.check(table)


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


def calibration(real: pd.DataFrame, rotated: pd.DataFrame | None, params: EnrichParams) -> Calibration:
    """Compare real with rotated discoveries, on the features that were rotated: `run_real_…` and `run_rotated_…`.

    Parameters
    ----------
    real, rotated
        Tables with families; None where the run did not rotate. Where it rotated some features only, the real pairs of
        these are a family of their own here, so that like is counted with like; `run_all_…` is of all features.
    """
    everything = real
    if rotated is not None and set(rotated["feature"]) != set(real["feature"]):
        real = with_families(real[real["feature"].isin(rotated["feature"])], params.alpha)
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
    }
    curves = [_curves(real, "real")]
    if rotated is not None:
        p, adjusted = rotated["p_rot"].dropna(), rotated["p_adj_comp"].dropna()
        figures |= {
            "run_rotated_pairs": int((rotated["status"] == TESTED).sum()),
            "run_rotated_discoveries": _discoveries(rotated["q"], params.alpha),
            "run_rotated_discoveries_adjusted": _discoveries(rotated["q_adj_comp"], params.alpha),
            "run_rotated_both": _discoveries(np.maximum(rotated["q"], rotated["q_adj_comp"]), params.alpha),
            **{f"fpr_{level}": _share(p, float(f"0.{level}")) for level in LEVELS},
            **{f"fpr_{level}_se": _error_of_share(rotated, float(f"0.{level}")) for level in LEVELS},
            **{f"fpr_adjusted_{level}": _share(adjusted, float(f"0.{level}")) for level in LEVELS},
            "ks_distance": float(stats.kstest(p, "uniform").statistic) if len(p) else None,
            "ks_distance_adjusted": float(stats.kstest(adjusted, "uniform").statistic)
            if len(adjusted)
            else None,
        }
        curves.append(_curves(rotated, "rotated"))
    return Calibration(figures, QQ.check(pd.concat(curves, ignore_index=True)))


def _discoveries(q: ArrayLike, alpha: float) -> int:
    return int(np.count_nonzero(np.asarray(q) <= alpha))


def _share(p: pd.Series, level: float) -> float | None:
    return float((p <= level).mean()) if len(p) else None


def _error_of_share(table: pd.DataFrame, level: float) -> float | None:
    """Standard error of the share of p-values at or below a level; pairs of a feature are one cluster."""
    tested = table[table["p_rot"].notna()]
    per = tested.assign(hit=tested["p_rot"] <= level).groupby("feature")["hit"].agg(["sum", "size"])
    if len(per) < 2:
        return None
    left = per["sum"] - per["size"] * per["sum"].sum() / per["size"].sum()
    return float(np.sqrt(len(per) / (len(per) - 1) * (left**2).sum()) / per["size"].sum())


def _curves(table: pd.DataFrame, activations: str) -> pd.DataFrame:
    parts = []
    for test, column in (("rotation", "p_rot"), ("adjusted", "p_adj_comp")):
        p = np.sort(table[column].dropna().to_numpy())
        if len(p):
            expected, observed = qq_points(p)
            parts.append(
                pd.DataFrame(
                    {"activations": activations, "test": test, "expected": expected, "observed": observed}
                )
            )
    return pd.concat(parts, ignore_index=True) if parts else QQ.empty()


def qq_points(p: NDArray[np.float64], n: int = _QQ_POINTS) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """-log10 of uniform quantiles and of sorted p-values at them; the smallest ones are all there."""
    ranks = np.unique(np.geomspace(1, len(p), n).round().astype(np.int64))
    uniform = (ranks - 0.5) / len(p)
    return -np.log10(uniform), -np.log10(np.sort(p)[ranks - 1])
