"""Tables of the synthetic run beyond codes: each row is written against its contract, what a row does not say is filled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from photo51.codes import CodesStore
from photo51.config.features import FeaturesParams
from photo51.features.table import as_anndata, feature_table
from photo51.genome.axis.genomes import Genomes
from photo51.io import Provenance, TableSpec, write_h5ad, write_json, write_table
from photo51.io.contracts import biomarkers, features, interventions

MADE = Provenance(stage="made up")
_EMPTY = {"int": 0, "float": float("nan"), "bool": False, "str": ""}


def write(spec: TableSpec, rows: list[dict[str, Any]], path: Path) -> pd.DataFrame:
    """Write rows; columns a row leaves out are empty, columns the contract does not know are an error."""
    table = pd.DataFrame([{**{n: _EMPTY[c.kind] for n, c in spec.columns.items()}, **r} for r in rows])
    if len(table) == 0:
        table = spec.empty()
    extra = set(table.columns) - set(spec.columns)
    assert not extra, f"{spec.name} has no columns {extra}"
    for name, column in spec.columns.items():
        table[name] = table[name].astype(
            {"int": "int64", "float": "float64", "bool": "bool", "str": "object"}[column.kind]
        )
    write_table(table, path, spec, MADE)
    return table


def make_features(folder: Path, genomes: Genomes, seed: int = 3) -> None:
    """The features stage itself, with a made-up decoder in which the three codon positions lie on a ring."""
    store = CodesStore.open(folder / "codes" / "main")
    table, top = feature_table(store, genomes.workspace(), FeaturesParams())
    decoder = np.random.default_rng(seed).normal(size=(store.n_features, 32)).astype(np.float32)
    write_h5ad(as_anndata(table, decoder, "block.2.out"), folder / "features.h5ad", MADE)
    write_table(top, folder / "top_windows.parquet", features.TOP_WINDOWS, MADE)


def make_causes(folder: Path) -> None:
    """Two features the model needs, one it does not; one that steers, one that does not."""
    rows = [
        {"feature": 0, "concept": "start_codon", "places": 80, "firing_bases": 80, "ablation_dnll": 0.31, "ablation_null": 0.01, "ablation_null_q99": 0.04, "ablation_p": 0.001, "steer_kl": 0.8, "steer_null_q99": 0.1, "steer_p": 0.01, "steer_base": "T", "steer_change": 0.42},
        {"feature": 9, "concept": "", "places": 50, "firing_bases": 51, "ablation_dnll": 0.09, "ablation_null": 0.01, "ablation_null_q99": 0.03, "ablation_p": 0.004, "steer_kl": 0.2, "steer_null_q99": 0.1, "steer_p": 0.02, "steer_base": "G", "steer_change": 0.11},
        {"feature": 7, "concept": "CDS", "places": 400, "firing_bases": 2_000, "ablation_dnll": 0.001, "ablation_null": 0.002, "ablation_null_q99": 0.01, "ablation_p": 0.61, "steer_kl": 0.02, "steer_null_q99": 0.1, "steer_p": 0.7, "steer_base": "A", "steer_change": 0.01},
    ]  # fmt: skip
    write(interventions.CAUSALITY, rows, folder / "interventions" / "causality.parquet")
    doses, verdicts = [], []
    for target, scorer, slope, steers in (
        ("start_codon", "ORF starts per kb", 1.2, True),
        ("CDS", "share in open reading frames", 0.002, False),
    ):
        for dose in (0.25, 0.5, 1.0, 2.0, 4.0):
            effect = slope * dose
            doses.append(
                {
                    "target": target,
                    "scorer": scorer,
                    "unit": "per kb",
                    "dose": dose,
                    "control": 3.1,
                    "reconstruction": 0.05,
                    "effect": effect,
                    "ci_low": effect - 0.2,
                    "ci_high": effect + 0.2,
                    "null_q99": 0.3 + 0.1 * dose,
                    "p": 0.05,
                    "n": 32,
                    "n_null": 20,
                    "nll_rise": 0.02 * dose,
                    "nll_rise_real": 0.01 * dose,
                    "safe": dose < 4,
                }
            )
        verdicts.append(
            {
                "target": target,
                "scorer": scorer,
                "declared": True,
                "safe_dose": 2.0,
                "effect": slope * 2,
                "null_q99": 0.5,
                "p": 0.048 if steers else 0.6,
                "best_dose": 2.0,
                "monotone": steers,
                "nll_rise": 0.04,
                "steers": steers,
            }
        )
    write(interventions.DOSES, doses, folder / "interventions" / "steer" / "doses.parquet")
    write(interventions.VERDICTS, verdicts, folder / "interventions" / "steer" / "verdicts.parquet")


def make_disease(folder: Path, seed: int = 5) -> None:
    """One variant set in which the likelihood works and features add nothing, and one cohort."""
    rng = np.random.default_rng(seed)
    variants = []
    for i in range(60):
        case = i % 3 == 0
        variants.append(
            {
                "variant": f"chromosome:{1000 + 7 * i}:A>G",
                "genome": "ring",
                "chrom": "chromosome",
                "pos": 999 + 7 * i,
                "ref": "A",
                "alt": "G",
                "gene": f"chr{i % 6:02d}",
                "strand": "+",
                "consequence": ["missense", "synonymous", "tRNA"][i % 3],
                "codon_position": 1 + i % 3,
                "substitution": "A>G",
                "llr": float(-0.9 * case + rng.normal(0, 0.5)),
                "gc": 0.5,
            }
        )
    write(biomarkers.VARIANT_EFFECTS, variants, folder / "variants" / "made_up.parquet")
    size = {"n_case": 20, "n_control": 40, "n_genes": 6, "prevalence": 1 / 3}
    rows = []
    for stratum in ("all", "missense", "tRNA"):
        for method, role, auroc in (
            ("llr", "score", 0.71),
            ("features", "score", 0.66),
            ("stacked", "score", 0.72),
            ("context", "baseline", 0.58),
            ("kmer", "baseline", 0.55),
            ("embedding", "baseline", 0.64),
            ("gene_prior", "leak", 0.81),
            ("features_random_split", "leak", 0.86),
            ("features_permuted", "null", 0.49),
        ):
            gain = auroc - 0.71
            rows.append(
                {
                    **size,
                    "stratum": stratum,
                    "method": method,
                    "role": role,
                    "auroc": auroc + 0.03,
                    "auroc_lo": auroc - 0.05,
                    "auroc_hi": auroc + 0.1,
                    "auroc_within": auroc,
                    "within_lo": auroc - 0.08,
                    "within_hi": auroc + 0.08,
                    "auprc": 0.5,
                    "auprc_lo": 0.4,
                    "auprc_hi": 0.6,
                    "gain": gain,
                    "gain_lo": gain - 0.05,
                    "gain_hi": gain + 0.05,
                }
            )
    rows.append(
        {
            **size,
            "stratum": "synonymous",
            "method": "none",
            "role": "unscored",
            "reason": "2 cases, at least 8 are needed",
        }
    )
    at = folder / "biomarkers" / "made_up"
    write(biomarkers.CLASSIFIERS, rows, at / "classifiers.parquet")
    tests = [
        {
            "feature": f,
            "orientation": "sense",
            "statistic": "near",
            "n_case": 12,
            "n_control": 30,
            "n_strata": 9,
            "auroc_within": 0.8 if f == 6 else 0.55,
            "effect": 0.6 if f == 6 else 0.1,
            "p": 1e-5 if f == 6 else 0.4,
            "q": 7e-4 if f == 6 else 0.6,
            "p_pooled": 1e-8,
            "q_pooled": 1e-7 if f < 30 else 0.5,
            "rep_effect": 0.5,
            "rep_p": 0.004 if f == 6 else 0.5,
            "replicated": f == 6,
            "testable": True,
            "strata": "gene, codon_position",
        }
        for f in range(70)
    ]
    write(biomarkers.FEATURE_TESTS, tests, at / "feature_tests.parquet")
    cards = [
        {
            "variant": variants[i]["variant"],
            "row": i,
            "method": "stacked",
            "score": 1.0,
            "probability": 0.9 - 0.1 * i / 3,
            "prevalence": 1 / 3,
            "attributed": 1.2,
            "deleted": 0.2,
            "faithfulness": 0.84,
            "random_faithfulness": 0.11,
            "out_of_domain": i == 3,
        }
        for i in (0, 3, 6)
    ]
    write(biomarkers.CARDS, cards, at / "cards.parquet")
    cited = [
        {
            "variant": c["variant"],
            "rank": k + 1,
            "feature": f,
            "orientation": "sense",
            "contribution": 0.8 - 0.5 * k,
            "name": n,
        }
        for c in cards
        for k, (f, n) in enumerate(((6, "tRNA"), (9, "")))
    ]
    write(biomarkers.CARD_FEATURES, cited, at / "card_features.parquet")
    near = [
        {
            "variant": c["variant"],
            "rank": 1,
            "neighbour": "chromosome:1042:A>G",
            "gene": "chr04",
            "consequence": "missense",
            "similarity": 0.7,
        }
        for c in cards
    ]
    write(biomarkers.CARD_NEIGHBOURS, near, at / "card_neighbours.parquet")
    cohort = [
        {
            "feature": f,
            "beta": 0.4 if f == 9 else 0.02,
            "se": 0.08,
            "p": 1e-6 if f == 9 else 0.5,
            "q": 7e-5 if f == 9 else 0.7,
            "test": "score",
            "p_naive": 1e-9 if f < 20 else 0.3,
            "selected": 0.9 if f == 9 else 0.1,
            "stable": f == 9,
            "val_beta": 0.3,
            "val_p": 0.01 if f == 9 else 0.5,
            "validated": f == 9,
        }
        for f in range(70)
    ]
    write(biomarkers.COHORT_TESTS, cohort, folder / "cohort" / "made_up" / "cohort_tests.parquet")
    lambdas = [
        {"test": t, "lambda_gc": v, "discoveries": n, "naive": t != "mixed_model"}
        for t, v, n in (
            ("mixed_model", 1.03, 1),
            ("regression", 4.1, 20),
            ("rank", 3.9, 18),
            ("components", 1.7, 4),
        )
    ]
    write(biomarkers.LAMBDAS, lambdas, folder / "cohort" / "made_up" / "lambdas.parquet")
    _cohort_baselines(folder / "cohort" / "made_up")
    bins = [
        {
            "method": "stacked",
            "lo": k / 5,
            "hi": (k + 1) / 5,
            "n": 12,
            "predicted": k / 5 + 0.1,
            "observed": k / 5 + 0.08,
            "observed_lo": max(0.0, k / 5 - 0.1),
            "observed_hi": min(1.0, k / 5 + 0.25),
        }
        for k in range(5)
    ]
    write(biomarkers.CALIBRATION, bins, at / "calibration.parquet")


def _cohort_baselines(folder: Path) -> None:
    """Clades of the cohort, what carries its one finding, and the genes and alleles themselves."""
    clades = [("0", "discovery", 40, 22, 18), ("1", "validation", 25, 9, 16)]
    rows = [
        {"clade": c, "side": side, "fold": 0 if side == "discovery" else -1, "n": n, "cases": a, "controls": b, "both": True, "stability": 0.8}
        for c, side, n, a, b in clades
    ]  # fmt: skip
    write(biomarkers.FEASIBILITY, rows, folder / "feasibility.parquet")
    carriers = [
        {"feature": 9, "level": level, "name": name, "gene": "rpoB", "consequence": kind, "delta": delta, "n_carriers": n, "share": share}
        for level, name, kind, delta, n, share in (
            ("gene", "rpoB", "", float("nan"), 31, 0.92), ("allele", "chromosome:1042:A>G", "missense", 1.4, 20, 0.61),
            ("allele", "chromosome:1051:C>T", "missense", 1.1, 11, 0.31),
        )
    ]  # fmt: skip
    write(biomarkers.CARRIERS, carriers, folder / "carriers.parquet")
    levels = [
        {
            "level": level,
            "n": n,
            "discoveries": 1,
            "min_p": 1e-6,
            "score": score,
            "score_within": score - 0.01,
        }
        for level, n, score in (("feature", 70, 0.912), ("gene", 4, 0.934), ("allele", 12, 0.951))
    ]
    write(biomarkers.LEVELS, levels, folder / "levels.parquet")
    tested = [
        {"level": level, "name": name, "beta": 0.4, "se": 0.07, "p": 1e-8, "p_without": 1e-5, "q": 1e-7, "n_carriers": n}
        for level, name, n in (("feature", "9", -1), ("gene", "rpoB", 31), ("allele", "chromosome:1042:A>G", 20))
    ]  # fmt: skip
    write(biomarkers.ASSOCIATIONS, tested, folder / "associations.parquet")
    summary = {
        "scheme": "split",
        "individuals": {"discovery": 40, "validation": 25},
        "levels": "alleles do as well",
    }
    write_json(summary, folder / "summary.json")
