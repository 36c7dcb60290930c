"""Logos: what the strongest windows of a feature have in common, in bits over composition."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_IUPAC = {
    "A": "A",
    "C": "C",
    "G": "G",
    "T": "T",
    "AG": "R",
    "CT": "Y",
    "CG": "S",
    "AT": "W",
    "GT": "K",
    "AC": "M",
    "CGT": "B",
    "AGT": "D",
    "ACT": "H",
    "ACG": "V",
    "ACGT": "N",
}
_PSEUDO = 1.0


class Logo(NamedTuple):
    """A sequence logo.

    Attributes
    ----------
    counts
        Bases of the windows, (width, 4) in the order A, C, G, T; unknown ones are in none.
    bits
        Information of each column over the background, small-sample bias taken off, (width,), at least 0.
    n
        Windows.
    """

    counts: NDArray[np.float64]
    bits: NDArray[np.float64]
    n: int

    @property
    def shares(self) -> NDArray[np.float64]:
        """Share of each base in each column; a quarter where nothing is known."""
        total = self.counts.sum(axis=1, keepdims=True)
        return np.divide(self.counts, total, out=np.full_like(self.counts, 0.25), where=total > 0)

    @property
    def information(self) -> float:
        """Sum over columns (bits)."""
        return float(self.bits.sum())


def background(bases: NDArray[np.integer]) -> NDArray[np.float64]:
    """Composition of both strands together, (4,): A = T and C = G; a quarter where nothing is known."""
    counts = np.bincount(np.asarray(bases)[np.asarray(bases) < 4], minlength=4).astype(np.float64)
    # in the order A, C, G, T the reversed counts are those of the complements
    both = counts + counts[::-1]
    return both / both.sum() if both.sum() else np.full(4, 0.25)


def logo_of(windows: NDArray[np.uint8], base: NDArray[np.float64]) -> Logo:
    """Logo of aligned windows, (n, width) codes 0..3 and 4 for unknown.

    Bits are the Kullback–Leibler divergence of a column from the background, less its expectation in a sample of the
    background, 3 / (2 n ln 2); a column of few windows says nothing.

    References
    ----------
    Schneider, Stormo, Gold and Ehrenfeucht 1986, J Mol Biol 188:415, doi:10.1016/0022-2836(86)90165-8; Schneider and
    Stephens 1990, Nucleic Acids Res 18:6097, doi:10.1093/nar/18.20.6097
    """
    counts = np.stack([(windows == b).sum(axis=0) for b in range(4)], axis=1).astype(np.float64)
    n_known = counts.sum(axis=1)
    share = np.divide(counts, n_known[:, None], out=np.zeros_like(counts), where=n_known[:, None] > 0)
    ratio = np.divide(share, base, out=np.ones_like(share), where=(share > 0) & (base > 0))
    # Σ p log₂(p / q), with 0 log 0 = 0
    raw = np.sum(share * np.log2(np.where(share > 0, ratio, 1.0)), axis=1)
    # three free shares of four; infinite, so that bits are 0, where no base is known
    bias = np.divide(3, 2 * np.log(2) * n_known, out=np.full(len(n_known), np.inf), where=n_known > 0)
    return Logo(counts, np.maximum(raw - bias, 0.0), len(windows))


def best_shifts(
    windows: NDArray[np.uint8], base: NDArray[np.float64], reach: int, rounds: int = 10
) -> NDArray[np.int64]:
    """Shifts that line windows up, (n,): each window is moved to where the others' columns score it best.

    Parameters
    ----------
    windows
        Windows with `reach` spare columns on either side, (n, width + 2 * reach).
    reach
        Largest shift (bases). 0 shifts win ties, and the mean shift is kept near 0, so that noise does not drift.

    Returns
    -------
    Shift of each window, -reach..reach: its columns `reach + shift` onwards belong in the logo.
    """
    n, width = len(windows), windows.shape[1] - 2 * reach
    shifts = np.zeros(n, dtype=np.int64)
    if reach == 0 or n < 3:
        return shifts
    one_hot = np.stack([windows == b for b in range(4)], axis=2).astype(np.float64)
    # 0, −1, 1, −2, …: argmax takes the first of equal scores, which is the smallest shift
    offsets = np.array(sorted(range(-reach, reach + 1), key=abs))
    for _ in range(rounds):
        placed = np.stack([one_hot[i, reach + s : reach + s + width] for i, s in enumerate(shifts)])
        total = placed.sum(axis=0)
        others = total - placed + _PSEUDO * base  # of each window, what the others have
        # log odds of each column without the window itself, or each would agree best with where it is
        odds = np.log2(others / others.sum(axis=2, keepdims=True) / base)
        scores = [np.einsum("iwb,iwb->i", one_hot[:, reach + o : reach + o + width], odds) for o in offsets]
        moved = offsets[np.argmax(np.stack(scores, axis=1).round(9), axis=1)]
        # all windows moved alike are the same logo: the median is taken off
        moved = np.clip(moved - round(float(np.median(moved))), -reach, reach)
        if np.array_equal(moved, shifts):
            break
        shifts = moved
    return shifts


def consensus(aligned_logo: Logo, least_bits: float = 0.25, least_share: float = 0.25) -> str:
    """IUPAC letters of the informative segment: bases above `least_share` of each column, n for columns that say
    little.
    """
    informative = np.flatnonzero(aligned_logo.bits >= least_bits)
    if not len(informative):
        return ""
    letters = []
    for j in range(informative[0], informative[-1] + 1):
        if aligned_logo.bits[j] < least_bits:
            letters.append("n")
            continue
        share = aligned_logo.shares[j]
        chosen = "".join("ACGT"[b] for b in range(4) if share[b] > least_share) or "ACGT"[int(np.argmax(share))]
        letters.append(_IUPAC[chosen])
    return "".join(letters)
