"""Intervals from activations, reading frames, windows beside training windows: planted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from Bio.Seq import Seq

from photo51.genome.alphabet import encode, reverse_complement
from photo51.io.contracts.enrichment import NAMES
from photo51.quicklook.calls import covered_bases, joined_runs, named_calls, unexplained
from photo51.quicklook.frames import open_frames
from photo51.quicklook.picture import merged
from photo51.quicklook.reading import Strands
from photo51.quicklook.source import Piece
from photo51.quicklook.windows import compared, summarise, unlike_by_chance, usual


def piece_of(text: str, start: int = 0, code: int = 11) -> Piece:
    nothing = encode("")
    return Piece("chr", start, encode(text), nothing, nothing, start + len(text), False, code)


def strands_of(n: int, codes: dict[str, list[tuple[int, int, float]]], features: int = 3) -> dict[str, Strands]:
    out = {}
    for strand in "+-":
        matrix = np.zeros((n, features), dtype=np.float32)
        for position, feature, value in codes.get(strand, []):
            matrix[position, feature] = value
        bits = np.linspace(1, 2, n, dtype=np.float32)
        out[strand] = Strands(
            bits,
            sp.csr_matrix(matrix),
            np.full(n, 0.25, np.float32),
            np.ones(n, np.float32),
            np.zeros(n, bool),
        )
    return out


def features_of(maximum: list[float]) -> pd.DataFrame:
    n = len(maximum)
    return pd.DataFrame({"feature": range(n), "maximum": maximum, "match": [1.0, 0.5, 0.0][:n]})


def names_of(feature: int, threshold: float) -> pd.DataFrame:
    row = dict.fromkeys(NAMES.columns, 0)
    row |= {
        "feature": feature,
        "annotation": "stop_codon",
        "strand": "sense",
        "named": True,
        "threshold": threshold,
    }
    row |= {"grade": "strong", "n_checks": 5, "n_survived": 4}
    return pd.DataFrame([row])


def test_runs_at_most_a_gap_apart_are_one() -> None:
    mask = np.zeros(40, dtype=bool)
    mask[[2, 3, 10, 17, 30]] = True
    assert joined_runs(mask, 6).tolist() == [[2, 18], [30, 31]]
    assert joined_runs(mask, 0).tolist() == [[2, 4], [10, 11], [17, 18], [30, 31]]
    assert joined_runs(np.zeros(5, dtype=bool), 6).tolist() == []


def test_named_features_are_called_at_their_threshold_on_either_strand() -> None:
    strands = strands_of(50, {"+": [(10, 1, 3.0), (11, 1, 1.0), (30, 1, 1.9)], "-": [(20, 1, 2.0), (5, 0, 9.0)]})
    calls = named_calls(piece_of("A" * 50, start=100), strands, names_of(1, 2.0), features_of([9, 4, 1]))  # type: ignore[arg-type]
    rows = calls[["start", "end", "strand", "feature", "share", "match"]].to_numpy().tolist()
    assert rows == [[110, 111, "+", 1, 0.75, 0.5], [120, 121, "-", 1, 0.5, 0.5]]


def test_unnamed_features_count_where_nothing_explains_them() -> None:
    strong = [(p, 0, 9.0) for p in (4, 5, 6)] + [(p, 1, 4.0) for p in (20, 21)]
    strands = strands_of(50, {"+": strong, "-": [(40, 2, 0.4), (41, 2, 1.0)]})
    piece, features = piece_of("A" * 50, start=7), features_of([9, 4, 1])
    nothing = {s: np.zeros(50, dtype=bool) for s in "+-"}
    found = unexplained(piece, strands, nothing, np.array([1]), features)  # type: ignore[arg-type]
    assert found[["start", "end", "strand", "feature", "score"]].to_numpy().tolist() == [[11, 14, "+", 0, 3.0]]
    call = pd.DataFrame({"chrom": ["chr"], "start": [11], "end": [14], "strand": ["+"]})
    known = {s: covered_bases(piece, s, call, pd.DataFrame()) for s in "+-"}  # type: ignore[arg-type]
    assert unexplained(piece, strands, known, np.array([1]), features).empty  # type: ignore[arg-type]


def test_what_is_explained_parts_an_interval_and_counts_in_none() -> None:
    """Feature 0 at bases 4 to 11; a call covers 7 and 8, with the larger feature 2 on them."""
    strong = [(p, 0, 9.0) for p in range(4, 12)] + [(7, 2, 1.0), (8, 2, 1.0)]
    strands = strands_of(50, {"+": strong})
    explained = {s: np.zeros(50, dtype=bool) for s in "+-"}
    explained["+"][7:9] = True
    found = unexplained(piece_of("A" * 50), strands, explained, np.array([1]), features_of([9, 4, 0.5]))  # type: ignore[arg-type]
    rows = found.sort_values("start")[["start", "end", "feature", "n_features", "score"]].to_numpy().tolist()
    assert rows == [[4, 7, 0, 1, 3.0], [9, 12, 0, 1, 3.0]]
    # one base is no interval, also where it is what a call leaves of one
    explained["+"][5:11] = True
    assert unexplained(piece_of("A" * 50), strands, explained, np.array([1]), features_of([9, 4, 0.5])).empty  # type: ignore[arg-type]


def test_every_unexplained_interval_is_in_the_table() -> None:
    strong = [(p + d, 0, 9.0) for p in range(0, 400, 20) for d in (0, 1)]
    nothing = {s: np.zeros(400, dtype=bool) for s in "+-"}
    found = unexplained(
        piece_of("A" * 400),
        strands_of(400, {"-": strong}),  # type: ignore[arg-type]
        nothing,  # type: ignore[arg-type]
        np.array([1]),
        features_of([9, 4, 1]),
    )
    assert found["start"].tolist() == list(range(0, 400, 20))


@pytest.mark.parametrize("code", [2, 11])
def test_open_frames_translate_without_a_stop(code: int) -> None:
    rng = np.random.default_rng(code)
    text = "".join(rng.choice(list("ACGT"), 30_000))
    n = len(text)
    found = open_frames(piece_of(text, code=code), strands_of(n, {}), shortest=30)  # type: ignore[arg-type]
    assert len(found) > 20
    for r in found.to_dict("records"):
        bases = text[r["start"] : r["end"]]
        bases = bases if r["strand"] == "+" else str(Seq(bases).reverse_complement())
        protein = str(Seq(bases).translate(table=code))
        assert len(protein) == r["codons"]
        assert "*" not in protein[:-1]
        assert not r["complete"] or protein.endswith("*")
    whole = found[found["complete"]]
    longest = max(
        (
            len(part)
            for read in (text, str(Seq(text).reverse_complement()))
            for phase in range(3)
            for part in str(Seq(read[phase : phase + (n - phase) // 3 * 3]).translate(table=code)).split("*")[1:-1]
        ),
    )
    assert whole["codons"].max() <= longest + 1


def test_a_gap_is_no_open_frame() -> None:
    """ATG and 70 codons of alanine, 600 unknown bases, and as much again to a stop."""
    text = "ATG" + "GCA" * 70 + "N" * 600 + "GCA" * 70 + "TAA"
    found = open_frames(piece_of(text), strands_of(len(text), {}), shortest=60)  # type: ignore[arg-type]
    phase_0 = found[(found["strand"] == "+") & (found["start"] % 3 == 0)]
    assert phase_0[["start", "end", "codons", "complete"]].to_numpy().tolist() == [
        [0, 213, 71, False],
        [813, 1026, 71, False],
    ]
    gap = piece_of("N" * 600)
    assert open_frames(gap, strands_of(600, {}), shortest=60).empty  # type: ignore[arg-type]
    # one unknown base does not end a frame
    one = "ATG" + "GCN" + "GCA" * 70 + "TAA"
    assert 73 in open_frames(piece_of(one), strands_of(len(one), {}), shortest=73)["codons"].tolist()  # type: ignore[arg-type]


def test_frames_of_the_other_strand_are_mirrored() -> None:
    text = "".join(np.random.default_rng(3).choice(list("ACGT"), 3_000))
    other = reverse_complement(encode(text)).tobytes().decode()
    one = open_frames(piece_of(text), strands_of(3_000, {}), shortest=20)  # type: ignore[arg-type]
    two = open_frames(piece_of(other), strands_of(3_000, {}), shortest=20)  # type: ignore[arg-type]
    mirrored = {
        (3_000 - e, 3_000 - s, {"+": "-", "-": "+"}[x]) for s, e, x in two[["start", "end", "strand"]].to_numpy()
    }
    assert mirrored == {(s, e, x) for s, e, x in one[["start", "end", "strand"]].to_numpy()}


def test_windows_beside_training_windows() -> None:
    strands = strands_of(1_100, {})
    table = summarise(strands, 1_000)  # type: ignore[arg-type]
    assert table.loc[table["strand"] == "+", ["start", "end"]].to_numpy().tolist() == [
        [1_000, 1_512],
        [1_512, 2_100],
    ]
    assert table["variance_explained"].tolist() == [0.75] * 4
    typical = pd.DataFrame({"bits": np.linspace(1, 1.5, 101), "variance_explained": np.linspace(0.7, 0.9, 101)})
    found = compared(piece_of("A" * 1_100, start=1_000), strands, typical)  # type: ignore[arg-type]
    first, last = found[found["strand"] == "+"].to_dict("records")
    assert first["unlike"] == ""
    assert first["variance_rank"] == pytest.approx(25 / 101, abs=0.02)
    assert "more bits" in last["unlike"]
    assert "variance" not in last["unlike"]


def test_windows_of_few_known_bases_are_not_compared() -> None:
    """Bits of 1 to 2 and variance explained of 0.75 beside training windows of 1 and 0.9: unlike, where comparable."""
    typical = pd.DataFrame({"bits": np.full(100, 1.0), "variance_explained": np.full(100, 0.9)})
    for n, known, few in ((255, 255, True), (256, 256, False), (600, 600, False), (512, 255, True), (512, 256, False)):
        strands = strands_of(n, {})
        for s in strands.values():
            for column in (s.bits, s.error, s.spread):
                column[known:] = np.nan
        found = compared(piece_of("A" * n), strands, typical)  # type: ignore[arg-type]
        assert found["n_known"].tolist() == [known, known]
        assert found["bits_rank"].isna().tolist() == [few, few]
        assert found["variance_rank"].isna().tolist() == [few, few]
        assert (found["unlike"] == "").tolist() == [few, few]


def test_windows_are_cut_from_where_each_strand_is_read() -> None:
    table = summarise(strands_of(1_300, {}), 0)  # type: ignore[arg-type]
    cut = {s: table.loc[table["strand"] == s, ["start", "end"]].to_numpy().tolist() for s in "+-"}
    assert cut["+"] == [[0, 512], [512, 1_024], [1_024, 1_300]]
    assert cut["-"] == [[1_300 - b, 1_300 - a] for a, b in reversed(cut["+"])]


def test_the_first_base_is_known_though_nothing_predicts_it() -> None:
    strands = strands_of(256, {})
    for s in strands.values():
        s.bits[0] = np.nan
    assert summarise(strands, 0)["n_known"].tolist() == [256, 256]  # type: ignore[arg-type]


def test_windows_are_compared_with_those_that_were_read_alike() -> None:
    """Training windows have 1.0 bits with context, 1.5 without; of 256 bases 0.1 more or less, by turns."""
    rows = []
    for cold in (False, True):
        for size in (512, 256):
            for i in range(100):
                bits = 1.0 + 0.5 * cold + (0.1 if i % 2 else -0.1) * (size == 256)
                rows.append((0, size, bits, 0.5, cold))
    typical = pd.DataFrame(rows, columns=["start", "end", "bits", "variance_explained", "cold"])
    for n, cold, bits, odd in (
        (512, False, 1.0, False),
        (512, False, 1.05, True),
        (512, True, 1.05, False),
        (512, True, 1.55, True),
        (300, False, 1.05, False),
        (300, True, 1.55, False),
        (300, True, 1.65, True),
    ):
        strands = strands_of(n, {})
        for s in strands.values():
            s.bits[:], s.error[:] = bits, 0.5
            s.cold[:128] = cold
        found = compared(piece_of("A" * n), strands, typical)  # type: ignore[arg-type]
        assert found["cold"].tolist() == [cold, cold]
        assert (found["unlike"] != "").tolist() == [odd, odd], (n, cold, bits)
    assert unlike_by_chance(typical) == 0
    # without long windows the short ones stand in
    found = compared(piece_of("A" * 512), strands_of(512, {}), typical[typical["end"] == 256])  # type: ignore[arg-type]
    assert found["bits_rank"].notna().all()
    assert len(usual(typical[typical["end"] == 256])) == 100


def test_overlapping_calls_of_a_lane_are_one_mark() -> None:
    rows = [(0, 5, "+", 0.2), (3, 9, "+", 0.9), (9, 12, "+", 0.1), (20, 22, "+", 0.3), (4, 6, "-", 0.4)]
    calls = pd.DataFrame(rows, columns=["start", "end", "strand", "share"])
    found = merged(calls)[["start", "end", "strand", "share"]].to_numpy().tolist()
    assert found == [[0, 12, "+", 0.9], [20, 22, "+", 0.3], [4, 6, "-", 0.4]]


def circle(text: str) -> Piece:
    nothing = encode("")
    return Piece("chr", 0, encode(text), nothing, nothing, len(text), True, 11)


@pytest.mark.parametrize("n", [1_500, 1_501, 1_502])
def test_frames_of_a_circle_do_not_depend_on_where_it_was_cut(n: int) -> None:
    text = "".join(np.random.default_rng(n).choice(list("ACGT"), n))

    def bases_of(turn: int) -> set[tuple[str, int, bool, frozenset[int]]]:
        piece = circle(text[turn:] + text[:turn])
        found = open_frames(piece, strands_of(n, {}), shortest=20)  # type: ignore[arg-type]
        # both sides of an origin are one frame: its bases add up to its codons
        whole: dict[tuple[str, int, bool], list[frozenset[int]]] = {}
        halves = []
        for r in found.to_dict("records"):
            at = frozenset((turn + i) % n for i in range(r["start"], r["end"]))
            if len(at) == 3 * r["codons"]:
                whole.setdefault((r["strand"], r["codons"], r["complete"]), []).append(at)
            else:
                halves.append((r, at))
        for r, at in halves:
            for other, rest in halves:
                same = (r["strand"], r["codons"], r["complete"]) == (
                    other["strand"],
                    other["codons"],
                    other["complete"],
                )
                if same and r["start"] == 0 and other["end"] == n and len(at | rest) == 3 * r["codons"]:
                    whole.setdefault((r["strand"], r["codons"], r["complete"]), []).append(at | rest)
        return {(*key, at) for key, frames in whole.items() for at in frames}

    straight = bases_of(0)
    assert len(straight) > 10
    for turn in (1, 250, 777):
        assert bases_of(turn) == straight


def test_a_gene_over_the_origin_is_whole_on_a_circle_and_broken_on_a_line() -> None:
    gene = "ATG" + "GCA" * 70 + "TAA"
    text = gene[100:] + "CCCTAACTAACTAA" * 20 + gene[:100]
    n = len(text)
    found = open_frames(circle(text), strands_of(n, {}), shortest=70)  # type: ignore[arg-type]
    sense = found[found["complete"] & (found["strand"] == "+")]
    assert sense[["start", "end", "codons"]].to_numpy().tolist() == [[0, len(gene) - 100, 72], [n - 100, n, 72]]
    line = open_frames(piece_of(text), strands_of(n, {}), shortest=70)  # type: ignore[arg-type]
    assert not line.loc[line["strand"] == "+", "complete"].any()


def test_a_gene_behind_a_leader_or_a_gap_is_listed_from_its_start_codon_too() -> None:
    gene = "ATG" + "GCA" * 70 + "TAA"
    for leader in ("GCA" * 10, "N" * 30):
        text = leader + gene
        sense = open_frames(piece_of(text), strands_of(len(text), {}), shortest=60)  # type: ignore[arg-type]
        sense = sense[(sense["strand"] == "+") & (sense["end"] == len(text))]
        rows = sense[["start", "codons", "complete"]].to_numpy().tolist()
        assert [30, 72, True] in rows
        # the open frame may begin before the sequence; a gap holds no codon that is known
        assert ([0, 82, False] in rows) == (leader[0] == "G")
    # nor does a frame need its stop to be listed from its start codon
    open_ended = "GCA" * 10 + "ATG" + "GCA" * 70
    for text in (open_ended, open_ended + "N" * 30):
        found = open_frames(piece_of(text), strands_of(len(text), {}), shortest=60)  # type: ignore[arg-type]
        sense = found[(found["strand"] == "+") & (found["start"] % 3 == 0)]
        assert sense[["start", "end", "complete"]].to_numpy().tolist() == [[0, 243, False], [30, 243, False]]
    # the second start codon of a frame is none, and a frame that has its own start is listed once
    twice = "TAA" + "ATG" + "GCA" * 10 + gene
    found = open_frames(piece_of(twice), strands_of(len(twice), {}), shortest=60)  # type: ignore[arg-type]
    sense = found[(found["strand"] == "+") & (found["end"] == len(twice))]
    assert sense[["start", "complete"]].to_numpy().tolist() == [[3, True]]


def test_a_gene_as_people_paste_it_is_complete_and_ambiguous_stops_are_stops() -> None:
    gene = "ATG" + "GCA" * 70 + "TAR"
    for text, start in ((gene, 0), ("TTAA" + gene + "ATTGA", 4)):
        found = open_frames(piece_of(text), strands_of(len(text), {}), shortest=60)  # type: ignore[arg-type]
        (row,) = found[(found["strand"] == "+") & (found["start"] == start)].to_dict("records")
        assert (row["end"], row["codons"], row["complete"]) == (start + 216, 72, True)
    # NTG is a start whatever N is (code 11); TAN may be tyrosine, and ends nothing
    open_ended = "NTG" + "GCA" * 30 + "TAN" + "GCA" * 40 + "TGA"
    found = open_frames(piece_of(open_ended), strands_of(len(open_ended), {}), shortest=60)  # type: ignore[arg-type]
    (row,) = found[(found["strand"] == "+") & (found["start"] == 0)].to_dict("records")
    assert (row["codons"], row["complete"]) == (73, True)


def test_one_training_window_in_a_hundred_is_unlike_the_others_in_either_way() -> None:
    # the largest bits and the least variance are of different windows: two of a hundred
    typical = pd.DataFrame({"bits": np.arange(100.0), "variance_explained": np.arange(100.0)})
    assert unlike_by_chance(typical) == 0.02
    # of one window: one of a hundred
    assert unlike_by_chance(typical.assign(variance_explained=-np.arange(100.0))) == 0.01
