"""Cases, controls and strata from a table; Δ turned to the gene's strand."""

import numpy as np
import pandas as pd
import pytest

from photo51.biomarkers.contrasts.comparison import (
    compare_classes,
    consequence_distance,
    one_class_strata,
    require_claim,
)
from photo51.config.biomarkers import BiomarkersParams
from photo51.types import InputError

from .toy import effects_of


def table():
    return pd.DataFrame(
        {
            "variant": ["c:1:A>C", "c:2:A>C", "c:3:A>C", "c:4:A>C"],
            "gene": ["g", "g", "h", "h"],
            "strand": ["+", "-", "-", "."],
            "consequence": ["missense", "missense", "missense", "tRNA"],
            "codon_position": [1, 1, 2, 0],
            "label": ["pathogenic", "benign", "other", "benign"],
            "count": [0.0, 5.0, np.nan, 1.0],
        }
    )


PLUS, MINUS = np.diag([1.0, 2, 3, 4])[:, :2], np.diag([5.0, 6, 7, 8])[:, :2]


def params(**kwargs):
    return BiomarkersParams(statistics=("near",), **kwargs)


def test_rows_labels_and_strata():
    found = compare_classes(table(), effects_of(table(), PLUS, MINUS), params())
    assert found.variants["row"].tolist() == [0, 1, 3]
    assert found.labels.tolist() == [1, 0, 0]
    assert found.strata[0] == found.strata[1] != found.strata[2]
    assert one_class_strata(found) == (1, 1)


def test_features_are_read_along_the_gene():
    """Of a gene on the other strand, what the model says reading `-` is along the gene."""
    found = compare_classes(table(), effects_of(table(), PLUS, MINUS), params())
    dense = found.deltas["near"].toarray()
    np.testing.assert_array_equal(dense[0], [1, 0, 5, 0])  # + : sense is plus
    np.testing.assert_array_equal(dense[1], [0, 6, 0, 2])  # - : sense is minus
    np.testing.assert_array_equal(dense[2], [0, 0, 0, 0])


def test_expressions_may_use_any_column():
    found = compare_classes(table(), effects_of(table(), PLUS), params(controls="label == 'benign' and count >= 2"))
    assert found.variants["row"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"cases": "lable == 'x'"}, "cases: need an expression over the columns"),
        ({"cases": "count + 1"}, "need true or false"),
        ({"cases": "label == 'nothing'"}, "at least one variant, got none"),
        ({"controls": "label != 'benign'"}, "no variant in both, got 1, c:1:A>C the first"),
        ({"strata": ("gene", "exon")}, "need column 'exon'"),
    ],
)
def test_what_cannot_be_compared_is_named(kwargs, message):
    with pytest.raises(InputError, match=message):
        compare_classes(table(), effects_of(table(), PLUS), params(**kwargs))


def test_tables_that_do_not_belong_together_are_refused():
    with pytest.raises(InputError, match="same variants in the same order"):
        compare_classes(table(), effects_of(table().iloc[::-1].reset_index(drop=True), PLUS), params())


def test_cases_and_controls_of_other_consequences_are_a_description():
    given = table().assign(consequence=["missense", "synonymous", "missense", "synonymous"])
    found = compare_classes(given, effects_of(given, PLUS), params())
    assert consequence_distance(found) == 1.0
    with pytest.raises(InputError, match=r"100% that differ \(cases mostly missense, controls mostly synonymous\)"):
        require_claim(found, params())
    require_claim(found, params(claim="description"))
    mixed = compare_classes(table(), effects_of(table(), PLUS), params())
    assert consequence_distance(mixed) == 0.5
    require_claim(mixed, params())


def test_a_variant_of_several_sets_is_no_case_and_control_and_counts_once():
    """The fourth row is the first variant, or the second, once more, from another set."""
    both = table().assign(variant=["c:1:A>C", "c:2:A>C", "c:3:A>C", "c:1:A>C"])
    with pytest.raises(InputError, match=r"need no variant in both, got 1, c:1:A>C the first"):
        compare_classes(both, effects_of(both, PLUS, MINUS), params())
    twice = table().assign(variant=["c:1:A>C", "c:2:A>C", "c:3:A>C", "c:2:A>C"])
    found = compare_classes(twice, effects_of(twice, PLUS, MINUS), params())
    assert found.variants["row"].tolist() == [0, 1]
    assert found.labels.tolist() == [1, 0]
    # of another genome it is another variant
    apart = twice.assign(genome=["x", "x", "x", "y"])
    assert compare_classes(apart, effects_of(apart, PLUS, MINUS), params()).labels.tolist() == [1, 0, 0]
