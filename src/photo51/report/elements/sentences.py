"""Sentences on one feature, each from one row of a table: what was counted, on what, beside what it has to exceed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from photo51 import words

Row = Mapping[str, Any]
HELD_OUT, NULL, WINDOWS = "held-out concept", "exact null", "top windows"
_CODONS = {"codon_position_1": "first", "codon_position_2": "second", "codon_position_3": "third"}


def label(annotation: str, strand: str) -> str:
    """An annotation class as it is read, in words."""
    return words.read_as(annotation, strand)


def called(row: Row) -> str:
    """What a feature is called: a name, or what weaker evidence says, as such. `row`: rank 0 of contract `NAMES`."""
    return words.called_after(
        str(row["annotation"]), str(row["strand"]), str(row["evidence"]), named=bool(row["named"])
    )


def agreement_sentence(row: Row) -> str:
    """What agrees with a class on held-out sequence, by bases and by intervals, beside the baselines.

    Parameters
    ----------
    row
        Row of contract `NAMES` whose evidence is a held-out concept, or of contract `CONCEPTS`.
    """
    annotation, n = str(row["annotation"]), int(row["n_test_domains"])
    of_one = f" (an interval: the {_CODONS[annotation]} codon positions of one gene)" if annotation in _CODONS else ""
    cross = _is_cross_validated(row)
    begin = (
        "Judged on each part by the feature and threshold that the other parts chose, most often this feature at"
        f" {words.number(row['threshold'])}: of the bases called,"
        if cross
        else f"Of its held-out bases with an activation of at least {words.number(row['threshold'])},"
    )
    return (
        f"{begin} {words.percent(row['precision_bp'])} lie in the class (precision); they are"
        f" {words.percent(row['recall_bp'])} of the bases of the class (recall by bases) and touch"
        f" {words.percent(row['recall_domain'])} of its {words.count(n, 'interval')}{of_one} (recall by"
        f" intervals). MCC by bases {words.fixed(row['mcc'])}; F1 of precision and recall by intervals"
        f" {words.fixed(row['f1_domain'])}, where {_baselines(row)}."
    )


def _is_cross_validated(row: Row) -> bool:
    """Whether a class had too few instances to choose on some and judge on others: each was judged in turn."""
    return str(row.get("evaluation", "")).startswith("cross")


def _baselines(row: Row) -> str:
    parts = [f"a feature that is always on has {words.fixed(row['f1_always'])}"]
    if np.isfinite(row.get("f1_kmer", np.nan)):
        parts.append(f"the best single 6-mer {words.fixed(row['f1_kmer'])}")
    if np.isfinite(row["f1_null95"]):
        copies = (
            "shifts of the intervals along their contigs" if _is_cross_validated(row) else "circularly shifted copies"
        )
        parts.append(f"95 of 100 {copies} at most {words.fixed(row['f1_null95'])}")
    return words.listing(parts)


def named(row: Row) -> str:
    """What a feature is called, and why: the row of rank 0 of contract `NAMES`."""
    what = label(str(row["annotation"]), str(row["strand"]))
    if row["named"]:
        return " ".join(
            s for s in (f"Marks {what}.", agreement_sentence(row), kmers(row), replication_sentence(row)) if s
        )
    why = str(row["reason"])
    if row["evidence"] == HELD_OUT:
        return f"Closest to {what}; a weak name: {why}. {agreement_sentence(row)}"
    if row["evidence"] == NULL:
        return (
            f"More active in {what} than its circularly shifted copies ({words.number(2.0 ** row['log2_fold'])}-fold, q"
            f" {words.probability(row['q'])}), and beyond composition (q {words.probability(row['q_adj_comp'])}); a"
            f" weak name: {why}."
        )
    share = float(row["top_share"])
    n = int(row["top_n"])
    return (
        f"{round(share * n)} of its {words.count(n, 'strongest locus', 'strongest loci')} lie in {what}; a weak name:"
        " no test stands behind it."
    )


def beats(row: Row) -> str:
    """`yes` or `no`: whether it ranks bases better than six-letter words; or that it was not measured, as for names
    that were cross-validated.
    """
    if not np.isfinite(row.get("kmer_auprc", 0.0)):
        return words.ABSENT
    return "yes" if row["beats_kmer"] else "no"


def kmers(row: Row) -> str:
    """Whether six-letter words rank bases as well; empty where it does better."""
    if row["beats_kmer"]:
        return ""
    if not np.isfinite(row.get("kmer_auprc", np.nan)):
        return "Whether 6-mers rank bases as well was not measured."
    # above it, and yet no better: the interval holds 0, or composition explains the pair
    than = "not certainly better" if row["auprc"] > row["kmer_auprc"] else "no better"
    return (
        f"As a ranking of all bases it is {than} than a model of GC, skews and the 6-mers of the last 17 bases (average"
        f" precision {words.fixed(row['auprc'])} against {words.fixed(row['kmer_auprc'])})."
    )


def replication_sentence(row: Row) -> str:
    """Replication checks of a name."""
    n = int(row.get("n_checks", 0))
    if not n:
        return "Replication: no check could be made."
    return f"Replication: {int(row['n_survived'])} of {words.count(n, 'check')} {'holds' if n == 1 else 'hold'}."
