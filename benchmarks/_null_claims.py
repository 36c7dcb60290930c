"""How often claims about features and annotations pass where nothing is to be found, and what the queue of unannotated features holds.

- `claims_on_null_worlds`: the largest share of worlds (`_null_worlds`) in which one of the claims passes; `null_<claim>` that of
  each, `null_worlds` how many there were. A claim that could not be tested in a world did not pass in it.
  `null_claims.tsv` next to this file has passes and exact limits of the last whole run.
- `antisense_in_queue`: of features planted on known classes read backwards (codon positions, start codons, genes), how many the
  ranking of unannotated features holds; `antisense_planted` how many there are. Without the readings that explain them
  `antisense_without_readings` would be in it.
"""

from __future__ import annotations

import logging
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks._null_worlds import (
    CLASSES,
    KINDS,
    N_FEATURES,
    Columns,
    N,
    World,
    annotation_table,
    codes,
    inputs_of,
    thinned,
    world,
)
from benchmarks._null_worlds import features as columns_of
from benchmarks.planted.features import PlantedGenome, null_feature, planted_feature, planted_genome
from photo51.codes import CodesStore
from photo51.config.enrichment import ConceptParams, EnrichParams, NoveltyParams, ReplicationParams
from photo51.enrichment.annotations.inputs import open_codes
from photo51.enrichment.association.gather import adjusted_rates, calibration, with_families
from photo51.enrichment.association.stage import Enrichment
from photo51.enrichment.concepts.evaluation import Evaluation
from photo51.enrichment.concepts.stage import evaluated
from photo51.enrichment.concepts.summary import summarise_concepts
from photo51.enrichment.concepts.verdicts import (
    any_novel,
    better_than,
    brought_back,
    classes_named,
    replicated,
    together,
)
from photo51.enrichment.novelty.ranking import PASSED
from photo51.enrichment.novelty.stage import NoveltyEvidence, novelty
from photo51.enrichment.replication.checks import replication_checks
from photo51.stats.binomial import clopper_pearson

log = logging.getLogger(__name__)
ENRICH = EnrichParams(interval_blocks=1.0, adjust_block=2_048)
CONCEPTS = ConceptParams(min_domains=3, bootstraps=50, null_rotations=60, few_shifts=39, per_class=1, region_shifts=19)
NOVELTY = NoveltyParams(min_n_eff=5, null_features=40, hidden=("tRNA", "promoter", "start_codon"), top=4)
_SEED, _ANTISENSE = 20, 12
BACKWARDS = ("codon_position_1", "start_codon", "CDS")


def null_claims(worlds: int, table: Path | None = None) -> dict[str, float | int | None]:
    """Pass rates over `worlds` worlds, of each kind in turn.

    Parameters
    ----------
    table
        File of passes and exact limits, claim by claim (`pass_table`); None writes none.
    """
    passed: dict[str, list[bool | None]] = defaultdict(list)
    for i in range(worlds):
        kind = KINDS[i % len(KINDS)]
        with tempfile.TemporaryDirectory() as folder:
            drawn = world(kind, Path(folder), np.random.default_rng([_SEED, i]))
            verdicts = {**claims(drawn), **arbitrary_names(drawn)}
        if kind == "rotated":
            del verdicts["novel"]  # its features are real and unannotated: nothing is wrong with saying so
        for name, holds in verdicts.items():
            passed[name].append(holds)
        log.info("calibration: null world %d of %d (%s): %s", i + 1, worlds, kind, _said(verdicts))
    counted = pass_table(passed)
    if table is not None:
        counted.to_csv(table, sep="\t", index=False, float_format="%.4f")
    return {
        "claims_on_null_worlds": float(counted["rate"].max()),
        **{f"null_{row.claim}": float(row.rate) for row in counted.itertuples()},
        "null_worlds": worlds,
    }


def pass_table(passed: Mapping[str, Sequence[bool | None]]) -> pd.DataFrame:
    """How many worlds each claim was made in, tested in and passed in; the rate of passes, and its exact 95 % limits."""
    table = pd.DataFrame(
        {
            "claim": list(passed),
            "worlds": [len(each) for each in passed.values()],
            "tested": [sum(holds is not None for holds in each) for each in passed.values()],
            "passes": [sum(bool(holds) for holds in each) for each in passed.values()],
        }
    )
    table["rate"] = table["passes"] / table["worlds"]
    table["low"], table["high"] = clopper_pearson(table["passes"], table["worlds"])
    return table


def arbitrary_names(w: World) -> dict[str, bool | None]:
    """Whether names are called replicated that features were given by their numbers, whatever they do.

    In these worlds no feature earns a name, so that `claims` has none to check. CDS is left out: what reads composition
    does go together with genes, whose composition worlds keep.
    """
    store, features = open_codes(w.main, w.inputs), np.arange(N_FEATURES)
    names = pd.DataFrame(
        {
            "feature": features,
            "annotation": np.resize(CLASSES, N_FEATURES),
            "strand": "either",
            "readout": "sae",
            "named": True,
            "f1_domain": 1.0,
            "f1_null95": 0.0,
            "f1_always": 0.0,
        }
    )
    checks = replication_checks(store, w.inputs, names, {"seed": w.seed}, ReplicationParams(min_intervals=3))
    checked = checks[checks["reason"] == "checked"]
    return {
        f"replicated_{check}_any_name": replicated(rows).holds for check, rows in checked.groupby("check", sort=True)
    }


def _said(verdicts: dict[str, bool | None]) -> str:
    return ", ".join(name for name, holds in verdicts.items() if holds) or "no claim passes"


def claims(w: World) -> dict[str, bool | None]:
    """What a run of the stages would claim of a world."""
    found, rotated, rates = enriched(w)
    evaluation = Evaluation(w.inputs.workspace, w.inputs.classes(), w.inputs.bases, CONCEPTS)
    concepts = evaluated(evaluation, w.inputs, w.main, channels=w.channels, enrichment=found)
    summary = summarise_concepts(evaluation, concepts)
    best = summary[(summary["status"] == "scored") & (summary["feature"] >= 0)]
    named = concepts[(concepts["readout"] == "sae") & concepts["named"]]
    pairs = set(zip(named["feature"], named["annotation"], named["strand"], strict=True))
    carries = pd.Series(
        [p in pairs for p in zip(best["feature"], best["annotation"], best["strand"], strict=True)],
        index=best.index,
        dtype=bool,
    )
    store = open_codes(w.main, w.inputs)
    checks = replication_checks(store, w.inputs, concepts, {"seed": w.seed}, ReplicationParams(min_intervals=3))
    checked = checks[checks["reason"] == "checked"]
    tables = novelty(store, w.inputs, NoveltyEvidence(found, concepts, [w.seed], w.random), NOVELTY)
    return {
        "together": together(calibration(found, rotated, ENRICH, rates).figures, ENRICH.alpha).holds,
        "classes_named": classes_named(best, carries).holds,
        "better_than_neurons": better_than(best, "neuron").holds,
        "better_than_pca": better_than(best, "pca").holds,
        **{
            f"replicated_{check}": replicated(checked[checked["check"] == check]).holds
            for check in ("strand", "seed", "split")
        },
        "novel": any_novel(tables.queue).holds,
        "brought_back": brought_back(tables.hidden).holds,
    }


def enriched(w: World) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Pairs, those of circularly shifted features, and the rates of the adjusted test, as a run makes them."""
    stage = Enrichment(w.main, w.inputs, ENRICH)
    table = stage.pairs(np.arange(stage.store.n_features), 1)
    turned = table["rotated"].to_numpy(dtype=bool)
    table = table.drop(columns="rotated")
    rates = adjusted_rates(table[turned])
    real, shifted = (with_families(table[rows], ENRICH.alpha, rates) for rows in (~turned, turned))
    return real, shifted, rates


def read_backwards(genome: PlantedGenome, recalls: NDArray[np.float64], rng: np.random.Generator) -> Columns:
    """Features of codon positions, start codons and genes on the other strand, one of each recall, in this order."""
    return [
        np.roll(
            planted_feature(genome, name, recall, rng, noise=2e-4)
            if name != "CDS"
            else null_feature(genome, "long", 0.4, rng) * genome.annotations["CDS"],
            genome.n,
        )
        for name in BACKWARDS
        for recall in recalls
    ]


def antisense_queue() -> dict[str, float | int | None]:
    """Plant features on classes read backwards, and rank."""
    rng = np.random.default_rng([_SEED, 51])
    genome = planted_genome(N, rng)
    backwards = read_backwards(genome, np.linspace(0.5, 0.9, _ANTISENSE // 3), rng)
    main = [*backwards, *columns_of("random_weights", genome, 12, rng)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = inputs_of(genome, annotation_table(genome), folder)
        seed = CodesStore.open(codes(folder / "seed", [thinned(c, rng) for c in main]))
        random = CodesStore.open(codes(folder / "random", columns_of("random_weights", genome, 20, rng)))
        w = World(inputs, codes(folder / "main", main), seed, random, None)  # type: ignore[arg-type]
        found = enriched(w)[0]
        evaluation = Evaluation(inputs.workspace, inputs.classes(), inputs.bases, CONCEPTS)
        concepts = evaluated(evaluation, inputs, w.main, enrichment=found)
        table = novelty(open_codes(w.main, inputs), inputs, NoveltyEvidence(found, concepts, [seed], random), NOVELTY)
    planted = table.queue[table.queue["feature"] < len(backwards)]
    explained = planted["gate"] == "explained by a reading of a known class"
    log.info(
        "calibration: planted backwards: %s",
        planted.set_index("feature")[["gate", "explained_by"]].to_dict("index"),
    )
    return {
        "antisense_in_queue": int((planted["gate"] == PASSED).sum()),
        "antisense_planted": len(planted),
        "antisense_without_readings": int(((planted["gate"] == PASSED) | explained).sum()),
    }
