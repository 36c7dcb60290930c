"""Variants as people write them, on genomes whose codons are worked by hand."""

import pytest

from photo51.config.genome import GenomeParams
from photo51.effects.notation import read_variant
from photo51.genome.preparation.prepare import prepare
from photo51.types import InputError

# gene one, forward from base 4: ATG AGC TGG TAA; gene two, in reverse: the reverse complement of ATG AGC TGG TAA
GENE = "ATGAGCTGGTAA"
TURNED = "TTACCAGCTCAT"


@pytest.fixture(scope="module")
def genomes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notation")
    body = "CCC" + GENE + "C" * 20 + TURNED
    (folder / "a.fa").write_text(f">chr1\n{body}{'ACGGT' * 80}\n>chrM\n{'CATTG' * 80}\n")
    rows = ["##gff-version 3"]
    for name, start, strand in (("one", 4, "+"), ("two", 36, "-")):
        rows.append(f"chr1\tx\tgene\t{start}\t{start + 11}\t.\t{strand}\t.\tID=g-{name};Name={name}")
        rows.append(f"chr1\tx\tCDS\t{start}\t{start + 11}\t.\t{strand}\t0\tID=c-{name};Parent=g-{name};gene={name}")
    (folder / "a.gff3").write_text("\n".join(rows) + "\n")
    (folder / "genomes.tsv").write_text("genome\tsequence\tannotation\tgenetic_code\ntoy\ta.fa\ta.gff3\t11\n")
    params = GenomeParams(core=128, warmup=16, min_context=0, block=256, gap=16, homology_bases=None, shard=4_096)
    return prepare(folder / "genomes.tsv", folder / "genome", params)


@pytest.mark.parametrize(
    ("text", "variants"),
    [
        ("chr1:5:T>G", ["chr1:5:T>G"]),
        ("chr1:5T>G", ["chr1:5:T>G"]),
        ("toy:5:T>G", None),
        ("m.2A>G", ["chrM:2:A>G"]),
        ("chr1:g.5T>G", ["chr1:5:T>G"]),
        # AGC (serine) to threonine: ACC by one base; ACT, ACA and ACG need two
        ("one S2T", ["chr1:8:G>C"]),
        ("one p.Ser2Thr", ["chr1:8:G>C"]),
        ("ONE:S2T", ["chr1:8:G>C"]),
        # TGG to stop: TAG and TGA by one base each
        ("one W3*", ["chr1:11:G>A", "chr1:12:G>A"]),
        # the same codons on strand -: AGC is GCT at 42-44 (1-based), its second base the complement at 43
        ("two S2T", ["chr1:43:C>G"]),
        # serine to tryptophan needs AGC -> TGG: the first and the third base, written as one change
        ("one S2W", ["chr1:7:AGC>TGG"]),
    ],
)
def test_what_people_write(genomes, text, variants):
    if variants is None:
        variants = ["chr1:5:T>G"]
    assert [str(f.variant) for f in read_variant(text, genomes)] == variants
    for found in read_variant(text, genomes):
        v = found.variant
        assert genomes.sequence(found.genome, v.chrom, v.pos, v.end).tobytes().decode() == v.ref


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("chr1:5:A>G", "reference allele T"),
        ("chr9:5:A>G", "contig or genome"),
        ("chr1:9,999:A>G", "within"),
        ("one A2T", "codon 2 of one is S"),
        ("one S200T", "fewer than 200"),
        ("three S2T", "coding gene"),
        ("one Xyz2Thr", "amino acid"),
        ("one S2S", "change of the amino acid"),
        ("chr1:5:T>T", "two different"),
        ("g.1C>G", "one contig"),
        ("what is this", "need m.3243A>G"),
        ("", "need m.3243A>G"),
    ],
)
def test_what_is_no_variant_of_these_genomes(genomes, text, said):
    with pytest.raises(InputError, match=said):
        read_variant(text, genomes)
