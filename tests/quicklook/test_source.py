"""What `photo51 read` takes, and what it says of what it does not take."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from photo51.genome.alphabet import decode
from photo51.quicklook.read import WRITTEN, check_folder, digest_of, folder_of
from photo51.quicklook.shipping import ship
from photo51.quicklook.source import LONGEST, open_source
from photo51.types import InputError

DNA = "ATGGCGAAAGGTTAAACGTTTGCATCATCAGGATACCAGATTACA"


def fasta(folder: Path, text: str, name: str = "s.fa") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def refused(text: str, **options: object) -> str:
    with pytest.raises(InputError) as e:
        open_source(text, **options)  # type: ignore[arg-type]
    return str(e.value)


def test_bases_a_file_and_a_compressed_file_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "s.fa.gz").write_bytes(gzip.compress(f">chr\n{DNA[:20]}\n{DNA[20:]}\n".encode()))
    for text in (DNA, DNA.lower(), fasta(tmp_path, f">chr x\n{DNA}\n"), str(tmp_path / "s.fa.gz")):
        (piece,) = open_source(text).pieces
        assert (decode(piece.ids), piece.start, piece.whole) == (DNA, 0, len(DNA))
        assert piece.genetic_code == 11, "whatever way the same bases are given"
    (piece,) = open_source(fasta(tmp_path, f">chr x\n{DNA}\n"), genetic_code=1).pieces
    assert piece.genetic_code == 1, "stated"
    (piece,) = open_source(fasta(tmp_path, f">chr Homo sapiens mitochondrion\n{DNA}\n")).pieces
    assert piece.genetic_code == 2, "the header says what it is"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ", "protein"),
        (DNA.replace("T", "U"), "RNA"),
        ("N" * 60, "known bases"),
        ("ACG", "32 known bases"),
        ("no/such.fa", "is none of these"),
        ("AC", "is none of these"),
    ],
)
def test_what_is_no_dna_is_refused_by_what_it_is(text: str, says: str, tmp_path: Path) -> None:
    assert says in refused(text)
    if "/" not in text and len(text) > 2:
        assert says in refused(fasta(tmp_path, f">one\n{text}\n"))


def test_the_second_record_is_looked_at_too(tmp_path: Path) -> None:
    path = fasta(tmp_path, f">one\n{DNA}\n>two\nMKLVEFPQ\n")
    assert "'two'" in refused(path)
    assert "protein" in refused(path)


def test_a_long_genome_is_refused_before_it_is_read_whole_and_a_part_of_it_is_read(tmp_path: Path) -> None:
    path = fasta(tmp_path, ">chr\n" + "ACGT\n" * (LONGEST // 4 + 10))
    said = refused(path)
    assert "--region" in said
    assert "photo51 init" in said
    (piece,) = open_source(path, region="chr:101-200").pieces
    assert (piece.start, len(piece.ids), len(piece.before), len(piece.after)) == (100, 100, 100, 512)
    assert "200,000" in refused(path, region="chr:1-200030")


def test_context_goes_round_a_circle(tmp_path: Path) -> None:
    path = fasta(tmp_path, f">chr\n{DNA}\n")
    (piece,) = open_source(path, topology="circular", region="1-40", context=10).pieces
    assert decode(piece.before) == DNA[-10:]
    assert decode(piece.after) == (DNA + DNA)[40:50]
    (piece,) = open_source(path, region="1-40", context=10).pieces
    assert (len(piece.before), decode(piece.after)) == (0, DNA[40:])


def test_an_accession_is_found_among_what_was_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("resources/fetched").mkdir(parents=True)
    fasta(tmp_path / "resources/fetched", f">GCF_000000001.1\n{DNA}\n", "GCF_000000001.1.fa")
    (tmp_path / "resources/fetched/GCF_000000001.1.gff3").write_text(
        "##gff-version 3\nGCF_000000001.1\tx\tgene\t1\t12\t.\t-\t.\tID=g;Name=abc\n"
    )
    source = open_source("GCF_000000001.1")
    assert source.title == "GCF_000000001.1"
    genes = source.annotations[source.annotations["kind"] == "gene"]
    assert genes[["start", "end", "strand"]].to_numpy().tolist() == [[0, 12, "-"]]


def test_genbank_brings_its_annotation() -> None:
    path = Path(__file__).parents[2] / "resources/phage/NC_001422.1_phiX174.gbk.gz"
    source = open_source(str(path))
    (piece,) = source.pieces
    assert (len(piece.ids), piece.circular, piece.genetic_code) == (5386, True, 11)
    assert source.annotations.loc[source.annotations["kind"] == "CDS", "name"].nunique() >= 11
    assert np.isin(piece.ids, list(b"ACGT")).all()


def test_an_accession_that_cannot_be_had_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def offline(accessions: list[str], out: object, params: object) -> list[Path]:
        raise InputError(f"fetch {accessions[0]}: need a whole answer, got none")

    monkeypatch.setattr("photo51.quicklook.source.fetch", offline)
    assert "photo51 fetch NC_009999.9" in refused("NC_009999.9")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"genetic_code": 99}, "--genetic-code: need an NCBI translation table"),
        ({"topology": "circula"}, "--topology: need auto, linear, circular"),
    ],
)
def test_options_are_refused_alike_for_bases_and_files(options: dict[str, object], says: str, tmp_path: Path) -> None:
    for text in (DNA, fasta(tmp_path, f">chr\n{DNA}\n")):
        said = refused(text, **options)
        assert says in said
        assert "tmp" not in said.replace(str(tmp_path), "")


def test_bases_know_no_pieces_nor_other_contigs() -> None:
    for topology in ("pieces", "circular:plasmid"):
        assert "linear or circular for bases" in refused(DNA, topology=topology)
    (piece,) = open_source(DNA, topology="circular:sequence").pieces
    assert piece.circular


@pytest.mark.parametrize("name", ["a\tb.fa", "c;d.fa", "e .fa ", "#f.fa", 'g"h.fa', "-"])
def test_files_may_be_called_anything(name: str, tmp_path: Path) -> None:
    gff = tmp_path / f"{name}.gff3"
    gff.write_text("##gff-version 3\nchr\tx\tgene\t4\t20\t.\t-\t.\tID=g;Name=abc\n")
    source = open_source(fasta(tmp_path, f">chr\n{DNA}\n", name), annotation=[gff])
    assert decode(source.pieces[0].ids) == DNA
    gene = source.annotations[source.annotations["kind"] == "gene"].iloc[0]
    assert (gene["start"], gene["end"], gene["strand"]) == (3, 20, "-")
    assert f"{gff}2: need an annotation file" in refused(str(tmp_path / name), annotation=[Path(f"{gff}2")])


def test_a_file_that_is_absent_is_said_to_be() -> None:
    assert "no such file" in refused("no/such.fa")
    assert "which is no file" in refused("genome")


def test_regions_that_overlap_are_read_once(tmp_path: Path) -> None:
    path = fasta(tmp_path, f">chr\n{DNA * 4}\n")
    spans = lambda region: [(p.start, p.end) for p in open_source(path, region=region).pieces]  # noqa: E731
    assert spans("chr:1-40;chr:30-60") == [(0, 60)]
    assert spans("61-100;1-90;20-30") == [(0, 100)]
    # neighbours are two, and keep their order
    assert spans("41-80;1-40") == [(40, 80), (0, 40)]


def test_a_region_over_the_origin_of_a_circle_is_read_in_two_pieces_with_what_lies_around_them(tmp_path: Path) -> None:
    path = fasta(tmp_path, f">chr\n{DNA}\n")
    pieces = open_source(path, region="chr:31-25", topology="circular", context=5).pieces
    assert [(p.start, p.end) for p in pieces] == [(30, len(DNA)), (0, 25)]
    assert [(decode(p.before), decode(p.after)) for p in pieces] == [(DNA[25:30], DNA[:5]), (DNA[-5:], DNA[25:30])]
    assert "linear contig" in refused(path, region="31-25")


def test_names_with_semicolons_have_regions_too(tmp_path: Path) -> None:
    path = fasta(tmp_path, f">seq1;size=100;\n{DNA}\n>b\n{DNA}\n")
    for region in ("seq1;size=100;:3-40", "seq1;size=100;"):
        (piece,) = open_source(path, region=region).pieces
        assert (piece.chrom, piece.start) == ("seq1;size=100;", 2 if ":" in region else 0)
    one = fasta(tmp_path, f">seq1;size=100;\n{DNA}\n", "one.fa")
    assert [(p.start, p.end) for p in open_source(one, region="1-40;41-45").pieces] == [(0, 40), (40, 45)]
    assert "within seq1;size=100;:1-45" in refused(one, region="40-46")
    assert "need a contig of the genome (seq1;size=100;, b)" in refused(path, region="c:1-4")
    assert "at least one region" in refused(one, region=" ; ")


def test_what_is_left_out_of_an_annotation_is_said_and_what_fits_another_sequence_is_refused(tmp_path: Path) -> None:
    phage = Path(__file__).parents[2] / "resources/phage/NC_001422.1_phiX174.gbk.gz"
    (whole,) = open_source(str(phage)).pieces
    text = decode(whole.ids)
    path = fasta(tmp_path, f">NC_001422.1\n{text}\n", "phi.fa")
    cds = [(390, 848), (848, 964), (1001, 2284), (2395, 2922), (2931, 3917)]

    def gff(shift: int, name: str) -> Path:
        rows = [f"NC_001422.1\tx\tCDS\t{a + shift}\t{b + shift}\t.\t+\t0\tID=c{a};Parent=g{a}" for a, b in cds]
        genes = [f"NC_001422.1\tx\tgene\t{a + shift}\t{b + shift}\t.\t+\t.\tID=g{a}" for a, b in cds]
        out = tmp_path / name
        out.write_text("\n".join(["##gff-version 3", *genes, *rows]) + "\n")
        return out

    assert open_source(path, annotation=[gff(0, "right.gff3")]).doubts == ()
    assert "annotation and sequence do not belong together" in refused(path, annotation=[gff(52, "wrong.gff3")])
    (tmp_path / "odd.gbk").write_text(
        "LOCUS       odd 45 bp DNA linear\nFEATURES             Location/Qualifiers\n     gene            40..4\n"
        '                     /gene="abc"\n     gene            4..40\n                     /gene="def"\n'
        f"ORIGIN\n        1 {DNA.lower()}\n//\n"
    )
    doubts = open_source(str(tmp_path / "odd.gbk")).doubts
    assert len(doubts) == 1
    assert "left out, 1 record: " in doubts[0]


def test_a_link_is_told_by_its_own_name_and_a_folder_is_no_sequence(tmp_path: Path) -> None:
    blob = tmp_path / "blob"
    blob.write_text("##gff-version 3\nchr\tx\tgene\t4\t20\t.\t-\t.\tID=g;Name=abc\n")
    (tmp_path / "g.gff3").symlink_to(blob)
    source = open_source(fasta(tmp_path, f">chr\n{DNA}\n"), annotation=[tmp_path / "g.gff3"])
    assert (source.annotations["kind"] == "gene").any()
    assert "got a folder" in refused(str(tmp_path))


def test_a_folder_without_a_name_of_the_user_keeps_an_earlier_look_at_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = fasta(tmp_path, f">chr\n{DNA}\n")
    one, two = (open_source(path, region=r).pieces for r in ("1-40", "3-42"))
    assert open_source(path, region="1-40").title == "s.fa, 1-40"
    assert folder_of("s", one) == Path("s.read")
    Path("s.read").mkdir()
    Path("s.read/read.html").write_text(f'<meta name="bases" content="{digest_of(one)}">')
    assert folder_of("s", one) == Path("s.read")
    assert folder_of("s", two) == Path(f"s_{digest_of(two)[:6]}.read")
    with pytest.raises(InputError, match="the one you are in"):
        check_folder(Path())


def test_a_folder_that_holds_more_than_an_earlier_look_is_not_replaced(tmp_path: Path) -> None:
    for name in WRITTEN:
        (tmp_path / name).touch()
    with pytest.raises(InputError, match="other files"):
        check_folder(tmp_path)  # a page of that name by something else
    (tmp_path / "read.html").write_text('<meta name="bases" content="0">')
    check_folder(tmp_path)
    (tmp_path / "windows.tsv").unlink()
    (tmp_path / "windows.tsv").mkdir()
    with pytest.raises(InputError, match=r"other files \(windows.tsv/\)"):
        check_folder(tmp_path)
    (tmp_path / "windows.tsv").rmdir()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=r"other files \(notes.txt\)"):
        check_folder(tmp_path)
    (tmp_path / "read.html").unlink()
    with pytest.raises(InputError, match="other files"):
        check_folder(tmp_path)
    check_folder(tmp_path / "new")


@pytest.mark.parametrize(
    ("out", "says"),
    [
        ("s.fa/look", "need a folder to write in, got the file"),
        ("s.fa", "need a folder, got a file"),
        ("x" * 300, "File name too long"),
    ],
)
def test_where_nothing_can_be_written_is_said_before_anything_is_read(out: str, says: str, tmp_path: Path) -> None:
    fasta(tmp_path, f">c\n{DNA}\n")
    with pytest.raises(InputError, match=says):
        check_folder(tmp_path / out)


def test_a_long_sequence_that_begins_with_unknown_bases_is_called_long(tmp_path: Path) -> None:
    lines = "\n".join(["N" * 60] * (LONGEST // 60 + 2))
    assert f"need at most {LONGEST:,} bases" in refused(fasta(tmp_path, f">c\n{lines}\n{DNA}\n"))


def test_folders_named_by_letters_are_no_sequence_and_pipes_say_so(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("genomes", "tagged"):
        Path(name).mkdir()
        assert refused(name) == f"{name}: need a FASTA or GenBank file, got a folder"
    assert "which is none of these" in refused("ACGT1" * 1_000)  # no name of a file can be so long
    os.mkfifo(tmp_path / "pipe")
    assert "got a pipe or device; write it to a file first" in refused(str(tmp_path / "pipe"))


def test_the_genetic_code_is_stated_or_11_whatever_else_annotation_says(tmp_path: Path) -> None:
    sequence = fasta(tmp_path, ">chr\n" + DNA * 4 + "\n")
    gff = "##gff-version 3\nchr\tx\t{kind}\t1\t15\t.\t+\t0\tID=g{more}\n"
    for kind, more, code in (
        ("gene", "", 11),
        ("promoter", "", 11),
        ("CDS", "", 1),  # as GenBank leaves it out
        ("CDS", ";transl_table=4", 4),
        ("CDS", ";transl_table=1", 1),
    ):
        file = Path(fasta(tmp_path, gff.format(kind=kind, more=more), "a.gff3"))
        assert open_source(sequence, annotation=[file]).pieces[0].genetic_code == code, (kind, more)
    assert open_source(sequence).pieces[0].genetic_code == 11
    assert open_source(sequence, genetic_code=2).pieces[0].genetic_code == 2


def test_coding_sequences_that_do_not_translate_are_on_the_page_too(tmp_path: Path) -> None:
    sequence = fasta(tmp_path, ">chr\n" + DNA * 4 + "\n")
    gff = "##gff-version 3\nchr\tx\tCDS\t2\t40\t.\t+\t0\tID=g\n"
    (doubt,) = open_source(sequence, annotation=[Path(fasta(tmp_path, gff, "a.gff3"))]).doubts
    assert doubt.startswith("1 of 1 coding sequences do not translate")


def test_names_that_readers_of_bed_skip_are_doubted(tmp_path: Path) -> None:
    text = "".join(f">{name}\n{DNA}\n" for name in ("#x", "track", "tracked"))
    doubts = open_source(fasta(tmp_path, text)).doubts
    assert [d.split(":")[0] for d in doubts] == ["contig '#x'", "contig 'track'"]


def test_the_nearest_name_is_a_name(tmp_path: Path) -> None:
    gff = "##gff-version 3\nNC_009999.1\tx\tgene\t4\t20\t.\t-\t.\tID=g\n"
    said = refused(fasta(tmp_path, f">NC_001422.1\n{DNA}\n"), annotation=[Path(fasta(tmp_path, gff, "a.gff3"))])
    assert said.endswith("the nearest name is 'NC_001422.1'")


def test_a_file_of_annotation_alone_is_told_from_a_short_sequence(tmp_path: Path) -> None:
    gff = "##gff-version 3\nchr\tx\tgene\t4\t20\t.\t-\t.\tID=g\n"
    assert "need a sequence, got a file without any" in refused(fasta(tmp_path, gff, "genes.gff3"))


def test_the_folder_of_a_shipped_dictionary_holds_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "results" / "demo"
    run.mkdir(parents=True)
    (run / "config.yaml").touch()
    for out in (run, run.parent):
        with pytest.raises(InputError, match="got one with other files"):
            ship(run, out, None)  # type: ignore[arg-type]
        assert (run / "config.yaml").exists()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="the one you are in"):
        ship(run, Path(), None)  # type: ignore[arg-type]
