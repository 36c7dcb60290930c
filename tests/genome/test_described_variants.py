"""Columns of the variants table that need no model, worked by hand."""

from gene_worlds import parts, variants, world

from photo51.config.biomarkers import VariantsParams
from photo51.effects.describe import describe

LETTERS = "CCATGAAAGCTTGGTAACCAGTTTCATAAG"  # M K A W * from base 2 on


def test_a_variant_is_described_with_codon_amino_acids_genes_and_names(tmp_path):
    rows = [
        *parts("a", [("CDS", 2, 17, "+")], gene_name="abcA"),
        *parts("r", [("exon", 5, 25, "-")], gene_name="ncrB", biotype="ncRNA"),
    ]
    g = world(tmp_path, {"1": LETTERS}, [{**r, "chrom": "1"} for r in rows])
    listed = variants(("1", 5, "A", "G"), ("1", 3, "TGA", "TGG"), ("1", 6, "AA", "A"), ("1", 28, "A", "C"))
    table = describe(g, "g", listed, g.annotations(), VariantsParams(window=32))
    assert table["position"].tolist() == [6, 4, 7, 29]
    assert table["consequence"].tolist() == ["missense", "missense", "frameshift", "intergenic"]
    assert table["genes"].tolist()[0] == "abcA:missense;ncrB:ncRNA"
    assert table["genes"].tolist()[3] == ""
    assert table["codon"].tolist() == [2, 2, 2, 0]
    assert table[["ref_aa", "alt_aa"]].to_numpy().tolist()[0] == ["K", "E"]
    # the second is the first, written long
    for column in ("normalised", "hgvs_g", "hgvs_c", "hgvs_p", "substitution", "codon_position"):
        assert table[column][0] == table[column][1]
    assert table["normalised"].tolist() == ["1:6:A>G", "1:6:A>G", "1:5:GA>G", "1:29:A>C"]
    assert table["hgvs_g"].tolist() == ["1:g.6A>G", "1:g.6A>G", "1:g.8del", "1:g.29A>C"]
    assert table["hgvs_c"].tolist() == ["a:c.4A>G", "a:c.4A>G", "a:c.6del", ""]
    assert table["hgvs_p"].tolist()[:2] == ["p.Lys2Glu", "p.Lys2Glu"]
    assert table["substitution"].tolist() == ["A>G", "A>G", "del", "A>C"]
