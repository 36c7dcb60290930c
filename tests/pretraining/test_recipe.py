"""A corpus is found by the hashes of its sequences."""

import gzip

import pandas as pd
import pytest

from photo51.pretraining.recipe import build, read_recipe, sequence_hash
from photo51.types import InputError

WHOLE, GENE = "ACGTTGCAAACC", "GGTTTG"  # GENE is bases 6 to 11 of WHOLE, read on the other strand


def recipe(tmp_path):
    rows = [
        ("NC_1.1", "genomes", "bacteria", "s1", "train", len(WHOLE), sequence_hash(WHOLE)),
        ("NC_1.1:c12-7", "genes", "bacteria", "s1", "train", 6, sequence_hash("GGTTTG")),
        ("other", "genomes", "phage", "s2", "heldout", 4, sequence_hash("TTTT")),
    ]
    table = pd.DataFrame(rows, columns=["record", "source", "group", "species", "split", "length", "hash"])
    table.to_csv(tmp_path / "recipe.tsv.gz", sep="\t", index=False)
    return read_recipe(tmp_path / "recipe.tsv.gz")


def test_sequences_are_recognised_under_any_name_and_parts_are_cut_out(tmp_path):
    with gzip.open(tmp_path / "a.fa.gz", "wt") as f:
        f.write(">gi|5|ref|NC_1.1| whole\nacgttg\ncaaacc\n>renamed\nTTTT\n")
    corpus = build(recipe(tmp_path), [tmp_path / "a.fa.gz"], tmp_path / "corpus")
    assert bytes(corpus.tokens).decode() == WHOLE + GENE + "TTTT"
    assert corpus.records["split"].tolist() == ["train", "train", "heldout"]


def test_what_is_missing_is_named_or_left_out(tmp_path):
    (tmp_path / "a.fa").write_text(">x\nTTTT\n")
    with pytest.raises(InputError, match=r"2 of 3 sequences \(18 of 22 bases\), the first is 'NC_1.1'"):
        build(recipe(tmp_path), [tmp_path / "a.fa"], tmp_path / "corpus")
    assert not (tmp_path / "corpus").exists()
    assert bytes(build(recipe(tmp_path), [tmp_path / "a.fa"], tmp_path / "corpus", partial=True).tokens) == b"TTTT"


def test_a_recipe_without_a_column_is_refused(tmp_path):
    (tmp_path / "r.tsv").write_text("record\tsource\nx\ty\n")
    with pytest.raises(InputError, match=r"r.tsv: need the columns .* got none called group"):
        read_recipe(tmp_path / "r.tsv")
