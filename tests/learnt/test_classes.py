import numpy as np
import pandas as pd
import pytest
from scipy import stats

from photo51.config.learnt import DiffParams
from photo51.genome.alphabet import encode, reverse_complement
from photo51.learnt.diff.classes import annotated, chain_of_other_half, class_differences, ratio_test
from photo51.learnt.diff.compare import Laws
from photo51.learnt.diff.windows import Windows
from photo51.types import InputError

GFF = (
    "##gff-version 3\n"
    "c\tx\tregion\t1\t900\t.\t+\t.\tID=r\n"
    "c\tx\tgene\t11\t40\t.\t+\t.\tID=g\n"
    "c\tx\tCDS\t11\t40\t.\t+\t0\tID=d;Parent=g\n"
    "c\tx\ttRNA\t151\t160\t.\t-\t.\tID=t\n"
)


@pytest.fixture
def windows():
    ids = np.full((4, 50), ord("A"), np.uint8)
    starts = np.array([0, 50, 150, 200])
    return Windows(frame(starts, 50), ids, ids)


def frame(starts, length, contig_length=900):
    return pd.DataFrame({"chrom": "c", "start": starts, "end": starts + length, "contig_length": contig_length})


def test_classes_lie_where_the_file_says(tmp_path, windows):
    (tmp_path / "a.gff").write_text(GFF)
    masks = annotated(tmp_path / "a.gff", windows)
    assert set(masks) == {"CDS sense", "CDS antisense", "tRNA", "unannotated"}
    assert np.flatnonzero(masks["CDS sense"][0, 0]).tolist() == list(range(10, 40))
    assert not masks["CDS sense"][1].any()
    assert np.array_equal(masks["CDS antisense"][1], masks["CDS sense"][0])
    assert np.flatnonzero(masks["tRNA"][0, 2]).tolist() == list(range(10))
    assert np.array_equal(masks["tRNA"][0], masks["tRNA"][1])
    assert masks["unannotated"].sum() == 2 * (200 - 30 - 10)


def test_a_gene_over_the_origin_of_a_circle_covers_both_sides_of_it(tmp_path, windows):
    # columns 4 and 5 are 241 and 260, of a circle of 250 bases: 240 to 249, then 0 to 9
    (tmp_path / "a.gff").write_text("##gff-version 3\nc\tx\tCDS\t241\t260\t.\t-\t0\tID=d\n")
    circle = windows._replace(places=frame(windows.places["start"], 50, 250))
    sense = annotated(tmp_path / "a.gff", circle)["CDS sense"][1]
    assert [np.flatnonzero(row).tolist() for row in sense] == [list(range(10)), [], [], list(range(40, 50))]


def test_a_change_in_one_class_is_found_there_alone_on_both_strands(tmp_path):
    rows = [f"c\tx\tCDS\t{1 + 100 * i}\t{50 + 100 * i}\t.\t-\t0\tID=d{i}" for i in range(6)]
    (tmp_path / "a.gff").write_text("##gff-version 3\n" + "\n".join(rows) + "\n")
    starts = 100 * np.arange(6)
    ids = np.full((6, 100), ord("A"), np.uint8)
    windows = Windows(frame(starts, 100), ids, ids)
    rng = np.random.default_rng(1)
    laws = {}
    for strand in "+-":
        bits = rng.normal(1.9, 0.1, (6, 100))
        after = bits + rng.normal(0, 0.01, (6, 100))
        if strand == "-":
            after[:, 50:] -= 0.5  # reading order: the CDS, at the window's beginning, is read last
        laws[strand] = Laws(bits, bits, after)
    table = class_differences(windows, laws, tmp_path / "a.gff", DiffParams(warmup=10)).set_index("class")
    assert table.loc["CDS sense", "delta_bits"] == pytest.approx(-0.5, abs=0.01)
    assert table.loc["CDS sense", "q"] < 1e-4
    assert abs(table.loc["CDS antisense", "delta_bits"]) < 0.01
    assert abs(table.loc["unannotated", "delta_bits"]) < 0.01
    assert table.loc["CDS sense", "bases"] == 6 * 50
    assert table.loc["CDS antisense", "bases"] == 6 * 40
    assert table.loc["CDS sense", "low"] < -0.5 + 0.01 < table.loc["CDS sense", "high"] + 0.02


def test_an_annotation_of_another_genome_is_refused(tmp_path, windows):
    (tmp_path / "a.gff").write_text(GFF.replace("c\tx", "other\tx"))
    with pytest.raises(InputError, match=r"a.gff: need records on c, got none"):
        annotated(tmp_path / "a.gff", windows)


def world(tmp_path, rng, effect):
    """Twelve tRNA genes anywhere, and laws that change by autocorrelated noise, by `effect` more in the genes."""
    starts = np.sort(rng.permutation(60)[:12]) * 20
    rows = [f"c\tx\ttRNA\t{1 + a}\t{15 + a}\t.\t+\t.\tID=t{a}" for a in starts]
    (tmp_path / "w.gff").write_text("##gff-version 3\n" + "\n".join(rows) + "\n")
    ids = np.full((12, 100), ord("A"), np.uint8)
    places = 100 * np.arange(12)
    windows = Windows(frame(places, 100, 1_200), ids, ids)
    noise = np.convolve(rng.normal(size=1_219), np.ones(20) / 20, "valid").reshape(12, 100)
    inside = np.zeros(1_200, dtype=bool)
    for a in starts:
        inside[a : a + 15] = True
    change = noise + effect * inside.reshape(12, 100)
    flat = np.ones((12, 100))
    return windows, {"+": Laws(flat, flat, 1 + change), "-": Laws(flat, flat, 1 + change[:, ::-1])}


def test_shifted_annotations_tell_a_class_that_changes_from_any_intervals_of_its_lengths(tmp_path):
    params = DiffParams(warmup=1, shifts=99)
    rng = np.random.default_rng(7)
    p = []
    for _ in range(120):
        windows, laws = world(tmp_path, rng, 0.0)
        p.append(
            class_differences(windows, laws, tmp_path / "w.gff", params).set_index("class").loc["tRNA", "p_shifted"]
        )
    assert np.mean(np.array(p) <= 0.05) <= 0.125  # binomial of 120 and 0.05: 15 or more in 1 of 1,000
    assert 0.35 <= np.mean(p) <= 0.65
    windows, laws = world(tmp_path, rng, 1.0)
    row = class_differences(windows, laws, tmp_path / "w.gff", params).set_index("class").loc["tRNA"]
    assert row["p_shifted"] == 0.01
    assert abs(row["shifted"] - row["delta_bits"] * 180 / 1_200) < 0.1  # genes cover 180 of 1,200 bases


def test_the_baseline_of_a_window_is_fitted_to_the_other_half():
    """Even windows repeat one unit and odd ones another: each is a surprise to a chain that has seen the other alone."""
    plus = np.stack([np.resize(encode(unit), 60) for unit in ("ACG", "TTA") * 2])
    places = pd.DataFrame({"chrom": "c", "start": 60 * np.arange(4), "end": 60 * np.arange(4) + 60})
    bits = chain_of_other_half(Windows(places, plus, reverse_complement(plus)))
    assert bits.shape == (2, 4, 60)
    assert bits[0, :, :5].tolist() == [[2.0] * 5] * 4
    assert bits[1, :, -5:].tolist() == [[2.0] * 5] * 4
    assert bits[0, :, 5:].mean(axis=1).min() > 3
    same = Windows(places, np.tile(plus[:1], (4, 1)), np.tile(reverse_complement(plus[:1]), (4, 1)))
    assert chain_of_other_half(same)[:, :, 5:-5].max() < 0.6


def test_a_ratio_of_sums_by_hand():
    test = ratio_test(np.array([2.0, 4.0, 6.0]), np.array([1, 1, 2]))
    # mean 3, left -1, 1, 0: se = sqrt(3/2 * 2) / 4; effective windows 16 / 6
    se = 3**0.5 / 4
    assert test.half == pytest.approx(stats.t.ppf(0.975, 16 / 6 - 1) * se)
    assert test.p == pytest.approx(2 * stats.t.sf(3 / se, 16 / 6 - 1))
    assert ratio_test(np.zeros(3), np.ones(3, dtype=int)) == (0.0, 1.0)


def test_the_level_of_the_ratio_holds_for_windows_of_unequal_size():
    rng = np.random.default_rng(17)
    p = []
    for _ in range(2_000):
        bases = rng.integers(1, 200, 7)
        noise = rng.normal(size=7) * 0.5 * bases + rng.normal(size=7) * np.sqrt(bases)
        p.append(ratio_test(noise, bases).p)
    assert 0.02 <= np.mean(np.array(p) <= 0.05) <= 0.065
