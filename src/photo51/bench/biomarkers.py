"""Biomarkers: planted truth through every test, cards and rules; the price of a variant; what the real sets came to.

Planted variants have unequal genes, features that know only the gene or the codon position, and twelve causes; planted
cohorts descend from a tree that hands down features and phenotype. Reading variants is compared with two full passes for
each variant and strand. Areas of the real sets are those of the last demo run, `results/*/biomarkers`.

Quick: a third of the variants, a cohort of 600 × 512, under a minute.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import NamedTuple

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from photo51.biomarkers.association import split_genes, test_features
from photo51.biomarkers.burden import Burden
from photo51.biomarkers.cards import Subject, explain
from photo51.biomarkers.classify import classify
from photo51.biomarkers.cohort import match
from photo51.biomarkers.cohort_tests import discover
from photo51.biomarkers.comparison import Comparison, compare
from photo51.biomarkers.distil import distil, try_rules, variant_problem
from photo51.biomarkers.planted import PlantedVariants, plant_cohort, plant_variants
from photo51.config.biomarkers import (
    BiomarkersParams,
    CardsParams,
    CohortParams,
    DistilParams,
    VariantsParams,
)
from photo51.genome.variants import read_variants
from photo51.io import read_table
from photo51.io.contracts.biomarkers import CLASSIFIERS

log = logging.getLogger(__name__)
Figures = dict[str, float | int | None]
PARAMS = BiomarkersParams(statistics=("near",), stratum="genome", bootstrap=100)
RESULTS, MITOCHONDRION = Path("results"), Path("resources/human_mt")


def measure(*, quick: bool = False) -> Figures:
    """Figures of the issue, and those beside them."""
    size = {"n": 2000, "n_genes": 60, "n_features": 200} if quick else {}
    planted = plant_variants(np.random.default_rng(51), **size)
    comparison = compare(planted.variants, as_effects(planted), PARAMS)
    log.info("planted variants: %d", len(planted.variants))
    figures = tests(planted, comparison) | cards(planted, comparison, 100 if quick else 400)
    few = plant_variants(np.random.default_rng(51), **size, n_causal=4)
    figures |= rules(compare(few.variants, as_effects(few), PARAMS))
    figures |= cohort(**({"n": 600, "n_features": 512} if quick else {}))
    figures |= reading(24 if quick else 200)
    return figures | real_sets()


def as_effects(planted: PlantedVariants) -> ad.AnnData:
    """Planted Δ as `photo51 variants` writes them: read on strand `+`, nothing on the other."""
    nothing = sparse.csr_matrix(planted.deltas.shape, dtype=np.float32)
    obs = pd.DataFrame({"variant": planted.variants["variant"].to_numpy()})
    obs.index = obs.index.astype(str)
    layers = {"near_plus": planted.deltas, "near_minus": nothing}
    return ad.AnnData(nothing.copy(), obs=obs, layers=layers)


def tests(planted: PlantedVariants, comparison: Comparison) -> Figures:
    """False share among discoveries of the stratified and of the pooled test, and causes found."""
    table = test_features(comparison, PARAMS)
    found = {name: set(table["feature"][table[name] <= PARAMS.alpha]) for name in ("q", "q_pooled")}
    causal = set(planted.causal.tolist())
    return {
        "stratified_fdp": _false(found["q"], causal),
        "pooled_fdp": _false(found["q_pooled"], causal),
        "causal_power": len(found["q"] & causal) / len(causal),
        "replicated_power": len(set(table["feature"][table["replicated"]]) & causal) / len(causal),
    }


def _false(found: set[int], causal: set[int]) -> float:
    return len(found - causal) / len(found) if found else 0.0


def cards(planted: PlantedVariants, comparison: Comparison, n: int) -> Figures:
    """How much of the attributed score goes with the cited features, and whether the cause comes first."""
    judged = classify(comparison, PARAMS)
    rows = np.flatnonzero(planted.cause >= 0)[:n]
    subject = Subject(comparison.variants.iloc[rows], comparison.genes[rows], comparison.deltas["near"][rows])
    found = explain(
        subject, comparison, judged.scores, judged.probes, CardsParams(), known={}, statistic="near"
    )
    first = found.features[found.features["rank"] == 1].set_index("variant")["feature"]
    top = first.reindex(subject.variants["variant"]).to_numpy()
    whole = judged.classifiers.set_index("method")
    return {
        "faithfulness": float(found.cards["faithfulness"].median()),
        "faithfulness_random": float(found.cards["random_faithfulness"].median()),
        "planted_cause_top1": float((top == planted.cause[rows]).mean()),
        **{
            f"planted_auroc_within_{m}": float(whole.loc[m, "auroc_within"])
            for m in ("llr", "features", "stacked")
        },
    }


def rules(comparison: Comparison) -> Figures:
    """What a rule of at most five features, distilled in discovery genes, keeps of (AUROC - 0.5) in the others; four causes."""
    first = split_genes(comparison.genes, comparison.labels, np.random.default_rng(51))
    sides = [comparison.subset(np.flatnonzero(side)) for side in (first, ~first)]
    tables = [c.deltas["near"].toarray().astype(float) for c in sides]
    names = [f"f{i}" for i in range(tables[0].shape[1])]
    params = DistilParams(bootstrap=100, max_terms=5)
    found = distil(variant_problem(sides[0], tables[0], names), "features", params)
    tried = try_rules([found], tables[1:], sides[1].labels, sides[1].genes, params)
    small = tried[tried["rule"] != "full probe"].iloc[0]
    return {"distil_kept": float(small["kept"]), "distil_terms": int(small["terms"])}


def cohort(*, n: int = 2000, n_features: int = 4096) -> Figures:
    """Inflation of the mixed model and of tests that ignore descent, power, and the time of the whole."""
    planted = plant_cohort(np.random.default_rng(51), n=n, n_features=n_features)
    burden = Burden(
        planted.individuals["individual"].tolist(),
        planted.burdens,
        planted.markers,
        pd.DataFrame(index=range(n)),
    )
    params = CohortParams(covariates=("age", "sex"), treatment="treatment", clade="clade")
    started = time.perf_counter()
    found = discover(match(burden, planted.individuals, params), params)
    seconds = time.perf_counter() - started
    inflation = found.lambdas.set_index("test")["lambda_gc"]
    called = set(found.tests["feature"][found.tests["q"] <= params.alpha])
    causal = set(planted.causal.tolist())
    return {
        "lmm_lambda": float(inflation["mixed_model"]),
        "ttest_lambda": float(inflation["regression"]),
        "cohort_fdp": _false(called, causal),
        "cohort_power": len(called & causal) / len(causal),
        "cohort_2000x4096_seconds" if n == 2000 else f"cohort_{n}x{n_features}_seconds": seconds,
    }


class Timed(NamedTuple):
    """Variants of a few windows and the CPU seconds that reading them took."""

    variants: int
    seconds: float

    @property
    def each(self) -> float:
        """Seconds a variant."""
        return self.seconds / self.variants


def reading(n: int) -> Figures:
    """Variants a CPU second at 2 kb windows on both strands, and the ratio to two full passes a variant and strand.

    The passes are counted without encoding what they read, in favour of the other side. The variants are neighbours among 10,000 of the mitochondrial ones, so that they share windows as those do.
    """
    if not MITOCHONDRION.is_dir():
        log.warning("variants_per_second: not measured, %s is absent", MITOCHONDRION)
        return {"variants_per_second": None, "variants_vs_naive": None}
    from photo51.bench._shipped import mitochondrion, shipped
    from photo51.effects.scoring import Scorer
    from photo51.effects.windows import batches, places, readings
    from photo51.model.modeling import StripedHyenaForCausalLM

    model, dictionary = shipped()
    assert isinstance(model.model, StripedHyenaForCausalLM)
    genomes = mitochondrion()
    table = read_variants(MITOCHONDRION / "variants.tsv.gz", ["NC_012920.1"]).table
    drawn = np.sort(np.random.default_rng(51).permutation(len(table))[:10_000])
    variants = table.iloc[drawn[5_000 : 5_000 + n]].assign(genome="human_mt").reset_index(drop=True)
    params = VariantsParams()
    found = [r for p in places(variants, genomes, params) for r in readings(p, variants, genomes)]
    scorer = Scorer(model.model, dictionary, tokens=params.batch_tokens)
    started = time.process_time()
    for strand in ("+", "-"):
        for batch in batches([r for r in found if r.strand == strand], params.batch_tokens):
            for _ in scorer.score(batch):
                pass
    shared = Timed(n, time.process_time() - started)
    few = [ids for r in found[:2] for ids in (r.ref, r.alts[0])]
    started = time.process_time()
    for ids in few:
        model.read([ids], [dictionary.origin.site], likelihood=True)
    naive = Timed(1, time.process_time() - started)
    return {"variants_per_second": 1 / shared.each, "variants_vs_naive": naive.each / shared.each}


def real_sets() -> Figures:
    """AUROC of every score on every stratum of the sets that a run has compared: over all pairs, and within genes."""
    figures: Figures = {}
    for path in sorted(RESULTS.glob("*/biomarkers/*/classifiers.parquet")):
        table = read_table(path, CLASSIFIERS)
        table = table[table["role"] != "unscored"]
        for stratum, method, area, within in table[["stratum", "method", "auroc", "auroc_within"]].itertuples(
            index=False
        ):
            figures[f"{path.parent.name}_{stratum}_auroc_{method}"] = _number(area)
            figures[f"{path.parent.name}_{stratum}_auroc_within_{method}"] = _number(within)
    if not figures:
        log.warning("real sets: not measured, no run in %s has compared variants", RESULTS)
    return figures


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
