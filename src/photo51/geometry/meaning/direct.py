"""Direct recovery: coordinates from raw activations, without a dictionary, as the baseline of every cluster of
features.

Two ways, both given what the clusters have. At the same tokens and in as many dimensions, the coordinate of the
activations themselves: what remains of a cluster's advantage is what its features leave out. And without the clusters'
tokens: as many groups of tokens, each near a subspace of as many dimensions, found in the activations alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from photo51.config.geometry import GeometryParams
from photo51.geometry.meaning.correlates import Placing
from photo51.geometry.relations.tokens import Tokens
from photo51.geometry.shapes.coordinates import angle, place_coordinate
from photo51.geometry.shapes.manifolds import Geometry, unjudged
from photo51.geometry.shapes.points import Missed


class RawActivations(NamedTuple):
    """Activations of some tokens.

    Attributes
    ----------
    token
        (n,) their numbers, ascending.
    x
        (n, d_model) activations, less the dictionary's offset.
    """

    token: NDArray[np.int64]
    x: NDArray[np.float32]


def raw_activations(tokens: Tokens, decoder: NDArray[np.floating], missed: Missed) -> RawActivations:
    """Activations: reconstruction and what it misses, together.

    Parameters
    ----------
    tokens
        All features of the dictionary.
    decoder
        (features, d_model).
    missed
        Tokens are numbered as in `tokens`.
    """
    # what was missed is activation less reconstruction: together they are the activation
    rebuilt = np.asarray(tokens.codes[missed.token] @ np.asarray(decoder, np.float32))
    return RawActivations(missed.token, (rebuilt + missed.error).astype(np.float32))


def of_baseline(tokens: Tokens, decoder: NDArray[np.floating], params: GeometryParams) -> list[Placing]:
    """Every cluster of another dictionary of the same tokens by its place, whether or not it would be called a
    manifold.
    """
    held_out_tokens, clusters = unjudged(tokens, decoder, params)
    out = []
    for number, (a, points) in enumerate(clusters):
        if len(points.x) >= 60 and len(points.axes):
            fitted = place_coordinate(points.x, np.random.default_rng([params.seed, 13, number]))
            y = a.codes.astype(np.float64) @ a.directions
            unit = y / np.maximum(np.linalg.norm(y, axis=1, keepdims=True), 1e-12)
            # the coordinate of a cluster is of directions: unit vectors, on the axes of its cloud
            t = fitted.of((unit - points.mean) @ points.axes.T)
            out.append(_placing(held_out_tokens, a.token, number, t))
    return out


def axes_of(x: NDArray[np.floating], k: int) -> NDArray[np.float64]:
    """(n, k) points on their k principal axes, centred."""
    centred = np.asarray(x, np.float64) - x.mean(0)
    # eigenvectors of the scatter matrix, largest first
    values, vectors = np.linalg.eigh(centred.T @ centred)
    return centred @ vectors[:, np.argsort(-values, kind="stable")[:k]]


def coordinate_of(
    x: NDArray[np.floating], kind: str, k: int, rng: np.random.Generator, max_fitted: int = 1200
) -> NDArray[np.float64]:
    """Angle or place of activations in their k principal axes, (n,): fitted on at most `max_fitted` of them, as for
    clusters.
    """
    y = axes_of(x, k)
    sample = y if len(y) <= max_fitted else y[np.sort(rng.choice(len(y), max_fitted, replace=False))]
    return (angle if kind == "angle" else place_coordinate)(sample, rng).of(y)


def at_same_tokens(g: Geometry, raw: RawActivations, seed: int) -> list[Placing]:
    """For every cluster with a coordinate: the same tokens by a coordinate of the activations, in as many dimensions.

    Parameters
    ----------
    raw
        Activations of (at least) the tokens that clusters were measured on, numbered as `g.tokens`.
    """
    out = []
    for number, c in enumerate(g.clusters):
        tokens_of = c.activity.token
        # where the token stands among those with activations; the last place is only a guard
        place_in_raw = np.minimum(np.searchsorted(raw.token, tokens_of), len(raw.token) - 1)
        # clusters whose tokens have no activations are left out
        if c.placed is None or len(tokens_of) < 60 or not (raw.token[place_in_raw] == tokens_of).all():
            continue
        rng = np.random.default_rng([seed, 11, number])
        # an angle needs a plane
        k = max(len(c.cloud.axes), 2 if c.placed.coordinate.kind == "angle" else 1)
        t = coordinate_of(raw.x[place_in_raw], c.placed.coordinate.kind, k, rng)
        out.append(_placing(g.tokens, tokens_of, number, t))
    return out


def in_subspaces(
    tokens: Tokens, raw: RawActivations, n_groups: int, k: int, seed: int, max_tokens: int = 8_000
) -> list[Placing]:
    """Groups of tokens near subspaces of the activations, each with the place of its tokens along it.

    Parameters
    ----------
    tokens, raw
        Numbered alike.
    n_groups, k
        As many groups as there are clusters, of as many dimensions.
    max_tokens
        Tokens used, evenly taken.
    """
    sample = np.unique(np.linspace(0, len(raw.token) - 1, min(max_tokens, len(raw.token))).round().astype(np.int64))
    rng = np.random.default_rng([seed, 12])
    x, token = raw.x[sample], raw.token[sample]
    label = subspaces(x, n_groups, k, rng).label
    out = []
    for number in range(n_groups):
        members = np.flatnonzero(label == number)
        if len(members) >= 60:
            t = coordinate_of(x[members], "place", k, rng)
            out.append(_placing(tokens, token[members], number, t))
    return out


def _placing(tokens: Tokens, token: NDArray[np.int64], number: int, t: NDArray[np.float64]) -> Placing:
    # blocks must be consecutive for the rotation
    order = np.argsort(tokens.block[token], kind="stable")
    token = token[order]
    return Placing(
        number, "direct", tokens.row[token], tokens.strand[token].astype(np.int64), tokens.block[token], t[order]
    )


class Subspaces(NamedTuple):
    """(n,) group of each point, and for each group its centre (d,) and orthonormal rows (k, d)."""

    label: NDArray[np.int64]
    centre: NDArray[np.float64]
    basis: NDArray[np.float64]


def _nearest(
    x: NDArray[np.float32], centre: NDArray[np.float64], basis: NDArray[np.float64], rows: int = 4096
) -> NDArray[np.int64]:
    """The affine subspace that each point is nearest to, (n,); some rows at a time, all subspaces by two products."""
    out = np.empty(len(x), np.int64)
    directions, shift = basis.reshape(-1, x.shape[1]).T, np.einsum("gkd,gd->gk", basis, centre)
    for first in range(0, len(x), rows):
        part = x[first : first + rows].astype(np.float64)
        # |x − c|² without |x|², which all subspaces have in common, less what lies along the subspace: Pythagoras
        off = (centre**2).sum(1) - 2 * part @ centre.T
        along = (part @ directions).reshape(len(part), *shift.shape) - shift
        out[first : first + rows] = (off - np.einsum("ngk,ngk->ng", along, along)).argmin(1)
    return out


def subspaces(x: NDArray[np.floating], n_groups: int, k: int, rng: np.random.Generator, sweeps: int = 8) -> Subspaces:
    """K-subspaces: points go to the affine subspace they are nearest to, subspaces to the points they have, in turn.

    References
    ----------
    Bradley and Mangasarian 2000, doi:10.1023/A:1008324625522; Vidal 2011, doi:10.1109/MSP.2010.939739.
    """
    x = np.asarray(x, np.float32)
    k = min(k, x.shape[1] - 1)
    means = KMeans(n_groups, n_init=2, max_iter=20, random_state=int(rng.integers(1 << 31))).fit(x)
    centre, label = means.cluster_centers_.copy(), means.labels_
    basis = np.zeros((n_groups, k, x.shape[1]))
    for _ in range(sweeps):
        for g in range(n_groups):
            members = x[label == g]
            # a group that lost its points begins again at random ones
            if len(members) <= k:
                members = x[rng.choice(len(x), min(len(x), 4 * (k + 1)), replace=False)]
            centre[g] = members.mean(0)
            values, vectors = np.linalg.eigh((members - centre[g]).T @ (members - centre[g]))
            basis[g] = vectors[:, np.argsort(-values, kind="stable")[:k]].T
        new = _nearest(x, centre.astype(np.float64), basis)
        if (new == label).all():
            break
        label = new
    return Subspaces(label.astype(np.int64), centre, basis)
