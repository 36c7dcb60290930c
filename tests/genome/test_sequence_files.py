"""Files that are given as sequence and are none: the sentence says what they are."""

import bz2
import gzip
import lzma
import zipfile

import pytest

from photo51.config.genome import GenomeParams
from photo51.genome.formats.fasta import read_fasta
from photo51.genome.preparation.prepare import prepare
from photo51.genome.text import open_text
from photo51.types import InputError

PARAMS = GenomeParams(block=256, gap=16, core=128, warmup=16, min_context=0, shard=4096)
FASTA = ">c1 some text\nACGTACGTAANNacgt\n"


def prepared(folder, name):
    (folder / "genomes.tsv").write_text(f"genome\tsequence\nx\t{name}\n")
    return prepare(folder / "genomes.tsv", folder / "out", PARAMS)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            b"ID   X; SV 1; linear; genomic DNA; STD; BCT; 12 BP.\nSQ   Sequence\n     acgt  4\n//\n",
            "an EMBL flat file",
        ),
        (b"@r1\nACGT\n+\nIIII\n", "a FASTQ file"),
        (b"@HD\tVN:1.6\n", "a SAM file"),
        (b"##fileformat=VCFv4.2\n", "belongs in column 'variants'"),
        (b"H\tVN:Z:1.0\n", "a GFA file"),
        (b"CLUSTAL W\n", "an alignment of Clustal"),
        (b"ACGTACGT\n", "bases without a header"),
        (b"\x43\x27\x41\x1a" + b"\0" * 40, "a 2bit file; `twoBitToFa`"),
        (b"BAM\x01" + b"\0" * 40, "a BAM file"),
        (b"\x28\xb5\x2f\xfd" + b"\0" * 40, "compressed by zstd"),
        (b"\xff\xfe" + FASTA.encode("utf-16-le"), "UTF-16 text"),
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (b"\x89HDF\r\n", "an HDF5 file"),
        (b"\0" * 257 + b"ustar" + b"\0" * 300, "a tar archive"),
    ],
)
def test_what_is_no_sequence_file_is_named(content, words, tmp_path):
    for name, packed in (("g.fa", content), ("g.fa.gz", gzip.compress(content))):
        (tmp_path / name).write_bytes(packed)
        with pytest.raises(InputError, match=words) as e:
            prepared(tmp_path, name)
        assert name in str(e.value)


def test_protein_is_named(write):
    with pytest.raises(InputError, match=r"line 2: need IUPAC nucleotides, got 'E' .*looks like protein"):
        list(read_fasta(write("p.fa", ">PHI:3\nMSTEILQFPPQ\n")))


def test_fasta_in_any_container_is_one_sequence(write, tmp_path):
    expected = next(iter(read_fasta(write("g.fa", FASTA)))).ids.tolist()
    packed = {"g.bz2": bz2.compress, "g.xz": lzma.compress, "g.gz": gzip.compress}
    for name, pack in packed.items():
        (tmp_path / name).write_bytes(pack(FASTA.encode()))
    with zipfile.ZipFile(tmp_path / "g.zip", "w") as archive:
        archive.writestr("ncbi/g.fna", FASTA)
        archive.writestr("__MACOSX/._g.fna", "x")
    for name in (*packed, "g.zip"):
        assert next(iter(read_fasta(tmp_path / name))).ids.tolist() == expected
    for name in packed:
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) - 9])
        with pytest.raises(InputError, match="compressed file"):
            list(read_fasta(tmp_path / name))


@pytest.mark.parametrize(("name", "words"), [("g.fa.xz", "unxz"), ("g.zip", "unzip")])
def test_a_sequence_has_to_be_plain_or_gzip(name, words, tmp_path):
    if name.endswith("xz"):
        (tmp_path / name).write_bytes(lzma.compress(FASTA.encode()))
    else:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("g.fna", FASTA)
    with pytest.raises(InputError, match=f"{name}: need FASTA or GenBank.*{words}"):
        prepared(tmp_path, name)


def test_archives_of_several_files_and_office_files_are_named(tmp_path):
    for members, words in (
        (("a.fa", "b.fa"), r"got 2 \(a.fa, b.fa\)"),
        (("[Content_Types].xml", "x"), "an Office file"),
    ):
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            for member in members:
                archive.writestr(member, FASTA)
        with pytest.raises(InputError, match=words), open_text(tmp_path / "x.zip"):
            pass


def test_a_contig_name_that_2bit_cannot_hold_is_refused_early(write, tmp_path):
    write("g.fa", f">k141_{'x' * 300}\n{'ACGT' * 100}\n")
    with pytest.raises(InputError, match=r"record 'k141_x.*at most 255 letters.*got 305"):
        prepared(tmp_path, "g.fa")
    assert not (tmp_path / "out" / "contigs.parquet").exists()
    write("g.fa", f">{'x' * 255}\n{'ACGT' * 100}\n")
    assert len(prepared(tmp_path, "g.fa").contigs) == 1
