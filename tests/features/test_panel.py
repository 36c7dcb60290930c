"""Genes of many organisms: who is taken, and the mean of their codes."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from photo51.config.geometry import PanelParams
from photo51.features.panel import gene_kmer_shares, mean_codes, panel, read_genes
from photo51.types import InputError

GENES = (("a", "P1", "F1", "G1"), ("b", "P1", "F1", "G1"), ("c", "P1", "F1", "G2"), ("d", "P1", "F2", "G3"), ("e", "P2", "F3", "G4"), ("f", "P2", "F3", "G5"))  # fmt: skip


def _fasta(path, rng):
    with path.open("w") as out:
        for name, phylum, family, genus in GENES:
            letters = "".join(rng.choice(list("ACGT"), 40 + ord(name) % 7))
            out.write(f">{name}\tSpecies {name}\tBacteria; {phylum}; C; O; {family}; {genus}\n{letters}\n")
    return path


def test_families_and_genera_are_taken_in_turn(tmp_path):
    path = _fasta(tmp_path / "16s.fa", np.random.default_rng(1))
    assert [g.name for g in read_genes(path, 3)] == ["a", "d", "c"]
    assert [g.name for g in read_genes(path, 9)] == ["a", "d", "c", "b"]  # P2 is of one family


def test_a_header_without_lineage_is_refused(tmp_path):
    path = tmp_path / "16s.fa"
    path.write_text(">a no lineage\nACGT\n")
    with pytest.raises(InputError, match=r"record 'a': need a header of name, organism and 6 ranks"):
        read_genes(path, 3)


def test_shares_of_words():
    shares = gene_kmer_shares(np.frombuffer(b"AACAANAC", np.uint8), 2)
    # AA AC CA AA | AC
    np.testing.assert_allclose(shares[[0, 1, 4]], [2 / 5, 2 / 5, 1 / 5])
    assert shares.sum() == pytest.approx(1)


class _Model:
    """A base's activation is which letter it is."""

    spec = SimpleNamespace(name="letters", origin=lambda site: site)

    def read(self, sequences, sites):
        letters = np.frombuffer(b"ACGT", np.uint8)
        return SimpleNamespace(activations={sites[0]: [torch.tensor((s[:, None] == letters).astype(np.float32)) for s in sequences]})  # fmt: skip


class _Dictionary:
    origin = SimpleNamespace(site="letters", require=lambda *_: None)
    n_features = 4

    def encode(self, x, origin):
        return csr_matrix(x)


def test_mean_codes_are_those_of_the_bases_after_the_warm_up(tmp_path):
    genes = read_genes(_fasta(tmp_path / "16s.fa", np.random.default_rng(2)), 9)
    made = mean_codes(_Model(), _Dictionary(), genes, 10)
    for row, gene in zip(made, genes, strict=True):
        np.testing.assert_allclose(row, [(gene.ids[10:] == ord(b)).mean() for b in "ACGT"], atol=1e-6)


def test_a_panel_of_too_few_genes_is_refused(tmp_path):
    genes = read_genes(_fasta(tmp_path / "16s.fa", np.random.default_rng(3)), 9)
    with pytest.raises(InputError, match="at least 10 genes"):
        panel(genes, (_Model(), _Dictionary()), None, PanelParams())


def test_genes_no_longer_than_the_warm_up_are_refused_by_name(tmp_path):
    genes = 5 * read_genes(_fasta(tmp_path / "16s.fa", np.random.default_rng(3)), 9)
    length = min(len(g.ids) for g in genes)
    with pytest.raises(InputError, match=rf"panel: need genes longer than the {length} bases .*such as '\w+'"):
        panel(genes, (_Model(), _Dictionary()), None, PanelParams(warmup=length))
