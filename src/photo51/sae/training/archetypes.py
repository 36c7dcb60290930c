"""Archetypal dictionaries: decoder rows are convex combinations of data centroids, plus a bounded change.

Two seeds that may put a feature anywhere put it in different places where the data do not decide. Rows that are made
of the same points of the data have less room to differ (relaxed archetypal dictionaries; Fel et al. 2025,
arXiv:2502.12892). The finished dictionary holds the rows themselves and is saved and used like any other.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from photo51.config.sae import SaeParams
from photo51.io.origin import Origin
from photo51.sae.engine import mixtures
from photo51.sae.engine.encoder import Encoder
from photo51.sae.engine.kernels import Adam
from photo51.sae.engine.lanes import pad
from photo51.sae.engine.threads import spread
from photo51.types import InputError

_ROUNDS = 8  # of k-means: centroids of so many clusters hardly move afterwards
_FIRST = 6.0  # logit of a feature's own archetype to begin with: its share is e⁶ times that of another
_NOISE = 0.01  # spread of the other logits
_LOGIT_RATE = 10  # logits move in steps so many times as long as weights: they decide by their differences of several


def centroids(x: NDArray[np.float32], n: int, rounds: int = _ROUNDS, *, seed: int = 0) -> NDArray[np.float32]:
    """Directions of `n` clusters of rows by spherical k-means (Dhillon and Modha 2001, doi:10.1023/A:1007612920971).

    Rows go to their nearest centroid by the exact encoder, so that clusters are the same on any number of threads.

    Parameters
    ----------
    x
        (rows, d_model), centred; rows of length zero belong to no cluster.
    n
        Clusters.
    rounds
        Times that centroids move.
    seed
        Decides which rows they begin at.

    Returns
    -------
    (n, d_model), of length one.

    Raises
    ------
    ValueError
        For fewer rows than clusters.
    """
    length = np.linalg.norm(x, axis=1, keepdims=True)
    rows = pad(x[length[:, 0] > 0] / length[length[:, 0] > 0])
    if len(rows) < n:
        raise ValueError(f"centroids: need at least {n:,} rows that differ from the centre, got {len(rows):,}")
    rng = np.random.default_rng(seed)
    centres = rows[rng.choice(len(rows), n, replace=False)]
    for _ in range(rounds):
        # codes are positive: a row at a right angle or more from every centroid has none, and belongs to no cluster
        nearest = Encoder(centres, np.zeros(n, np.float32), "float32").top_k(rows, 1)
        member = np.flatnonzero(nearest.count > 0)
        cluster = nearest.index[member, 0]
        # one row of ones a cluster: the product sums its members
        sums = sp.csr_matrix((np.ones(len(member), np.float32), (cluster, member)), shape=(n, len(rows))) @ rows
        empty = np.flatnonzero(np.bincount(cluster, minlength=n) == 0)
        # a cluster without members begins again at some row
        sums[empty] = rows[rng.choice(len(rows), len(empty), replace=False)]
        # members of a cluster are at less than a right angle from its centre, so that their sum is not zero
        centres = (sums / np.linalg.norm(sums, axis=1, keepdims=True)).astype(np.float32)
    return np.ascontiguousarray(centres[:, : x.shape[1]])


def shared_archetypes(centred: NDArray[np.float32], n: int, seed: int, origin: Origin) -> NDArray[np.float32]:
    """Directions (n, d_model) of clusters of a sample (rows, d_model) that training seeds share.

    Raises
    ------
    InputError
        For a sample with fewer rows than clusters.
    """
    try:
        return centroids(centred, n, seed=seed)
    except ValueError as e:
        raise InputError(
            f"activations of {origin}: need a sample of more rows than centroids ({n:,}), got {len(centred):,} rows, of"
            " which some may lie at the centre; raise `sample`, or lower `archetypes` or `n_features`"
        ) from e


class Mixture:
    """Logits and changes of which a decoder's rows are made, while it learns on a CPU.

    Parameters
    ----------
    archetypes
        (archetypes, d_model), of length one.
    params
        Width, relaxation and seed.
    """

    def __init__(self, archetypes: NDArray[np.float32], params: SaeParams):
        self.archetypes, self.bound = pad(archetypes), params.relaxation
        n, m, width = params.n_features, len(archetypes), self.archetypes.shape[1]
        rng = np.random.default_rng([params.seed, 3])
        logits = _NOISE * rng.standard_normal((n, m), dtype=np.float32)
        # as many features as there are archetypes begin at one each; those beyond begin between two
        # feature f begins at archetype f, around again where features are more
        first = np.arange(n) % m
        logits[np.arange(n), first] += np.float32(_FIRST)
        beyond = np.arange(m, n)
        # as large a logit for a second archetype, which may be the same one
        logits[beyond, rng.integers(0, m, len(beyond))] = logits[beyond, first[beyond]]
        empty = [np.zeros(shape, np.float32) for shape in ((n, width), (n, m), (n, width), (n, 2))]
        self.rows = mixtures.MixtureRows(logits, *empty)
        self.moments = mixtures.AdamMoments(*(np.zeros(shape, np.float32) for shape in [(n, m)] * 2 + [(n, width)] * 2))
        self._index = np.arange(m)

    def compose(self, decoder: NDArray[np.float32]) -> None:
        """Fill a decoder (features, width)."""
        spread(mixtures.compose, self.rows, self.archetypes, self._index, decoder)

    def learn(self, gradient: NDArray[np.float32], a: Adam, decoder: NDArray[np.float32]) -> None:
        """One step of Adam against a gradient (features, width), which is used up; fills `decoder`."""
        of_logits = a._replace(rate=a.rate * np.float32(_LOGIT_RATE))
        fixed = (self.archetypes, self._index, gradient, a, of_logits, np.float32(self.bound))
        spread(mixtures.learn, self.rows, self.moments, *fixed, decoder)

    def state(self) -> dict[str, NDArray[np.float32]]:
        """All that learning changes, by name; the arrays themselves."""
        return {"logits": self.rows.logits, "change": self.rows.change, **self.moments._asdict()}

    def restore(self, state: dict[str, NDArray], decoder: NDArray[np.float32]) -> None:
        """Resume from what `state` gave."""
        for name, a in self.state().items():
            a[:] = state[name]
        self.compose(decoder)


class TorchMixture:
    """The same in PyTorch, with gradients by autograd; see `Mixture`.

    Parameters
    ----------
    mixture
        To begin with.
    device
        Where to compute.
    """

    def __init__(self, mixture: Mixture, device: torch.device):
        self.archetypes, self.bound = torch.tensor(mixture.archetypes, device=device), mixture.bound
        self.numbers = {name: torch.tensor(a, device=device) for name, a in mixture.state().items()}

    def _decoder(self, logits: Tensor, change: Tensor) -> Tensor:
        unit = torch.nn.functional.normalize
        return unit(unit(torch.softmax(logits, dim=1) @ self.archetypes, dim=1) + change, dim=1)

    def compose(self) -> Tensor:
        """The decoder (features, width)."""
        return self._decoder(self.numbers["logits"], self.numbers["change"])

    def learn(self, gradient: Tensor, a: Adam) -> Tensor:
        """One step of Adam against a gradient (features, width) before clipping; the new decoder."""
        s = self.numbers
        with torch.enable_grad():
            leaves = [s[name].detach().requires_grad_() for name in ("logits", "change")]
            # the kernel clips inside Adam; autograd is linear, so that clipping before it is the same
            by = torch.autograd.grad(self._decoder(*leaves), leaves, gradient * float(a.shrink))
        for name, g, rate in zip(("logits", "change"), by, (_LOGIT_RATE * a.rate, a.rate), strict=True):
            mean, square = s[f"{name}_mean"], s[f"{name}_square"]
            # mean + (1 - β₁) (g - mean)
            mean.lerp_(g, float(1 - a.beta1))
            square.mul_(float(a.beta2)).addcmul_(g, g, value=float(1 - a.beta2))
            root = (square * float(a.second)).sqrt_().add_(float(a.epsilon))
            s[name].addcdiv_(mean, root, value=-float(rate * a.first))
        length = s["change"].norm(dim=1, keepdim=True)
        # 1 inside the ball, also where there is no change, or no ball
        s["change"].mul_((self.bound / length.clamp_min(torch.finfo(length.dtype).tiny)).clamp_max(1))
        return self.compose()
