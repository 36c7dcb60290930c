"""Annotation that does not fit its sequence: shifted, of another genetic code, on a shuffled genome, circular drafts."""

import gzip
import logging
import random
import re

import pytest

from photo51.genome.alphabet import encode
from photo51.genome.annotation.open_frames import as_long_by_chance
from photo51.genome.annotation.records import GAP, ReadingAccount
from photo51.genome.formats.fasta import read_fasta
from photo51.genome.preparation.samples import read_genomes
from photo51.genome.preparation.sources import read_contigs
from photo51.types import InputError

LENGTH = 100_000
NAME = "NC_000913.3"


@pytest.fixture(scope="module")
def ecoli(resources):
    """The first 100 kb of E. coli K-12, and the lines of its annotation there."""
    folder = resources / "ecoli_k12"
    ids = next(iter(read_fasta(folder / f"{NAME}.fa.gz"))).ids
    with gzip.open(folder / f"{NAME}.gff3.gz", "rt") as text:
        lines = [x for x in text if not x.startswith("#") and int(x.split("\t")[4]) <= LENGTH]
    return ids[:LENGTH].tobytes().decode(), lines


@pytest.fixture
def account(write, tmp_path, caplog):
    """Read a genome and close its account: the warnings, and the account."""

    def _account(contigs, lines, **columns):
        sequence = write("g.fa", "".join(f">{name}\n{letters}\n" for name, letters in contigs.items()))
        row = {"genome": "g", "sequence": sequence.name} | columns
        if lines:
            row["annotation"] = write("a.gff3", "".join(lines)).name
        write("genomes.tsv", "\t".join(row) + "\n" + "\t".join(row.values()) + "\n")
        reading = ReadingAccount("g")
        with caplog.at_level(logging.WARNING):
            for _ in read_contigs(read_genomes(tmp_path / "genomes.tsv")[0], reading):
                pass
            reading.close("reading.parquet")
        return [r.getMessage() for r in caplog.records], reading

    return _account


def moved(line, bases, kinds=("gene", "CDS")):
    fields = line.split("\t")
    if fields[2] in kinds:
        fields[3:5] = [str(int(x) + bases) for x in fields[3:5]]
    return "\t".join(fields)


def without_table(lines, table=""):
    return [re.sub(r";?transl_table=11", table, x) for x in lines]


def test_an_annotation_that_fits_is_read_without_a_warning(ecoli, account):
    sequence, lines = ecoli
    warnings, reading = account({NAME: sequence}, lines)
    assert not warnings
    assert reading.count("translate cleanly") == reading.count("coding sequences") == 90


@pytest.mark.parametrize("bases", [1, -1, 2, 3])
@pytest.mark.parametrize("kinds", [("gene", "CDS"), ("CDS",)])
def test_coding_sequences_that_are_shifted_are_refused(bases, kinds, ecoli, account):
    sequence, lines = ecoli
    with pytest.raises(InputError, match=r"do not belong together: \d+ of 90"):
        account({NAME: sequence}, [moved(x, bases, kinds) for x in lines])


def test_another_sequence_is_refused(ecoli, account):
    sequence, lines = ecoli
    reverse = sequence.translate(str.maketrans("ACGT", "TGCA"))[::-1]
    swapped = [x.translate(str.maketrans("+-", "-+")) if "\t" in x else x for x in lines]
    for other, own in ((reverse, lines), (sequence, swapped)):
        with pytest.raises(InputError, match="do not belong together"):
            account({NAME: other}, own)


def test_a_shuffled_sequence_which_codes_nowhere_is_warned_of(ecoli, account):
    sequence, lines = ecoli
    shuffled = "".join(random.Random(51).sample(sequence, LENGTH))
    warnings, _ = account({NAME: shuffled}, lines)
    assert any("or the sequence is shuffled or simulated" in w for w in warnings)


def test_open_frames_of_a_genome_are_longer_than_chance_leaves_them(ecoli):
    sequence, _ = ecoli
    assert as_long_by_chance(encode(sequence), 11) < 1e-9
    by_chance = [as_long_by_chance(encode("".join(random.Random(i).sample(sequence, LENGTH))), 11) for i in range(8)]
    assert min(by_chance) > 0.01
    # ATG, 98 times GCC, TAA: a codon begins at 298 bases of either strand; of them TAA stops, and TAG of its complement
    # TTAGGC…; the longest run without a stop is the complement's 100 codons TTA GGC … CAT
    gene, p = encode("ATG" + "GCC" * 98 + "TAA"), 2 / 596
    assert as_long_by_chance(gene, 1) == pytest.approx(596 * p * (1 - p) ** 100)
    assert as_long_by_chance(encode("N" * 90), 1) == float("inf")


@pytest.mark.parametrize("code", ["2", "4", "6"])
def test_a_genetic_code_that_reads_fewer_genes_is_doubted(code, ecoli, account):
    """A third of these genes end with TGA, which codes 2 and 4 read as tryptophan; TAA and TAG are glutamine in code 6."""
    sequence, lines = ecoli
    warnings, _ = account({NAME: sequence}, without_table(lines), genetic_code=code)
    assert any("and 90 in code 1 or 11; is the genetic code right?" in w for w in warnings)
    own = without_table(lines, f";transl_table={code}")
    warnings, _ = account({NAME: sequence}, own)
    assert any("is the genetic code right?" in w for w in warnings)


def test_a_genetic_code_against_the_records_own_is_named(ecoli, account):
    sequence, lines = ecoli
    warnings, _ = account({NAME: sequence}, lines, genetic_code="4")
    assert any("the user says genetic code 4, its records say /transl_table=11" in w for w in warnings)


def test_circular_contigs_of_a_draft_are_doubted(ecoli, account):
    sequence, _ = ecoli
    pieces = {f"c{i}": sequence[1300 * i : 1300 * (i + 1)] for i in range(75)}
    warnings, _ = account(pieces, [], topology="circular")
    assert any("calls all 75 contigs circular" in w for w in warnings)
    warnings, _ = account(dict(list(pieces.items())[:2]), [], topology="circular")
    assert not [w for w in warnings if "2 contigs circular" in w]


def test_phases_that_are_none_do_not_refuse_an_annotation(ecoli, account):
    """RAST writes the frame of the contig where GFF3 has the phase; genes still run from start to stop codon."""
    sequence, lines = ecoli
    rast = []
    for line in lines:
        fields = line.split("\t")
        if fields[2] == "CDS":
            fields[7] = str((int(fields[3]) - 1) % 3)
        rast.append("\t".join(fields))
    warnings, reading = account({NAME: sequence}, rast)
    assert reading.count("are misread") == 0
    assert any("were read in the one that does" in w for w in warnings)


def test_an_annotation_without_genes_is_named(ecoli, account):
    sequence, _ = ecoli
    warnings, _ = account({NAME: sequence}, [f"{NAME}\tblast\tmatch\t1\t90\t.\t+\t.\tID=m1\n"])
    assert any("no gene, CDS or RNA among its records, which are match" in w for w in warnings)


def test_genes_that_reach_into_unknown_bases_are_not_called_faulty(account):
    """Three genes of 30 bases: whole; its start is N (minus strand: the last bases); its stop is N, and its start is none."""
    gene = "ATG" + "GCC" * 8 + "TAA"
    minus = gene[::-1].translate(str.maketrans("ACGT", "TGCA"))
    bases = "CCC" + gene + "CCC" + minus[:-3] + "NNN" + "CCC" + "CCC" + gene[3:-3] + "NNN"
    lines = [
        f"c1\tx\tCDS\t{start}\t{start + 29}\t.\t{strand}\t0\tID={name}\n"
        for name, start, strand in (("a", 4, "+"), ("b", 37, "-"), ("c", 70, "+"))
    ]
    _, reading = account({"c1": bases}, lines, genetic_code="1")
    assert [reading.count(r) for r in ("coding sequences", "translate cleanly", GAP)] == [3, 1, 2]
    assert reading.count("begin with no start codon of code 1") == 1  # c begins with CCC
    assert reading.count("end with no stop codon") == 0
    assert reading.count("are misread") == 0
