"""A dictionary that begins with what several seeds have found.

Dictionaries of several seeds are matched pair by pair, by direction and by activation. Features that at least two have
are averaged and come first; what those leave of the activations is clustered, and its centroids are the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from photo51.config.sae import SaeParams
from photo51.sae.dictionary import SparseAutoencoder
from photo51.sae.quality.stability import SAME, compare_dictionaries
from photo51.sae.training.archetypes import centroids
from photo51.types import InputError

_ROWS = 20_000  # on which activations are correlated
_RATE = 0.25  # share of the rate with which the consensus learns on, to stay where it is


class InitialWeights(NamedTuple):
    """Weights that a dictionary starts its training from, in units of the activations.

    Attributes
    ----------
    encoder, decoder
        (features, d_model); rows of the decoder have length one.
    bias
        (features,).
    centre
        (d_model,).
    found_by
        (features,) how many members of a consensus have the feature, descending; 0 for those of its residual, and where
        weights come from no consensus.
    """

    encoder: NDArray[np.float32]
    decoder: NDArray[np.float32]
    bias: NDArray[np.float32]
    centre: NDArray[np.float32]
    found_by: NDArray[np.int64]


def member_params(params: SaeParams) -> list[SaeParams]:
    """Parameters of the members: seeds of their own, which no other seed's members have."""
    # up to a thousand members each: the seeds of two consensus dictionaries do not meet
    seeds = [(params.seed + 1) * 1_000 + i for i in range(params.consensus)]
    return [params.model_copy(update={"seed": seed, "consensus": 1}) for seed in seeds]


def final_params(params: SaeParams) -> SaeParams:
    """Parameters with which the consensus learns on: fewer bases, a lower rate, free directions."""
    update = {"tokens": params.after_consensus, "learning_rate": params.learning_rate * _RATE, "decoder": "free"}
    return params.model_copy(update=update)


def consensus_start(
    members: Sequence[SparseAutoencoder], x: NDArray[np.float32], n_features: int, same: float = SAME
) -> InitialWeights:
    """What at least two members have, and centroids of what that leaves over.

    Two features of different members are one where each is the other's nearest direction and cosine and correlation of
    activations both reach `same`. Features connected in this way are averaged.

    Parameters
    ----------
    members
        Dictionaries of the same activations, of different seeds.
    x
        (rows, d_model) activations to correlate codes on, better held out.
    n_features
        Width of the result; the features that most members have, and among those the most active, come first.
    same
        Smallest cosine and correlation of one feature found twice.

    Raises
    ------
    InputError
        For fewer than two members, or rows too few to fill the width.
    """
    if len(members) < 2:
        raise InputError(f"consensus: need dictionaries of at least two seeds, got {len(members)}")
    some = x[:_ROWS]
    # where each member's features begin when all are numbered together
    first = np.cumsum([0, *(m.n_features for m in members)])
    edges = [np.empty((0, 2), np.int64)]
    for i, one in enumerate(members):
        for j in range(i + 1, len(members)):
            table = compare_dictionaries(one, members[j], some)
            # a correlation that could not be measured is NaN, and no match
            hit = table[table["mutual"] & (table["cosine"] >= same) & (table["correlation"] >= same)]
            edges.append(np.stack([first[i] + hit["feature"], first[j] + hit["partner"]], axis=1))
    pairs = np.concatenate(edges)
    n = int(first[-1])
    graph = sp.coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    # features connected through any chain of mutual matches are one
    label = connected_components(graph, directed=False)[1]
    member = np.repeat(np.arange(len(members)), np.diff(first))
    n_groups = int(label.max()) + 1
    # members, not features, are counted: a group may hold two features of one member
    of_member = sp.coo_matrix((np.ones(n), (label, member)), shape=(n_groups, len(members))).tocsr()
    found_by = np.asarray((of_member > 0).sum(axis=1)).ravel()
    activity = np.concatenate([np.asarray(m.encode(some).sum(axis=0)).ravel() for m in members])
    active = np.bincount(label, weights=activity)
    # the last key counts first: most members, then most activity
    order = np.lexsort([-active, -found_by])
    chosen = order[found_by[order] >= 2][:n_features]
    # one row a group with a one for each of its features; divided by how many, the product is their mean
    mean = sp.csr_matrix((np.ones(n, np.float32), (label, np.arange(n))), shape=(n_groups, n))[chosen]
    mean = sp.diags(1 / np.asarray(mean.sum(axis=1)).ravel().astype(np.float32)) @ mean
    start = [np.concatenate([getattr(m, name) for m in members]) for name in ("encoder", "decoder", "bias")]
    encoder, decoder, bias = (np.asarray(mean @ a, dtype=np.float32) for a in start)
    # a mean of unit vectors is shorter than one
    decoder /= np.linalg.norm(decoder, axis=1, keepdims=True)
    centre = np.mean([m.centre for m in members], axis=0).astype(np.float32)
    # as many rows as the residual's features need, of those that there are
    rows = x[: max(_ROWS, n_features)]
    rest = _residual_directions(rows - centre, (encoder, decoder, bias), members[0], n_features - len(chosen))
    return InitialWeights(
        # encoder of the residual's features: their own direction, without bias
        np.concatenate([encoder, rest]),
        np.concatenate([decoder, rest]),
        np.concatenate([bias, np.zeros(len(rest), np.float32)]),
        centre,
        np.concatenate([found_by[chosen], np.zeros(len(rest), np.int64)]),
    )


def _residual_directions(
    x: NDArray[np.float32],
    weights: tuple[NDArray[np.float32], ...],
    member: SparseAutoencoder,
    n: int,
) -> NDArray[np.float32]:
    """Directions (n, d_model) of clusters of what features leave of centred rows, active where they are positive."""
    encoder, decoder, bias = weights
    if n == 0:
        return np.empty((0, x.shape[1]), np.float32)
    if len(x) < n:
        raise InputError(f"consensus: need at least {n:,} rows for the features of the residual, got {len(x):,}")
    left = x
    if len(encoder):
        codes = np.maximum(x @ encoder.T + bias, 0)
        # typical number of active features of a member
        k = min(len(encoder), max(1, round(member.encode(x[:1_000] + member.centre).nnz / min(len(x), 1_000))))
        # of each row the codes that a dictionary of so many active features would keep
        codes[codes < np.partition(codes, -k, axis=1)[:, -k:].min(axis=1, keepdims=True)] = 0
        left = x - codes @ decoder
    return centroids(left, n)
