"""`photo51 prepare` end to end, seen from the stage that comes next."""

import gzip
import hashlib
import logging
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from photo51.cli import main
from photo51.config.genome import GenomeParams
from photo51.genome.alphabet import decode, reverse_complement
from photo51.genome.axis.genomes import Genomes, contig_key, core_rows, window_sequence
from photo51.genome.axis.masks import annotation_masks
from photo51.genome.preparation.keys import sequence_key
from photo51.genome.preparation.prepare import FILES, PARTS, prepare
from photo51.genome.preparation.samples import read_genomes
from photo51.types import InputError

PARAMS = GenomeParams(core=500, warmup=100, block=2_048, gap=200, homology_bases=None)


@pytest.fixture
def sheet(write):
    def _sheet(*rows, **files):
        for name, content in files.items():
            write(name.replace("__", "."), content)
        header = "genome\tsequence\tannotation\tregions\ttopology\textra_annotations\n"
        return write("genomes.tsv", header + "".join("\t".join(r) + "\n" for r in rows))

    return _sheet


def letters(seed, n):
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), n))


def test_the_next_stage_can_read_every_row(small: Genomes):
    """Reading every window and laying its core on the axis gives the genome, both strands: what extraction relies on."""
    w, table = small.workspace(), small.windows()
    plus, minus = (np.zeros(w.n_rows, dtype=np.uint8) for _ in range(2))
    count = np.zeros((2, w.n_rows), dtype=int)
    for v in table.to_dict("records"):
        ids, rows = small.window_sequence(v), core_rows(v)
        assert len(ids) == v["warmup"] + v["end"] - v["start"]
        (plus if v["strand"] == "+" else minus)[rows] = ids[v["warmup"] :]
        count[int(v["strand"] == "-"), rows] += 1
    assert (count == 1).all()
    places = w.locate(np.arange(w.n_rows))
    for s in w.segments():
        expected = small.sequence(s.genome, s.chrom, s.start, s.end)
        rows = slice(s.offset, s.offset + s.end - s.start)
        assert np.array_equal(plus[rows], expected)
        assert np.array_equal(minus[rows][::-1], reverse_complement(expected))
        assert places.position[rows].tolist() == list(range(s.start, s.end))
    assert set(np.unique(plus)) == set(b"ACGT")


def test_shards_are_consecutive_rows(small: Genomes):
    table = small.windows()
    ends = table["row"] + table["end"] - table["start"]
    bounds = (
        pd.DataFrame({"first": table["row"], "last": ends}).groupby(table["shard"]).agg({"first": "min", "last": "max"})
    )
    assert bounds["first"].tolist() == [0, *bounds["last"].tolist()[:-1]]
    assert bounds["last"].iloc[-1] == small.workspace().n_rows


def test_warm_up_is_whole_on_every_scored_base(small: Genomes):
    table = small.windows()
    assert (table["warmup"] == 200).all()
    assert not table["cold_start"].any()
    assert set(table["split"]) <= {"train", "select", "test"}


def test_bases_by_place_on_both_strands_and_round_the_origin(small: Genomes):
    whole = small.sequence("phix", "NC_001422.1", 0, 5386)
    assert decode(whole[:10]) == "GAGTTTTATC"
    across = small.sequence("phix", "NC_001422.1", 5380, 5392)
    assert np.array_equal(across, np.concatenate([whole[5380:], whole[:6]]))
    assert np.array_equal(small.sequence("phix", "NC_001422.1", -6, 6), across)
    assert np.array_equal(small.sequence("phix", "NC_001422.1", 5380, 5392, "-"), reverse_complement(across))
    assert len(small.sequence("phix", "NC_001422.1", 0, 2 * 5386)) == 2 * 5386
    window = {
        "start": 5300,
        "end": 5386,
        "warmup": 50,
        "strand": "-",
        "genome": "phix",
        "chrom": "NC_001422.1",
    }
    assert np.array_equal(window_sequence(whole, window), small.window_sequence(window))
    with pytest.raises(InputError, match=r"need bases within 0\.\.4,411,532, got -1\.\.5"):
        small.sequence("tb", "NC_000962.3", -1, 5)
    with pytest.raises(InputError, match=r"need a contig of .*, got 'tb' 'chr'"):
        small.sequence("tb", "chr", 0, 5)


def test_a_genomes_handle_may_travel_to_another_process(small: Genomes):
    small.sequence("mt", "NC_012920.1", 0, 5)
    other = pickle.loads(pickle.dumps(small))
    assert decode(other.sequence("mt", "NC_012920.1", 0, 5)) == "GATCA"


def test_contigs_say_what_was_read(small: Genomes):
    t = small.contigs.set_index("genome")
    assert t["length"].to_dict() == {"phix": 5386, "mt": 16_569, "tb": 4_411_532}
    assert t["circular"].to_dict() == {"phix": True, "mt": True, "tb": False}
    assert t["genetic_code"].to_dict() == {"phix": 11, "mt": 2, "tb": 11}
    assert t.loc["mt", "n_ambiguous"] == 1
    assert t.loc["tb", "n_ambiguous"] == 4_411_532 - 204_815
    whole = small.sequence("mt", "NC_012920.1", 0, 16_569)
    assert t.loc["mt", "sha256"] == hashlib.sha256(whole.tobytes()).hexdigest()


def test_the_sequence_file_can_be_read_by_samtools_users(small: Genomes):
    text = (small.folder / "sequences.fa").read_text()
    assert text.startswith(f">{contig_key('phix', 'NC_001422.1')}\n")
    assert {len(line) for line in text.split("\n", 2)[1:2]} == {80}


def test_equal_contig_names_in_two_genomes_do_not_clash(sheet, tmp_path):
    a, b = letters(1, 3000), letters(2, 2500)
    path = sheet(["a", "a.fa"], ["b", "b.fa"], a__fa=f">c\n{a}\n", b__fa=f">c\n{b}\n")
    g = prepare(path, tmp_path / "out", PARAMS)
    assert decode(g.sequence("a", "c", 10, 60)) == a[10:60]
    assert decode(g.sequence("b", "c", 10, 60)) == b[10:60]


def test_the_same_input_gives_the_same_bytes(sheet, tmp_path):
    soft = letters(3, 4000).replace("AC", "ac")
    gff = "c\tx\tCDS\t11\t400\t.\t+\t0\tID=a;transl_table=11\nc\tx\tgene\t11\t400\t.\t+\t.\tID=g\n"
    path = sheet(["a", "a.fa", "a.gff3", "-", "circular", "-"], a__fa=f">c\n{soft}\n", a__gff3=gff)
    for out in ("one", "two"):
        prepare(path, tmp_path / out, PARAMS)
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_regions_soft_mask_and_extra_annotations_arrive(sheet, tmp_path):
    text = letters(4, 6000)
    masked = text[:1000] + text[1000:1100].lower() + text[1100:]
    path = sheet(
        ["a", "a.fa", "-", "c:501-2500;r.bed", "-", "peak=p.bed;p.bed"],
        a__fa=f">c\n{masked}\n",
        r__bed="c\t4000\t5000\n",
        p__bed="c\t600\t700\tone\t3.5\t-\n",
    )
    g = prepare(path, tmp_path / "out", PARAMS.model_copy(update={"gap": 0}))
    assert g.workspace().n_rows == 3000
    located = g.workspace().locate(np.arange(3000)).position
    assert located.tolist() == [*range(500, 2500), *range(4000, 5000)]
    annotations = g.annotations()
    assert annotations.loc[annotations["kind"] == "soft_mask", ["start", "end"]].to_numpy().tolist() == [[1000, 1100]]
    peak = annotations[annotations["kind"] == "peak"].iloc[0]
    assert (peak["start"], peak["strand"], peak["name"], peak["score"]) == (600, "-", "one", 3.5)
    assert (annotations["kind"] == "p").sum() == 1
    masks = annotation_masks(g.workspace(), annotations)
    assert np.flatnonzero(masks["peak"].minus).tolist() == list(range(100, 200))
    assert not masks["peak"].plus.any()
    provenance = annotations.attrs["provenance"]
    assert set(provenance["inputs"]) == {"genomes", "a/a.fa", "a/r.bed", "a/p.bed"}
    assert provenance["params"]["core"] == 500


GFF = "c\tx\tgene\t{}\t{}\t.\t+\t.\tID=g\n"


@pytest.mark.parametrize(
    ("row", "files", "words"),
    [
        (
            ["a", "a.fa", "a.gff3"],
            {"a__gff3": GFF.format(1, 99).replace("c\t", "d\t", 1)},
            "a.gff3, line 1: need a contig of",
        ),
        (
            ["a", "a.fa", "a.gff3"],
            {"a__gff3": GFF.format(1, 4000)},
            "line 1: need an annotation within contig 'c' of 3,000 bases",
        ),
        (
            ["a", "a.fa", "-", "c:1-4000"],
            {},
            "genomes.tsv, line 2, column 'regions': need a region within c:1-3,000",
        ),
        (
            ["a", "a.fa", "-", "c:1-50"],
            {},
            "need bases with 100 bases of context on both strands, got none in 50 bases",
        ),
        (
            ["a", "a.fa", "a.xls"],
            {"a__xls": "x"},
            "need .gff3, .gff, .gtf, .gb, .gbk, .gbff, .bed, .tsv or a gene table of UCSC",
        ),
        (["a", "a.fa", "-", "-", "circular:d"], {}, "column 'topology': need contigs of"),
        (["a", "a.fa", "-", "-", "pieces"], {}, "record 'c': need a piece named chrom:start-end"),
        (["a", "b.fa"], {"b__fa": ">c\nACGT\n>c\nACGT\n"}, "need record names that differ"),
        (["a", "b.fa"], {"b__fa": ">c\nAC!T\n"}, "b.fa, line 2: need IUPAC nucleotides, got '!'"),
    ],
)
def test_bad_input_is_named_and_leaves_nothing(sheet, tmp_path, row, files, words):
    path = sheet(row, a__fa=f">c\n{letters(5, 3000)}\n", **files)
    with pytest.raises(InputError) as e:
        prepare(path, tmp_path / "out", PARAMS)
    assert words in str(e.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_failed_run_leaves_an_older_one_as_it_was(sheet, tmp_path):
    path = sheet(["a", "a.fa"], a__fa=f">c\n{letters(6, 3000)}\n")
    prepare(path, tmp_path / "out", PARAMS)
    before = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    (tmp_path / "a.fa").write_text(">c\nACG?\n")
    with pytest.raises(InputError):
        prepare(path, tmp_path / "out", PARAMS)
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == before
    assert set(before) == set(FILES)


def test_the_command_says_one_sentence_and_exits_with_two(sheet, tmp_path, monkeypatch, capsys):
    path = sheet(["a", "none.fa"])
    monkeypatch.setattr(sys, "argv", ["photo51", "prepare", str(path), str(tmp_path / "out")])
    with pytest.raises(SystemExit) as e:
        main()
    said = capsys.readouterr().err.strip().splitlines()
    assert e.value.code == 2
    assert said[-1].startswith("photo51: ")
    assert "column 'sequence': need a file, got 'none.fa'" in said[-1]


def test_the_command_writes_the_files_and_takes_parameters(sheet, tmp_path, monkeypatch):
    path = sheet(["a", "a.fa"], a__fa=f">c\n{letters(8, 9000)}\n")
    given = '{"core": 400, "warmup": 50, "gap": 0}'
    monkeypatch.setattr(sys, "argv", ["photo51", "prepare", str(path), str(tmp_path / "out"), "--params", given])
    with pytest.raises(SystemExit) as e:
        main()
    assert e.value.code == 0
    g = Genomes.open(tmp_path / "out")
    assert g.windows()["warmup"].unique().tolist() == [50]
    assert (g.windows()["end"] - g.windows()["start"]).max() == 400


def test_a_split_that_stays_empty_is_said(sheet, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        whole = PARAMS.model_copy(update={"split_by": "contig"})
        prepare(sheet(["a", "a.fa"], a__fa=f">c\n{letters(7, 1500)}\n"), tmp_path / "out", whole)
    assert "no block for select and test" in caplog.text


def files_of(folder, part):
    return {name: (folder / name).read_bytes() for name in PARTS[part]}


def test_an_annotation_changes_no_block_no_split_and_no_byte_of_the_axis(sheet, tmp_path):
    fasta = f">c\n{letters(20, 30_000)}\n"
    bare = sheet(["a", "a.fa"], a__fa=fasta)
    prepare(bare, tmp_path / "bare", PARAMS)
    more = sheet(
        ["a", "a.fa", "g.gff3", "-", "-", "prophage=p.bed"],
        a__fa=fasta,
        g__gff3="##gff-version 3\nc\tx\tCDS\t301\t3300\t.\t+\t0\tID=a;transl_table=11\n",
        p__bed="c\t4000\t20000\n",
    )
    g = prepare(more, tmp_path / "more", PARAMS)
    assert {"CDS", "prophage"} <= set(g.annotations()["kind"])
    assert g.genetic_code("a", "c") == 11
    assert files_of(tmp_path / "bare", "sequences") == files_of(tmp_path / "more", "sequences")


def test_parts_by_themselves_give_the_files_of_both(sheet, tmp_path, monkeypatch, capsys):
    path = sheet(["a", "a.fa", "-", "-", "-", "peak=p.bed"], a__fa=f">c\n{letters(21, 30_000)}\n", p__bed="c\t10\t40\n")
    prepare(path, tmp_path / "both", PARAMS)
    for part in ("sequences", "annotations"):
        prepare(path, tmp_path / "apart", PARAMS, parts=(part,))
        assert files_of(tmp_path / "apart", part) == files_of(tmp_path / "both", part)
    other = sheet(["a", "b.fa"], b__fa=f">c\n{letters(22, 29_000)}\n")
    with pytest.raises(InputError, match=r"need the sequences of .*b\.fa, got others for contig 'c'"):
        prepare(other, tmp_path / "apart", PARAMS, parts=("annotations",))
    monkeypatch.setattr(sys, "argv", ["photo51", "prepare", str(path), str(tmp_path / "x"), "--only", "all"])
    with pytest.raises(SystemExit) as e:
        main()
    assert e.value.code == 2
    assert "--only: need one of sequences, annotations, got 'all'" in capsys.readouterr().err


def test_keys_say_what_decides_sequences(sheet, write, resources):
    text = gzip.decompress((resources / "phage/NC_001422.1_phiX174.gbk.gz").read_bytes()).decode()
    other = text.replace("viral strand synthesis", "viral strand making")
    assert other != text
    gff = "##gff-version 3\nc\tx\tregion\t1\t90\t.\t+\t.\tID=r;Is_circular={}\n"

    def key(flat, circular, extra="-"):
        path = sheet(
            ["p", "p.gb"], ["a", "a.fa", "g.gff3", "-", "-", extra],
            p__gb=flat, a__fa=f">c\n{letters(1, 90)}\n", g__gff3=gff.format(circular), p__bed="c\t1\t9\n",
        )  # fmt: skip
        return [sequence_key(row) for row in read_genomes(path)]

    assert key(text, "false") == key(other, "false", "p.bed")
    assert key(text, "false")[0] != key(text.replace("gagttttatc", "gagttttatg"), "false")[0]
    assert [k["circular"] for k in key(text, "true")] == [[], ["c"]]


def test_small_genomes_get_short_blocks_and_short_contigs_are_listed(sheet, tmp_path, caplog):
    fasta = f">long\n{letters(23, 5400)}\n>stub\n{letters(24, 150)}\n>edge\n{letters(25, 200)}\n"
    with caplog.at_level(logging.WARNING):
        g = prepare(sheet(["a", "a.fa"], a__fa=fasta), tmp_path / "out", PARAMS)
    # 5,400 less 100 bases of context on either side; ten blocks of 520, gaps of an eighth of that
    assert "5,200 bases do not fill 10 blocks of 2,048: blocks are 520 bases, gaps between splits 65" in caplog.text
    assert "2 of 3 contigs (350 bases) have no base with 100 bases of context" in caplog.text
    assert "a stub, a edge" in caplog.text
    w = g.workspace()
    assert w.n_blocks == 10
    assert sorted({s: w.block_splits.count(s) for s in w.block_splits}.items()) == [
        ("select", 2), ("test", 2), ("train", 6),
    ]  # fmt: skip
    assert g.contigs["n_scored"].tolist() == [w.n_rows, 0, 0]


def test_contigs_and_genomes_may_go_to_a_split_whole(sheet, tmp_path):
    fasta = "".join(f">c{i}\n{letters(10 + i, 6000)}\n" for i in range(5))
    path = sheet(["a", "a.fa"], ["b", "b.fa"], a__fa=fasta, b__fa=fasta.replace(">c", ">d"))
    for unit, column in (("contig", "chrom"), ("genome", "genome")):
        params = PARAMS.model_copy(update={"split_by": unit})
        table = prepare(path, tmp_path / unit, params).workspace().table
        assert (table.groupby(column)["split"].nunique() == 1).all()
        assert table["split"].nunique() > 1


def test_equal_genomes_stay_on_one_side(sheet, tmp_path):
    one, other = letters(30, 9000), letters(31, 9000)
    path = sheet(["a", "a.fa"], ["b", "b.fa"], a__fa=f">c\n{one + other}\n", b__fa=f">c\n{one}\n")
    table = prepare(path, tmp_path / "out", PARAMS.model_copy(update={"homology_bases": 200})).workspace().table
    first, second = (table[table["genome"] == g].to_dict("records") for g in "ab")
    shared = [
        (min(x["end"], y["end"]) - max(x["start"], y["start"]), x["split"] == y["split"]) for x in first for y in second
    ]
    assert sum(n for n, same in shared if n > 0 and same) > 6_000
    assert all(same or n < 200 for n, same in shared)


@pytest.mark.slow
def test_the_demo_holds_what_its_readme_promises(resources, tmp_path, monkeypatch):
    monkeypatch.chdir(resources.parent)
    g = prepare("config/genomes.tsv", tmp_path / "out", GenomeParams(block=32_768))
    w, annotations = g.workspace(), g.annotations()
    clipped = w.clip(annotations)
    inside = annotations.iloc[clipped["interval"].unique()]
    ecoli = inside[inside["genome"] == "ecoli"]["kind"].value_counts()
    assert ecoli["prophage"] >= 2
    assert ecoli["CRISPR"] == 1
    assert ecoli["rRNA"] == 6
    assert ecoli["tRNA"] >= 20
    assert ecoli["mobile_element"] >= 4
    assert ecoli["CDS"] > 250
    assert (w.table.loc[w.table["genome"] == "human_mt", "end"].max(), w.table["genome"].nunique()) == (
        16_569,
        3,
    )
    splits = np.array(w.block_splits)
    assert all((splits == s).sum() >= 3 for s in ("train", "select", "test"))
    assert 430_000 < w.n_rows < 470_000


def test_bases_are_the_same_on_whatever_thread_they_are_read(small: Genomes):
    table = small.contigs
    genome, chrom, length = table.loc[table["length"].idxmax(), ["genome", "chrom", "length"]]
    whole = small.sequence(genome, chrom, 0, int(length))
    starts = np.random.default_rng(5).integers(0, length - 200, 300)

    def wrong(thread: int) -> int:
        order = np.random.default_rng(thread).permutation(starts)
        return sum(not np.array_equal(small.sequence(genome, chrom, s, s + 200), whole[s : s + 200]) for s in order)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(wrong, range(4))) == 0
    again = pickle.loads(pickle.dumps(small))
    np.testing.assert_array_equal(again.sequence(genome, chrom, 0, int(length)), whole)
