"""Windows: a circle of 30 bases by hand; everywhere, each base once on each strand, and the warm-up never."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from photo51.genome.alphabet import decode, encode, reverse_complement
from photo51.genome.axis.blocks import cut_blocks
from photo51.genome.axis.genomes import core_rows, window_sequence
from photo51.genome.axis.reading import reading, scored_segments
from photo51.genome.axis.windows import windows
from photo51.genome.axis.workspace import Workspace

CIRCLE = "ACGTTGCAAGCTTAGCCATGGATCCGATTA"
COMPLEMENT = dict(zip("ACGTN", "TGCAN", strict=True))


def tiled(text, *, circular, core, warmup, context=0, n_run=3, block=64, shard=1000, region=None):
    ids = encode(text)
    where = reading(ids, circular=circular, n_run=n_run)
    blocks = cut_blocks(scored_segments(ids, np.array([region or (0, len(ids))]), where, context), block)
    rows = [("g", "c", s, e, i, "train") for i, b in enumerate(blocks) for s, e in b.tolist()]
    w = Workspace(
        pd.DataFrame(rows, columns=["genome", "chrom", "start", "end", "block", "split"]).astype(
            {"start": int, "end": int, "block": int}
        )
    )
    return ids, w, windows(w, {("g", "c"): where}, core=core, warmup=warmup, shard=shard).to_dict("records")


def test_a_circle_of_thirty_bases():
    ids, _, table = tiled(CIRCLE, circular=True, core=12, warmup=8, shard=20)
    assert [(w["start"], w["end"], w["strand"], w["warmup"], w["row"], w["shard"]) for w in table] == [
        (0, 12, "+", 8, 0, 0),
        (0, 12, "-", 8, 0, 0),
        (12, 24, "+", 8, 12, 1),
        (12, 24, "-", 8, 12, 1),
        (24, 30, "+", 8, 24, 1),
        (24, 30, "-", 8, 24, 1),
    ]
    assert [decode(window_sequence(ids, w)) for w in table] == [
        "TCCGATTA" + "ACGTTGCAAGCT",
        "CATGGCTA" + "AGCTTGCAACGT",
        "TGCAAGCT" + "TAGCCATGGATC",
        "GTTAATCG" + "GATCCATGGCTA",
        "CATGGATC" + "CGATTA",
        "TGCAACGT" + "TAATCG",
    ]
    assert core_rows(table[4]).tolist() == [24, 25, 26, 27, 28, 29]
    assert core_rows(table[5]).tolist() == [29, 28, 27, 26, 25, 24]
    assert not any(w["cold_start"] for w in table)


def test_a_linear_contig_starts_cold_where_it_must():
    ids, w, table = tiled(CIRCLE, circular=False, core=12, warmup=8)
    assert w.n_rows == 30
    assert [(v["strand"], v["warmup"], v["cold_start"]) for v in table] == [
        ("+", 0, True), ("-", 8, False), ("+", 8, False), ("-", 6, True), ("+", 8, False), ("-", 0, True),
    ]  # fmt: skip
    assert decode(window_sequence(ids, table[3])) == decode(reverse_complement(ids[12:30]))
    _, w, table = tiled(CIRCLE, circular=False, core=12, warmup=8, context=8)
    assert (w.n_rows, w.table["start"].tolist()) == (14, [8])
    assert not any(v["cold_start"] for v in table)


def test_warm_up_comes_from_outside_the_region_and_stops_at_n():
    text = "ACGTNNNACGTACGTACGTA"
    ids, _, table = tiled(text, circular=False, core=5, warmup=8, region=(12, 17))
    assert [(w["warmup"], decode(window_sequence(ids, w))) for w in table] == [
        (5, "ACGTA" + "CGTAC"),
        (3, "TAC" + "GTACG"),
    ]


def test_shards_hold_whole_cores_of_both_strands_in_order_of_rows():
    _, w, table = tiled("ACGT" * 100, circular=True, core=30, warmup=10, shard=100)
    rows = pd.DataFrame(table).assign(n=lambda t: t["end"] - t["start"])
    plus, minus = (rows[rows["strand"] == s] for s in "+-")
    assert plus["shard"].tolist() == minus["shard"].tolist() == sorted(plus["shard"])
    sizes = plus.groupby("shard")["n"].sum()
    assert sizes.max() <= 100
    assert sizes.sum() == w.n_rows
    assert sizes.iloc[:-1].min() > 70


@st.composite
def genomes(draw):
    text = draw(st.text("ACGTN", min_size=1, max_size=90))
    return text, draw(st.booleans()), draw(st.integers(1, 40)), draw(st.integers(0, 120))


@given(genomes(), st.integers(0, 10), st.integers(1, 5))
def test_each_base_is_emitted_once_on_each_strand_and_read_right(case, context, n_run):
    """What a window emits at token j is the base of row j on its strand: checked letter by letter against the text."""
    text, circular, core, warmup = case
    context = min(context, warmup)
    ids, w, table = tiled(text, circular=circular, core=core, warmup=warmup, context=context, n_run=n_run)
    emitted = {"+": [], "-": []}
    position = w.locate(np.arange(w.n_rows)).position
    n = len(text)
    for v in table:
        letters = decode(window_sequence(ids, v))
        rows = core_rows(v)
        assert len(letters) == v["warmup"] + len(rows)
        assert context <= v["warmup"] <= warmup
        emitted[v["strand"]] += rows.tolist()
        step = 1 if v["strand"] == "+" else -1
        for j, row in enumerate(rows):
            expected = text[position[row]] if step > 0 else COMPLEMENT[text[position[row]]]
            assert letters[v["warmup"] + j] == expected
        for j in range(1, v["warmup"] + 1):
            before = position[rows[0]] - step * j
            assert circular or 0 <= before < n
            base = text[before % n]
            assert letters[v["warmup"] - j] == (base if step > 0 else COMPLEMENT[base])
    assert sorted(emitted["+"]) == sorted(emitted["-"]) == list(range(w.n_rows))
