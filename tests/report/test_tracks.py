import base64
import gzip
import json

import numpy as np
import pandas as pd
import pybigtools
import pytest

from photo51.config.report import TracksParams
from photo51.genome.axis.workspace import Workspace
from photo51.io import Provenance, read_table
from photo51.io.contracts.report import CALLS, TRACKS
from photo51.report.tracks.data import Labelled, as_text
from photo51.report.tracks.runs import runs_of
from photo51.report.tracks.write import Tracked, calls_of, write_tracks
from photo51.run.places import ActivationColumn

MADE = Provenance(stage="tracks")
EVERY = Labelled([0, 4, 6, 9, 12], {6: "tRNA"})


@pytest.fixture(scope="module")
def written(places, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracks") / "tracks"
    tracked = [
        Tracked("f0", (0,), "start codon", 1.5),
        Tracked("f9", (9,)),
        Tracked("frame", (3, 4, 5), "reading frame"),
        Tracked("f70", (70,)),
    ]
    write_tracks(places, tracked, folder, TracksParams(chunk=4), MADE, EVERY)
    return folder


def test_runs_are_worked_by_hand_across_segments():
    axis = Workspace(
        pd.DataFrame(
            {
                "genome": "g",
                "chrom": ["c", "c", "d"],
                "start": [10, 40, 0],
                "end": [15, 43, 4],
                "block": [0, 1, 2],
                "split": "test",
            }
        )
    )
    # rows 0-4 are c:10-14, rows 5-7 c:40-42, rows 8-11 d:0-3; row 4 and row 5 are neighbours on the axis, not on the genome
    column = ActivationColumn(np.array([1, 2, 4, 5, 6, 11]), np.array([2, 2, 3, 3, 1, 3], dtype=np.float32))
    assert runs_of(axis, column).drop(columns="genome").to_numpy().tolist() == [
        ["c", 11, 13, 2.0], ["c", 14, 15, 3.0], ["c", 40, 41, 3.0], ["c", 41, 42, 1.0], ["d", 3, 4, 3.0],
    ]  # fmt: skip


def test_calls_merge_what_is_near_and_name_the_strongest_base():
    runs = pd.DataFrame(
        {
            "genome": "g",
            "chrom": ["c", "c", "c", "c", "d"],
            "start": [0, 4, 9, 30, 3],
            "end": [2, 5, 12, 31, 4],
            "value": [1.0, 3.0, 0.4, 2.0, 2.0],
        }
    )
    found = calls_of(runs, threshold=1.0, gap=2)
    assert found[["chrom", "start", "end", "activation", "position"]].to_numpy().tolist() == [
        ["c", 0, 5, 3.0, 4], ["c", 30, 31, 2.0, 30], ["d", 3, 4, 2.0, 3],
    ]  # fmt: skip


def test_every_bigwig_reads_back_as_the_codes_that_were_laid(bare, places, written):
    _, codes = bare
    table = read_table(written / "tracks.parquet", TRACKS)
    where = places.workspace.locate(np.arange(places.workspace.n_rows))
    segments = places.workspace.table.iloc[where.segment].reset_index(drop=True)
    checked = 0
    for r in table[table["name"].isin(["f0", "f9"])].itertuples():
        laid = codes[r.strand][:, int(r.name[1:])].toarray().ravel()
        with pybigtools.open(str(written / r.file)) as bw:
            for chrom in segments.loc[segments["genome"] == r.genome, "chrom"].unique():
                here = ((segments["genome"] == r.genome) & (segments["chrom"] == chrom)).to_numpy()
                length = places.genomes.length(r.genome, chrom)
                read = (
                    np.zeros(length, dtype=np.float32)
                    if chrom not in bw.chroms()
                    else np.nan_to_num(bw.values(chrom, 0, length, fillna=None))
                )
                expected = np.zeros(length, dtype=np.float32)
                expected[where.position[here]] = laid[here]
                np.testing.assert_array_equal(read, expected)
                checked += int((expected > 0).sum())
    assert checked == sum(int(codes[s][:, f].nnz) for s in "+-" for f in (0, 9))


def test_a_start_codon_track_peaks_on_the_a_of_atg_on_both_strands(places, written):
    calls = read_table(written / "calls.parquet", CALLS)
    strong = calls[(calls["name"] == "f0") & (calls["score"] > 500)]
    assert set(strong["strand"]) == {"+", "-"}
    for r in strong.itertuples():
        codon = (
            places.genomes.sequence(r.genome, r.chrom, r.start, r.start + 3)
            if r.strand == "+"
            else places.genomes.sequence(r.genome, r.chrom, r.end - 3, r.end, "-")
        )
        assert codon.tobytes() == b"ATG", r


def test_concept_track_is_the_largest_share_of_its_features(bare, places, written):
    _, codes = bare
    peaks = [max(codes["+"][:, f].max(), codes["-"][:, f].max()) for f in (3, 4, 5)]
    shares = np.max([codes["+"][:, f].toarray().ravel() / p for f, p in zip((3, 4, 5), peaks, strict=True)], axis=0)
    t = places.workspace.table
    first = t[t["genome"] == "rods"].iloc[0]
    rows = slice(int(first["offset"]), int(first["offset"] + first["end"] - first["start"]))
    with pybigtools.open(str(written / "rods/frame.plus.bw")) as bw:
        read = np.nan_to_num(bw.values(first["chrom"], int(first["start"]), int(first["end"]), fillna=None))
    np.testing.assert_allclose(read, shares[rows], rtol=1e-6)


def test_a_silent_feature_is_named_and_has_no_file(written):
    table = read_table(written / "tracks.parquet", TRACKS)
    silent = table[table["name"] == "f70"]
    assert len(silent) == 4
    assert (silent["file"] == "").all()
    assert not list(written.rglob("f70*"))


def test_threshold_of_a_named_feature_is_the_frozen_one(written):
    calls = read_table(written / "calls.parquet", CALLS)
    assert calls.loc[calls["name"] == "f0", "threshold"].unique().tolist() == [1.5]
    assert (calls.loc[calls["name"] == "f0", "activation"] >= 1.5).all()


def test_every_feature_lies_beside_the_page_by_chunk_and_no_base_is_lost(bare, places, written):
    _, codes = bare
    table = places.workspace.table
    for genome in ("ring", "rods"):
        records = []
        for path in sorted((written / genome / "data").iterdir()):
            text = path.read_text().split('","')[1].removesuffix('")\n')
            records += json.loads(gzip.decompress(base64.b64decode(text)))
        assert [r["id"] for r in records] == EVERY.ids
        for r in records:
            top = max(codes[s][:, r["id"]].max() for s in "+-")
            assert r["peak"] == pytest.approx(top, rel=1e-3)
            for i, strand in enumerate("+-"):
                values = codes[strand][:, r["id"]].toarray().ravel()
                for t in table[table["genome"] == genome].itertuples():
                    levels, at = np.zeros(t.end + 1), 0
                    texts = r["runs"].get(t.chrom, [[""] * 3, [""] * 3])[i]
                    for gap, length, level in zip(*([ord(c) - 32 for c in text] for text in texts), strict=True):
                        levels[at + gap : at + gap + length] = level
                        at += gap + length
                    expected = values[t.offset : t.offset + t.end - t.start]
                    np.testing.assert_allclose(levels[t.start : t.end] * top / 100, expected, atol=top / 99)


def test_numbers_too_large_for_a_character_go_before_the_rest_of_theirs():
    # hand-worked: 61,234 = 2 · 30,000 + 1,234, and a whole multiple ends in 0
    text = as_text(np.array([0, 2, 60, 29_999, 30_000, 61_234, 5]))
    assert [ord(c) - 32 for c in text] == [0, 2, 60, 29_999, 30_000, 0, 30_000, 30_000, 1_234, 5]
    assert as_text(np.array([], dtype=np.int64)) == ""


def test_bigbed_calls_equal_the_table(written):
    calls = read_table(written / "calls.parquet", CALLS)
    for genome, here in calls.groupby("genome"):
        with pybigtools.open(str(written / genome / "calls.bb")) as bb:
            read = {(c, r[0], r[1], r[2], r[4]) for c in bb.chroms() for r in bb.records(c)}
        assert read == set(zip(here["chrom"], here["start"], here["end"], here["name"], here["strand"], strict=True))


def test_same_tracks_twice_give_the_same_bytes(places, written, tmp_path):
    tracked = [
        Tracked("f0", (0,), "start codon", 1.5),
        Tracked("f9", (9,)),
        Tracked("frame", (3, 4, 5), "reading frame"),
        Tracked("f70", (70,)),
    ]
    write_tracks(places, tracked, tmp_path / "again", TracksParams(chunk=4), MADE, EVERY)
    names = sorted(p.relative_to(written) for p in written.rglob("*") if p.is_file())
    assert names == sorted(p.relative_to(tmp_path / "again") for p in (tmp_path / "again").rglob("*") if p.is_file())
    assert [n for n in names if (written / n).read_bytes() != (tmp_path / "again" / n).read_bytes()] == []


def test_genome_page_is_one_file_whose_library_cannot_end_its_tag(written):
    page = (written / "ring" / "igv.html").read_text(encoding="utf-8")
    assert page.lower().count("</script") == 2
    assert page.count("<!--") == 0
    assert 'src="http' not in page
    config = json.loads(page.split("const CONFIG = ", 1)[1].split(";\nconst SIGNALS", 1)[0])
    assert config["reference"]["fastaURL"].startswith("data:application/gzip;base64,")
    assert config["loadDefaultGenomes"] is False
    signals = json.loads(page.split("const SIGNALS = ", 1)[1].split(";\nconst FILES", 1)[0])
    scales = {}
    for s in signals:
        scales.setdefault(s["name"].rsplit(" (", 1)[0], []).append((s["min"], s["max"]))
    assert {len(set(v)) for v in scales.values()} == {1}  # both strands on one scale
    assert max(map(len, scales.values())) == 2
