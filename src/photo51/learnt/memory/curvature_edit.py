"""Curvature edit: every dense matrix keeps the entries that much data bends the loss along, and loses the rest.

In the eigenbases of a matrix's inputs and gradients, what general text needs lies in few entries of large curvature;
what was learnt by heart lies in the many of small curvature (Merullo et al. 2025, arXiv:2510.24256). The entries kept
are the largest that together hold a share of the curvature, its threshold chosen matrix by matrix on validation
windows. Controls keep as many entries.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from photo51.learnt.memory.curvature import Basis, dense_matrices
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.progress import progress

log = logging.getLogger(__name__)
Weights = dict[str, Tensor]
WHOLE = 1.0
CONTROLS = ("random", "singular", "magnitude", "other curvature")


def entry_mask(curvature: Tensor, mass: float) -> Tensor:
    """Mask of the largest entries whose sum reaches a share of the whole; all of them for a share of 1."""
    if mass >= WHOLE:
        return torch.ones_like(curvature, dtype=torch.bool)
    flat, order = curvature.flatten().sort(descending=True, stable=True)
    # entries before the share is reached, and the one that reaches it
    n = int((flat.cumsum(0) < mass * flat.sum()).sum()) + 1
    mask = torch.zeros(len(order), dtype=torch.bool)
    mask[order[:n]] = True
    return mask.view_as(curvature)


def edited_matrix(weight: Tensor, bases: Sequence[Basis], mass: float) -> tuple[Tensor, int]:
    """A matrix with only the entries that some corpus needs, and their number.

    The first corpus keeps its entries; of what is left each further one (a protected skill) keeps its own, in its own
    basis.
    """
    if mass >= WHOLE:
        return weight, weight.numel()
    rest, out, n = weight.double(), torch.zeros_like(weight, dtype=torch.float64), 0
    for basis in bases:
        mask = entry_mask(basis.curvature, mass)
        # into the eigenbases, entries out, and back
        part = basis.left @ ((basis.left.T @ rest @ basis.right) * mask) @ basis.right.T
        out, rest, n = out + part, rest - part, n + int(mask.sum())
    # entries of several bases may add up to more than the matrix has
    return out.to(weight.dtype), min(n, weight.numel())


def control(
    arm: str, weight: Tensor, basis: Basis, n: int, rng: np.random.Generator, other: Basis | None = None
) -> Tensor:
    """The same matrix with as many entries kept, chosen without its curvature.

    `random`: in the same basis, at random; `singular`: the largest singular values with as many numbers in their
    vectors; `magnitude`: the largest weights; `other curvature`: of other sequence, in its basis.
    """
    w = weight.double()
    if n >= weight.numel():
        return weight
    if arm == "singular":
        left, values, right = torch.linalg.svd(w, full_matrices=False)
        # a matrix of rank r has r (rows + columns) numbers
        rank = max(1, round(n / (w.shape[0] + w.shape[1])))
        return ((left[:, :rank] * values[:rank]) @ right[:rank]).to(weight.dtype)
    if arm == "magnitude":
        return (w * _largest(w.abs(), n)).to(weight.dtype)
    used = other if arm == "other curvature" and other is not None else basis
    score = used.curvature if arm == "other curvature" else torch.from_numpy(rng.random(tuple(w.shape)))
    part = used.left @ ((used.left.T @ w @ used.right) * _largest(score, n)) @ used.right.T
    return part.to(weight.dtype)


def _largest(score: Tensor, n: int) -> Tensor:
    mask = torch.zeros(score.numel(), dtype=torch.bool)
    mask[score.flatten().argsort(descending=True, stable=True)[:n]] = True
    return mask.view_as(score)


@contextmanager
def swapped(model: StripedHyena, weights: Mapping[str, Tensor]) -> Iterator[None]:
    """The model with other dense matrices, for as long as the block lasts."""
    dense = dense_matrices(model)
    before = {name: dense[name].data for name in weights}
    try:
        for name, weight in weights.items():
            dense[name].data = weight
        yield
    finally:
        for name, weight in before.items():
            dense[name].data = weight


class Editor:
    """Chooses what to keep of each matrix.

    Parameters
    ----------
    model
        The model; left as it is.
    bases
        Matrix → bases of the corpus and of what is protected.
    bits
        Surprisal of each validation window (windows,) under the model as it then is.
    rise
        Largest relative rise of surprisal, its standard error included: what is chosen to pass on some windows does
        less well on others.
    forget
        How many bits a base the model knows what is to be forgotten better than sequences it never met; None to drop
        as many entries as can be.
    """

    def __init__(
        self,
        model: StripedHyena,
        bases: Mapping[str, Sequence[Basis]],
        bits: Callable[[], NDArray[np.float64]],
        rise: float,
        forget: Callable[[], float] | None = None,
    ):
        self.model, self.bases, self.bits, self.forget = model, bases, bits, forget
        self.original: Weights = {name: w.data.clone() for name, w in dense_matrices(model).items()}
        self.before, self.rise = bits(), rise
        self._made: dict[tuple[str, float], tuple[Tensor, int]] = {}

    def matrix(self, name: str, mass: float) -> tuple[Tensor, int]:
        """An edited matrix and its number of entries kept."""
        if (name, mass) not in self._made:
            self._made[name, mass] = edited_matrix(self.original[name], self.bases[name], mass)
        return self._made[name, mass]

    def weights(self, masses: Mapping[str, float]) -> Weights:
        """All edited matrices."""
        return {name: self.matrix(name, mass)[0] for name, mass in masses.items()}

    def entries(self, masses: Mapping[str, float]) -> int:
        """Entries kept."""
        return sum(self.matrix(name, mass)[1] for name, mass in masses.items())

    def gain(self, masses: Mapping[str, float]) -> float:
        """What an edit is worth: how near what is to be forgotten is to unseen sequences, or the entries dropped; −∞
        above the limit.

        Nothing is gained by going further than unseen sequences: to be less known than those is a mark too.
        """
        with swapped(self.model, self.weights(masses)):
            if self._rise() > self.rise:
                return -np.inf
            if self.forget is None:
                return -float(self.entries(masses))
            return -abs(self.forget())

    def _rise(self) -> float:
        after = self.bits()
        change = after / self.before - 1
        if not change.any():
            return 0.0
        # its standard error on top: the mean alone would pass half of the edits that are just too strong
        return float(after.mean() / self.before.mean() - 1 + change.std(ddof=1) / np.sqrt(len(change)))

    def choose(self, levels: Sequence[float], rounds: int) -> dict[str, float]:
        """A threshold for each matrix: first one for all, then each its own, keeping what helps.

        Parameters
        ----------
        levels
            Shares of curvature that may be kept.
        rounds
            Rounds over all matrices.
        """
        ladder = [WHOLE, *sorted(levels, reverse=True)]
        masses = dict.fromkeys(self.original, WHOLE)
        best = self.gain(masses)
        for level in ladder[1:]:
            # one threshold for all matrices is a start; the rounds below are local
            trial = dict.fromkeys(self.original, level)
            if (gain := self.gain(trial)) > best:
                masses, best = trial, gain
        for _ in range(rounds):
            before = best
            for name in progress(list(self.original), "prune", unit="matrices"):
                masses, best = self._climb(masses, best, name, ladder)
            if best == before:
                break
        return masses

    def _climb(
        self, masses: dict[str, float], best: float, name: str, ladder: Sequence[float]
    ) -> tuple[dict[str, float], float]:
        """Move the threshold of one matrix down, or else up, while that helps."""
        # first one step down the ladder (fewer entries), and up only where down did not help
        for step in (1, -1):
            moved = False
            while 0 <= (i := ladder.index(masses[name]) + step) < len(ladder):
                trial = masses | {name: ladder[i]}
                if (gain := self.gain(trial)) <= best:
                    break
                masses, best, moved = trial, gain, True
            if moved:
                break
        return masses, best
