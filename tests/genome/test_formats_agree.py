"""Random genes written as GFF3, GTF and GenBank come back equal; GenBank is what Biopython translates, GFF what gffread writes."""

import gzip
import shutil

import numpy as np
import pytest
from Bio import SeqIO

from benchmarks._format_cases import PARAMS
from benchmarks._gffread import coding_sequences, compare, gffread_is_there
from photo51.config.genome import GenomeParams
from photo51.genome.preparation.prepare import prepare
from photo51.types import InputError

from .random_models import genbank, gene_pred, gff3, gtf, world

needs_gffread = pytest.mark.skipif(not gffread_is_there(), reason="gffread is not installed")


def read_back(folder, name, content, letters, *, code, circular):
    """Coding sequences by gene, and exons by gene, of a genome whose annotation is one file."""
    folder.mkdir()
    (folder / name).write_text(content)
    (folder / "g.fa").write_text(f">c1\n{letters}\n")
    own = name if name.endswith(".gb") else f"g.fa\t{name}"
    own = f"{own}\t-" if name.endswith(".gb") else own
    topology = "circular" if circular else "linear"
    (folder / "g.tsv").write_text(
        f"genome\tsequence\tannotation\tgenetic_code\ttopology\nx\t{own}\t{code}\t{topology}\n"
    )
    genomes = prepare(folder / "g.tsv", folder / "out", PARAMS)
    table = genomes.transcripts()
    exons = table[table["kind"] == "exon"]
    return genomes, coding_sequences(genomes, "x", whole=True), exons


@pytest.mark.parametrize("code", [1, 2, 4, 5, 11])
@pytest.mark.parametrize("circular", [False, True])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_genes_come_back_from_every_format(tmp_path, code, circular, seed):
    rng = np.random.default_rng([seed, code, circular])
    letters, genes = world(rng, code, circular=circular)
    expected = sorted(g.letters for g in genes)
    names = {g.letters: g.name for g in genes}
    files = {
        "a.gff3": gff3(genes, len(letters), code, circular=circular),
        "a.gtf": gtf(genes),
        "a.gb": genbank(letters, genes, code, circular=circular),
    }
    for name, content in files.items():
        folder = tmp_path / name.replace(".", "_")
        genomes, own, exons = read_back(folder, name, content, letters, code=code, circular=circular)
        assert sorted(own["letters"]) == expected, name
        assert set(own["genetic_code"]) == {code}
        table = genomes.transcripts()
        by_transcript = table.drop_duplicates("transcript").set_index("transcript")["gene_name"]
        assert {
            letters: by_transcript[t] for t, letters in zip(own["transcript"], own["letters"], strict=True)
        } == names
        n = len(letters)
        written = {(g.name, position % n) for g in genes for a, b in g.exons for position in range(a, b)}
        read = {(r["gene_name"], p) for r in exons.to_dict("records") for p in range(r["start"], r["end"])}
        assert read == written, name


@pytest.mark.parametrize(("form", "file"), [("genePred", "a.genePred"), ("refGene", "a.txt"), ("refFlat", "a.refFlat")])
def test_gene_tables_of_ucsc_hold_the_same_genes(tmp_path, form, file):
    letters, genes = world(np.random.default_rng(7), 1, circular=False)
    genomes, own, _ = read_back(tmp_path / form, file, gene_pred(genes, form), letters, code=1, circular=False)
    assert sorted(own["letters"]) == sorted(g.letters for g in genes)
    table = genomes.transcripts()
    exons = table[table["kind"] == "exon"][["start", "end", "strand"]].to_records(index=False).tolist()
    assert sorted(exons) == sorted((a, b, g.strand) for g in genes for a, b in g.exons)
    assert set(table["gene_name"]) == {f"t-{g.name}" if form == "genePred" else g.name for g in genes}


def test_a_table_of_ucsc_that_is_cut_off_is_named(tmp_path):
    letters, genes = world(np.random.default_rng(7), 1, circular=False)
    first, second, *_ = gene_pred(genes, "genePred").splitlines()
    with pytest.raises(InputError, match=r"a\.genePred, line 2: need a line of UCSC's genePred .* got 5 columns"):
        read_back(
            tmp_path / "x", "a.genePred", f"{first}\n{' '.join(second.split()[:5])}".replace(" ", "\t"),
            letters, code=1, circular=False,
        )  # fmt: skip


def test_a_gtf_states_no_length_so_that_its_coding_sequences_tell_which_contig_it_means(tmp_path, caplog):
    letters, genes = world(np.random.default_rng(3), 1, circular=False)
    text = gtf(genes).replace("c1\t", "7\t")
    for folder, bases in (("same", letters), ("other", letters[::-1])):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.gtf").write_text(text)
        (tmp_path / folder / "g.fa").write_text(f">chr7\n{bases}\n")
        (tmp_path / folder / "g.tsv").write_text("genome\tsequence\tannotation\nx\tg.fa\ta.gtf\n")
    genomes = prepare(tmp_path / "same" / "g.tsv", tmp_path / "same" / "out", PARAMS)
    assert sorted(coding_sequences(genomes, "x")["letters"]) == sorted(g.letters for g in genes)
    assert "7 is taken for chr7: 4 of 4 coding sequences looked at translate on it from end to end" in caplog.text
    with pytest.raises(
        InputError, match=r"need a contig of .*got '7'; 'chr7' may be the same, but the file states no length"
    ):
        prepare(tmp_path / "other" / "g.tsv", tmp_path / "other" / "out", PARAMS)


@needs_gffread
@pytest.mark.parametrize("name", ["a.gff3", "a.gtf"])
def test_random_linear_genes_are_what_gffread_writes(tmp_path, name):
    compared = equal = 0
    for seed in range(6):
        letters, genes = world(np.random.default_rng([seed, 77]), 1, circular=False)
        content = gff3(genes, len(letters), 1, circular=False) if name.endswith("3") else gtf(genes)
        folder = tmp_path / str(seed)
        genomes, _, _ = read_back(folder, name, content, letters, code=1, circular=False)
        found = compare(genomes, "x", folder / name, folder / "g.fa", folder)
        compared, equal = compared + found.transcripts, equal + found.equal
    assert (compared, equal) == (24, 24)


@needs_gffread
def test_every_gene_of_e_coli_is_what_gffread_writes(tmp_path, resources):
    folder = resources / "ecoli_k12"
    for kind in ("fa", "gff3"):
        with (
            gzip.open(folder / f"NC_000913.3.{kind}.gz") as packed,
            (tmp_path / f"g.{kind}").open("wb") as plain,
        ):
            shutil.copyfileobj(packed, plain)
    (tmp_path / "g.tsv").write_text("genome\tsequence\tannotation\ttopology\nx\tg.fa\tg.gff3\tcircular\n")
    genomes = prepare(tmp_path / "g.tsv", tmp_path / "out", GenomeParams(), parts=("sequences", "annotations"))
    # gffread 0.12.7 dies of two genes with two CDS each, one of which slips a frame
    lines = (tmp_path / "g.gff3").read_text().splitlines(keepends=True)
    rest = [x for x in lines if "gene-b0470;" not in x and "gene-b0484;" not in x]
    (tmp_path / "rest.gff3").write_text("".join(rest))
    found = compare(genomes, "x", tmp_path / "rest.gff3", tmp_path / "g.fa", tmp_path)
    assert found.different == []
    assert found.equal == found.transcripts == 4238


def test_genbank_is_what_biopython_translates(small, resources):
    with gzip.open(resources / "phage" / "NC_001422.1_phiX174.gbk.gz", "rt") as text:
        record = next(SeqIO.parse(text, "genbank"))
    expected = sorted(str(f.extract(record.seq)) for f in record.features if f.type == "CDS")
    assert sorted(coding_sequences(small, "phix", whole=True)["letters"]) == expected
