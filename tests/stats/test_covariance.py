import numpy as np

from photo51.stats.covariance import alternate, even_blocks


def test_even_blocks_respect_bounds():
    assert even_blocks(np.array([0, 10, 13, 40]), 9).tolist() == [0, 10, 13, 22, 31, 40]


def test_folds_alternate_and_strands_agree():
    fold = alternate(np.array([0, 2, 5]))
    assert fold.tolist() == [0, 0, 1, 1, 1] * 2
