"""A project made of a user's files: what is written, what is found out, and what is refused before anything is written."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import yaml

from photo51.config.paths import configuration_file, project_folder, read_configuration
from photo51.genome.preparation.samples import read_genomes
from photo51.project.starting import GivenFiles, start_example, start_project
from photo51.types import InputError

ROOT = Path(__file__).resolve().parents[2]
PHAGE = ROOT / "resources/phage/NC_001422.1_phiX174.gbk.gz"


def test_a_genbank_file_alone_gives_a_project_that_can_be_read(tmp_path):
    folder = tmp_path / "mon projet é"
    (guess,) = start_project(folder, GivenFiles([str(PHAGE)]), model="sh2:nano")
    assert (guess.bases, guess.contigs, guess.circular, guess.codes) == (5_386, 1, 1, (11,))
    config = read_configuration(folder / "config.yaml")
    assert config.run == "mon_projet"
    (row,) = read_genomes(config.genomes)
    assert row.sequence.samefile(PHAGE)
    assert (folder / "README.md").is_file()
    assert "results/" in (folder / ".gitignore").read_text()


def test_files_beside_the_project_are_named_relative_to_it(tmp_path):
    (tmp_path / "seq.fa").write_text(">c1\n" + "ACGT" * 100 + "\n")
    (tmp_path / "my variants.vcf").write_text(
        "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nc1\t1\t.\tA\tC\t.\t.\t.\n"
    )
    start_project(
        tmp_path / "p",
        GivenFiles([str(tmp_path / "seq.fa")], variants=[str(tmp_path / "my variants.vcf")]),
        model="sh2:nano",
    )
    cells = (tmp_path / "p/genomes.tsv").read_text().splitlines()[1].split("\t")
    assert cells[:2] == ["seq", "../seq.fa"]
    assert cells[4] == "my_variants=../my variants.vcf"


def test_files_of_several_genomes_are_told_apart_by_name_or_place(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.fa").write_text(f">{name}\n" + "ACGT" * 100 + "\n")
        (tmp_path / f"{name}.bed").write_text(f"{name}\t0\t9\n")
    genomes = [str(tmp_path / "a.fa"), f"second={tmp_path / 'b.fa'}"]
    start_project(tmp_path / "p", GivenFiles(genomes, beds=[f"second={tmp_path / 'b.bed'}"]), model="sh2:nano")
    rows = read_genomes(tmp_path / "p/genomes.tsv")
    assert [r.genome for r in rows] == ["a", "second"]
    assert [len(r.extra) for r in rows] == [0, 1]
    with pytest.raises(InputError, match="need the genome it belongs to, as one of a=FILE, second=FILE"):
        start_project(tmp_path / "q", GivenFiles(genomes, beds=[str(tmp_path / "a.bed")]), model="sh2:nano")


def test_nothing_is_written_where_a_file_is_refused(tmp_path):
    (tmp_path / "a.fa").write_text(">a\nACGT\n")
    (tmp_path / "bad.gff3").write_text("a\tx\tgene\t9\t3\t.\t+\t.\tID=g\n")
    with pytest.raises(InputError, match="line 1"):
        start_project(
            tmp_path / "p",
            GivenFiles([str(tmp_path / "a.fa")], [str(tmp_path / "bad.gff3")]),
            model="sh2:nano",
        )
    assert not (tmp_path / "p").exists()
    with pytest.raises(InputError, match="--genome: need a file"):
        start_project(tmp_path / "p", GivenFiles([str(tmp_path / "none.fa")]), model="sh2:nano")


def test_a_project_is_not_overwritten(tmp_path):
    start_project(tmp_path, GivenFiles([str(PHAGE)]), model="sh2:nano")
    with pytest.raises(InputError, match="need a folder without a project"):
        start_project(tmp_path, GivenFiles([str(PHAGE)]), model="sh2:nano")


def test_the_example_runs_in_any_folder(tmp_path, monkeypatch):
    config = start_example(tmp_path / "empty", "config/examples/nano.yaml")
    monkeypatch.chdir(tmp_path / "empty")
    settings = read_configuration(config)
    rows = read_genomes(settings.genomes)
    assert [r.genome for r in rows] == ["human_mt", "ecoli"]
    assert all(path.is_file() for row in rows for path in row.files())


def test_paths_of_a_configuration_are_relative_to_it_first(tmp_path, monkeypatch):
    (tmp_path / "sets.gmt").write_text("here")
    (tmp_path / "p").mkdir()
    (tmp_path / "p/sets.gmt").write_text("there")
    (tmp_path / "p/config.yaml").write_text(
        yaml.safe_dump({"genomes": "g.tsv", "gene_sets": "sets.gmt", "motif_file": "nowhere.meme"})
    )
    monkeypatch.chdir(tmp_path)
    config = read_configuration(Path("p/config.yaml"))
    assert config.gene_sets == "p/sets.gmt"
    assert config.motif_file == "nowhere.meme"


def test_where_a_project_lies_does_not_show_in_its_paths(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    (tmp_path / "config.yaml").write_text("activations: {model: model}\n")
    monkeypatch.chdir(tmp_path)
    assert read_configuration(tmp_path / "config.yaml").activations.model == "model"
    assert read_configuration(Path("config.yaml")).activations.model == "model"


def test_the_project_of_a_configuration(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place in ("a/config.yaml", "b/config/config.yaml", "c/results/run/config.yaml"):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_text("run: x\n")
        assert project_folder(Path(place)).name == place[0]


def test_without_a_configuration_the_sentence_says_how_to_make_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="photo51 init"):
        configuration_file(None)
    (tmp_path / "config.yaml").write_text("run: x\n")
    assert configuration_file(None) == Path("config.yaml")
    assert configuration_file(tmp_path) == tmp_path / "config.yaml"


def test_a_gzip_file_is_named_without_its_suffixes(tmp_path):
    with gzip.open(tmp_path / "my genome.v2.fa.gz", "wt") as file:
        file.write(">c\n" + "ACGT" * 50 + "\n")
    (guess,) = start_project(tmp_path / "p", GivenFiles([str(tmp_path / "my genome.v2.fa.gz")]), model="sh2:nano")
    assert guess.genome == "my_genome.v2"
