"""Stratified rank tests against hand-worked numbers, scipy, full enumeration and planted truth."""

import numpy as np
import pytest
from scipy import sparse, stats

from photo51.stats.rearrangement import arrangements, permutation_p, rearranged
from photo51.stats.stratified import (
    pooled_rank_p,
    rank_correlation,
    stratified_rank_test,
    stratified_rearranged,
)

HAND_VALUES = np.array([3.0, 1.0, 2.0, 5.0, 6.0, 4.0])
HAND_LABELS = np.array([1, 0, 0, 1, 1, 0])
HAND_STRATA = np.array(["a", "a", "a", "b", "b", "b"])


def test_two_strata_of_three_worked_by_hand():
    """Centred rank sums 1 and 1, variances 2/3 each, weights 1/4: z = (1/4 + 1/4) / sqrt(2 · 2/3 / 16) = √3."""
    test = stratified_rank_test(HAND_VALUES, HAND_LABELS, HAND_STRATA)
    assert test.z[0] == pytest.approx(np.sqrt(3))
    assert test.auroc[0] == 1.0
    assert test.p_floor[0] == pytest.approx(2 / 9)
    assert test.p[0] == pytest.approx(2 / 9)
    assert (test.n_case, test.n_control, test.n_strata) == (3, 3, 2)


def test_exact_permutation_of_the_hand_example_is_one_in_nine():
    rng = np.random.default_rng(0)
    p = permutation_p(HAND_VALUES, HAND_LABELS, HAND_STRATA, rng=rng, alternative="greater")
    assert arrangements(HAND_LABELS, HAND_STRATA) == 9
    assert p[0] == pytest.approx(1 / 9)


def test_one_stratum_is_the_mann_whitney_test():
    rng = np.random.default_rng(1)
    values, labels = rng.normal(size=(900, 30)).round(1), rng.random(900) < 0.4
    ours = stratified_rank_test(values, labels, np.zeros(900))
    theirs = stats.mannwhitneyu(values[labels], values[~labels], method="asymptotic", use_continuity=False)
    np.testing.assert_allclose(ours.p, theirs.pvalue, rtol=2e-3)  # ours has the exact, tiny, skewness too
    np.testing.assert_allclose(ours.auroc, theirs.statistic / (labels.sum() * (~labels).sum()))


def test_moments_are_those_of_every_rearrangement():
    """Mean, variance and skewness under the null, from all 10 · 6 · 15 = 900 rearrangements, ties and zeros included."""
    rng = np.random.default_rng(2)
    strata = np.repeat([0, 1, 2], [5, 4, 6])
    labels = np.array([1, 1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 0])
    values = np.where(rng.random((15, 8)) < 0.4, 0, rng.integers(-2, 3, (15, 8)))
    assert arrangements(labels, strata) == 900
    every = []
    for a in _subsets(5, 2):
        for b in _subsets(4, 2):
            for c in _subsets(6, 2):
                rearranged = np.concatenate([a, b, c])
                every.append(stratified_rank_test(values, rearranged, strata).auroc)
    every = np.array(every)
    test = stratified_rank_test(values, labels, strata)
    np.testing.assert_allclose(every.mean(0), 0.5)
    np.testing.assert_allclose(every.std(0), test.se)
    tails = [
        (f(every, test.auroc, rtol=0, atol=1e-9) | g(every, test.auroc)).mean(0)
        for f, g in ((np.isclose, np.greater), (np.isclose, np.less))
    ]
    np.testing.assert_allclose(test.p, np.minimum(1, 2 * np.minimum(*tails)), rtol=1e-9)
    ends = [np.isclose(every, extreme, rtol=0, atol=1e-9).mean(0) for extreme in (every.max(0), every.min(0))]
    np.testing.assert_allclose(test.p_floor, np.minimum(1, 2 * np.minimum(*ends)), rtol=1e-9)


def _subsets(n, m):
    from itertools import combinations

    for chosen in combinations(range(n), m):
        labels = np.zeros(n, dtype=int)
        labels[list(chosen)] = 1
        yield labels


def test_sparse_and_dense_tables_give_the_same_numbers():
    rng = np.random.default_rng(3)
    table = sparse.random(400, 60, density=0.1, random_state=3, format="csr", data_rvs=rng.standard_normal)
    labels, strata = rng.integers(0, 2, 400), rng.integers(0, 40, 400)
    for a, b in zip(
        stratified_rank_test(table, labels, strata),
        stratified_rank_test(table.toarray(), labels, strata),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_order_of_rows_and_names_of_strata_do_not_matter():
    rng = np.random.default_rng(4)
    values, labels, strata = rng.normal(size=(200, 5)), rng.integers(0, 2, 200), rng.integers(0, 12, 200)
    order = rng.permutation(200)
    a = stratified_rank_test(values, labels, strata)
    b = stratified_rank_test(values[order], labels[order], np.char.add("gene ", strata[order].astype(str)))
    np.testing.assert_allclose(a.p, b.p, rtol=2e-3)  # cells round in the order of strata


def test_any_rising_function_of_the_values_gives_the_same_p():
    rng = np.random.default_rng(5)
    values, labels, strata = rng.normal(size=(150, 4)), rng.integers(0, 2, 150), rng.integers(0, 9, 150)
    np.testing.assert_allclose(
        stratified_rank_test(values, labels, strata).p, stratified_rank_test(np.exp(values), labels, strata).p
    )


def test_two_sided_p_is_symmetric_in_the_labels():
    rng = np.random.default_rng(6)
    values, labels, strata = rng.normal(size=(90, 4)), rng.integers(0, 2, 90), rng.integers(0, 6, 90)
    a, b = (stratified_rank_test(values, y, strata) for y in (labels, 1 - labels))
    np.testing.assert_allclose(a.p, b.p, rtol=5e-3)
    np.testing.assert_allclose(a.z, -b.z)


def test_seven_values_of_which_the_cases_hold_three_by_hand():
    """Two strata of 9. In the first 4 cases are 4 of the 9 rows, 8 of their 126 choices (the least 7 sums and one tie) count.

    First stratum: four cases, values -1 on three rows that are controls all: choosing 4 of the 6 others, 15 of 126 ways.
    Second: one case, and it is one of 3 rows with 1: 3 of 9 ways. Together 15 · 3 / (126 · 9) = 0.0397, the end of the support.
    """
    strata = np.repeat([0, 1], [9, 9])
    values, labels = np.zeros(18), np.zeros(18, dtype=int)
    labels[[0, 1, 2, 3, 9]] = 1
    values[[4, 5, 6]], values[[9, 10, 11]] = -1.0, 1.0
    test = stratified_rank_test(values, labels, strata, alternative="greater")
    assert test.p[0] == pytest.approx(15 * 3 / (126 * 9))
    assert test.p_floor[0] == test.p[0]


def test_seven_values_that_are_not_zero_have_the_probability_of_their_arrangement():
    """Four values in a stratum of 9 with 4 cases, three in one of 9 with 1 case: C(9, 4) · 9 = 126 · 9 choices of cases.

    Ranks of the first: 9 for the 3, 7 for each 2, 3 for each zero. As high as 9 + 7 + 7 + 3 = 26 are 30 (1 way) and 26
    (3 · 5 = 15 ways); in the second, 3 of 9 cases are as high.
    """
    strata = np.repeat([0, 1], [9, 9])
    values, labels = np.zeros(18), np.zeros(18, dtype=int)
    values[[0, 1, 2, 3]], values[[9, 10, 11]] = [3.0, 2.0, 2.0, 2.0], 1.0
    labels[[0, 1, 2, 4, 9]] = 1
    test = stratified_rank_test(values, labels, strata, alternative="greater")
    assert test.p[0] == pytest.approx((1 + 15) * 3 / (126 * 9))
    assert test.p_floor[0] == pytest.approx(1 * 3 / (126 * 9))


@pytest.mark.parametrize("seed", range(6))
def test_tables_of_one_to_three_strata_with_ties_are_enumerated(seed):
    """Every rearrangement of small tables, 2 × 2 to three strata, zeros and ties of both signs; all alternatives."""
    rng = np.random.default_rng(100 + seed)
    sizes = rng.integers(2, 7, rng.integers(1, 4))
    strata = np.repeat(np.arange(len(sizes)), sizes)
    labels = np.concatenate([rng.permutation(np.arange(n) < rng.integers(1, n)) for n in sizes]).astype(int)
    values = np.where(rng.random((len(strata), 40)) < rng.random(40), 0, rng.integers(-2, 4, (len(strata), 40)))
    for alternative in ("two-sided", "greater", "less"):
        exact = permutation_p(values, labels, strata, rng=rng, draws=10**6, alternative=alternative)
        test = stratified_rank_test(values, labels, strata, alternative=alternative)
        np.testing.assert_allclose(test.p, exact, rtol=1e-9)
        assert (test.p >= test.p_floor * (1 - 1e-12)).all()


def test_saddlepoint_and_cells_stay_near_an_exact_convolution():
    """Eleven strata of twelve, a third not 0: too many atoms to list; the reference adds up the atoms of each stratum."""
    rng = np.random.default_rng(3)
    strata, labels = np.repeat(np.arange(11), 12), np.tile(np.arange(12) < 4, 11).astype(int)
    values = np.where(rng.random((132, 30)) < 0.3, rng.integers(1, 4, (132, 30)), 0.0)
    values += 2.0 * labels[:, None] * (rng.random((132, 30)) < np.linspace(0, 0.7, 30))
    test = stratified_rank_test(values, labels, strata, alternative="greater")
    expected = np.array([_convolved(values[:, j], labels, strata) for j in range(30)])
    assert expected.min() < 1e-8
    near = expected < 0.3
    assert np.abs(np.log10(test.p[near] / expected[near])).max() < 0.03


def _convolved(values, labels, strata):
    """P(T ≥ t) of the plain rank sum over strata of one size, by convolving what each stratum's subsets give."""
    from itertools import combinations

    total, observed = {0: 1.0}, 0
    for s in np.unique(strata):
        here = strata == s
        ranks = np.rint(2 * stats.rankdata(values[here])).astype(int)
        observed += int(ranks[labels[here] == 1].sum())
        sums = [sum(c) for c in combinations(ranks.tolist(), int(labels[here].sum()))]
        own, counts = np.unique(sums, return_counts=True)
        new: dict[int, float] = {}
        for x, p in total.items():
            for y, n in zip(own.tolist(), counts.tolist(), strict=True):
                new[x + y] = new.get(x + y, 0.0) + p * n / len(sums)
        total = new
    return sum(p for x, p in total.items() if x >= observed)


def test_few_of_many_rows_follow_the_hypergeometric_law():
    """One stratum of 3,000 with equal values in 2 to 2,000 rows: P(T ≥ t) is that of the number of cases among them."""
    labels = (np.arange(3000) % 10 == 0).astype(int)
    rng = np.random.default_rng(5)
    for k in (2, 7, 40, 300, 2000):
        values = np.zeros(3000)
        rows = rng.choice(3000, k, replace=False)
        more = rng.choice(np.flatnonzero(labels), min(k // 2, 60), replace=False)
        rows[: len(more)] = more
        values[np.unique(rows)] = 1.0
        hits, total = int(values[labels == 1].sum()), int(values.sum())
        p = stratified_rank_test(values, labels, np.zeros(3000), alternative="greater").p[0]
        assert p == pytest.approx(stats.hypergeom.sf(hits - 1, 3000, 300, total), rel=0.05), k


@pytest.mark.parametrize(
    ("sizes", "density"),
    [
        ((3,) * 100, 0.3),
        ((5, 8, 13, 40, 90), 0.05),
        ((1500, 3, 4, 5), 0.01),
        ((600, 300, 6), 0.002),
        ((400, 300), 0.7),
    ],
)
def test_permuted_labels_keep_their_level_whatever_the_ties(sizes, density):
    """Rejections at 5 % and 0.1 % among p of permuted labels, over tables from two values that are not 0 to hundreds."""
    rng = np.random.default_rng(len(sizes))
    strata = np.repeat(np.arange(len(sizes)), sizes)
    labels = np.concatenate([np.arange(n) < max(1, n // 4) for n in sizes]).astype(int)
    values = np.where(rng.random((len(strata), 40)) < density, rng.normal(1, 1, (len(strata), 40)).round(1), 0.0)
    rows = np.vstack([labels, rearranged(labels, strata, 200, rng)])
    _, p = stratified_rearranged(values, rows, strata)
    varying = p[:, (p < 1).any(0)]
    assert (varying <= 0.05).mean() <= 0.06
    assert (varying <= 0.001).mean() <= 0.0025


def test_rearrangements_get_the_p_that_they_would_get_alone():
    rng = np.random.default_rng(11)
    strata = np.repeat(np.arange(12), 10)
    labels = np.tile(np.arange(10) < 3, 12).astype(int)
    values = np.where(rng.random((120, 6)) < [0.02, 0.05, 0.1, 0.3, 0.6, 1.0], rng.normal(size=(120, 6)), 0)
    rows = np.vstack([labels, rearranged(labels, strata, 20, rng)])
    together = stratified_rearranged(values, rows, strata)[1]
    alone = np.array([stratified_rank_test(values, row, strata).p for row in rows[1:]])
    np.testing.assert_allclose(together, alone, rtol=0.02)
    with pytest.raises(ValueError, match="as many cases in each stratum"):
        stratified_rearranged(values, np.vstack([labels, 1 - labels]), strata)


def test_pooled_p_is_the_normal_mann_whitney():
    rng = np.random.default_rng(12)
    values, labels = rng.normal(size=(200, 3)).round(1), rng.integers(0, 2, 200).astype(bool)
    theirs = stats.mannwhitneyu(values[labels], values[~labels], method="asymptotic", use_continuity=False)
    np.testing.assert_allclose(pooled_rank_p(values, labels), theirs.pvalue)


def test_p_follows_the_permutation_p():
    rng = np.random.default_rng(8)
    values, strata = rng.normal(size=(300, 40)), rng.integers(0, 25, 300)
    labels = (rng.random(300) < 0.3).astype(int)
    values[:, :10] += 0.5 * labels[:, None]
    p = stratified_rank_test(values, labels, strata).p
    drawn = permutation_p(values, labels, strata, rng=rng, draws=4000)
    testable = drawn > 0.01
    np.testing.assert_allclose(p[testable], drawn[testable], rtol=0.25, atol=0.02)
    assert (p[drawn <= 0.001] < 0.005).all()


def test_a_feature_that_knows_only_the_gene_is_nothing_within_genes():
    rng = np.random.default_rng(9)
    gene = rng.integers(0, 40, 2000)
    share = rng.beta(0.5, 0.5, 40)
    labels = (rng.random(2000) < share[gene]).astype(int)
    identity = share[gene][:, None] + np.zeros((1, 1))
    pooled = stratified_rank_test(identity, labels, np.zeros(2000))
    within = stratified_rank_test(identity, labels, gene)
    assert pooled.p[0] < 1e-50
    assert within.p[0] == 1.0
    assert within.auroc[0] == 0.5


def test_no_stratum_with_both_classes_gives_no_verdict():
    test = stratified_rank_test(np.arange(4.0), [0, 0, 1, 1], [0, 0, 1, 1])
    assert (test.p[0], test.n_strata, test.auroc[0]) == (1.0, 0, 0.5)
    assert permutation_p(np.arange(4.0), [0, 0, 1, 1], [0, 0, 1, 1], rng=np.random.default_rng(0)) == [1.0]


@pytest.mark.parametrize(
    ("values", "labels", "message"),
    [
        ([1.0, np.nan], [0, 1], "finite"),
        ([1.0, 2.0], [0, 2], "need 0 and 1"),
        ([1.0, 2.0, 3.0], [0, 1], "need 2 rows"),
    ],
)
def test_bad_input_is_named(values, labels, message):
    with pytest.raises(ValueError, match=message):
        stratified_rank_test(np.array(values), labels, np.zeros(len(labels)))


def test_rank_correlation_of_sparse_columns_is_spearmans():
    rng = np.random.default_rng(10)
    table = sparse.random(200, 12, density=0.2, random_state=1, format="csr", data_rvs=rng.standard_normal)
    target = rng.normal(size=200) + table[:, 0].toarray().ravel()
    expected = [stats.spearmanr(table[:, j].toarray().ravel(), target).statistic for j in range(12)]
    np.testing.assert_allclose(rank_correlation(table, target), expected)
    assert rank_correlation(np.zeros((5, 2)), np.arange(5.0)).tolist() == [0.0, 0.0]
