"""The rule that names features, on rows worked by hand."""

import numpy as np
import pandas as pd

from photo51.config.enrichment import ConceptParams
from photo51.enrichment.annotations.classes import AnnotationClass
from photo51.enrichment.concepts.names import NameEvidence, _why_weak, fallen, may_carry, name_features, top_shares

P = ConceptParams()
CONCEPT = {
    "readout": "sae", "feature": 1, "annotation": "tRNA", "strand": "sense", "frame": -1, "threshold": 1.0, "precision_bp": 0.9, "recall_bp": 0.4,
    "recall_domain": 0.8, "f1_domain": 0.85, "f1_null95": 0.1, "f1_always": 0.05, "mcc": 0.6, "auprc": 0.5, "kmer_auprc": 0.1, "q": 0.001,
    "q_adj_comp": 0.001, "beats_kmer": True, "n_test_domains": 12, "evaluation": "held-out blocks", "p_instances": np.nan,
}  # fmt: skip
TEST = {
    "feature": 1, "annotation": "CDS", "strand": "sense", "frame": -1, "status": "tested", "q": 0.01, "q_adj_comp": 0.01,
    "z_rot": 4.0, "log2_fold": 1.5,
}  # fmt: skip


def _concepts(*changes):
    table = pd.DataFrame([{**CONCEPT, **c} for c in changes])
    return table.assign(named=may_carry(table, P))


def _names(concepts=None, **evidence):
    return name_features(NameEvidence(concepts, **evidence), P).set_index(["feature", "rank"])


def test_each_condition_of_a_name_is_needed():
    table = _concepts(
        {},
        {"f1_domain": 0.29},
        {"f1_null95": 0.86},
        {"f1_always": 0.86},
        {"mcc": 0.099},
        {"q": 0.05},
        {"q_adj_comp": np.nan},
        {"evaluation": "cross-validated", "p_instances": 0.01},
        {"evaluation": "cross-validated", "p_instances": 0.06},
        {"evaluation": "among copies", "p_instances": 0.01},
    )
    assert table["named"].tolist() == [True, *6 * [False], True, False, False]


def test_one_active_base_in_every_gene_is_no_name():
    """F1 is 0.95, as each of 10 genes of 1,000 bases is touched; of 100,000 bases 10 are active: MCC √(1 · 0.001) · … = 0.03."""
    tp, fp, fn, tn = 10, 1, 9_990, 89_999
    mcc = (tp * tn - fp * fn) / np.sqrt(float((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))
    names = _names(_concepts({"precision_bp": 10 / 11, "recall_domain": 1.0, "f1_domain": 20 / 21, "mcc": mcc}))
    assert names.loc[(1, 0), "grade"] == "weak"
    assert names.loc[(1, 0), "reason"] == "MCC 0.028 below 0.1"
    assert fallen(names.reset_index()) == 1


def test_grade_follows_the_replication_checks_that_could_be_made():
    check = {
        "annotation": "tRNA",
        "strand": "sense",
        "check": "split",
        "survives": True,
        "reason": "checked",
    }
    replication = pd.DataFrame(
        [
            {**check, "feature": 1},
            {**check, "feature": 1, "survives": False, "reason": "no such genome"},
            {**check, "feature": 2},
            {**check, "feature": 2, "survives": False},
        ]
    )
    names = _names(_concepts({}, {"feature": 2}, {"feature": 3}), replication=replication)
    assert names["grade"].tolist() == ["strong", "moderate", "moderate"]
    assert names[["n_checks", "n_survived"]].values.tolist() == [[1, 1], [2, 1], [0, 0]]
    assert names["named"].all()


def test_evidence_is_ordered_and_weaker_kinds_never_name():
    tests = pd.DataFrame([TEST, {**TEST, "feature": 2}, {**TEST, "feature": 3, "q_adj_comp": np.nan}, {**TEST, "feature": 4, "log2_fold": 0.9}])  # fmt: skip
    shares = pd.DataFrame(
        [
            {"feature": 2, "annotation": "rRNA", "strand": "sense", "frame": -1, "top_share": 0.9, "top_n": 20, "coverage": 0.01},
            {"feature": 5, "annotation": "rRNA", "strand": "sense", "frame": -1, "top_share": 0.9, "top_n": 20, "coverage": 0.01},
            {"feature": 6, "annotation": "gene", "strand": "sense", "frame": -1, "top_share": 0.9, "top_n": 20, "coverage": 0.4},
            {"feature": 7, "annotation": "rRNA", "strand": "sense", "frame": -1, "top_share": 0.4, "top_n": 20, "coverage": 0.01},
        ]
    )  # fmt: skip
    names = _names(_concepts({}), enrichment=tests, shares=shares)
    assert names["annotation"].to_dict() == {
        (1, 0): "tRNA",
        (1, 1): "CDS",
        (2, 0): "CDS",
        (2, 1): "rRNA",
        (5, 0): "rRNA",
    }
    assert names["named"].tolist() == [True, False, False, False, False]
    assert names.loc[(2, 1), "top_share"] == 0.9


def test_the_best_margin_names_and_no_lesser_class_does():
    """A feature nearest to runs of A, which composition explains, is not called after the gene it lies in."""
    names = _names(
        _concepts({"annotation": "homopolymer_A", "q_adj_comp": 0.4}, {"f1_domain": 0.5, "annotation": "gene"})
    )
    assert names.loc[(1, 0), ["annotation", "named"]].tolist() == ["homopolymer_A", False]
    assert names.loc[(1, 1), ["carries", "named"]].tolist() == [True, False]


def test_shares_of_the_strongest_places_are_counted_in_both_directions():
    mask = np.zeros(20, dtype=bool)
    mask[:4] = True  # bases 0–3, read on strand +
    c = AnnotationClass("tRNA", mask, np.array([[0, 4, 0]]))
    top = pd.DataFrame({"feature": [1, 1, 1, 2], "row": [0, 2, 7, 3], "strand": ["+", "-", "+", "+"]})
    found = top_shares(top, [c], 10).set_index(["feature", "strand"])["top_share"].to_dict()
    assert found == {(1, "sense"): 1 / 3, (1, "antisense"): 1 / 3, (2, "sense"): 1.0}


def test_nothing_gives_an_empty_table():
    assert name_features(NameEvidence(), P).empty


def test_a_pair_without_evidence_beyond_composition_is_not_said_to_be_explained_by_it():
    row = {"mcc": 0.2, "q_adj_comp": 0.11, "named": False}
    assert _why_weak(row, ConceptParams()) == "not beyond composition (q 0.11)"
    assert _why_weak(row | {"q_adj_comp": np.nan}, ConceptParams()) == "no verdict beyond composition"
    assert _why_weak(row | {"q_adj_comp": 0.01, "named": True}, ConceptParams()) == ""
