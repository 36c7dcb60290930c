"""The phylogeny control: do mean codes of one gene hold more of the tree than the words the gene is made of?"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from photo51.geometry.controls.evidence import Bench, Control, control_verdict, not_tested
from photo51.stats.resampling import monte_carlo_p

WHAT = "16S genes of one phylum lie nearer to each other than their 5-mers explain"
RANKS = ("domain", "phylum", "class", "order", "family", "genus")


def phylogeny(bench: Bench) -> Control:
    """Accuracy of the phylum of the nearest neighbour among genes of other families.

    Beside it the correlation of distances between codes with distances in the taxonomy (ranks up to the common one),
    after those between 5-mers and between GC contents are partialled out; its p turns the genes' names (Mantel's test,
    partial: Smouse, Long and Sokal 1986, doi:10.2307/2413122).
    """
    genes = bench.panel
    if genes is None:
        return not_tested(
            "phylogeny_16S", WHAT, "It needs the 16S genes of many organisms read by the model (`photo51 panel`)."
        )
    lineage = np.stack([np.asarray(genes.obs[r].astype(str)) for r in RANKS], axis=1)
    near, words = (cosines(np.asarray(x, np.float64)) for x in (genes.X, genes.obsm["kmers"]))
    score, kmer = neighbour_accuracy(near, lineage), neighbour_accuracy(words, lineage)
    random = np.nan
    if "random" in genes.obsm:
        random = neighbour_accuracy(cosines(np.asarray(genes.obsm["random"], np.float64)), lineage)
    rng = bench.rng(8)
    null = np.array(
        [neighbour_accuracy(near, lineage, rng.permutation(len(lineage))) for _ in range(bench.params.rotations)]
    )
    p = float(monte_carlo_p(score, null))
    partial, p_partial = beyond((near, words, genes.obs["gc"].to_numpy(dtype=float)), lineage, bench)
    note = (
        f"{len(lineage)} genes of {len(np.unique(lineage[:, 1]))} phyla, neighbours of the same family left out; with"
        f" them {neighbour_accuracy(near, lineage, family=True):.3f} (5-mers"
        f" {neighbour_accuracy(words, lineage, family=True):.3f}); distance in the taxonomy, 5-mers and GC partialled"
        f" out: rank correlation {partial:.3f} (p {p_partial:.3f})"
    )
    return Control(
        "phylogeny_16S",
        WHAT,
        score,
        "accuracy of the nearest neighbour's phylum",
        kmer,
        random,
        float(null.mean()),
        p,
        control_verdict(score, (kmer, random), p, bench.params.alpha),
        note,
    )


def cosines(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cosines of rows, their mean taken off, (n, n)."""
    centred = x - x.mean(0)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    return unit @ unit.T


def neighbour_accuracy(
    near: NDArray[np.float64],
    lineage: NDArray[np.str_],
    order: NDArray[np.int64] | None = None,
    *,
    family: bool = False,
) -> float:
    """Share of genes whose nearest one of another family is of their phylum.

    Parameters
    ----------
    near
        (n, n) the larger the nearer.
    lineage
        (n, 6).
    order
        Whose neighbours are looked at instead of each gene's own: names shifted, for the null.
    family
        Whether genes of the same family count.
    """
    phylum, kin = lineage[:, 1], lineage[:, 4]
    # rows and columns alike: genes change names, distances stay
    near = near if order is None else near[order][:, order]
    # a gene is not its own neighbour; nor is one of its family, which nearly the same sequence would decide
    barred = np.eye(len(near), dtype=bool) if family else kin[:, None] == kin
    nearest = np.where(barred, -np.inf, near).argmax(1)
    return float((phylum[nearest] == phylum).mean())


def taxonomic_distance(lineage: NDArray[np.str_]) -> NDArray[np.float64]:
    """Ranks below the lowest common one, (n, n): 0 of one genus, 6 of two domains."""
    common = np.ones((len(lineage), len(lineage)), bool)
    shared = np.zeros(common.shape)
    for r in range(lineage.shape[1]):
        # common as long as every rank above is common, too
        common &= lineage[:, r][:, None] == lineage[:, r]
        shared += common
    return lineage.shape[1] - shared


def beyond(distances: tuple[NDArray[np.float64], ...], lineage: NDArray[np.str_], bench: Bench) -> tuple[float, float]:
    """Partial rank correlation of distances of codes and in the taxonomy, given 5-mers and GC, and its p.

    Parameters
    ----------
    distances
        Cosines of codes and of 5-mers, (n, n), and GC contents, (n,).
    """
    near, words, gc = distances
    upper = np.triu_indices(len(lineage), 1)
    covariates = (-words, np.abs(gc[:, None] - gc))
    # pairs once; ranks, so that only the order of distances counts
    nuisance = np.column_stack([np.ones(len(upper[0])), *(scipy.stats.rankdata(d[upper]) for d in covariates)])
    # orthonormal basis of the nuisances: what is left after projection is partial
    q = np.linalg.qr(nuisance)[0]

    def left(d: NDArray[np.float64]) -> NDArray[np.float64]:
        r = scipy.stats.rankdata(d[upper])
        r -= q @ (q.T @ r)
        return r / max(float(np.linalg.norm(r)), 1e-12)

    codes, tree = left(-near), taxonomic_distance(lineage)
    rng = bench.rng(9)
    null = []
    for _ in range(min(bench.params.rotations, 199)):
        # the tree's names are permuted, not pairs: distances of one gene are no independent numbers
        order = rng.permutation(len(tree))
        null.append(float(codes @ left(tree[order][:, order])))
    observed = float(codes @ left(tree))
    return observed, float(monte_carlo_p(observed, null))
