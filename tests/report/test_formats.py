import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pybigtools
import pysam
import pytest
from Bio import SeqIO

from photo51.report.elements.browser_formats import (
    BrowserTrack,
    write_bed,
    write_bigbed,
    write_bigwig,
    write_fasta,
    write_hub,
    write_session,
    write_twobit,
)


def as_ids(text):
    return np.frombuffer(text.encode(), dtype=np.uint8)


def test_twobit_reads_back_through_biopython_with_n_kept(tmp_path):
    rng = np.random.default_rng(0)
    contigs = [
        ("a", "ACGTNNACGTTTGCA"),
        ("b", "".join(rng.choice(list("ACGTRN"), 1003, p=[0.2, 0.2, 0.2, 0.2, 0.1, 0.1]))),
        ("c", "A"),
    ]
    write_twobit([(n, as_ids(t)) for n, t in contigs], tmp_path / "x.2bit")
    with (tmp_path / "x.2bit").open("rb") as f:
        read = {r.id: str(r.seq) for r in SeqIO.parse(f, "twobit")}
    assert read == {n: t.replace("R", "N") for n, t in contigs}


def test_fasta_index_is_what_samtools_writes(tmp_path):
    write_fasta(
        [("one", as_ids("ACGTACGTAC")), ("two", as_ids("G" * 60)), ("three", as_ids("ACG" * 41))],
        tmp_path / "x.fa",
        width=60,
    )
    mine = (tmp_path / "x.fa.fai").read_text()
    (tmp_path / "x.fa.fai").unlink()
    pysam.faidx(str(tmp_path / "x.fa"))
    assert mine == (tmp_path / "x.fa.fai").read_text()


def test_bed_and_bigbed_hold_the_same_rows_sorted(tmp_path):
    rows = pd.DataFrame(
        {"chrom": ["b", "a", "a"], "start": [5, 30, 2], "end": [9, 31, 4], "name": ["late one", "x", "y"], "score": [0, 1000, 7],
         "strand": ["+", "-", "."], "colour": ["#0072B2", "#000000", "#ffffff"]}
    )  # fmt: skip
    write_bed(rows, tmp_path / "x.bed")
    write_bigbed(rows, {"a": 100, "b": 50}, tmp_path / "x.bb")
    lines = (tmp_path / "x.bed").read_text().splitlines()
    assert lines == [
        "a\t2\t4\ty\t7\t.\t2\t4\t255,255,255",
        "a\t30\t31\tx\t1000\t-\t30\t31\t0,0,0",
        "b\t5\t9\tlate_one\t0\t+\t5\t9\t0,114,178",
    ]
    with pybigtools.open(str(tmp_path / "x.bb")) as bb:
        read = ["\t".join(map(str, (c, *r))) for c in ("a", "b") for r in bb.records(c)]
        assert "reserved" in bb.sql()
    assert read == lines


def test_bigwig_keeps_gaps_apart_from_zeros(tmp_path):
    runs = pd.DataFrame({"chrom": ["a", "a"], "start": [10, 3], "end": [12, 4], "value": [0.5, 2.0]})
    write_bigwig(runs, {"a": 20}, tmp_path / "x.bw")
    with pybigtools.open(str(tmp_path / "x.bw")) as bw:
        assert list(bw.records("a")) == [(3, 4, 2.0), (10, 12, 0.5)]
        assert bw.chroms() == {"a": 20}


@pytest.mark.parametrize(("start", "end"), [([0, 2], [3, 5]), ([0, 2], [2, 9]), ([-1, 2], [2, 3]), ([4, 2], [4, 3])])
def test_a_bigwig_that_would_be_cut_off_is_refused_and_leaves_no_file(tmp_path, start, end):
    with pytest.raises(ValueError, match="rows within contigs that do not overlap, got a"):
        write_bigwig(
            pd.DataFrame({"chrom": ["a", "a"], "start": start, "end": end, "value": [0.5, 2.0]}),
            {"a": 8},
            tmp_path / "x.bw",
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [write_bigwig, write_bigbed])
def test_an_empty_track_is_refused_and_leaves_no_file(tmp_path, write):
    with pytest.raises(ValueError, match="at least one"):
        write(pd.DataFrame(columns=["chrom", "start", "end", "value"]), {"a": 9}, tmp_path / "x.bw")
    assert list(tmp_path.iterdir()) == []


def test_hub_names_every_file_it_needs(tmp_path):
    tracks = [
        BrowserTrack("f1_plus", "f1.plus.bw", "f1 start codon (+)", "#0072B2"),
        BrowserTrack("genes", "genes.bb", "annotation", "#D55E00"),
    ]
    write_hub(tmp_path, {"ecoli": ("E. coli", "chr:1-100", tracks)}, "a title")
    stanzas = dict(line.split(" ", 1) for line in (tmp_path / "hub.txt").read_text().splitlines())
    assert (tmp_path / stanzas["genomesFile"]).is_file()
    genome = dict(line.split(" ", 1) for line in (tmp_path / "genomes.txt").read_text().splitlines())
    assert genome["twoBitPath"] == "ecoli/ecoli.2bit"
    assert genome["defaultPos"] == "chr:1-100"
    db = (tmp_path / genome["trackDb"]).read_text()
    blocks = [dict(line.split(" ", 1) for line in b.splitlines()) for b in db.split("\n\n")]
    assert [(b["track"], b["type"], b["bigDataUrl"], b["color"]) for b in blocks] == [
        ("f1_plus", "bigWig", "f1.plus.bw", "0,114,178"),
        ("genes", "bigBed 9", "genes.bb", "213,94,0"),
    ]


def test_session_is_xml_with_relative_files(tmp_path):
    write_session(tmp_path / "s.xml", "g.fa", "chr:5-9", [BrowserTrack("t", "t.bw", "f1 <odd> & more", "#0072B2")])
    root = ET.parse(tmp_path / "s.xml").getroot()
    assert (root.get("genome"), root.get("locus")) == ("g.fa", "chr:5-9")
    assert [r.attrib for r in root.iter("Resource")] == [{"path": "t.bw", "name": "f1 <odd> & more"}]
