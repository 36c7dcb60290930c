"""A corpus is found by the hashes of its sequences."""

import gzip
from pathlib import Path

import pandas as pd
import pytest

from photo51.pretraining.recipe import build, in_both_splits, read_recipe, sequence_hash
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


def test_what_is_held_out_has_no_part_in_training_under_another_name(tmp_path):
    path = tmp_path / "r.tsv"
    head = "record\tsource\tgroup\tspecies\tsplit\tlength\thash\n"
    rows = "NC_022155.1_whole\ta\tm\tOne yeast\theldout\t9\t1\ncox1_CDS_-_NC_022155\tb\tm\t{}\ttrain\t3\t2\n"
    path.write_text(head + rows.format("fungus NC_022155"))
    with pytest.raises(InputError, match="need sequences of an accession in one split, got 'NC022155' in both"):
        read_recipe(path)
    path.write_text(head + rows.replace("cox1_CDS_-_NC_022155", "cox1_CDS_-_NC_0221556").format("another"))
    assert len(read_recipe(path)) == 2
    strains = "E_coli_K12345_a\ta\tm\tOne\theldout\t9\t1\nE_coli_K12345_b\tb\tm\tTwo\ttrain\t3\t2\n"
    path.write_text(head + strains)
    assert len(read_recipe(path)) == 2
    path.write_text(head + strains.replace("E_coli_", ""))
    with pytest.raises(InputError, match="got 'K12345' in both"):
        read_recipe(path)


def test_the_shipped_recipe_holds_no_part_of_what_it_holds_out():
    recipe = read_recipe(Path(__file__).parents[2] / "resources" / "pretraining" / "recipe.tsv.gz")
    assert not in_both_splits(recipe)
    assert len(recipe) == 52_372
