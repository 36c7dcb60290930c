import numpy as np
import pandas as pd
import pytest

from photo51.config.enrichment import GeneSetParams
from photo51.enrichment.annotations.inputs import Inputs, open_codes
from photo51.enrichment.association.genesets import gene_sets, genes_of, read_gmt
from photo51.types import InputError


@pytest.fixture(scope="module")
def named(inputs):
    """The planted genes, named g0, g1, … in order."""
    cds = inputs.annotations[inputs.annotations["kind"] == "CDS"].reset_index(drop=True)
    cds = cds.assign(name=[f"g{i}" for i in range(len(cds))], group=[f"cds{i}" for i in range(len(cds))])
    return Inputs(inputs.folder, inputs.workspace, cds, inputs.contigs, inputs.bases)


def test_sets_are_read(tmp_path):
    path = tmp_path / "sets.gmt"
    path.write_text("one\tfirst set\tthrA\tthrB\tthrA\n\ntwo\t\tlacZ\r\n")
    assert read_gmt(path) == {"one": ["thrA", "thrB"], "two": ["lacZ"]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("one\tx\ta\none\ty\tb\n", "line 2: need names that differ, got 'one' again"),
        ("one\tx\n", "line 1: need a name, a description and genes"),
        ("thrA thrB\n", "line 1: need a name, a description and genes"),
        ("", "need text, got an empty file"),
        ("\n", "need at least one gene set, got none"),
    ],
)
def test_bad_files_are_named(tmp_path, text, said):
    path = tmp_path / "sets.gmt"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_gmt(path)


def test_genes_lie_in_one_block_and_come_once(named):
    names, genes = genes_of(named, "CDS")
    assert len(set(names)) == len(names) == len(named.annotations)
    n = named.workspace.n_rows
    first = np.searchsorted(genes.bounds, genes.start % n, side="right")
    last = np.searchsorted(genes.bounds, (genes.end - 1) % n, side="right")
    assert np.array_equal(first, last)
    minus = dict(zip(named.annotations["name"], named.annotations["strand"] == "-", strict=True))
    assert [minus[name] for name in names] == (genes.start >= n).tolist()


def test_a_class_without_named_genes(inputs):
    with pytest.raises(InputError, match=r"need named genes of class 'CDS' in the workspace, got none"):
        genes_of(inputs, "CDS")


def test_the_set_a_feature_hits_is_found(run, named, features):
    """Feature 3 steps by codons through 30 % of the genes: those are one set, as many others another."""
    names, genes = genes_of(named, "CDS")
    column = features[:, [3]].tocsc()
    hit = np.array(
        [
            np.count_nonzero((column.indices >= a) & (column.indices < b)) > 5
            for a, b in zip(genes.start, genes.end, strict=True)
        ]
    )
    mine, others = np.array(names)[hit][:30].tolist(), np.array(names)[~hit][:30].tolist()
    sets = {"hit": mine, "others": others, "small": mine[:2], "absent": ["lacZ"]}
    table = gene_sets(open_codes(run.main, named), named, sets, GeneSetParams(draws=199, max_genes=200))
    assert len(table) == 4 * 11
    own = table[table["feature"] == 3].set_index("set")
    assert own.loc["hit", "q"] < 0.01
    assert own.loc["hit", "p_method"] == "exact"
    assert own.loc["hit", "hits"] == 30
    assert own.loc["others", "p_rot"] > 0.5
    assert own.loc["small", "status"] == "2 genes in the workspace, at least 5 are needed"
    assert own.loc["absent", "status"] == "0 genes in the workspace, at least 5 are needed"
    assert pd.isna(own.loc["absent", "p_rot"])
    dead = table[(table["feature"] == 10) & (table["set"] == "hit")]
    assert dead["status"].item() == "dead feature: never active"
    assert dead["p_rot"].isna().all()
