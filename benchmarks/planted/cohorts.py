"""Variants and cohorts whose answer is known: the bench on which every claim of this package is tried.

The confounding is that of real disease data. Genes differ in how many of their variants are pathogenic, and some features
know only the gene; controls are mostly synonymous, so third codon positions, and some features know only the position;
individuals descend from few ancestors who handed down both their genome and their phenotype.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

CONSEQUENCES = ("synonymous", "missense", "stop_gained")
_GIVEN_POSITION = np.array([[0.05, 0.90, 0.05], [0.0, 0.95, 0.05], [0.70, 0.28, 0.02]])
_SEVERITY = np.array([-3.0, 0.4, 2.0])
_BASES = np.array(list("ACGT"))


class PlantedVariants(NamedTuple):
    """Variants with planted causes.

    Attributes
    ----------
    variants
        Columns of the variants table that the tests need, and `label` (`pathogenic`, `benign`).
    deltas
        Signed Δ, (n, n_features).
    causal
        Features that cause disease when they change, (n_causal,).
    gene_features, phase_features
        Features that know only the gene, or only the codon position.
    cause
        Feature behind each pathogenic variant, (n,); -1 for benign ones and for causes no feature shows.
    """

    variants: pd.DataFrame
    deltas: sparse.csr_matrix
    causal: NDArray[np.int64]
    gene_features: NDArray[np.int64]
    phase_features: NDArray[np.int64]
    cause: NDArray[np.int64]


def plant_variants(
    rng: np.random.Generator,
    *,
    n: int = 6000,
    n_genes: int = 150,
    n_features: int = 600,
    n_causal: int = 12,
    penetrance: float = 0.9,
) -> PlantedVariants:
    """Draw variants of genes of unequal size and unequal burden, and what features say about them.

    A quarter of the features know the gene, a tenth the codon position, the rest is noise; causal features change in one
    benign variant in a hundred too. `penetrance` is the share of pathogenic variants whose cause a feature shows.
    """
    table = _variants(rng, n, n_genes)
    is_case = (table["label"] == "pathogenic").to_numpy()
    order = rng.permutation(n_features)
    causal, of_gene, of_phase, noise = np.split(order, np.cumsum([n_causal, n_features // 4, n_features // 10]))
    gene, position = table["gene_number"].to_numpy(), table["codon_position"].to_numpy()
    deltas = np.zeros((n, n_features), dtype=np.float32)
    for f in of_gene:
        knows = rng.random(n_genes) < 0.2
        deltas[:, f] = (knows[gene] & (rng.random(n) < 0.8)) * rng.normal(1, 0.3, n)
    for f in of_phase:
        deltas[:, f] = ((position == rng.integers(1, 4)) & (rng.random(n) < 0.7)) * rng.normal(1, 0.3, n)
    for f in noise:
        deltas[:, f] = (rng.random(n) < rng.uniform(0.005, 0.1)) * rng.normal(0, 1, n)
    direction = rng.choice([-1.0, 1.0], n_causal)
    for f, sign in zip(causal, direction, strict=True):
        deltas[:, f] = (rng.random(n) < 0.01) * sign * rng.gamma(1.5, 0.4, n)
    shown = is_case & (rng.random(n) < penetrance)
    which = rng.integers(0, n_causal, n)
    cause = np.where(shown, causal[which], -1)
    rows = np.flatnonzero(shown)
    deltas[rows, cause[rows]] = direction[which[rows]] * (1.5 + rng.gamma(2.0, 0.5, len(rows)))
    return PlantedVariants(
        table.drop(columns="gene_number"),
        sparse.csr_matrix(deltas),
        np.sort(causal),
        np.sort(of_gene),
        np.sort(of_phase),
        cause,
    )


def _variants(rng: np.random.Generator, n: int, n_genes: int) -> pd.DataFrame:
    size = rng.lognormal(0.0, 0.8, n_genes)
    gene = rng.choice(n_genes, size=n, p=size / size.sum())
    position = rng.integers(1, 4, n)
    kind = (rng.random((n, 1)) > np.cumsum(_GIVEN_POSITION, axis=1)[position - 1]).sum(1).clip(max=2)
    burden = rng.beta(0.6, 1.0, n_genes).clip(0.01, 0.99)
    log_odds = np.log(burden / (1 - burden))[gene] + _SEVERITY[kind]
    is_case = rng.random(n) < 1 / (1 + np.exp(-log_odds))
    around = rng.integers(0, 4, (n, 31))
    alt = (around[:, 15] + rng.integers(1, 4, n)) % 4
    changed = around.copy()
    changed[:, 15] = alt
    ref_bases, alt_bases = _BASES[around[:, 15]], _BASES[alt]
    place = 1 + 10 * np.arange(n)
    llr = rng.normal(0, 1.2, n) - 1.0 * is_case - np.array([0.0, 0.8, 2.3])[kind]
    return pd.DataFrame(
        {
            "variant": [f"planted:{p + 1}:{r}>{a}" for p, r, a in zip(place, ref_bases, alt_bases, strict=True)],
            "genome": "planted",
            "chrom": "planted",
            "pos": place,
            "ref": ref_bases,
            "alt": alt_bases,
            "gene": [f"gene{g:03d}" for g in gene],
            "gene_number": gene,
            "strand": "+",
            "consequence": np.array(CONSEQUENCES)[kind],
            "codon_position": position,
            "substitution": np.char.add(np.char.add(ref_bases, ">"), alt_bases),
            "context_ref": ["".join(row) for row in _BASES[around]],
            "context_alt": ["".join(row) for row in _BASES[changed]],
            "gc": np.isin(around, (1, 2)).mean(1),
            "llr_plus": llr,
            "llr_minus": llr,
            "llr": llr,
            "llr_flank": llr,
            "delta_norm": np.abs(llr),
            "n_changed": 1,
            "label": np.where(is_case, "pathogenic", "benign"),
        }
    )


class PlantedCohort(NamedTuple):
    """A clonal cohort with planted causes.

    Attributes
    ----------
    individuals
        individual, phenotype (0, 1), age, sex, treatment, clade.
    burdens
        Feature burden, (n, n_features).
    markers
        Inherited markers seen in at least two individuals, 0 or 1, (n, n_markers).
    causal
        Features that raise or lower the risk.
    modified
        Causal features whose effect the treatment takes away.
    """

    individuals: pd.DataFrame
    burdens: NDArray[np.float64]
    markers: NDArray[np.float64]
    causal: NDArray[np.int64]
    modified: NDArray[np.int64]


def plant_cohort(
    rng: np.random.Generator,
    *,
    n: int = 2000,
    n_features: int = 4096,
    n_causal: int = 8,
    n_markers: int = 4000,
    effect: float = 0.45,
) -> PlantedCohort:
    """Let individuals descend from a random tree, hand features and risk down it, and add a few causes.

    Parameters
    ----------
    rng
        Source of randomness.
    n, n_features, n_causal, n_markers
        Sizes.
    effect
        Change of liability per standard deviation of a causal feature's own, not inherited, part (standard deviations).
    """
    tree = _tree(rng, n)
    length = np.sqrt(tree.length)
    shared = np.flatnonzero(np.asarray(tree.members.sum(0)).ravel() > 1)
    branch = rng.choice(shared, size=n_markers, p=tree.length[shared] / tree.length[shared].sum())
    markers = tree.members[:, branch].toarray() != (rng.random((n, n_markers)) < 0.005)
    inherited = np.asarray(tree.members @ (length[:, None] * rng.standard_normal((len(length), n_features))))
    own = rng.standard_normal((n, n_features))
    burdens = 0.8 * inherited + 0.6 * own
    causal = rng.choice(n_features, n_causal, replace=False)
    modified = causal[: n_causal // 4]
    age, sex, treatment = rng.normal(60, 10, n), rng.integers(0, 2, n), rng.integers(0, 2, n)
    slope = effect * rng.choice([-1.0, 1.0], n_causal)
    active = np.ones((n, n_causal))
    active[:, : len(modified)] = (1 - treatment)[:, None]
    descent = np.asarray(tree.members @ (length * rng.standard_normal(len(length))))
    liability = descent + (own[:, causal] * slope * active).sum(1) + 0.03 * (age - 60) + 0.3 * sex
    liability += rng.normal(0, 0.7, n)
    individuals = pd.DataFrame(
        {
            "individual": [f"individual{i:05d}" for i in range(n)],
            "phenotype": (liability > np.median(liability)).astype(int),
            "age": age,
            "sex": sex,
            "treatment": treatment,
            "clade": [f"clade{c:02d}" for c in tree.clade],
        }
    )
    return PlantedCohort(individuals, burdens, markers.astype(float), np.sort(causal), np.sort(modified))


class _Tree(NamedTuple):
    """Branches of a tree: whom each leads to, (n, n_branches), their lengths, and the clade of each tip."""

    members: sparse.csr_matrix
    length: NDArray[np.float64]
    clade: NDArray[np.int64]


def _tree(rng: np.random.Generator, n: int, n_clades: int = 24) -> _Tree:
    """A tree of clades, lineages in them and tips: old splits carry half of the path from root to tip.

    Tips of one lineage are near clones, as bacterial isolates of an outbreak are.
    """
    share = rng.dirichlet(np.full(n_clades, 2.0))
    clade = rng.choice(n_clades, size=n, p=share)
    lineage = clade * 6 + rng.integers(0, 6, n)
    super_clade = rng.integers(0, 6, n_clades)[clade]
    levels = [(super_clade, 0.2), (clade, 0.45), (lineage, 0.25), (np.arange(n), 0.1)]
    columns, lengths = [], []
    for labels, length in levels:
        _, group = np.unique(labels, return_inverse=True)
        columns.append(sparse.csr_matrix((np.ones(n), (np.arange(n), group))))
        lengths.append(np.full(group.max() + 1, length))
    return _Tree(sparse.csr_matrix(sparse.hstack(columns)), np.concatenate(lengths), clade)
