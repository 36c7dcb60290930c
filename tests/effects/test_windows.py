"""Windows around variants, and where a change is first felt."""

import numpy as np
import pytest

from photo51.config.biomarkers import VariantsParams
from photo51.effects.windows import batches, focus, places, readings
from photo51.genome.variants.alignment import align, substitute
from photo51.types import InputError, Variant

from .toy import ToyGenomes, random_sequence, variant_table

SEQUENCE = random_sequence(1000)


def snv(pos, sequence=SEQUENCE):
    return pos, sequence[pos], "ACGT"[("ACGT".index(sequence[pos]) + 1) % 4]


def test_every_variant_is_in_one_window_and_near_its_middle():
    rng = np.random.default_rng(0)
    table = variant_table([snv(int(p)) for p in rng.integers(200, 800, 60)])
    found = places(table, ToyGenomes({"c": SEQUENCE}), VariantsParams(window=256, snap=16))
    assert sorted(np.concatenate([p.rows for p in found]).tolist()) == list(range(60))
    for place in found:
        assert place.end - place.start == 256
        off = table["pos"].to_numpy()[place.rows] - (place.start + 128)
        assert (np.abs(off) <= 8).all()


def test_a_grid_of_one_base_centres_exactly():
    table = variant_table([snv(500), snv(501)])
    found = places(table, ToyGenomes({"c": SEQUENCE}), VariantsParams(window=256, snap=1))
    assert [(p.start, p.end) for p in found] == [(372, 628), (373, 629)]


def test_windows_stay_on_a_linear_contig_and_wrap_round_a_circle():
    table = variant_table([snv(3), snv(998)])
    params = VariantsParams(window=256, snap=32)
    linear = places(table, ToyGenomes({"c": SEQUENCE}), params)
    assert [(p.start, p.end) for p in linear] == [(0, 256), (744, 1000)]
    circle = places(table, ToyGenomes({"c": SEQUENCE}, circular=["c"]), params)
    assert [(p.start, p.end) for p in circle] == [(-112, 144), (880, 1136)]


def test_a_contig_shorter_than_the_window_is_read_whole():
    sequence = random_sequence(100)
    table = variant_table([snv(40, sequence)])
    found = places(table, ToyGenomes({"c": sequence}), VariantsParams(window=256))
    assert (found[0].start, found[0].end) == (0, 100)


def test_prefix_holds_no_base_of_any_allele_and_all_share_it():
    rows = [snv(300), snv(310), (305, SEQUENCE[305:309], SEQUENCE[305])]
    table = variant_table(rows)
    genomes = ToyGenomes({"c": SEQUENCE})
    for place in places(table, genomes, VariantsParams(window=256, snap=32)):
        for reading in readings(place, table, genomes):
            assert 0 < reading.prefix < len(reading.ref)
            for alt in reading.alts:
                np.testing.assert_array_equal(alt[: reading.prefix], reading.ref[: reading.prefix])
                assert not np.array_equal(alt, reading.ref)


def test_a_wrong_reference_allele_is_named():
    table = variant_table([(300, "ACGT"[("ACGT".index(SEQUENCE[300]) + 2) % 4], SEQUENCE[300])])
    genomes = ToyGenomes({"c": SEQUENCE})
    place = places(table, genomes, VariantsParams(window=256))[0]
    with pytest.raises(InputError, match=r"c:301:.*need its reference allele"):
        list(readings(place, table, genomes))


@pytest.mark.parametrize(
    ("ref", "alt", "plus", "minus"),
    [
        # window ACGTACGT, allele at index 3; focal base as its index in the reference window of that strand
        ("T", "G", 3, 4),
        ("T", "TCC", 4, 4),  # insertion after index 3: felt from index 4 on; on -, from T (index 4 there) on
        ("TAC", "T", 6, 4),  # bases 4 and 5 deleted: felt from 6 on; on -, first shared base after them is T
        ("TA", "GC", 3, 3),
    ],
)
def test_focal_base_by_hand(ref, alt, plus, minus):
    ids = np.frombuffer(b"ACGTACGT", dtype=np.uint8)
    windows = substitute(ids, 0, Variant("c", 3, ref, alt))
    pairs = align(*windows)
    assert pairs.ref[focus(pairs, 15).first] == plus
    pairs = align(*(w.reverse_complement() for w in windows))
    assert pairs.ref[focus(pairs, 15).first] == minus


def test_near_reaches_as_many_bases_as_asked():
    ids = np.frombuffer(b"ACGTACGTACGT", dtype=np.uint8)
    pairs = align(*substitute(ids, 0, Variant("c", 2, "G", "T")))
    at = focus(pairs, 3)
    assert pairs.ref[at.near].tolist() == [2, 3, 4, 5]


def test_batches_hold_windows_of_one_prefix_and_obey_the_limit():
    table = variant_table([snv(p) for p in range(0, 1000, 25)])
    genomes = ToyGenomes({"c": SEQUENCE})
    items = [r for p in places(table, genomes, VariantsParams(window=256)) for r in readings(p, table, genomes)]
    found = list(batches(items, 700))
    assert sum(len(b) for b in found) == len(items)
    for batch in found:
        assert len({r.prefix for r in batch}) == 1
        assert len(batch) <= 2
