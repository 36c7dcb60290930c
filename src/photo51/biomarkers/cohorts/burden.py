"""Feature burden of individuals: from who carries which variant, or from whole genomes."""

from __future__ import annotations

import logging
from typing import NamedTuple

import anndata as ad
import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray
from scipy import sparse

from photo51.codes.store import CodesStore
from photo51.genome.axis.workspace import Workspace
from photo51.genome.formats.contig_names import candidates, keys
from photo51.genome.variants.files import Genotypes
from photo51.types import STRANDS, InputError

log = logging.getLogger(__name__)
ROWS_AT_ONCE = 65_536
_ENOUGH = 12  # bases of reference alleles that agree by chance once in 4**12


class Alleles(NamedTuple):
    """The alleles a burden is the sum of.

    Attributes
    ----------
    table
        allele, gene, consequence: one row an allele.
    carried
        Share of an individual's copies that are the allele, missing ones as the mean, (n, n_alleles).
    deltas
        What one allele does to each feature, both strands, (n_alleles, n_features).
    genotyped
        Whether the genotype is known, (n, n_alleles); None where all are. Who is not genotyped is no carrier.
    """

    table: pd.DataFrame
    carried: NDArray[np.float64]
    deltas: sparse.csr_matrix
    genotyped: NDArray[np.bool_] | None = None

    def carriers(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of some individuals are known to carry each allele, (rows, n_alleles)."""
        carries = self.carried[rows] > 0
        return carries if self.genotyped is None else carries & self.genotyped[rows]


class Burden(NamedTuple):
    """What each individual carries.

    Attributes
    ----------
    individuals
        Names, (n,).
    burden
        (n, n_features).
    markers
        What relatedness is measured by, (n, n_markers); NaN where unknown.
    raw
        Plain quantities of each individual (length, GC, …), (n,) rows; may have no column.
    alleles
        What it is the sum of; None for whole genomes.
    """

    individuals: list[str]
    burden: NDArray[np.float64]
    markers: NDArray[np.float64]
    raw: pd.DataFrame
    alleles: Alleles | None = None


def markers_of(genotypes: Genotypes, max_missing: float) -> NDArray[np.float64]:
    """Alleles of a cohort by which relatedness is measured, (n, n_markers): needs no model.

    Raises
    ------
    InputError
        Where no allele differs between individuals.
    """
    share = _shares(genotypes)
    # share of individuals in which an allele is known
    genotyped = np.mean(~np.isnan(share), axis=0) >= 1 - max_missing if share.size else np.zeros(0, dtype=bool)
    markers = share[:, genotyped]
    if not markers.shape[1] or not (np.nanmax(markers, axis=0) > np.nanmin(markers, axis=0)).any():
        raise InputError(
            f"genotypes: need an allele that differs between individuals and is known in {1 - max_missing:.0%} of them,"
            f" got none of {share.shape[1]}"
        )
    return markers


def variant_burden(
    genotypes: Genotypes, variants: pd.DataFrame, effects: ad.AnnData, *, statistic: str, max_missing: float
) -> Burden:
    """Sum over the variants an individual carries of what they do to each feature, both strands.

    Phase does not matter to a sum, so phased and unphased genotypes count alike; a haploid call counts as a homozygous
    one. A missing genotype counts as the frequency of the allele in the cohort.

    Parameters
    ----------
    genotypes
        Who carries what.
    variants, effects
        Variant effects of the same alleles, and their Δ.
    statistic
        Which Δ: focal, near or window.
    max_missing
        Alleles unknown in a larger share of individuals are left out.

    Raises
    ------
    InputError
        Where no allele of the cohort has been scored.
    """
    renamed = _named_as_scored(genotypes.variants, variants["variant"].tolist())
    names = [f"{c}:{p + 1}:{r}>{a}" for c, p, r, a in renamed[["chrom", "pos", "ref", "alt"]].itertuples(index=False)]
    share = _shares(genotypes)
    genotyped = np.mean(~np.isnan(share), axis=0) >= 1 - max_missing
    place = {name: i for i, name in enumerate(variants["variant"])}
    scored = np.array([name in place for name in names], dtype=bool)
    log.info(
        "alleles of the cohort: %d; %d not scored, %d with too many missing genotypes; %.2g %% of genotypes missing",
        len(names),
        int((~scored).sum()),
        int((scored & ~genotyped).sum()),
        100 * float(np.isnan(share).mean()) if share.size else 0.0,
    )
    use = np.flatnonzero(scored & genotyped)
    if not len(use):
        raise InputError(
            f"genotypes: need alleles that `photo51 variants` has scored, got none of {len(names)}"
            f" ({', '.join(names[:3])})"
        )
    rows = [place[names[i]] for i in use]
    # both strands of the model count alike
    deltas = sum(sparse.csr_matrix(effects.layers[f"{statistic}_{s}"])[rows] for s in ("plus", "minus"))
    carried, deltas = _imputed(share[:, use]), sparse.csr_matrix(deltas)
    table = pd.DataFrame({"allele": [names[i] for i in use]})
    for column in ("gene", "consequence"):
        table[column] = variants[column].astype(str).to_numpy()[rows] if column in variants.columns else ""
    return Burden(
        list(genotypes.samples),
        # (features, alleles) · (alleles, individuals), turned: a sparse matrix must stand on the left
        np.asarray(deltas.T.dot(carried.T)).T,
        # all genotyped alleles tell relatedness, scored or not
        share[:, genotyped],
        pd.DataFrame({"n_alleles": np.nansum(share[:, use] > 0, axis=1)}),
        Alleles(table, carried, deltas, ~np.isnan(share[:, use])),
    )


def _named_as_scored(alleles: pd.DataFrame, scored: list[str]) -> pd.DataFrame:
    """Alleles of a cohort with contigs named as in the scored alleles (`contig:position:ref>alt`): `1` there is `chr1`
    here.

    Two names are one contig where they mean the same chromosome, or reference alleles at `_ENOUGH` shared places or
    more agree; those at shared places must agree in either case.
    """
    places: dict[str, dict[int, str]] = {}
    for chrom, pos, change in (name.rsplit(":", 2) for name in scored):
        # 1-based in names, 0-based in tables
        places.setdefault(chrom, {})[int(pos) - 1] = change.partition(">")[0]
    free: dict[str, int | None] = dict.fromkeys(c for c in places if c not in set(alleles["chrom"]))
    renamed: dict[str, str] = {}
    for name, rows in alleles.groupby("chrom", sort=False):
        for contig in candidates(str(name), free) if name not in places else ():
            shared = [
                (ref, places[contig][p]) for p, ref in zip(rows["pos"], rows["ref"], strict=True) if p in places[contig]
            ]
            # one allele may be written longer than the other: they agree on the bases both have
            agree = sum(a.startswith(b) or b.startswith(a) for a, b in shared)
            alike = bool(keys(str(name)) & keys(contig)) or len(shared) >= _ENOUGH
            # a few disagree where assemblies differ; below 95 % it is another contig
            if shared and alike and agree >= 0.95 * len(shared):
                renamed[str(name)] = contig
                log.warning(
                    "genotypes: contig %r is taken for %r of the scored alleles: %d of %d reference alleles agree",
                    name,
                    contig,
                    agree,
                    len(shared),
                )
                break
    return alleles.assign(chrom=alleles["chrom"].replace(renamed)) if renamed else alleles


def _shares(genotypes: Genotypes) -> NDArray[np.float64]:
    """Share of an individual's copies that carry the allele, (n_individuals, n_alleles); NaN where unknown."""
    alleles, called = genotypes.alleles.astype(float), genotypes.called.astype(float)
    genotyped = (alleles >= 0) & (called > 0)
    # a haploid call of 1 counts as 1, a diploid 1 of 2 as ½
    return np.where(genotyped, alleles / np.maximum(called, 1), np.nan)


def _imputed(share: NDArray[np.float64]) -> NDArray[np.float64]:
    genotyped = ~np.isnan(share)
    # the mean of the known: an allele adds no contrast where it is unknown
    mean = np.where(genotyped, share, 0.0).sum(0) / np.maximum(genotyped.sum(0), 1)
    return np.where(genotyped, share, mean)


def genome_burden(store: CodesStore, workspace: Workspace, kmers: pd.DataFrame | None = None) -> Burden:
    """Mean activation of each feature over the scored bases of each genome, both strands.

    Dividing by the bases scored keeps a longer assembly from having more of everything; its length stays among the raw
    quantities, where it can be seen to be the whole signal. `kmers` (rows are genomes) measure relatedness; without
    them the burdens themselves do.
    """
    table = workspace.table
    names = list(dict.fromkeys(table["genome"]))
    number = table["genome"].map({name: i for i, name in enumerate(names)}).to_numpy()
    bases = np.bincount(number, weights=table["end"] - table["start"])
    total: NDArray[np.float64] | None = None
    for strand in STRANDS:
        for start in range(0, workspace.n_rows, ROWS_AT_ONCE):
            stop = min(start + ROWS_AT_ONCE, workspace.n_rows)
            codes = store.matrix(strand, slice(start, stop))
            owner = number[workspace.locate(np.arange(start, stop)).segment]
            # (genomes, rows) of ones: the product sums codes by genome
            members = sparse.csr_matrix((np.ones(len(owner)), (owner, np.arange(len(owner)))), (len(names), len(owner)))
            part = np.asarray((members @ codes).todense(), dtype=float)
            total = part if total is None else total + part
    assert total is not None
    # twice the bases: both strands were summed
    burden = total / (2 * bases[:, None])
    markers = burden if kmers is None else kmers.loc[names].to_numpy(dtype=float)
    return Burden(names, burden, markers, pd.DataFrame({"length": bases.astype(float)}))


def rank_normal(burden: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank-inverse-normal of each column (Blom's offset); a column that does not vary becomes 0.

    References
    ----------
    Blom 1958; McCaw et al. 2020, doi:10.1111/biom.13214.
    """
    ranks = scipy.stats.rankdata(burden, axis=0)
    # (rank − 3/8) / (n + 1/4): Blom's approximation of expected normal order statistics
    normal = scipy.stats.norm.ppf((ranks - 0.375) / (len(burden) + 0.25))
    return np.where(burden.std(0) > 0, normal, 0.0)
