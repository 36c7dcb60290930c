"""Biomarkers: planted truth through every test, cards and rules; the price of a variant; what the real sets came to.

Planted variants have unequal genes, features that know only the gene or the codon position, and twelve causes; planted
cohorts descend from a tree that hands down features and phenotype. Reading variants is compared with two full passes for
each variant and strand. Areas of the real sets are those of the last demo run, `results/*/biomarkers`.

Quick: a third of the variants, a cohort of 600 × 512, under a minute.
"""

from __future__ import annotations

import logging
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from benchmarks._variant_checks import card_overlaps, exactness, indels, leak_meter
from benchmarks.planted.clone import plant_clone
from benchmarks.planted.cohorts import PlantedVariants, plant_cohort, plant_variants
from photo51.biomarkers.cards.evidence import CardSubject, make_cards
from photo51.biomarkers.cohorts.burden import Burden
from photo51.biomarkers.cohorts.cohort import match, roster
from photo51.biomarkers.cohorts.distil import distil, try_rules, variant_problem
from photo51.biomarkers.cohorts.feasibility import design
from photo51.biomarkers.cohorts.stage import run_cohort
from photo51.biomarkers.cohorts.tests import discover
from photo51.biomarkers.contrasts.association import split_genes, test_features
from photo51.biomarkers.contrasts.classify import classify
from photo51.biomarkers.contrasts.comparison import Comparison, compare_classes
from photo51.config.biomarkers import (
    BiomarkersParams,
    CardsParams,
    CohortParams,
    DistilParams,
    VariantsParams,
)
from photo51.genome.variants.files import read_variants
from photo51.io import provenance, read_table
from photo51.io.contracts.biomarkers import CARRIERS, CLASSIFIERS
from photo51.stats.multiple import benjamini_hochberg
from photo51.types import InputError

log = logging.getLogger(__name__)
Figures = dict[str, float | int | None]
PARAMS = BiomarkersParams(statistics=("near",), stratum="genome", bootstrap=100)
RESULTS, MITOCHONDRION = Path("results"), Path("resources/human_mt")


def measure(*, quick: bool = False) -> Figures:
    """Figures of the issue, and those beside them."""
    size = {"n": 2000, "n_genes": 60, "n_features": 200} if quick else {}
    planted = plant_variants(np.random.default_rng(51), **size)
    comparison = compare_classes(planted.variants, as_effects(planted), PARAMS)
    log.info("planted variants: %d", len(planted.variants))
    figures = tests(planted, comparison) | cards(planted, comparison, 100 if quick else 400)
    few = plant_variants(np.random.default_rng(51), **size, n_causal=4)
    figures |= rules(compare_classes(few.variants, as_effects(few), PARAMS))
    figures |= cohort(**({"n": 600, "n_features": 512} if quick else {}))
    figures |= lineage_labels(20 if quick else 100)
    figures |= clone(600 if quick else 3600)
    figures |= {"clade_feasible_share": feasible_share(300 if quick else 1200)}
    figures |= reading(24 if quick else 200)
    figures |= scoring(200 if quick else 10_000)
    figures |= bases_after(10 if quick else 116)
    figures |= exactness(10 if quick else 60) | leak_meter() | card_overlaps(planted, comparison, PARAMS)
    figures |= indels(12 if quick else 160)
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
    subject = CardSubject(comparison.variants.iloc[rows], comparison.genes[rows], comparison.deltas["near"][rows])
    found = make_cards(subject, comparison, judged.scores, judged.probes, CardsParams(), facts={}, settings=PARAMS)
    first = found.features[found.features["rank"] == 1].set_index("variant")["feature"]
    top = first.reindex(subject.variants["variant"]).to_numpy()
    whole = judged.classifiers.set_index("method")
    return {
        "faithfulness": float(found.cards["faithfulness"].median()),
        "faithfulness_random": float(found.cards["random_faithfulness"].median()),
        "planted_cause_top1": float((top == planted.cause[rows]).mean()),
        **{f"planted_auroc_within_{m}": float(whole.loc[m, "auroc_within"]) for m in ("llr", "features", "stacked")},
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


def lineage_labels(runs: int) -> Figures:
    """Share of runs with a discovery where labels go with lineage and sublineage alone, and the same without relatedness."""
    hits, naive = 0, 0
    for run in range(runs):
        planted = plant_clone(np.random.default_rng([51, run]), n=400, n_alleles=600, n_drugs=1, missing=0.1)
        params = CohortParams(phenotype="lineage_only", half_samples=10)
        found = discover(match(planted.burden, planted.panel, params), params)
        hits += bool((found.tests["q"] <= params.alpha).any())
        naive += bool((benjamini_hochberg(found.tests["p_naive"]) <= params.alpha).any())
    return {"lineage_label_runs_with_hit": hits / runs, "lineage_label_runs_with_hit_naive": naive / runs}


def clone(n: int) -> Figures:
    """A clonal cohort from panel to named alleles: seconds, and the share of the leading alleles that are causal ones."""
    planted = plant_clone(np.random.default_rng(51), n=n)
    params = CohortParams(phenotype="drug0")
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        made = provenance("bench", params)
        tests = run_cohort(planted.burden, planted.panel, Path(folder), params, lineage=made)
        carriers = read_table(Path(folder) / "carriers.parquet", CARRIERS)
    seconds = time.perf_counter() - started
    found = tests["feature"][tests["q"] <= params.alpha]
    top = carriers[(carriers["level"] == "allele") & carriers["feature"].isin(found)].groupby("feature").head(3)
    causal = top["name"].isin(planted.causal["drug0"]).groupby(top["feature"]).any()
    return {
        f"cohort_{n}_seconds": seconds,
        f"cohort_{n}_discoveries": len(found),
        "cohort_carriers_causal": float(causal.mean()) if len(causal) else None,
    }


def feasible_share(n: int) -> float:
    """Share of phenotypes of cohorts of real shapes (clone and lineages, even lineages, many small ones) that can be tested."""
    possible = []
    for seed, (dominant, lineages) in enumerate([(0.9, 20), (0.75, 20), (0.5, 5), (0.0, 8), (0.0, 100)]):
        planted = plant_clone(
            np.random.default_rng([52, seed]), n=n, dominant=dominant, n_lineages=lineages, n_alleles=400, n_drugs=2,
        )  # fmt: skip
        for phenotype in planted.panel.columns[2:]:
            for clade in (None, "lineage"):
                params = CohortParams(phenotype=phenotype, clade=clade)
                people = roster(planted.burden.individuals, planted.panel, params)
                try:
                    design(people, planted.burden.markers[people.rows])
                except InputError as e:
                    log.info("not feasible: %s", e)
                    possible.append(False)
                else:
                    possible.append(True)
    return float(np.mean(possible))


def scoring(n: int) -> Figures:
    """Seconds of `photo51 score` for random variants of a mitochondrion with the nano model, preparing included."""
    if not MITOCHONDRION.is_dir():
        log.warning("score_10k_vcf_seconds: not measured, %s is absent", MITOCHONDRION)
        return {"score_10k_vcf_seconds": None}
    from photo51.effects.score import opened_genome, score_file
    from photo51.model.families.adapters import load_model

    table = pd.read_csv(MITOCHONDRION / "variants.tsv.gz", sep="\t", dtype=str)
    rows = np.sort(np.random.default_rng(51).permutation(len(table))[:n])
    fasta, genes = MITOCHONDRION / "NC_012920.1.fa", MITOCHONDRION / "genes.tsv"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "variants.tsv"
        table.iloc[rows].to_csv(path, sep="\t", index=False)
        started = time.perf_counter()
        with opened_genome(str(fasta), [genes], genetic_code=2, topology="circular") as prepared:
            scores, _ = score_file(prepared, [path], load_model("sh2:nano", device="cpu"))
        seconds = time.perf_counter() - started
    log.info("scored %d variants", len(scores))
    return {f"score_{f'{n // 1000}k' if n >= 1000 else n}_vcf_seconds": seconds}


def bases_after(each: int) -> Figures:
    """What reading fewer bases after a variant costs in accuracy, nano model (`benchmarks._after`)."""
    from benchmarks._after import measure_after
    from photo51.model.families.adapters import load_model

    return measure_after(load_model("sh2:nano", device="cpu"), each)


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
    from benchmarks._shipped import mitochondrion, shipped
    from photo51.effects.scoring import AlleleScorer
    from photo51.effects.windows import batches, places, readings
    from photo51.model.stripedhyena.modeling import StripedHyena

    model, dictionary = shipped()
    assert isinstance(model.model, StripedHyena)
    genomes = mitochondrion()
    table = read_variants(MITOCHONDRION / "variants.tsv.gz", ["NC_012920.1"]).table
    drawn = np.sort(np.random.default_rng(51).permutation(len(table))[:10_000])
    variants = table.iloc[drawn[5_000 : 5_000 + n]].assign(genome="human_mt").reset_index(drop=True)
    params = VariantsParams()
    found = [r for p in places(variants, genomes, params) for r in readings(p, variants, genomes)]
    scorer = AlleleScorer(model.model, dictionary, tokens=params.batch_tokens)
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
