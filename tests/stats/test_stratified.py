"""Stratified rank tests against hand-worked numbers, scipy, full enumeration and planted truth."""

import numpy as np
import pytest
from scipy import sparse, stats

from photo51.stats.rearrangement import arrangements, permutation_p
from photo51.stats.stratified import pearson3_tail, rank_correlation, stratified_rank_test

HAND_VALUES = np.array([3.0, 1.0, 2.0, 5.0, 6.0, 4.0])
HAND_LABELS = np.array([1, 0, 0, 1, 1, 0])
HAND_STRATA = np.array(["a", "a", "a", "b", "b", "b"])


def test_two_strata_of_three_worked_by_hand():
    """Centred rank sums 1 and 1, variances 2/3 each, weights 1/4: z = (1/4 + 1/4) / sqrt(2 · 2/3 / 16) = √3."""
    test = stratified_rank_test(HAND_VALUES, HAND_LABELS, HAND_STRATA)
    assert test.z[0] == pytest.approx(np.sqrt(3))
    assert test.auroc[0] == 1.0
    assert test.p_floor == pytest.approx(1 / 9)
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
    skew = stats.skew(every, axis=0)
    np.testing.assert_allclose(test.p, pearson3_tail(test.z, skew), atol=1e-9)


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
    np.testing.assert_allclose(a.p, b.p)


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
    np.testing.assert_allclose(a.p, b.p, rtol=1e-9)
    np.testing.assert_allclose(a.z, -b.z)


def test_rare_features_keep_their_level_in_the_tail():
    """A feature that fires in 2 % of variants, 5 % of which are cases: skewed, where the normal tail is too light."""
    rng = np.random.default_rng(7)
    n, features = 3000, 6000
    labels, strata = rng.random(n) < 0.05, rng.integers(0, 30, n)
    table = sparse.random(n, features, density=0.02, random_state=7, format="csr")
    test = stratified_rank_test(table, labels, strata, alternative="greater")
    normal = stats.norm.sf(test.z)
    assert 0.03 <= (test.p <= 0.05).mean() <= 0.06
    assert (test.p <= 0.001).mean() <= 0.0025
    assert (normal <= 0.001).mean() > 2 * (test.p <= 0.001).mean()


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
