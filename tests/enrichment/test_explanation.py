import numpy as np

from photo51.config.enrichment import NoveltyParams
from photo51.enrichment.novelty.explanation import Explanation
from photo51.enrichment.novelty.hidden import _halved
from photo51.stats.covariance import alternate


def test_the_only_block_of_a_sequence_is_cut_in_two():
    origin = np.repeat([0, 1], [32_768, 12_000])
    bounds = np.array([0, 16_384, 32_768, 44_768])
    assert _halved(bounds, origin).tolist() == [0, 16_384, 32_768, 38_768, 44_768]


def test_a_feature_of_one_sequence_is_explained_by_the_sequence():
    rng = np.random.default_rng(0)
    n, first = 44_768, 32_768
    bases = rng.integers(0, 4, n).astype(np.uint8)
    origin = np.repeat([0, 1], [first, n - first])
    fold = alternate(_halved(np.array([0, 16_384, first, n]), origin))
    active = np.flatnonzero(np.tile(origin == 1, 2) & (rng.random(2 * n) < 0.1))

    def explained(of):
        none = np.zeros((0, 3), dtype=np.int64)
        segments = np.array([0, first, n])
        made = Explanation(bases, segments, [], none, of, fold, NoveltyParams(max_positives=1000))
        return made.explained(active, np.random.default_rng(1))

    # by hand: a fifth of the bases asked about fire, 0.72 bits each; of four contrasts to a firing base one lies in the
    # sequence, so that knowing the sequence leaves a bit for two bases of five: 1 - 0.4 / 0.72 = 0.45
    assert 0.35 < explained(origin) < 0.5
    assert explained(np.zeros(n, dtype=np.int64)) < 0.1
