"""Packing, splitting and drawing from a corpus."""

import numpy as np
import pandas as pd
import pytest

from photo51.pretraining.corpus import Sampler, heldout_windows, load_corpus, pack

FLIP = str.maketrans("ACGT", "TGCA")

RNG = np.random.default_rng(0)


def sequence(n, letters="ACGT"):
    return "".join(RNG.choice(list(letters), n))


@pytest.fixture
def corpus(tmp_path):
    sequences = {
        "big": sequence(5000),
        "small1": "A" * 30,
        "small2": "C" * 40,
        "phage": sequence(900, "AT"),
        "kept": sequence(800, "G"),
    }
    records = pd.DataFrame(
        [
            ("big", "genomes", "bacteria", "E. coli", "train"),
            ("small1", "genes", "bacteria", "B. subtilis", "train"),
            ("small2", "genes", "bacteria", "B. subtilis", "train"),
            ("phage", "phages", "phage", "T7", "train"),
            ("kept", "genomes", "bacteria", "H. influenzae", "heldout"),
        ],
        columns=["record", "source", "group", "species", "split"],
    )
    return pack(sequences, records, tmp_path / "corpus"), sequences, tmp_path / "corpus"


def test_packed_bases_are_the_sequences_in_order(corpus):
    packed, sequences, folder = corpus
    assert bytes(packed.tokens).decode() == "".join(sequences.values())
    assert load_corpus(folder).records["offset"].tolist() == [0, 5000, 5030, 5070, 5970]


def test_a_species_on_both_sides_of_the_split_is_refused(tmp_path):
    records = pd.DataFrame(
        [("a", "s", "g", "x", "train"), ("b", "s", "g", "x", "heldout")],
        columns=["record", "source", "group", "species", "split"],
    )
    with pytest.raises(ValueError, match=r"a species must be in one split, got \['x'\]"):
        pack({"a": "ACGT", "b": "ACGT"}, records, tmp_path)


def test_a_draw_depends_on_the_step_alone(corpus):
    packed, _, _ = corpus
    one = Sampler(packed, {"genomes": 1, "phages": 1}, 64, seed=3)
    two = Sampler(packed, {"genomes": 1, "phages": 1}, 64, seed=3)
    for _ in range(5):
        one.batch(0, 4)
    assert np.array_equal(one.batch(7, 4)[0], two.batch(7, 4)[0])
    assert not np.array_equal(one.batch(7, 4)[0], one.batch(8, 4)[0])


def test_heldout_species_are_never_drawn(corpus):
    packed, _, _ = corpus
    sampler = Sampler(packed, {"genomes": 1}, 200, seed=0)
    for step in range(20):
        ids, _ = sampler.batch(step, 4)
        assert (ids == ord("G")).mean() < 0.6  # the held-out record is all G


def test_how_often_a_species_is_read_by_hand(tmp_path):
    """Species of 100 and 400 bases are drawn as 1 to 2 (square roots 10 and 20): of 3,000 tokens 1,000 and 2,000."""
    records = pd.DataFrame(
        [("a", "s", "g", "small", "train"), ("b", "s", "g", "large", "train"), ("c", "t", "g", "other", "train")],
        columns=["record", "source", "group", "species", "split"],
    )
    packed = pack({"a": "A" * 100, "b": "C" * 400, "c": "G" * 500}, records, tmp_path / "corpus")
    sampler = Sampler(packed, {"s": 3, "t": 1}, 50, seed=0)
    table = sampler.times_read(4_000).set_index("species")
    assert table["times"].to_dict() == pytest.approx({"small": 10, "large": 5, "other": 2})
    # and so they are drawn
    drawn = np.concatenate([sampler.batch(step, 20)[0].ravel() for step in range(50)])
    assert np.isin(drawn, [ord("A"), ord("T")]).mean() == pytest.approx(0.25, abs=0.03)


def test_short_records_are_joined_by_end_of_document_and_nothing_is_predicted_across_it(corpus):
    packed, _, _ = corpus
    ids, target = Sampler(packed, {"genes": 1}, 100, seed=0).batch(0, 3)
    for row, aim in zip(ids, target, strict=True):
        ends = np.flatnonzero(row == 0)
        assert len(ends) >= 1
        assert {len(set(part)) for part in np.split(row, ends)} <= {
            1,
            2,
        }  # one letter a record, and the boundary
        assert (aim[ends] == -100).all()
        assert (aim[ends[ends < 99] + 1] == -100).all()


def test_both_strands_are_drawn(corpus):
    packed, sequences, _ = corpus
    ids, _ = Sampler(packed, {"genomes": 1}, 50, seed=1).batch(0, 40)
    forward = sum(bytes(row.astype(np.uint8)).decode() in sequences["big"] for row in ids)
    assert 8 <= forward <= 32  # 40 draws of a fair coin: outside with probability below 1e-4


def test_heldout_windows_come_from_heldout_records_on_alternating_strands(corpus):
    packed, _, _ = corpus
    windows = heldout_windows(packed, 100, 4, seed=0)
    assert list(windows) == ["bacteria"]
    assert [set(bytes(w).decode()) for w in windows["bacteria"]] == [{"G"}, {"C"}, {"G"}, {"C"}]


def test_every_heldout_species_is_read_on_both_strands_in_an_order_that_no_name_decides(tmp_path):
    """Six species of one record each, told by their length of A's before a run of C's."""
    names = "abcdef"
    sequences = {n: "A" * (10 + i) + "C" * (90 - i) for i, n in enumerate(names)}
    rows = [(n, "g" if n < "d" else "h", "x", f"species {n}", "heldout") for n in names]
    records = pd.DataFrame(rows, columns=["record", "source", "group", "species", "split"])
    packed = pack(sequences, records, tmp_path / "corpus")

    def read(seed, n, **options):
        drawn: dict = {}
        for key, windows in heldout_windows(packed, 100, n, seed=seed, **options).items():
            for w in windows:
                forward = bytes(w).decode() if bytes(w).startswith(b"A") else bytes(w).decode().translate(FLIP)[::-1]
                drawn.setdefault(key, []).append((names[forward.count("A") - 10], bytes(w).startswith(b"A")))
        return drawn

    both = read(0, 12)["x"]
    assert sorted(both) == [(n, strand) for n in names for strand in (False, True)]
    firsts = {tuple(n for n, _ in read(seed, 3)["x"]) for seed in range(6)}
    assert len(firsts) > 1
    by_source = read(0, 6, by="source")
    assert {key: {n for n, _ in found} for key, found in by_source.items()} == {"g": set("abc"), "h": set("def")}


def test_windows_of_gaps_are_none(tmp_path, caplog):
    rows = [("a", "g", "x", "s1", "heldout"), ("b", "g", "y", "s2", "heldout")]
    records = pd.DataFrame(rows, columns=["record", "source", "group", "species", "split"])
    packed = pack({"a": "N" * 900 + "ACGT" * 60, "b": "N" * 500}, records, tmp_path / "corpus")
    windows = heldout_windows(packed, 100, 4, seed=0)
    assert list(windows) == ["x"]
    assert all(np.isin(w, list(b"ACGT")).mean() >= 0.9 for w in windows["x"])
    assert "y: 0 of 4 held-out windows" in caplog.text
