"""The stages of this package from files to files: sets of variants, evidence cards, cohorts, rules."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import sparse

from photo51 import theme
from photo51.biomarkers import plots
from photo51.biomarkers.cards.abstain import conformal_table, reach_table
from photo51.biomarkers.cards.evidence import CardSubject, JudgedScores, make_cards, most_likely
from photo51.biomarkers.cards.files import file_name, judged_scores, write_cards
from photo51.biomarkers.cards.known import FeatureCard
from photo51.biomarkers.cards.picture import card_picture, save
from photo51.biomarkers.contrasts.association import audited_tests
from photo51.biomarkers.contrasts.classify import ROLES, classify
from photo51.biomarkers.contrasts.comparison import (
    Comparison,
    compare_classes,
    oriented,
    require_claim,
    surprise_column,
)
from photo51.config.biomarkers import BiomarkersParams, CardsParams
from photo51.io import provenance, read_h5ad, read_table, write_table
from photo51.io.contracts.biomarkers import (
    CLASSIFIERS,
    CONFORMAL,
    FEATURE_TESTS,
    PERMUTATION_AUDIT,
    PROBES,
    REACH,
    SCORES,
    VARIANT_EFFECTS,
)
from photo51.types import InputError

log = logging.getLogger(__name__)


def read_sets(paths: Sequence[Path]) -> tuple[pd.DataFrame, ad.AnnData]:
    """Variant effects and Δ of one set or several, one below the other; column `set` says which.

    Raises
    ------
    InputError
        Where a table or its Δ is absent, or Δ are of dictionaries of different width.
    """
    tables = [read_table(path, VARIANT_EFFECTS).assign(set=path.stem) for path in paths]
    effects = [read_h5ad(path.with_suffix(".h5ad")) for path in paths]
    if len({e.n_vars for e in effects}) > 1:
        raise InputError(
            f"{', '.join(map(str, paths))}: need Δ of one dictionary, got widths {[e.n_vars for e in effects]}"
        )
    joined = effects[0] if len(effects) == 1 else ad.concat(effects, index_unique="-")
    return pd.concat(tables, ignore_index=True), joined


def run_biomarkers(paths: Sequence[Path], out: Path, params: BiomarkersParams) -> None:
    """Test features and judge scores on one set of variants, or on several together.

    Writes `feature_tests`, `permutation_audit`, `classifiers`, `scores`, `probes`, `conformal`, `reach` and `variants`
    (all rows of the sets, to which `row` refers) as parquet to `out`, and two figures.
    """
    variants, effects = read_sets(paths)
    lineage = provenance("biomarkers", params, [*paths, *(p.with_suffix(".h5ad") for p in paths)])
    comparison = compare_classes(variants, effects, params)
    log.info("%d cases, %d controls", comparison.labels.sum(), (1 - comparison.labels).sum())
    require_claim(comparison, params)
    tests, audit = audited_tests(comparison, params)
    classified = classify(comparison, params)
    methods = [m for m in ROLES if m in classified.scores.columns]
    consequence = comparison.variants["consequence"].astype(str).to_numpy()
    for name, table, spec in (
        ("variants", variants, VARIANT_EFFECTS),
        ("feature_tests", tests, FEATURE_TESTS),
        ("permutation_audit", audit, PERMUTATION_AUDIT),
        ("classifiers", classified.classifiers, CLASSIFIERS),
        ("scores", classified.scores, SCORES),
        ("probes", classified.probes, PROBES),
        ("conformal", conformal_table(classified.scores, methods), CONFORMAL),
        ("reach", reach_table(classified.scores, consequence, methods), REACH),
    ):
        write_table(table, out / f"{name}.parquet", spec, lineage)
    with theme.style():
        figure, ax = plt.subplots(figsize=(theme.WIDTH_2, 3.4))
        plots.classifier_bars(ax, classified.classifiers)
        save(figure, out / "classifiers.png")
        figure, ax = plt.subplots(figsize=(theme.WIDTH_2, 3.4))
        plots.effect_forest(ax, tests)
        save(figure, out / "feature_tests.png")
    for row in classified.classifiers[classified.classifiers["stratum"] == "all"].to_dict("records"):
        log.info("%-22s within genes %.3f, all pairs %.3f", row["method"], row["auroc_within"], row["auroc"])


def run_cards(
    paths: Sequence[Path], folder: Path, params: CardsParams, facts: Mapping[int, FeatureCard] | None = None
) -> list[Path]:
    """Make evidence cards of variants of a set that `run_biomarkers` has written to `folder`.

    Parameters
    ----------
    paths
        The variant tables the comparison was made of.
    folder
        Where `run_biomarkers` wrote to; cards go there too.
    params
        Which variants, and what a card shows.
    facts
        What is known of features.

    Returns
    -------
    The JSON files; a picture lies beside each.

    Raises
    ------
    InputError
        For a variant that is in none of the tables, and for other tables than the comparison was made of.
    """
    scores = read_table(folder / "scores.parquet", SCORES)
    settings = BiomarkersParams.model_validate(scores.attrs["provenance"]["params"])
    variants, effects = read_sets(paths)
    comparison = compare_classes(variants, effects, settings)
    keys = ["variant", "row", "label"]
    compared = comparison.variants.assign(label=comparison.labels)[keys]
    if compared.astype({"variant": str}).to_numpy().tolist() != scores[keys].to_numpy().tolist():
        raise InputError(
            f"{folder}: need the sets of variants that were compared there, in their order, as they were scored then;"
            " got others: run `photo51 biomarkers` again"
        )
    chosen = list(params.variants) or most_likely(scores, params.method, params.top)
    subject = _subject(variants, effects, chosen, settings)
    cards = make_cards(
        subject,
        comparison,
        scores,
        read_table(folder / "probes.parquet", PROBES),
        params,
        facts=facts or {},
        settings=settings,
        judged=JudgedScores(judged_scores(folder, params.method), read_table(folder / "reach.parquet", REACH)),
    )
    lineage = provenance(
        "cards", params, [folder / n for n in ("scores.parquet", "probes.parquet", "variants.parquet")]
    )
    written = write_cards(cards, folder / "variants.parquet", folder, lineage)
    logos = {f: k.logo for f, k in (facts or {}).items() if k.logo is not None}
    by = surprise_column(comparison.variants)
    of_set = pd.DataFrame({by: comparison.variants[by], "label": comparison.labels})
    for i, card in enumerate(cards.cards.to_dict("records")):
        tables = {
            "features": cards.features[cards.features["variant"] == card["variant"]],
            "neighbours": cards.neighbours[cards.neighbours["variant"] == card["variant"]],
            "calibration": cards.calibration,
            "set": of_set,
            "probe": judged_scores(folder, params.method),
        }
        picture = card_picture(card, subject.variants.iloc[i].to_dict(), tables, logos)
        save(picture, folder / "cards" / f"{file_name(card['variant'])}.png")
    return written


def _subject(
    variants: pd.DataFrame, effects: ad.AnnData, names: Sequence[str], settings: BiomarkersParams
) -> CardSubject:
    place = {name: i for i, name in reversed(list(enumerate(variants["variant"].astype(str))))}
    if unknown := [name for name in names if name not in place]:
        raise InputError(f"cards: need variants of the set, such as {next(iter(place))}, got {unknown[0]!r}")
    rows = np.array([place[name] for name in names], dtype=np.int64)
    chosen = variants.iloc[rows].reset_index(drop=True)
    chosen.insert(0, "row", rows)
    against = (chosen["strand"] == "-").to_numpy()
    deltas: sparse.csr_matrix = oriented(effects, settings.statistic, rows, against)
    return CardSubject(chosen, chosen[settings.gene].astype(str).to_numpy(), deltas)


def comparison_of(paths: Sequence[Path], params: BiomarkersParams) -> Comparison:
    """Cases and controls of sets, for what else is to be done with them."""
    return compare_classes(*read_sets(paths), params)
