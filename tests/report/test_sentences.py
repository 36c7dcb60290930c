"""The sentence on a feature, from a row whose numbers were counted by hand."""

import math

import pandas as pd
import pytest

from photo51.report.elements import sentences
from photo51.report.sections.cohort import themselves

# 40 active bases, 30 of them in a class of 300 bases in 10 intervals, 6 of which are touched, among 10,000 held-out bases:
# precision 30/40, recall by bases 30/300, by intervals 6/10; F1 = 2 · 0.75 · 0.6 / 1.35 = 0.667;
# MCC = (30 · 9,690 − 10 · 270) / √(40 · 300 · 9,700 · 9,960) = 288,000 / 1,076,727 = 0.267; always on: 2 · 0.03 / 1.03 = 0.058
ROW = {
    "feature": 7, "rank": 0, "annotation": "tRNA", "strand": "sense", "evidence": "held-out concept", "named": True, "reason": "",
    "threshold": 0.83, "precision_bp": 0.75, "recall_bp": 0.1, "recall_domain": 0.6, "f1_domain": 2 * 0.75 * 0.6 / 1.35, "mcc": 0.26747,
    "f1_always": 0.06 / 1.03, "f1_kmer": 0.21, "f1_null95": 0.09, "n_test_domains": 10, "evaluation": "held-out blocks",
    "auprc": 0.31, "kmer_auprc": 0.2, "beats_kmer": True, "q": 1e-4, "q_adj_comp": 0.002, "n_checks": 3, "n_survived": 2,
    "log2_fold": math.nan, "top_share": 0.5, "top_n": 24,
}  # fmt: skip


def test_a_name_says_threshold_precision_both_recalls_mcc_n_and_baselines():
    said = sentences.named(ROW).replace("\u202f", " ")
    assert said == (
        "Marks tRNA. Of its held-out bases with an activation of at least 0.830, 75.0 % lie in the class (precision); they are 10.0 % of the "
        "bases of the class (recall by bases) and touch 60.0 % of its 10 intervals (recall by intervals). MCC by bases 0.27; F1 of precision "
        "and recall by intervals 0.67, where a feature that is always on has 0.06, the best single 6-mer 0.21 and 95 of 100 circularly "
        "shifted copies at most 0.09. Replication: 2 of 3 checks hold."
    )


def test_a_class_with_few_instances_is_said_to_be_judged_in_turn_against_shifted_instances():
    """Its feature and threshold differ from fold to fold, and its null shifts the instances, not the feature."""
    said = sentences.named({**ROW, "evaluation": "cross-validated"}).replace("\u202f", " ")
    assert said.startswith(
        "Marks tRNA. Judged on each part by the feature and threshold that the other parts chose, most often this feature"
        " at 0.830: of the bases called, 75.0 % lie in the class (precision); they are 10.0 % of the bases"
    )
    assert "95 of 100 shifts of the intervals along their contigs at most 0.09" in said
    assert "circularly shifted copies" not in said
    assert "held-out bases" not in said
    assert "95 of 100" not in sentences.named({**ROW, "f1_null95": math.nan})


def test_an_interval_of_a_codon_position_is_said_to_be_of_a_gene():
    said = sentences.named({**ROW, "annotation": "codon_position_2", "strand": "antisense"})
    assert said.startswith("Marks second codon position, antisense. ")
    assert "10 intervals (an interval: the second codon positions of one gene)" in said


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"reason": "MCC 0.020 below 0.1", "mcc": 0.02},
            "Closest to tRNA; a weak name: MCC 0.020 below 0.1. Of its",
        ),
        (
            {"evidence": "exact null", "log2_fold": 2.0, "reason": "not held out"},
            "More active in tRNA than its circularly shifted copies (4-fold",
        ),
        (
            {"evidence": "top windows", "top_share": 0.75},
            "18 of its 24 strongest loci lie in tRNA; a weak name",
        ),
    ],
)
def test_a_weak_name_says_why_it_is_weak(change, expected):
    assert sentences.named({**ROW, "named": False, **change}).startswith(expected)


def test_a_name_that_6_mers_rank_as_well_says_so():
    said = sentences.named({**ROW, "beats_kmer": False, "n_checks": 0})
    assert "not certainly better than a model of GC, skews and the 6-mers of the last 17 bases" in said  # 0.31 > 0.20
    assert said.endswith("Replication: no check could be made.")
    below = sentences.kmers({**ROW, "beats_kmer": False, "auprc": 0.19})
    assert "it is no better than a model" in below
    assert "(average precision 0.19 against 0.20)" in below


def test_genes_found_without_features_are_named():
    table = pd.DataFrame(
        {
            "level": ["feature", "gene", "gene", "allele"],
            "name": ["3", "rpoB", "katG", "chr:5:A>T"],
            "p": [1e-9, 1e-16, 0.4, 0.2],
            "q": [1e-7, 5e-14, 0.9, 0.9],
        }
    )
    assert themselves(table, 0.05) == (
        " The same test of genes and alleles themselves finds gene rpoB (q 5\u202f×\u202f10⁻¹⁴)."
    )
    assert themselves(table[table["level"] != "gene"], 0.05) == ""


def test_what_was_not_compared_with_words_neither_beats_them_nor_does_not():
    assert sentences.beats(ROW) == "yes"
    assert sentences.beats({**ROW, "beats_kmer": False}) == "no"
    assert sentences.beats({**ROW, "beats_kmer": False, "kmer_auprc": float("nan")}) == "not measured"
