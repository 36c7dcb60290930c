"""One gene of many organisms through model and dictionary: the mean codes of each, for the phylogeny control."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.config.geometry import PanelParams
from photo51.genome.alphabet import codes as base_codes
from photo51.genome.formats.fasta import Record, read_fasta
from photo51.model.families.adapters import DnaModel
from photo51.progress import progress
from photo51.sae.dictionary import Dictionary
from photo51.types import InputError

RANKS = ("domain", "phylum", "class", "order", "family", "genus")
K, BATCH = 5, 8


class PanelGene(NamedTuple):
    """A gene and whose it is: the six ranks from domain to genus."""

    name: str
    organism: str
    lineage: tuple[str, ...]
    ids: NDArray[np.uint8]


def read_genes(path: Path, per_phylum: int) -> list[PanelGene]:
    """Genes of a FASTA file whose headers hold organism and lineage after tabs, as many of each phylum at most.

    Of a phylum families are taken in turn, and of a family genera, so that near relatives come last; phyla of one
    family are left out, since nobody's neighbour can be right there.

    Raises
    ------
    InputError
        For a header without six ranks, naming file and record.
    """
    phyla: dict[str, dict[str, list[PanelGene]]] = {}
    for r in read_fasta(path):
        gene = _gene(path, r)
        phyla.setdefault(gene.lineage[1], {}).setdefault(gene.lineage[4], []).append(gene)
    chosen: list[PanelGene] = []
    for families in phyla.values():
        if len(families) > 1:
            chosen += _in_turn(list(families.values()))[:per_phylum]
    return chosen


def _in_turn(families: list[list[PanelGene]]) -> list[PanelGene]:
    """The first gene of every family, then the second of those that have one, …; in a family new genera come first."""
    placed = []
    for genes in families:
        n_of_genus: Counter[str] = Counter()
        for gene in genes:
            placed.append((n_of_genus[gene.lineage[5]], gene))
            n_of_genus[gene.lineage[5]] += 1
    turn: Counter[str] = Counter()
    ordered = []
    for _, gene in sorted(placed, key=lambda p: p[0]):
        ordered.append((turn[gene.lineage[4]], gene))
        turn[gene.lineage[4]] += 1
    return [gene for _, gene in sorted(ordered, key=lambda p: p[0])]


def _gene(path: Path, r: Record) -> PanelGene:
    parts = r.description.split("\t")
    lineage = tuple(p.strip() for p in parts[-1].split(";"))
    if len(parts) < 2 or len(lineage) != len(RANKS):
        raise InputError(
            f"{path}, record {r.name!r}: need a header of name, organism and {len(RANKS)} ranks, got {r.description!r}"
        )
    return PanelGene(r.name, parts[0].strip(), lineage, r.ids)


def gene_kmer_shares(ids: NDArray[np.uint8], k: int = K) -> NDArray[np.float32]:
    """Share of each k-mer among those of known bases, (4**k,)."""
    code = base_codes(ids).astype(np.int64)
    # windows with an unknown base are left out; the first base is the highest digit of base 4
    windows = np.lib.stride_tricks.sliding_window_view(code, k)
    words = windows[(windows < 4).all(1)] @ 4 ** np.arange(k - 1, -1, -1)
    return (np.bincount(words, minlength=4**k) / max(1, len(words))).astype(np.float32)


def mean_codes(model: DnaModel, dictionary: Dictionary, genes: Sequence[PanelGene], warmup: int) -> NDArray[np.float32]:
    """Mean codes of the bases of each gene, the first `warmup` of them left out, (genes, features)."""
    site = dictionary.origin.site
    origin = model.spec.origin(site)
    dictionary.origin.require(origin, f"{model.spec.name}: activations")
    out = np.zeros((len(genes), dictionary.n_features), np.float32)
    # by length, so that batches are padded little
    order = np.argsort([len(g.ids) for g in genes], kind="stable")
    batches = [order[a : a + BATCH] for a in range(0, len(order), BATCH)]
    for batch in progress(batches, "genes", unit="batches"):
        read = model.read([genes[i].ids for i in batch], (site,)).activations[site]
        for i, x in zip(batch, read, strict=True):
            codes = dictionary.encode(x.float().cpu().numpy()[warmup:], origin)
            out[i] = np.asarray(codes.mean(0)).ravel()
    return out


def panel(
    genes: Sequence[PanelGene],
    read: tuple[DnaModel, Dictionary],
    random: tuple[DnaModel, Dictionary] | None,
    params: PanelParams,
) -> ad.AnnData:
    """Genes as observations: `X` mean codes, `obsm` `random` the same with random weights and `kmers` shares of 5-mers.

    Raises
    ------
    InputError
        Where fewer than ten genes are left.
    """
    if len(genes) < 10:
        raise InputError(f"panel: need at least 10 genes of phyla with two families, got {len(genes)}")
    if short := [g.name for g in genes if len(g.ids) <= params.warmup]:
        raise InputError(
            f"panel: need genes longer than the {params.warmup} bases whose codes are left out (warmup), got"
            f" {len(short)} that are not, such as {short[0]!r}"
        )
    obs = pd.DataFrame([dict(zip(RANKS, g.lineage, strict=True)) for g in genes], index=[g.name for g in genes])
    obs.insert(0, "organism", [g.organism for g in genes])
    code = [base_codes(g.ids) for g in genes]
    obs["gc"] = [float(np.isin(c, (1, 2)).sum() / max(1, (c < 4).sum())) for c in code]
    out = ad.AnnData(mean_codes(*read, genes, params.warmup), obs=obs)
    if random is not None:
        out.obsm["random"] = mean_codes(*random, genes, params.warmup)
    out.obsm["kmers"] = np.stack([gene_kmer_shares(g.ids) for g in genes])
    return out
