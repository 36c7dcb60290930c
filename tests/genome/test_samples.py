"""genomes.tsv: every cell that can be wrong, and what the message says of it."""

import pytest

from photo51.genome.preparation.samples import COLUMNS, read_genomes
from photo51.types import InputError

HEADER = "\t".join(COLUMNS) + "\n"


@pytest.fixture
def sheet(write):
    for name in ("a.fa", "a.gff3", "sub/b.bed", "v.vcf", "m.meme"):
        write(name, ">c\nACGT\n")

    def _sheet(*cells, header=HEADER):
        return write("genomes.tsv", header + "".join("\t".join(row) + "\n" for row in cells))

    return _sheet


def row(**cells):
    return [cells.get(c, {"genome": "g", "sequence": "a.fa"}.get(c, "-")) for c in COLUMNS]


def test_a_full_row(sheet, tmp_path):
    cells = row(
        annotation="a.gff3",
        regions="c:1-3; sub/b.bed",
        variants="one=v.vcf;two=v.vcf",
        genetic_code="4",
        topology="circular",
        extra_annotations="sub/b.bed;peak=sub/b.bed;*=sub/b.bed;m.meme",
    )
    (g,) = read_genomes(sheet(cells))
    assert (g.genome, g.sequence, g.annotations) == ("g", tmp_path / "a.fa", (tmp_path / "a.gff3",))
    assert g.variants == (("one", tmp_path / "v.vcf"), ("two", tmp_path / "v.vcf"))
    assert (g.genetic_codes, g.topology, g.regions) == ({"": 4}, "circular", "c:1-3; sub/b.bed")
    assert [k for k, _ in g.extra] == ["b", "peak", "*", ""]
    assert {p.name for p in g.files()} == {"a.fa", "a.gff3", "b.bed", "m.meme"}


def test_defaults_and_short_rows(sheet):
    (g,) = read_genomes(sheet(["g", "a.fa"]))
    assert (g.regions, g.topology, g.genetic_codes, g.variants, g.extra) == ("all", "auto", {}, (), ())


def test_paths_may_be_relative_to_the_working_directory(sheet, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "z.fa").write_text(">c\nA\n")
    monkeypatch.chdir(tmp_path / "elsewhere")
    (g,) = read_genomes(sheet(row(sequence="z.fa")))
    assert g.sequence.read_text() == ">c\nA\n"


def test_an_accession_is_looked_for_among_the_fetched(sheet, write, tmp_path):
    cells = row(sequence="NC_000913.3")
    with pytest.raises(InputError, match=r"`photo51 fetch NC_000913\.3 --out .*fetched` downloads it"):
        read_genomes(sheet(cells), tmp_path / "fetched")
    write("fetched/NC_000913.3.gb", "LOCUS")
    assert read_genomes(sheet(cells), tmp_path / "fetched")[0].sequence.name == "NC_000913.3.gb"


def test_a_downloaded_assembly_brings_its_annotation(sheet, write, tmp_path):
    for name in ("GCF_000005845.2.fa", "GCF_000005845.2.gff3"):
        write(f"fetched/{name}", "x")
    (g,) = read_genomes(sheet(row(sequence="GCF_000005845.2")), tmp_path / "fetched")
    assert [p.name for p in (g.sequence, *g.annotations)] == ["GCF_000005845.2.fa", "GCF_000005845.2.gff3"]
    (own,) = read_genomes(sheet(row(sequence="GCF_000005845.2", annotation="a.gff3")), tmp_path / "fetched")
    assert [p.name for p in own.annotations] == ["a.gff3"]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"genome": "my genome"}, "line 2, column 'genome': need a name of letters"),
        ({"genome": "-"}, "column 'genome': need a name of letters, digits, _ . or -, got ''"),
        ({"sequence": "no.fa"}, "column 'sequence': need a file, got 'no.fa'"),
        ({"sequence": ""}, "column 'sequence': need a file or an accession, got an empty cell"),
        ({"annotation": "a.gff3;b.gff3"}, "column 'annotation': need a file, got 'b.gff3'"),
        ({"variants": "a set=v.vcf"}, "column 'variants': need a set named with letters"),
        ({"genetic_code": "99"}, "column 'genetic_code': need an NCBI translation table (1, 2, 3"),
        ({"topology": "round"}, "column 'topology': need auto, linear, circular"),
        ({"topology": "pieces:0"}, "column 'topology': need auto"),
        ({"extra_annotations": "my peaks=sub/b.bed"}, "column 'extra_annotations': need a class of letters"),
        ({"extra_annotations": "c.bed"}, "column 'extra_annotations': need a file, got 'c.bed'"),
    ],
)
def test_errors_name_row_and_column(sheet, cells, words):
    with pytest.raises(InputError) as e:
        read_genomes(sheet(row(**cells)))
    assert words in str(e.value)
    assert "genomes.tsv, line 2" in str(e.value)


def test_names_must_differ(sheet):
    with pytest.raises(InputError, match="line 3, column 'genome': need another name for a genome, got 'g' again"):
        read_genomes(sheet(row(), row()))
    with pytest.raises(InputError, match="column 'variants': need another name for a variant set, got 's' again"):
        read_genomes(sheet(row(variants="s=v.vcf"), row(genome="h", variants="s=v.vcf")))


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("genome\tsequnce\n", "line 1: need columns among genome, sequence, .*, got 'sequnce'"),
        ("genome\n", "need a column 'sequence', got genome"),
        ("genome\tgenome\tsequence\n", "need column names that differ"),
        ("", "line 1: need columns among"),
    ],
)
def test_the_header_is_checked(sheet, header, words):
    with pytest.raises(InputError, match=words):
        read_genomes(sheet(["g", "a.fa"], header=header))


def test_a_header_alone_is_no_sheet(sheet):
    with pytest.raises(InputError, match="at least one genome, got no genome"):
        read_genomes(sheet())
