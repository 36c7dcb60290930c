import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.stats import kstest

from benchmarks.planted.features import MOTIF, motif_rows, planted_genome
from photo51.config.enrichment import MotifParams
from photo51.enrichment.annotations.classes import AnnotationClass
from photo51.enrichment.annotations.readout import Readout
from photo51.enrichment.motifs.features import Gallery, informative, portraits, profiles
from photo51.enrichment.motifs.logos import background, best_shifts, consensus, logo_of
from photo51.enrichment.motifs.matches import Database, match_logos
from photo51.enrichment.motifs.shapes import gene_cover, periodicity, run_lengths, shape_of
from photo51.enrichment.motifs.windows import distinct, repeat_share, sequences, strongest_rows
from photo51.genome.annotation.motifs import Motif

UNIFORM = np.full(4, 0.25)
RNG = np.random.default_rng(0)


def test_bits_by_hand():
    windows = np.array([[0, 0, 4], [0, 1, 4], [0, 2, 4], [0, 3, 4]] * 25, dtype=np.uint8)
    found = logo_of(windows, UNIFORM)
    bias = 3 / (2 * np.log(2) * 100)
    np.testing.assert_allclose(found.bits, [2 - bias, 0, 0])
    assert found.shares[2].tolist() == [0.25] * 4
    # A at 1/2 of a background of A 1/2 says nothing, C at 1/2 of one of 1/6 does
    half = np.array([[0], [1]] * 50, dtype=np.uint8)
    skewed = np.array([1 / 2, 1 / 6, 1 / 6, 1 / 6])
    assert logo_of(half, skewed).bits[0] == pytest.approx(0.5 * np.log2(3) - bias)


def test_random_windows_carry_no_bits():
    windows = RNG.integers(0, 4, (200, 30)).astype(np.uint8)
    assert logo_of(windows, UNIFORM).information < 0.5


def test_background_is_strand_symmetric():
    np.testing.assert_allclose(background(np.array([0, 0, 0, 1, 4])), [3 / 8, 1 / 8, 1 / 8, 3 / 8])


def test_jittered_motifs_are_lined_up():
    n, width, reach = 60, 20, 3
    windows = RNG.integers(0, 4, (n, width + 2 * reach)).astype(np.uint8)
    jitter = RNG.integers(-2, 3, n)
    for i, s in enumerate(jitter):
        windows[i, reach + 8 + s : reach + 14 + s] = MOTIF
    shifts = best_shifts(windows, UNIFORM, reach)
    lined = np.array([w[reach + s : reach + s + width] for w, s in zip(windows, shifts, strict=True)])
    assert (np.diff(jitter - shifts) == 0).mean() > 0.95
    assert consensus(logo_of(lined, UNIFORM)) == "TATAAT"
    unaligned = windows[:, reach:-reach]
    assert logo_of(lined, UNIFORM).information > logo_of(unaligned, UNIFORM).information + 4


def test_iupac_consensus():
    windows = np.array([[0, 0, 0, 1], [0, 2, 1, 1]] * 50, dtype=np.uint8)
    assert consensus(logo_of(windows, UNIFORM)) == "ARMC"


def test_peaks_are_strongest_first_and_apart_on_each_strand():
    rows, values = np.array([10, 12, 40, 110, 112]), np.array([5.0, 6, 1, 7, 6.5])
    got = strongest_rows(rows, values, 100, count=10, apart=8)
    assert got.rows.tolist() == [110, 12, 40]
    assert strongest_rows(rows, values, 100, count=1, apart=8).rows.tolist() == [110]


def test_sequences_read_each_strand_its_own_way():
    bases = np.array([0, 0, 1, 2, 3, 3], dtype=np.uint8)  # AACGTT
    got = sequences(bases, np.array([0, 4, 6]), np.array([2, 6 + 3]), 2, 1)
    assert got[0].tolist() == [0, 0, 1, 2]  # up to C, and G after
    assert got[1].tolist() == [
        4,
        4,
        1,
        2,
    ]  # - at row 3 reads C; what it read before lies in another segment; then G


def test_copies_count_once():
    a, b = RNG.integers(0, 4, 40), RNG.integers(0, 4, 40)
    near = a.copy()
    near[:5] = (near[:5] + 1) % 4
    assert distinct(np.array([a, b, near, a], dtype=np.uint8), 0.8).tolist() == [0, 1]


def test_repeats_are_windows_with_a_copy_on_either_strand():
    one, two = RNG.integers(0, 4, 101), RNG.integers(0, 4, 101)
    windows = np.array([one, two, 3 - one[::-1]], dtype=np.uint8)
    assert repeat_share(windows, 21, 0.8) == pytest.approx(2 / 3)
    assert repeat_share(windows[:1], 21, 0.8) == 0.0


def _runs(*spans):
    return np.concatenate([np.arange(a, b) for a, b in spans])


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        (np.zeros(0, dtype=np.int64), "dead"),
        (np.arange(0, 5000, 97), "point"),
        (np.concatenate([np.arange(s, s + 60, 3) for s in range(0, 5000, 500)]), "periodic"),
        (_runs(*((s, s + 18) for s in range(0, 5000, 250))), "motif"),
        (_runs(*((s, s + 180) for s in range(0, 5000, 500))), "domain"),
        (_runs((1000, 1900), (3000, 3900)), "whole-gene"),
    ],
)
def test_shapes(rows, name):
    genes = np.array([[1000, 2000, 0], [3000, 4000, 0]])
    assert shape_of(rows, 6000, genes, segments=np.array([0, 6000])).shape == name


def test_shape_numbers_by_hand():
    rows = np.array([5, 6, 9, 10, 20, 100 + 3])
    assert run_lengths(rows, 100, np.array([0, 10, 100]), 2).tolist() == [5, 1, 1, 1]
    assert run_lengths(rows, 100, np.array([0, 100]), 2).tolist() == [6, 1, 1]
    period, strength = periodicity(np.arange(0, 300, 3))
    assert period == 3.0
    assert strength == pytest.approx(0.99)
    assert periodicity(np.arange(300))[1] == pytest.approx(0.0, abs=1e-9)
    assert gene_cover(rows, 100, np.array([[0, 10, 0], [0, 10, 1], [50, 60, 0]])) == pytest.approx(0.2)


@pytest.fixture(scope="module")
def gallery():
    genome = planted_genome(131_072, np.random.default_rng(3))
    genes = genome.genes.copy()
    segments = np.array([0, 131_072])
    return genome, Gallery(genome.bases, segments, genes, MotifParams(windows=80, null_logos=20))


def _readout(n, *columns):
    dense = np.zeros((2 * n, len(columns)), dtype=np.float32)
    for j, rows in enumerate(columns):
        dense[rows, j] = 1 + np.random.default_rng(j).random(len(rows))
    return Readout("sae", tuple(f"f{j}" for j in range(len(columns))), sp.csc_array(dense), np.arange(len(columns)))


def test_a_motif_detector_shows_its_motif_and_a_random_feature_none(gallery):
    genome, drawn = gallery
    n = len(genome.bases)
    rng = np.random.default_rng(4)
    got = portraits(drawn, _readout(n, motif_rows(genome), rng.integers(0, 2 * n, 300), np.zeros(0, dtype=int)))
    shapes = got.shapes.set_index("feature")
    assert shapes.loc[0, "consensus"] == "TATAAT"
    assert shapes.loc[0, "information"] > shapes.loc[0, "information_null"]
    assert shapes.loc[1, "consensus"] == ""
    assert shapes.loc[2, "shape"] == "dead"
    logo_ = got.logos[got.logos["feature"] == 0].set_index("offset")
    assert logo_.loc[0, "T"] > 0.95  # the feature fires on the last base of the motif
    assert logo_.loc[-5, "T"] > 0.95
    assert set(informative(got.logos, got.shapes)) == {0}
    assert informative(got.logos, got.shapes)[0].shape == (6, 4)


def test_a_profile_peaks_where_the_feature_lies(gallery):
    genome, drawn = gallery
    n = len(genome.bases)
    intervals = np.array([[500 * i + 200, 500 * i + 300, i % 2] for i in range(100)])
    rows = np.where(intervals[:, 2] == 0, intervals[:, 0] - 12, n + intervals[:, 1] - 1 + 12)
    c = AnnotationClass("site", np.zeros(2 * n, bool), intervals)
    table = profiles(_readout(n, np.sort(rows)), {0: [(c, "sense")]}, drawn.segments, 50)
    start = table[table["boundary"] == "start"]
    assert start.loc[start["activation"].idxmax(), "offset"] == -12
    assert (start["n"] == 100).all()
    end = table[table["boundary"] == "end"].set_index("offset")
    assert end["activation"].max() == 0


def _motif(name, width, rng):
    return Motif(name, rng.dirichlet(np.full(4, 0.3), width))


def test_a_noisy_copy_finds_its_motif_on_either_strand():
    rng = np.random.default_rng(5)
    motifs = [_motif(f"m{i}", int(rng.integers(6, 14)), rng) for i in range(60)]
    database = Database(motifs)
    target = motifs[17].frequencies
    for reverse, query in ((False, target), (True, target[::-1, ::-1])):
        noisy = np.vstack([rng.dirichlet(np.ones(4), 3), 0.9 * query + 0.1 * rng.dirichlet(np.ones(4), len(query))])
        got = database.compare(noisy, 5)
        assert int(np.argmin(got.p)) == 17
        assert got.p[17] < 1e-5
        assert got.reverse[17] == reverse
        assert (got.offset[17], got.overlap[17]) == (3, len(query))


def test_p_of_unrelated_motifs_is_not_too_small():
    rng = np.random.default_rng(6)
    database = Database([_motif(f"m{i}", 10, rng) for i in range(40)])
    p = np.concatenate([database.compare(rng.permutation(database.columns)[:9], 5).p for _ in range(40)])
    assert np.mean(p <= 0.05) < 0.07
    assert np.mean(p <= 0.01) < 0.02
    assert kstest(p, "uniform", alternative="greater").statistic < 0.05


def test_matches_are_one_family():
    rng = np.random.default_rng(7)
    motifs = [_motif(f"m{i}", 10, rng) for i in range(30)]
    logos = {4: motifs[3].frequencies, 9: rng.dirichlet(np.ones(4), 9), 11: rng.dirichlet(np.ones(4), 3)}
    got = match_logos(logos, Database(motifs), min_overlap=5, max_q=0.05)
    assert got[["feature", "motif", "strand"]].to_numpy().tolist()[0] == [4, "m3", "+"]
    assert set(got["feature"]) == {4}
    assert isinstance(match_logos({}, Database(motifs), min_overlap=5, max_q=1.0), pd.DataFrame)
    with pytest.raises(ValueError, match="at least 5 columns, got 3"):
        Database(motifs).compare(logos[11], 5)
