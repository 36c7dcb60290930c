"""Distil: a planted rule comes back small, and plain quantities win where they are the whole signal."""

import re

import numpy as np
import pytest

from photo51.biomarkers.cohorts.distil import DistilledRule, Problem, distil, try_rules, variant_problem
from photo51.biomarkers.contrasts.association import split_genes
from photo51.config.biomarkers import DistilParams
from photo51.types import InputError

from .toy import comparison_of, planted

PARAMS = DistilParams(bootstrap=50, candidates=60)


def _problem(labels, quantities, blocks):
    """Labels and quantities as they are, centred."""

    def adjust(rows):
        x = quantities[rows]
        return x - x.mean(0), labels[rows] - labels[rows].mean()

    names = [f"q{i}" for i in range(quantities.shape[1])]
    return Problem(quantities, names, labels, blocks, adjust)


def _world(seed, n=900, n_quantities=40):
    """Three quantities decide, weights 2, -1 and 0.5."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, n_quantities))
    liability = 2 * x[:, 4] - x[:, 9] + 0.5 * x[:, 30] + rng.logistic(0, 0.7, n)
    return x, (liability > 0).astype(np.int64), np.repeat(np.arange(30), n // 30)


def test_a_planted_rule_comes_back_with_its_signs_and_keeps_what_the_full_probe_has():
    x, y, blocks = _world(0)
    found = distil(_problem(y, x, blocks), "features", PARAMS)
    assert set(found.rule.columns) <= {4, 9, 30}
    assert found.rule.columns[:2] == (4, 9)
    assert np.sign(found.rule.weights[:2]).tolist() == [1.0, -1.0]
    fresh, labels, where = _world(1)
    tried = try_rules([found], [fresh], labels, where, PARAMS)
    assert tried["terms"].tolist()[1] <= 3
    assert tried["kept"].iloc[1] >= 0.9
    assert tried["auroc"].iloc[1] > 0.9


def test_the_rule_is_the_smallest_that_keeps_enough():
    """With the bar at a half, one quantity does; with it at nearly all, one does not."""
    x, y, blocks = _world(0)
    problem = _problem(y, x, blocks)
    few = distil(problem, "features", PARAMS.model_copy(update={"keep": 0.5}))
    more = distil(problem, "features", PARAMS.model_copy(update={"keep": 0.95}))
    assert len(few.rule.columns) == 1 < len(more.rule.columns)
    path = more.path.set_index("size")["kept"]
    assert path.loc[len(more.rule.columns)] >= 0.95 > path.loc[len(more.rule.columns) - 1]


def test_a_rule_is_read_back_and_scored_by_hand():
    rule = DistilledRule("raw", ("length", "gc"), (2, 0), (0.5, -2.0), 0.25)
    assert rule.score([[1.0, 9.0, 4.0], [0.0, 9.0, 1.0]]).tolist() == [0.0, 0.5]
    assert DistilledRule.read(rule.dump()) == rule
    assert rule.sentence() == "case if +0.5 × length -2 × gc > 0.25"


def test_the_rule_in_words_calls_what_the_rule_calls():
    """Lengths of 1234 and 1236 bases: rounded to three digits, the words would say `> 1.24e+03` and call neither."""
    lengths = np.tile([1230.0, 1232.0, 1234.0, 1236.0, 1238.0], 60)
    labels = (lengths > 1235).astype(np.int64)
    rule = distil(_problem(labels, lengths[:, None], np.repeat(np.arange(10), 30)), "raw", PARAMS).rule
    weight, cut = re.fullmatch(r"case if ([-+.e\d]+) × q0 > ([-+.e\d]+)", rule.sentence()).groups()
    assert ((float(weight) * lengths > float(cut)) == (labels == 1)).all()
    assert DistilledRule.read(rule.dump()) == rule


def test_the_cut_lies_between_two_scores_and_calls_all_of_equal_ones():
    """A quantity of 0 and 1: the rule must call the ones, and `> 1` would call nobody."""
    rng = np.random.default_rng(3)
    x = rng.integers(0, 2, (600, 6)).astype(float)
    labels = np.where(rng.random(600) < 0.9, x[:, 2], 1 - x[:, 2]).astype(np.int64)
    rule = distil(_problem(labels, x, np.repeat(np.arange(20), 30)), "raw", PARAMS).rule
    assert rule.columns == (2,)
    assert rule.cut == pytest.approx(rule.weights[0] / 2)
    assert ((rule.score(x) > rule.cut) == (x[:, 2] == 1)).all()


def test_a_rule_of_planted_variants_holds_in_genes_it_never_saw():
    found = planted(2, n=2400, n_genes=60)
    comparison = comparison_of(found)
    first = split_genes(comparison.genes, comparison.labels, np.random.default_rng(0))
    sides = [comparison.subset(np.flatnonzero(s)) for s in (first, ~first)]
    tables = [c.deltas["near"].toarray().astype(float) for c in sides]
    names = [f"f{i}" for i in range(tables[0].shape[1])]
    distilled = distil(variant_problem(sides[0], tables[0], names), "features", PARAMS)
    assert set(distilled.rule.columns) <= set(found.causal.tolist())
    tried = try_rules([distilled], tables[1:], sides[1].labels, sides[1].genes, PARAMS)
    assert tried["auroc_within"].iloc[1] > 0.7
    assert tried["kept"].iloc[1] >= 0.8


def test_too_few_blocks_or_classes_are_said():
    x, y, blocks = _world(0)
    with pytest.raises(InputError, match="both classes"):
        distil(_problem(np.zeros_like(y), x, blocks), "features", PARAMS)
    with pytest.raises(InputError, match="two blocks"):
        distil(_problem(y, x, np.zeros_like(blocks)), "features", PARAMS)
