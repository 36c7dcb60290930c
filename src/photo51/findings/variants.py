"""Claims about sets of variants and cohorts, from `classifiers`, `feature_tests`, `cohort_tests` and `lambdas`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from photo51 import words
from photo51.findings.finding import Finding, Verdict, verdict

Record = Mapping[Any, Any]
SECTION = "disease"
INFORMATIVE = 0.9  # AUROC of consequence alone from which on a contrast is one of consequences
METHODS = {
    "llr": "model's likelihood ([[llr]])",
    "abs_llr": "size of the likelihood change",
    "llr_fair": "likelihood against random changes of like length",
    "features": "few features",
    "stacked": "likelihood and features",
    "conservation": "conservation",
    "context": "substitution, neighbours, GC",
    "kmer": "[[kmer|k-mers]]",
    "embedding": "all internal numbers",
    "gene_prior": "[[gene_prior|gene's name alone]]",
    "consequence_prior": "consequence alone",
    "gene_consequence_prior": "gene and consequence alone",
    "features_random_split": "features, genes not held out",
    "features_permuted": "features, labels shuffled",
}


VALIDATION = MappingProxyType(
    {"split": "clades kept apart", "leave_one_clade_out": "each clade left out", "external": "the external cohort"}
)


class Contrast(NamedTuple):
    """What a comparison compares.

    Attributes
    ----------
    name
        The comparison.
    cases, controls
        What they are, in words.
    described
        Why no find is claimed of it; empty where one may be.
    """

    name: str
    cases: str
    controls: str
    described: str

    @property
    def label(self) -> str:
        """Its name, in words."""
        return self.name.replace("_", " ")

    def verdict(self, *, holds: bool | None) -> Verdict:
        """Of a claim; where cases and controls differ by construction, a number without a verdict."""
        return "described" if self.described else verdict(holds=holds)


def whole_set(classifiers: pd.DataFrame) -> pd.DataFrame:
    """Scores over all strata, indexed by method (contract `CLASSIFIERS`)."""
    scored = classifiers[(classifiers["stratum"] == "all") & (classifiers["role"] != "unscored")]
    return scored.set_index("method", drop=False)


def contrast(name: str, labels: Mapping[str, Any], classifiers: pd.DataFrame, tests: pd.DataFrame) -> Contrast:
    """What a comparison compares, and whether a difference can say anything.

    Parameters
    ----------
    name
        The comparison.
    labels
        `cases_label` and `controls_label`, as the configuration has them.
    classifiers, tests
        Contracts `CLASSIFIERS` and `FEATURE_TESTS`; tests may have no rows.
    """
    whole, reasons = whole_set(classifiers), []
    if "claim" in tests and (tests["claim"] == "description").any():
        reasons.append("cases and controls differ by more than the outcome, as the configuration says")
    if "consequence_prior" in whole.index and whole.loc["consequence_prior", "auroc"] >= INFORMATIVE:
        alone = words.fixed(float(whole.loc["consequence_prior", "auroc"]))
        reasons.append(f"the consequence alone tells cases from controls (AUROC {alone})")
    why = "; ".join(reasons)
    cases = labels.get("cases_label") or "disease variants"
    controls = labels.get("controls_label") or "harmless variants"
    return Contrast(name, str(cases), str(controls), why)


def size(row: Record, c: Contrast) -> str:
    """Cases, controls and genes of a row of `CLASSIFIERS`, in words."""
    return (
        f"{int(row['n_case']):,} {c.cases} and {int(row['n_control']):,} {c.controls} in"
        f" {words.count(int(row['n_genes']), 'gene')}"
    )


def likelihood(classifiers: pd.DataFrame, c: Contrast) -> list[Finding]:
    """The model's likelihood ranks cases below controls of the same gene: its 95 % interval over genes lies above
    0.5.
    """
    whole = whole_set(classifiers)
    if "llr" not in whole.index:
        return []
    r = whole.loc["llr"].to_dict()
    interval = words.limits_95(r["within_lo"], r["within_hi"])
    return [
        Finding(
            SECTION,
            "variants_likelihood",
            c.name,
            f"The model finds {c.cases} ({c.label}) less likely than {c.controls} of the same gene.",
            c.verdict(holds=bool(r["within_lo"] > 0.5)),
            float(r["auroc_within"]),
            np.nan,
            0.5,
            int(r["n_case"]) + int(r["n_control"]),
            np.nan,
            f"AUROC {words.fixed(r['auroc_within'])}",
            "0.50 by chance",
            f"{size(r, c)}; {interval}",
        )
    ]


class Gain(NamedTuple):
    """What features add to the likelihood: whether they add, whether both beat the best baseline, and that baseline."""

    gains: bool
    beats: bool
    baseline: str
    bar: float


def gain(classifiers: pd.DataFrame) -> Gain | None:
    """Whether features add to the likelihood, and both together beat what needs no features; None where not
    measured.
    """
    whole = whole_set(classifiers)
    if "stacked" not in whole.index or not np.isfinite(whole.loc["stacked", "gain"]):
        return None
    r, baselines = whole.loc["stacked"], whole[whole["role"] == "baseline"]
    best = baselines.loc[baselines["auroc_within"].idxmax()] if len(baselines) else None
    bar = 0.5 if best is None else float(best["auroc_within"])
    return Gain(
        bool(r["gain_lo"] > 0), bool(r["within_lo"] > max(bar, 0.5)), "" if best is None else str(best["method"]), bar
    )


def than(g: Gain) -> str:
    """What both together have to beat, in words."""
    if not g.baseline:
        return "0.50 by chance"
    return f"AUROC {words.fixed(g.bar)} of the best baseline, {METHODS.get(g.baseline, g.baseline)}"


def features_add(classifiers: pd.DataFrame, c: Contrast) -> list[Finding]:
    """Features and likelihood together tell cases from controls: a gain over the likelihood, and above the best
    baseline.
    """
    g = gain(classifiers)
    if g is None:
        return []
    r = whole_set(classifiers).loc["stacked"].to_dict()
    interval = words.limits_95(r["gain_lo"], r["gain_hi"], difference=True)
    return [
        Finding(
            SECTION,
            "variants_features",
            c.name,
            f"Features and likelihood tell {c.cases} from {c.controls} better than what needs no features ({c.label}).",
            c.verdict(holds=g.gains and g.beats),
            float(r["auroc_within"]),
            np.nan,
            g.bar,
            int(r["n_case"]) + int(r["n_control"]),
            np.nan,
            f"AUROC {words.fixed(r['auroc_within'])}",
            than(g),
            f"{size(r, c)}; gain over the likelihood alone {words.signed(r['gain'])}, {interval}",
        )
    ]


def tests_made(tests: pd.DataFrame) -> int:
    """Tests in the family: those that could reach a discovery (all, in tables that do not say)."""
    return int(tests["testable"].astype(bool).sum()) if "testable" in tests else len(tests)


def feature_changes(tests: pd.DataFrame, c: Contrast, alpha: float) -> list[Finding]:
    """Features change differently in cases than in controls, and do so again in other genes.

    Parameters
    ----------
    tests
        Contract `FEATURE_TESTS`; none where it has no rows.
    c
        What is compared.
    alpha
        False-discovery rate.
    """
    if tests.empty:
        return []
    called, again = int((tests["q"] <= alpha).sum()), int(tests["replicated"].astype(bool).sum())
    pooled = int((tests["q_pooled"] <= alpha).sum())
    return [
        Finding(
            SECTION,
            "variants_changes",
            c.name,
            f"Features change differently in {c.cases} than in {c.controls} ({c.label}), and do so again in other"
            " genes.",
            c.verdict(holds=again > 0 if tests_made(tests) else None),
            again,
            called,
            np.nan,
            len(tests),
            np.nan,
            f"{again} of {called} discoveries" if called else "no discovery",
            f"at q ≤ {alpha}; the naive test without strata calls {pooled:,}",
            f"{words.count(tests_made(tests), 'test')} of {words.count(tests['feature'].nunique(), 'feature')}",
        )
    ]


def cohort(
    name: str, tests: pd.DataFrame, lambdas: pd.DataFrame, alpha: float, validation: str = VALIDATION["split"]
) -> list[Finding]:
    """Features go with the phenotype of a cohort beyond relatedness, and the inflation of the test.

    Where clades were kept apart and opened, a find has to be validated there.

    Parameters
    ----------
    name
        The cohort.
    tests, lambdas
        Contracts `COHORT_TESTS` and `LAMBDAS`; the second may have no rows.
    alpha
        False-discovery rate.
    validation
        What a find has to be validated in, in words.
    """
    label, n = name.replace("_", " "), len(tests)
    opened = bool(tests["val_p"].notna().any())
    n_kept = int((tests["validated"].astype(bool) if opened else tests["q"] <= alpha).sum())
    naive = int((tests["p_naive"] <= alpha / max(n, 1)).sum())
    out = [
        Finding(
            SECTION,
            "cohort_association",
            name,
            f"Features go with the phenotype of cohort {label} beyond"
            f" relatedness{f', and again in {validation}' if opened else ''}.",
            verdict(holds=n_kept > 0),
            n_kept,
            n,
            np.nan,
            n,
            np.nan,
            f"{n_kept} of {n:,}",
            f"[[lmm]], q ≤ {alpha}; without relatedness {naive:,} pass Bonferroni",
            f"{words.count(n, 'feature')} tested",
        )
    ]
    by_test = {} if lambdas.empty else dict(zip(lambdas["test"], lambdas["lambda_gc"], strict=True))
    worst = np.nan if lambdas.empty else float(lambdas.loc[lambdas["naive"].astype(bool), "lambda_gc"].max())
    if "mixed_model" in by_test and np.isfinite(worst):
        inflation = float(by_test["mixed_model"])
        out.append(
            Finding(
                SECTION,
                "cohort_inflation",
                name,
                f"Inflation of the test of cohort {label}, relatedness taken into account.",
                "described",
                inflation,
                np.nan,
                1.0,
                n,
                np.nan,
                f"[[lambda]] {words.fixed(inflation)}",
                f"1 is calibrated; tests that ignore relatedness reach {words.fixed(worst)}",
                words.count(n, "feature"),
            )
        )
    return out
