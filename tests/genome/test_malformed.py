"""Malformed files, thrown at every reader: each is read or is an `InputError`, and nothing else happens."""

import gzip
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from photo51.config.genome import GenomeParams
from photo51.genome.annotation.motifs import read_meme
from photo51.genome.axis.genomes import Genomes
from photo51.genome.formats.bed import read_bed
from photo51.genome.formats.fasta import read_fasta
from photo51.genome.formats.genbank import read_genbank
from photo51.genome.formats.gene_table import read_gene_table
from photo51.genome.formats.gff import read_gff
from photo51.genome.preparation.prepare import prepare
from photo51.genome.preparation.regions import parse_regions
from photo51.genome.preparation.samples import read_genomes
from photo51.genome.variants.files import read_genotypes, read_variants
from photo51.types import InputError

FASTA = ">one first\nACGTACGTNNRYacgt\nACGT\n>two\nTTTTAAAACC\n"
GFF3 = "##gff-version 3\none\tx\tgene\t1\t9\t.\t+\t.\tID=g1;Name=a\none\tx\tCDS\t1\t9\t3.5\t-\t0\tID=c1;Parent=g1\none\tx\ttRNA\t11\t15\t.\t.\t.\tID=t1\n"
GTF = 'one\tx\texon\t1\t9\t.\t+\t.\tgene_id "g"; transcript_id "t";\none\tx\tCDS\t1\t6\t.\t+\t0\tgene_id "g"; transcript_id "t";\none\tx\tstop_codon\t7\t9\t.\t+\t0\tgene_id "g"; transcript_id "t";\n'
BED = "one\t0\t9\tprophage:p\t5\t+\none\t10\t40\tx\t0\t-\t10\t40\t0\t2\t5,8,\t0,22,\n"
GENES = "start\tend\tstrand\tgene\tbiotype\n1\t9\t+\ta\tprotein_coding\n11\t15\t-\tb\tMt_tRNA\n"
VCF = (
    '##fileformat=VCFv4.2\n##contig=<ID=one,length=20>\n##INFO=<ID=AC,Number=A,Type=Integer,Description="x">\n'
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\ts2\n'
    "one\t3\trs1\tG\tA,<DEL>\t50\tPASS\tAC=1,2\tGT\t0|1\t2/.\none\t5\t.\tAC\tA\t.\t.\t.\tGT\t1\t0/0\n"
)
TABLE = "pos\tref\talt\tgene\n3\tG\tA\tx\n5\tAC\tA\ty\n"
GENBANK = (
    "LOCUS       X                         20 bp    DNA     circular BCT 01-JAN-2000\nDEFINITION  x.\nACCESSION   X\nVERSION     X.1\n"
    "FEATURES             Location/Qualifiers\n     source          1..20\n     CDS             join(15..20,1..9)\n                     /codon_start=1\n"
    '                     /transl_table=11\n     gene            complement(<3..>8)\n                     /gene="a"\nORIGIN\n        1 acgtacgtac gtacgtacgt\n//\n'
)
MEME = (
    "MEME version 4\n\nALPHABET= ACGT\n\nBackground letter frequencies\nA 0.25 C 0.25 G 0.25 T 0.25\n\nMOTIF box\nletter-probability matrix: alength= 4 w= 2 nsites= 20 E= 0\n"
    "0.7 0.1 0.1 0.1\n0.1 0.1 0.1 0.7\n"
)
SHEET = "genome\tsequence\tannotation\tregions\tvariants\tgenetic_code\ttopology\textra_annotations\ng\ta.fa\ta.gff3\tall\tx=v.vcf\t11\tauto\tk=b.bed\n"


def refusal(call):
    """What an `InputError` says; empty where there is none."""
    try:
        call()
    except InputError as e:
        return str(e) or "nothing"
    return ""


def exhausted(reader):
    return lambda path: list(reader(path))


READERS = {
    "fasta": (FASTA, exhausted(read_fasta)),
    "genbank": (GENBANK, exhausted(read_genbank)),
    "gff3": (GFF3, read_gff),
    "gtf": (GTF, read_gff),
    "bed": (BED, lambda path: read_bed(path, "peak")),
    "bed with classes": (BED, lambda path: read_bed(path, "*")),
    "genes": (GENES, lambda path: read_gene_table(path, ["one"])),
    "vcf": (VCF, lambda path: read_variants(path, ["one"])),
    "genotypes": (VCF, read_genotypes),
    "variants": (TABLE, lambda path: read_variants(path, ["one"])),
    "motifs": (MEME, read_meme),
    "samples": (SHEET, read_genomes),
}
NASTY = [
    "",
    "-1",
    "0",
    "99999999999999999999",
    "1e9",
    "NaN",
    "\t",
    ";",
    "=",
    "%zz",
    "é",
    "\x00",
    "\x1f",
    "'",
    '"',
    "N",
    "*",
    ">",
    "#",
    "::",
    "..",
    "٣",
]


@st.composite
def damaged(draw, text):
    """A valid file with lines lost, doubled, swapped or cut, fields replaced, bytes changed, or its compression broken."""
    lines = text.split("\n")
    for _ in range(draw(st.integers(1, 3))):
        i = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["drop", "double", "swap", "field", "field", "cut", "letter", "letter"])):
            case "drop":
                lines = lines[:i] + lines[i + 1 :] or [""]
            case "double":
                lines.insert(i, lines[i])
            case "swap":
                j = draw(st.integers(0, len(lines) - 1))
                lines[i], lines[j] = lines[j], lines[i]
            case "field":
                separator = "\t" if "\t" in lines[i] else " "
                fields = lines[i].split(separator)
                fields[draw(st.integers(0, len(fields) - 1))] = draw(st.sampled_from(NASTY))
                lines[i] = separator.join(fields)
            case "cut":
                lines[i] = lines[i][: draw(st.integers(0, len(lines[i])))]
            case "letter":
                at = draw(st.integers(0, len(lines[i])))
                lines[i] = lines[i][:at] + draw(st.sampled_from(NASTY)) + lines[i][at + 1 :]
    raw = draw(st.sampled_from(["\n", "\r\n", "\r"])).join(lines).encode()
    match draw(st.sampled_from(["plain", "plain", "plain", "bytes", "gzip", "broken gzip", "short"])):
        case "bytes":
            at = draw(st.integers(0, len(raw)))
            return raw[:at] + draw(st.binary(min_size=1, max_size=3)) + raw[at:]
        case "gzip":
            return gzip.compress(raw, mtime=0)
        case "broken gzip":
            packed = bytearray(gzip.compress(raw, mtime=0))
            packed[draw(st.integers(2, len(packed) - 1))] ^= draw(st.integers(1, 255))
            return bytes(packed[: draw(st.integers(2, len(packed)))])
        case "short":
            return raw[: draw(st.integers(0, len(raw)))]
        case _:
            return raw


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("malformed")
    for name, text in (("a.fa", FASTA), ("a.gff3", GFF3), ("v.vcf", VCF), ("b.bed", BED)):
        (path / name).write_text(text)
    return path


@pytest.mark.parametrize("format_", READERS)
def test_the_undamaged_file_is_read(folder, format_):
    text, reader = READERS[format_]
    path = folder / f"whole_{format_.replace(' ', '_')}.txt"
    path.write_text(text)
    assert reader(path)


@pytest.mark.parametrize("format_", READERS)
@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_a_damaged_file_is_read_or_refused(folder, format_, data):
    text, reader = READERS[format_]
    path = folder / f"{format_.replace(' ', '_')}.txt"
    path.write_bytes(data.draw(damaged(text)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert refusal(lambda: reader(path)) != "nothing"


@given(
    content=st.one_of(st.binary(max_size=80), st.text(max_size=80).map(lambda x: x.encode("utf-8", "surrogatepass")))
)
@settings(max_examples=60)
def test_noise_is_read_or_refused(folder, content):
    path = folder / "noise.txt"
    path.write_bytes(content)
    for _, reader in READERS.values():
        said = refusal(lambda reader=reader: reader(path))
        assert not said or "noise.txt" in said


@pytest.mark.parametrize("format_", READERS)
def test_absent_files_and_folders_are_refused(folder, format_):
    _, reader = READERS[format_]
    assert "got no such file" in refusal(lambda: reader(folder / "absent.txt"))
    assert "got a folder" in refusal(lambda: reader(folder))


@given(st.text(alphabet="one:two-0129,;. \t*\x00é", max_size=25))
@settings(max_examples=100)
def test_regions_are_read_or_refused(text):
    try:
        found = parse_regions(text, {"one": 20, "two": 10})
    except InputError:
        return
    assert all(0 <= s < e <= {"one": 20, "two": 10}[c] for c, rows in found.items() for s, e in rows)


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.fa", FASTA), ("a.gff3", GFF3), ("b.bed", BED), ("genomes.tsv", SHEET)],
    ids=["fasta", "gff3", "bed", "samples"],
)
@given(data=st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
def test_preparing_damaged_files_ends_well_or_with_one_error(folder, tmp_path_factory, name, text, data):
    """The whole stage, which must leave a complete result or none."""
    run = tmp_path_factory.mktemp("run")
    for other, whole in (
        ("a.fa", FASTA),
        ("a.gff3", GFF3),
        ("v.vcf", VCF),
        ("b.bed", BED.replace("40", "20").replace("22,", "2,")),
        ("genomes.tsv", SHEET),
    ):
        (run / other).write_text(whole)
    (run / name).write_bytes(data.draw(damaged(text)))
    params = GenomeParams(core=5, warmup=2, min_context=0, gap=0, block=64)
    said = refusal(lambda: prepare(run / "genomes.tsv", run / "out", params))
    if said:
        assert not (run / "out").exists() or list((run / "out").iterdir()) == []
        return
    g = Genomes.open(run / "out")
    assert g.workspace().n_rows > 0
    ends = g.annotations().merge(g.contigs[["genome", "chrom", "length"]], on=["genome", "chrom"])
    assert (ends["end"] <= ends["length"]).all()
