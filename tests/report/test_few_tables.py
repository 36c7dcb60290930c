from types import SimpleNamespace

import numpy as np
import pandas as pd

from photo51.io.contracts.enrichment import INSTANCES, REGIONS
from photo51.report.elements.few_tables import few_tables

LIMITS = {"recall_lo": 0.16, "recall_hi": 1.0, "n_calls": 3, "precision_calls": 2 / 3,
          "precision_calls_lo": 0.09, "precision_calls_hi": 0.99, "p_instances": 0.01}  # fmt: skip


def run_of(**tables):
    return SimpleNamespace(table=tables.get)


def test_two_instances_are_said_as_two_and_baselines_stand_beside():
    instances = pd.DataFrame(
        [
            {"readout": r, "annotation": "tRNA", "strand": "sense", "evaluation": "cross-validated", "held_out": "", "feature": 7,
             "unit": "f7", "n_instances": 2, "n_groups": 2, "n_folds": 2, "n_hit": 2, "recall_domain": 1.0,
             "precision_bp": 0.5, "f1_domain": 2 / 3, "status": "scored", **LIMITS}
            for r in ("sae", "kmer")
        ]
    )  # fmt: skip
    fixed = {"annotation": "prophage", "feature": -1, "n_instances": 2, "n_groups": 2, "window": 1000, "n_tested": 2,
             "n_told": 2, "told_lo": 0.16, "told_hi": 1.0, "auroc_least": 0.9, "status": "scored"}  # fmt: skip
    regions = [
        {**fixed, "representation": r, "auroc": a, "p": p}
        for r, a, p in (
            ("features", 0.996, 0.01),
            ("best feature", 0.9, np.nan),
            ("6-mers", 0.929, np.nan),
            ("GC", 0.57, np.nan),
        )
    ]
    reason = "1 instance: one to learn from and one to be told are needed"
    alone = {
        **fixed,
        "annotation": "CRISPR",
        "representation": "",
        "n_instances": 1,
        "auroc": np.nan,
        "p": np.nan,
    }
    regions.append({**alone, "n_tested": 0, "n_told": 0, "status": reason})
    tables = few_tables(run_of(instances=INSTANCES.check(instances), regions=REGIONS.check(pd.DataFrame(regions))))
    first, second = (str(t.html()) for t in tables)
    assert "2 of 2 (0.16–1.00)" in first
    assert "0.67 (0.09–0.99)" in first
    assert len(tables[0].rows) == 1
    assert all(text in second for text in ("0.996", "0.929", "0.570", "2 of 2 (0.16–1.00)", "p 0.010", reason))


def test_runs_without_such_tables_show_none():
    assert few_tables(run_of()) == []
    assert few_tables(run_of(instances=INSTANCES.empty(), regions=REGIONS.empty())) == []


def test_no_call_has_no_precision_and_a_small_p_is_never_0():
    """A feature that calls nothing is right in none of no calls: 0.00 would say that it is always wrong."""
    row = {
        "readout": "sae", "annotation": "origin", "strand": "either", "evaluation": "across genomes", "held_out": "mt", "feature": 9,
        "unit": "f9", "n_instances": 3, "n_groups": 3, "n_folds": 2, "n_hit": 0, "recall_domain": 0.0, "precision_bp": 0.0,
        "f1_domain": 0.0, "status": "scored", **LIMITS, "n_calls": 0, "precision_calls": 0.0, "precision_calls_lo": 0.0,
        "precision_calls_hi": 1.0, "p_instances": 0.0002,
    }  # fmt: skip
    (table,) = few_tables(run_of(instances=INSTANCES.check(pd.DataFrame([row]))))
    html = str(table.html())
    assert "no call" in html
    assert "0.00 (0.00–1.00)" not in html
    assert ">0.000<" not in html
    assert "10⁻⁴" in html
