"""The embedded data is what its README says, to the last byte."""

import csv
import gzip
from collections import Counter

import pytest

from photo51.genome.formats.bed import read_bed
from photo51.genome.formats.fasta import read_fasta
from photo51.genome.formats.fetch import read_checksums
from photo51.genome.preparation.samples import read_genomes
from photo51.io import sha256


def test_checksums(resources):
    known = read_checksums(resources / "checksums.sha256")
    files = {
        str(p.relative_to(resources))
        for p in resources.rglob("*")
        if p.is_file()
        and p.suffix != ".md"
        and p.parent.name in {"ecoli_k12", "human_mt", "tb_amr", "phage", "tree16s", "demo"}
    }
    assert set(known) == files
    assert {name: sha256(resources / name) for name in known} == known


def test_every_file_has_its_row_in_the_readme(resources):
    text = (resources / "README.md").read_text()
    assert [n for n in read_checksums(resources / "checksums.sha256") if f"| `{n}` |" not in text] == []
    assert "MITOMAP" in text
    assert "CC BY 3.0" in text


@pytest.mark.parametrize(
    ("file", "name", "length"),
    [
        ("ecoli_k12/NC_000913.3.fa.gz", "NC_000913.3", 4_641_652),
        ("human_mt/NC_012920.1.fa", "NC_012920.1", 16_569),
        ("phage/NC_001416.1_lambda.fa.gz", "NC_001416.1", 48_502),
        ("phage/NC_001604.1_T7.fa.gz", "NC_001604.1", 39_937),
    ],
)
def test_sequences(resources, file, name, length):
    (r,) = read_fasta(resources / file)
    assert (r.name, len(r.ids)) == (name, length)


def test_the_reference_mitochondrion_has_its_placeholder(resources):
    (r,) = read_fasta(resources / "human_mt" / "NC_012920.1.fa")
    assert [i + 1 for i, b in enumerate(r.ids) if chr(b) not in "ACGT"] == [3107]


def test_loci_and_panel_counts(resources):
    loci = list(read_fasta(resources / "tb_amr" / "H37Rv_loci.fa.gz"))
    assert (len(loci), sum(len(r.ids) for r in loci)) == (78, 204_815)
    panel = list(read_fasta(resources / "tree16s" / "16S_gold_panel.fa.gz"))
    assert len(panel) == 583
    assert len({r.description.split("\t")[-1].split(";")[1].strip() for r in panel}) == 26


def test_annotation_counts(resources):
    with gzip.open(resources / "ecoli_k12" / "NC_000913.3.gff3.gz", "rt") as text:
        kinds = Counter(line.split("\t")[2] for line in text if not line.startswith("#"))
    assert {k: kinds[k] for k in ("gene", "CDS", "tRNA", "rRNA", "ncRNA", "repeat_region", "mobile_genetic_element", "pseudogene")} == {
        "gene": 4419, "CDS": 4379, "tRNA": 86, "rRNA": 22, "ncRNA": 72, "repeat_region": 697,
        "mobile_genetic_element": 49, "pseudogene": 166,
    }  # fmt: skip
    with (resources / "tb_amr" / "genes.tsv").open() as text:
        assert sum(1 for _ in text) == 249


def test_crispr_repeats_are_where_the_file_says(resources):
    (r,) = read_fasta(resources / "ecoli_k12" / "NC_000913.3.fa.gz")
    features = read_bed(resources / "ecoli_k12" / "prophages_crispr.bed", "*")
    kinds = Counter(f.type for f in features)
    assert kinds == {"prophage": 12, "CRISPR-I_array": 1, "CRISPR_repeat": 10, "CRISPR_spacer": 9}
    assert sum(f.parts[0].end - f.parts[0].start for f in features if f.type == "prophage") == 168_165
    repeats = {r.ids[f.parts[0].start : f.parts[0].end].tobytes() for f in features if f.type == "CRISPR_repeat"}
    assert repeats == {b"CGGTTTATCCCCGCTGGCGCGGGGAACTC"}


LOCI = {
    "hypervariable:HV1": ["Hypervariable segment 1 [classic:16024-16365]"],
    "hypervariable:HV2": ["Hypervariable segment 2 [classic:73-340 ]"],
    "hypervariable:HV3": ["Hypervariable segment 3"],
    "origin:OriH": ["H-strand origin", "H-strand origins"],
    "origin:OriL": ["L-strand origin"],
    "promoter:LSP": ["L-strand promoter"],
    "promoter:HSP1": ["Major H-strand promoter"],
    "promoter:HSP2": ["Minor H-strand promoter"],
    "TFBS:mtTF1": ["mtTF1 binding site"],
    "terminator:TER": ["Transcription terminator"],
    "conserved_block:CSB1": ["Conserved sequence block 1"],
    "conserved_block:CSB2": ["Conserved sequence block 2"],
    "conserved_block:CSB3": ["Conserved sequence block 3"],
    "termination_associated:TAS": ["termination-associated sequence"],
    "termination_associated:ETAS": ["extended termination-associated sequence"],
    "control_element:mt3": ["mt3 H-strand control element"],
    "control_element:mt4": ["mt4 H-strand control element"],
    "control_element:CE": ["control element"],
    "control_element:3L": ["L-strand control element"],
    "replication_primer:primer": ["replication primer"],
}


def test_loci_of_the_mitochondrion_follow_from_their_table(resources):
    with (resources / "human_mt" / "functional_loci.tsv").open() as text:
        rows = list(csv.DictReader(text, delimiter="\t"))
    assert len(rows) == 103
    found = {}
    for f in read_bed(resources / "human_mt" / "functional_loci.bed", "*"):
        found.setdefault(f"{f.type}:{f.name}", set()).update(range(f.parts[0].start + 1, f.parts[0].end + 1))
    assert found.pop("D_loop:control_region") == {*range(1, 577), *range(16_024, 16_570)}
    for locus, terms in LOCI.items():
        named = [r for r in rows if set(terms) & set(r["description"].split(";"))]
        assert found.pop(locus) == {p for r in named for p in range(int(r["start"]), int(r["end"]) + 1)}
    assert found == {}


def test_the_demos_samples_are_whole(resources, monkeypatch):
    monkeypatch.chdir(resources.parent)
    rows = read_genomes("config/genomes.tsv")
    assert [r.genome for r in rows] == ["human_mt", "tb", "ecoli"]
    assert [name for r in rows for name, _ in r.variants] == ["mitomap", "tb_resistance", "tb_synonymous"]


def test_the_rest_of_ecoli_is_apart_from_the_demos_regions(resources):
    """4,096 bases off, around the origin too, no word of 31 bases in common on either strand, no piece below 1,000 bases."""
    with gzip.open(resources / "ecoli_k12" / "NC_000913.3.fa.gz", "rt") as text:
        sequence = "".join(line.strip() for line in text if not line.startswith(">"))
    regions, rest = (_intervals(resources / "demo" / name) for name in ("ecoli.bed", "ecoli_rest.bed"))
    assert all(b - a >= 1_000 for a, b in rest)
    assert sum(b - a for a, b in rest) == 4_153_375
    for turn in (-len(sequence), 0, len(sequence)):
        assert all(b + turn + 4_096 <= c or d + 4_096 <= a + turn for a, b in rest for c, d in regions)
    held = set()
    for a, b in regions:
        piece = sequence[a:b]
        for strand in (piece, piece.translate(str.maketrans("ACGT", "TGCA"))[::-1]):
            held.update(strand[i : i + 31] for i in range(len(strand) - 30))
    assert not any(sequence[i : i + 31] in held for a, b in rest for i in range(a, b - 30))


def _intervals(path):
    rows = [line.split() for line in path.read_text().splitlines() if not line.startswith("#")]
    return [(int(row[1]), int(row[2])) for row in rows]
