"""Titles of FASTA records that say whether the record is a circle."""

import pytest

from photo51.config.genome import GenomeParams
from photo51.genome.axis.genomes import Genomes
from photo51.genome.preparation.prepare import prepare
from photo51.genome.preparation.sources import stated_circular


@pytest.mark.parametrize(
    ("title", "circular"),
    [
        ("length=300 depth=1.00x circular=true", True),
        ("length=300 depth=1.00x circular=false", False),
        ("[topology=circular] [gcode=4]", True),
        ("[organism=Escherichia coli] [topology=linear]", False),
        ("len=5;circular=Y;cov=3", True),
        ("Escherichia coli plasmid, complete sequence", None),
        ("circular RNA, topology=unknown", None),
        ("not_circular=true", None),
        ("", None),
    ],
)
def test_titles_of_assemblers_and_submissions(title, circular):
    assert stated_circular(title) is circular


@pytest.mark.parametrize(
    ("topology", "circles"),
    [("auto", {"a", "c"}), ("linear", set()), ("circular:b", {"b"}), ("circular", {"a", "b", "c"})],
)
def test_the_title_decides_where_the_table_leaves_it_open(tmp_path, topology, circles):
    titles = {"a": "circular=true", "b": "depth=2", "c": "[topology=circular]"}
    letters = "ACGTTGCA" * 100
    (tmp_path / "g.fa").write_text("".join(f">{name} {title}\n{letters}\n" for name, title in titles.items()))
    (tmp_path / "genomes.tsv").write_text(f"genome\tsequence\ttopology\ng\tg.fa\t{topology}\n")
    params = GenomeParams(block=256, gap=16, core=128, warmup=16, min_context=0, shard=4096)
    prepare(tmp_path / "genomes.tsv", tmp_path / "out", params)
    genomes = Genomes.open(tmp_path / "out")
    assert {name for name in titles if genomes.is_circular("g", name)} == circles
