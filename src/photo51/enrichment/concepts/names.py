"""`photo51 names`: what each feature is called, from all evidence of a run, each piece with its kind and grade.

The only place where a feature is named. Pages, cards, steering, tracks and notebooks read `names.parquet`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from photo51 import words
from photo51.config.enrichment import ConceptParams
from photo51.enrichment.annotations.classes import AnnotationClass
from photo51.enrichment.concepts.few import CROSS, FIXED
from photo51.io.contracts.enrichment import NAMES
from photo51.run.known import by_margin
from photo51.stats.rotation import orient

HELD_OUT, NULL, WINDOWS = "held-out concept", "exact null", "top windows"
STRONG, MODERATE, WEAK = "strong", "moderate", "weak"
_KEY = ["feature", "annotation", "strand"]
_KINDS = (HELD_OUT, NULL, WINDOWS)
_FROM_CONCEPTS = (
    "threshold",
    "precision_bp",
    "recall_bp",
    "recall_domain",
    "f1_domain",
    "f1_null95",
    "f1_always",
    "mcc",
    "auprc",
    "kmer_auprc",
    "q",
    "q_adj_comp",
    "beats_kmer",
    "n_test_domains",
)
_CHECKED = "checked"


class NameEvidence(NamedTuple):
    """Tables that names come from; None where a stage was not run.

    Attributes
    ----------
    concepts, summary, enrichment, replication
        Contracts `CONCEPTS`, `SUMMARY`, `ENRICHMENT`, `REPLICATION`.
    shares
        From `top_shares`.
    """

    concepts: pd.DataFrame | None = None
    summary: pd.DataFrame | None = None
    enrichment: pd.DataFrame | None = None
    replication: pd.DataFrame | None = None
    shares: pd.DataFrame | None = None


def above_nulls(concepts: pd.DataFrame, params: ConceptParams) -> pd.Series:
    """Rows of the concepts table whose domain F1 reaches the limit and exceeds rotated copies and a feature that is
    always on.

    Where instances are few, they have to be cross-validated and beyond shifted instances too.
    """
    # the higher of both nulls; NaN where one was not made
    null = np.fmax(concepts["f1_null95"], concepts["f1_always"]).fillna(0.0)
    above = (concepts["f1_domain"] >= params.named_f1) & (concepts["f1_domain"] > null)
    if "evaluation" in concepts.columns:
        # few instances: `evaluation` says how they were judged
        few = ~concepts["evaluation"].isin([FIXED, ""])
        above &= ~few | ((concepts["evaluation"] == CROSS) & (concepts["p_instances"] <= params.name_alpha))
    return above


def agrees_by_bases(concepts: pd.DataFrame, params: ConceptParams) -> pd.Series:
    """Rows whose active bases agree with the class's bases: Matthews correlation at least `named_mcc`.

    F1 counts bases for precision and intervals for recall, so that one active base in each gene suffices for a high
    one.
    """
    return concepts["mcc"] >= params.named_mcc


def may_carry(concepts: pd.DataFrame, params: ConceptParams) -> pd.Series:
    """Rows of the concepts table whose feature may carry the name of the class."""
    tested = (concepts["q"] < params.name_alpha) & (concepts["q_adj_comp"] < params.name_alpha)
    return above_nulls(concepts, params) & agrees_by_bases(concepts, params) & tested


def top_shares(top: pd.DataFrame, classes: Sequence[AnnotationClass], n_rows: int) -> pd.DataFrame:
    """Share of each feature's strongest places that lie in each class, as every reading reads it.

    Parameters
    ----------
    top
        Contract `TOP_WINDOWS`.
    classes
        Annotation classes over the scored positions.
    n_rows
        Scored positions of a strand.

    Returns
    -------
    `feature`, `annotation`, `strand`, `frame`, `top_share` (0 to 1, above 0), `top_n` (places), `coverage` (of
    the class).
    """
    # rows of the doubled axis
    row = top["row"].to_numpy(np.int64) + n_rows * (top["strand"] == "-").to_numpy(np.int64)
    features, number = np.unique(top["feature"].to_numpy(np.int64), return_inverse=True)
    n = np.bincount(number, minlength=len(features))
    parts = []
    for c in classes:
        for reading in c.orientations(("sense", "antisense")):
            if c.reason:
                continue
            inside = np.bincount(number, orient(c.mask, reading)[row].astype(float), minlength=len(features))
            inside_any = np.flatnonzero(inside)
            parts.append(
                pd.DataFrame(
                    {
                        "feature": features[inside_any],
                        "annotation": c.name,
                        "strand": reading,
                        "frame": c.frame,
                        "top_share": inside[inside_any] / n[inside_any],
                        "top_n": n[inside_any],
                        "coverage": c.coverage,
                    }
                )
            )
    columns = ["feature", "annotation", "strand", "frame", "top_share", "top_n", "coverage"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def name_features(evidence: NameEvidence, params: ConceptParams) -> pd.DataFrame:
    """Every annotation that some evidence gives a feature, best first (contract `NAMES`).

    The order is by kind of evidence, held-out agreement before the exact null before the share of strongest places;
    among held-out agreement, by how far F1 exceeds its nulls. Only the first row of a feature can be its name: one
    that is closest to something it may not be named after, such as runs of A, which composition explains, gets no
    lesser name instead.
    """
    parts = [_from_concepts(evidence, params), _from_null(evidence, params), _from_windows(evidence, params)]
    parts = [p for p in parts if len(p)]
    if not parts:
        return NAMES.empty()
    table = pd.concat(parts, ignore_index=True)
    table = table.assign(kind=table["evidence"].map(_KINDS.index)).sort_values("kind", kind="stable")
    # the best kind of evidence of a class stands for it
    table = table.drop_duplicates(_KEY).drop(columns=["kind"])
    table = _with_shares(_with_checks(table, evidence.replication), evidence.shares)
    table["rank"] = table.groupby("feature", sort=False).cumcount()
    table = table.sort_values(["feature", "rank"], ignore_index=True)
    table["carries"] = table["reason"] == ""
    table["named"] = table["carries"] & (table["rank"] == 0)
    all_survived = (table["n_checks"] > 0) & (table["n_survived"] == table["n_checks"])
    table["grade"] = np.where(~table["carries"], WEAK, np.where(all_survived, STRONG, MODERATE))
    return NAMES.check(_filled(table))


_EMPTY = {"int": 0, "float": np.nan, "bool": False, "str": ""}
_TYPES = {"int": "int64", "float": "float64", "bool": "bool", "str": "object"}


def _filled(table: pd.DataFrame) -> pd.DataFrame:
    """Columns of the contract; what a kind of evidence does not say is empty."""
    out = {}
    for name, column in NAMES.columns.items():
        values = table[name].astype(object) if name in table else pd.Series(None, table.index, dtype=object)
        out[name] = values.where(values.notna(), _EMPTY[column.kind]).astype(_TYPES[column.kind])
    return pd.DataFrame(out)


def fallen(names: pd.DataFrame) -> int:
    """Features that would be named but for the agreement by bases."""
    return int((names.loc[names["rank"] == 0, "reason"].str.startswith("MCC")).sum())


def _from_concepts(evidence: NameEvidence, params: ConceptParams) -> pd.DataFrame:
    if evidence.concepts is None or evidence.concepts.empty:
        return pd.DataFrame()
    of_sae = evidence.concepts[evidence.concepts["readout"] == "sae"]
    of_sae = of_sae[of_sae["named"].astype(bool) | (above_nulls(of_sae, params) & (of_sae["q"] <= params.name_alpha))]
    of_sae = by_margin(of_sae)
    columns = [*_KEY, "frame", *_FROM_CONCEPTS, *(c for c in ("evaluation",) if c in of_sae.columns)]
    table = of_sae[columns].assign(evidence=HELD_OUT, reason=[_why_weak(r, params) for r in _records(of_sae)])
    if evidence.summary is not None and "f1_kmer" in evidence.summary.columns:
        kmer = evidence.summary[["annotation", "strand", "f1_kmer"]].drop_duplicates(["annotation", "strand"])
        table = table.merge(kmer, on=["annotation", "strand"], how="left")
    return table


def _why_weak(row: dict[str, object], params: ConceptParams) -> str:
    """Why a row that is above its nulls may not carry the name; empty where it may."""
    mcc, adjusted = float(str(row["mcc"])), float(str(row["q_adj_comp"]))
    if not mcc >= params.named_mcc:
        return f"MCC {mcc:.3f} below {params.named_mcc:g}"
    if np.isnan(adjusted):
        return "no verdict beyond composition"
    if not adjusted < params.name_alpha:
        return f"not beyond composition (q {words.probability(adjusted)})"
    return "" if row["named"] else "not named by `photo51 concepts`"


def _from_null(evidence: NameEvidence, params: ConceptParams) -> pd.DataFrame:
    """Enriched beyond rotation and beyond composition, most of its active bases inside."""
    if evidence.enrichment is None or evidence.enrichment.empty:
        return pd.DataFrame()
    e = evidence.enrichment
    e = e[(e["status"] == "tested") & (e["q"] <= params.name_alpha) & (e["q_adj_comp"] <= params.name_alpha)]
    e = e[e["log2_fold"] >= np.log2(params.name_fold)]
    ordered = e.sort_values(["q", "z_rot", "annotation"], ascending=[True, False, True], kind="stable")
    reason = f"not held out, or no domain F1 of {params.named_f1:g} above its nulls there"
    return ordered[[*_KEY, "frame", "q", "q_adj_comp", "log2_fold"]].assign(evidence=NULL, reason=reason)


def _from_windows(evidence: NameEvidence, params: ConceptParams) -> pd.DataFrame:
    """Most of the strongest places lie inside, far more than the class covers."""
    if evidence.shares is None or evidence.shares.empty:
        return pd.DataFrame()
    s = evidence.shares
    s = s[(s["top_share"] >= params.name_top_share) & (s["top_share"] >= params.name_top_fold * s["coverage"])]
    s = s.assign(over=s["top_share"] / s["coverage"])
    ordered = s.sort_values(["top_share", "over", "annotation"], ascending=[False, False, True], kind="stable")
    return ordered[[*_KEY, "frame"]].assign(evidence=WINDOWS, reason="its strongest places alone say so")


def _with_checks(table: pd.DataFrame, replication: pd.DataFrame | None) -> pd.DataFrame:
    """Replication checks that were made of each name, and how many it survived."""
    if replication is None or replication.empty:
        return table.assign(n_checks=0, n_survived=0)
    checked = replication[replication["reason"] == _CHECKED]
    counted = checked.groupby(_KEY)["survives"].agg(n_checks="size", n_survived="sum").reset_index()
    out = table.merge(counted, on=_KEY, how="left")
    return out.assign(n_checks=out["n_checks"].fillna(0), n_survived=out["n_survived"].fillna(0))


def _with_shares(table: pd.DataFrame, shares: pd.DataFrame | None) -> pd.DataFrame:
    if shares is None or shares.empty:
        return table
    return table.merge(shares[[*_KEY, "top_share", "top_n"]], on=_KEY, how="left")


def _records(table: pd.DataFrame) -> list[dict[str, object]]:
    return [{str(k): v for k, v in r.items()} for r in table.to_dict("records")]
