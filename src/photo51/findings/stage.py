"""`photo51 findings`: every claim of a run, in the order in which a reader meets them."""

from __future__ import annotations

import pandas as pd

from photo51.findings import causes, concepts, learnt, overall, shapes, unannotated, variants
from photo51.findings.finding import Finding, table
from photo51.run.known import checks_of_names
from photo51.run.opened import Run

TABLES = (
    "quality",
    "concept_summary",
    "concepts",
    "replication",
    "names",
    "manifolds",
    "meaning",
    "positive_controls",
    "classifiers",
    "feature_tests",
    "cohort_tests",
    "lambdas",
    "causality",
    "verdicts",
    "novelty",
    "hidden_classes",
)


def findings(run: Run, alpha: float = 0.05) -> pd.DataFrame:
    """Every claim of a run (contract `FINDINGS`); a stage that was not run makes none.

    Parameters
    ----------
    run
        The run.
    alpha
        False-discovery rate of the claims about causes, variants and cohorts.
    """
    out = overall.fidelity(run.quality(), run.codes.meta.origin.site)
    out += _concepts(run)
    out += _shapes(run)
    for name in run.sets("classifiers"):
        out += _variants(run, name, alpha)
    for name in run.sets("cohort_tests"):
        scheme = str(run.json("cohort_summary", name=name).get("scheme"))
        validation = variants.VALIDATION.get(scheme, variants.VALIDATION["split"])
        out += variants.cohort(name, run.of_set("cohort_tests", name), run.of_set("lambdas", name), alpha, validation)
    if run.has("causality"):
        out.append(causes.removal(run.need("causality"), alpha))
    if run.has("verdicts"):
        out.append(causes.steering(run.need("verdicts"), alpha))
    if run.has("novelty"):
        out.append(unannotated.ranking(run.need("novelty")))
        if run.has("hidden_classes"):
            out += unannotated.hidden(run.need("hidden_classes"))
    out += learnt.learnt(run, alpha)
    out += overall.pairs(run.json("calibration"))
    return table(out)


def _concepts(run: Run) -> list[Finding]:
    if not run.has("concept_summary") or not run.has("concepts"):
        return []
    best = concepts.best_of_classes(run.need("concept_summary"), run.need("concepts"))
    out = [concepts.single_features(best), *concepts.beyond_units(best)]
    checks = checks_of_names(run)
    return out if checks is None else out + concepts.replication(checks)


def _shapes(run: Run) -> list[Finding]:
    out: list[Finding] = []
    if run.has("manifolds"):
        out += shapes.groups(run.need("manifolds"))
        if run.table("meaning") is not None:
            out += shapes.coordinates(run.need("manifolds"), run.need("meaning"), run.meanings)
        if run.has("meaning"):
            out += shapes.beyond_activations(run.need("meaning"))
    return out + ([shapes.controls(run.need("positive_controls"))] if run.has("positive_controls") else [])


def _variants(run: Run, name: str, alpha: float) -> list[Finding]:
    judged, tests = run.of_set("classifiers", name), run.of_set("feature_tests", name)
    c = variants.contrast(name, run.labels(name), judged, tests)
    return [
        *variants.likelihood(judged, c),
        *variants.features_add(judged, c),
        *variants.feature_changes(tests, c, alpha),
    ]
