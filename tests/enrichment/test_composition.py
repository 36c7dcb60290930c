import numpy as np
import pytest

from photo51.enrichment.annotations.composition import (
    SCALES,
    composition_terms,
    content,
    earlier,
    gc_classes,
    kmer_codes,
    kmer_length,
    local_gc,
    window_terms,
)

ACGT = {"A": 0, "C": 1, "G": 2, "T": 3, "N": 4}


def _bases(text):
    return np.array([ACGT[c] for c in text], dtype=np.uint8)


def test_kmers_end_at_the_base_in_reading_direction_on_both_strands():
    codes = kmer_codes(_bases("ACGTT"), np.array([0, 5]), k=2).reshape(2, -1)
    # +: AC=1 ends at row 1, CG=6, GT=11, TT=15; - reads AACGT from row 4: AA ends at row 3, AC at 2, CG at 1, GT at 0
    assert codes[0].tolist() == [16, 1, 6, 11, 15]
    assert codes[1].tolist() == [11, 6, 1, 0, 16]


def test_kmers_stop_at_unknown_bases_and_segment_ends():
    codes = kmer_codes(_bases("ANCAA"), np.array([0, 3, 5]), k=2).reshape(2, -1)
    assert codes[0].tolist() == [16, 16, 16, 16, 0]
    assert codes[1].tolist() == [16, 16, 16, 15, 16]


def test_earlier_looks_back_in_reading_direction():
    values = np.array([10, 11, 12, 20, 21, 22], dtype=np.uint16)
    assert earlier(values, np.array([0, 3]), 1, 99).tolist() == [99, 10, 11, 21, 22, 99]
    assert earlier(values, np.array([0, 3]), 3, 99).tolist() == [99] * 6


def test_local_gc_by_hand():
    gc = local_gc(_bases("GGAN"), np.array([0, 4]), window=2)
    np.testing.assert_allclose(gc, [1.0, 2 / 3, 0.5, 0.0])
    assert np.isnan(local_gc(_bases("NNN"), np.array([0, 3]))).all()


def test_gc_classes_are_quantiles():
    classes = gc_classes(np.append(np.linspace(0, 1, 1000), np.nan), n=4)
    assert np.bincount(classes).tolist() == [250, 250, 250, 250, 1]


def test_terms_of_a_sequence():
    rng = np.random.default_rng(0)
    bases = rng.integers(0, 4, 500).astype(np.uint8)
    terms = composition_terms(bases, np.array([0, 200, 500]))
    assert terms.levels.shape == (12 + 4 * len(SCALES), 1000)
    assert (terms.levels.max(axis=1) < terms.sizes).all()
    # offset 11 at row 60 of strand + is the 6-mer that ends at row 49
    word = bases[44:50]
    assert terms.levels[11, 60] == int("".join(map(str, word)), 4)
    # on strand - at row 60 it ends at row 71, read downwards from 76
    word = 3 - bases[71:77][::-1]
    assert terms.levels[11, 500 + 60] == int("".join(map(str, word)), 4)


def test_long_kmers_are_refused():
    with pytest.raises(ValueError, match="at most 7"):
        kmer_codes(_bases("ACGT"), np.array([0, 4]), k=8)


def test_content_by_hand_on_both_strands():
    # + reads GGCAT, - reads ATGCC from the last row; one base before and none behind
    got = content(_bases("GGCAT"), np.array([0, 5]), 1, 0)
    np.testing.assert_allclose(got.gc, [1, 1, 1, 0.5, 0, 1, 1, 0.5, 0, 0])
    np.testing.assert_allclose(got.gc_skew, [1, 1, 0, -1, 0, -1, 0, 1, 0, 0])
    np.testing.assert_allclose(got.at_skew, [0, 0, 0, 1, 0, 0, 0, -1, 0, 1])
    assert np.isnan(content(_bases("NA"), np.array([0, 2]), 0, 0).gc[[0, 2]]).all()


def test_windows_of_the_reverse_complement_are_those_of_the_other_strand():
    bases = np.random.default_rng(1).integers(0, 4, 3_000).astype(np.uint8)
    ours, other = (window_terms(b, np.array([0, 3_000])) for b in (bases, 3 - bases[::-1]))
    assert len(ours) == 4 * len(SCALES)
    for (x, n), (y, _) in zip(ours, other, strict=True):
        plus, minus = x.reshape(2, -1)
        np.testing.assert_array_equal(y, np.concatenate([minus[::-1], plus[::-1]]))
        assert x.max() < n


def test_small_genomes_are_read_in_short_words():
    # 12 offsets × 4^k levels × 20 rows: 4^6 needs 983,040 rows of both strands
    assert [kmer_length(n) for n in (491_520, 491_519, 5_000, 100)] == [6, 5, 2, 2]
