"""Worlds with known manifolds: activations in R^d whose shapes, coordinates and co-occurrence are planted.

A token's activation is the sum of the sources present in it, plus noise. A source is a manifold (a point on a circle, a
rippled circle, a sphere, a torus, an interval or a tree, added to an offset, times a magnitude) or an isolated direction.
Five scenarios say which sources occur together; `run_length` makes everything persist along the sequence, as it does in DNA.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SCENARIOS = ("independent", "correlated", "gated", "null", "bundle")
ZOO = ("circle",) * 3 + ("rippled circle",) * 2 + ("sphere", "torus") + ("interval",) * 2 + ("tree",)


class Kind(NamedTuple):
    """What is true of a kind of manifold: intrinsic dimension, Betti numbers b0 b1 b2, size of its coordinate."""

    dimension: int
    betti: tuple[int, int, int]
    n_coordinates: int


KINDS = {
    "circle": Kind(1, (1, 1, 0), 1),
    "rippled circle": Kind(1, (1, 1, 0), 1),
    "sphere": Kind(2, (1, 0, 1), 3),
    "torus": Kind(2, (1, 2, 1), 2),
    "interval": Kind(1, (1, 0, 0), 1),
    "tree": Kind(1, (1, 0, 0), 2),
}
_PATHS = ((0,), (0, 1), (0, 2), (0, 1, 3), (0, 1, 4), (0, 2, 5), (0, 2, 6))


def draw(kind: str, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Coordinates of n points, uniform on the manifold, (n, n_coordinates).

    Angles in radians, the interval in [0, 1], the sphere as unit vectors, the tree as (edge 0–6, fraction along it).
    """
    if kind in {"circle", "rippled circle"}:
        return rng.uniform(0, 2 * np.pi, (n, 1))
    if kind == "torus":
        return rng.uniform(0, 2 * np.pi, (n, 2))
    if kind == "sphere":
        g = rng.standard_normal((n, 3))
        return g / np.linalg.norm(g, axis=1, keepdims=True)
    if kind == "interval":
        return rng.uniform(0, 1, (n, 1))
    if kind == "tree":
        return np.column_stack([rng.integers(0, len(_PATHS), n), rng.uniform(0, 1, n)])
    raise ValueError(f"kind: need one of {sorted(KINDS)}, got {kind!r}")


def chart(kind: str, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points of the manifold in its own span, root mean square norm 1, (n, span)."""
    t = coordinates[:, 0]
    if kind == "circle":
        return np.column_stack([np.cos(t), np.sin(t)])
    if kind == "rippled circle":
        weight = np.array([1.0, 0.7, 0.5]) / np.sqrt(1.0 + 0.49 + 0.25)
        return np.column_stack([w * f(m * t) for m, w in enumerate(weight, start=1) for f in (np.cos, np.sin)])
    if kind == "sphere":
        return coordinates
    if kind == "torus":
        s = coordinates[:, 1]
        return np.column_stack([np.cos(t), np.sin(t), np.cos(s), np.sin(s)]) / np.sqrt(2)
    if kind == "interval":
        return np.column_stack([np.cos(m * np.pi * t) for m in range(1, 5)]) / np.sqrt(2)
    return _tree(t.astype(np.int64), coordinates[:, 1])


def _tree(edge: NDArray[np.int64], along: NDArray[np.float64]) -> NDArray[np.float64]:
    """A binary tree of seven edges, each in a direction of its own: the point is the sum of the path from the root."""
    full = np.zeros((len(_PATHS), len(_PATHS)))
    for e, path in enumerate(_PATHS):
        full[e, list(path[:-1])] = 1.0
    y = full[edge]
    y[np.arange(len(edge)), edge] += along
    second_moment = (full**2).sum(1) + 1 / 3
    mean = full.mean(0) + 0.5 / len(_PATHS)
    return (y - mean) / np.sqrt(second_moment.mean() - (mean**2).sum())


@dataclass(frozen=True)
class Source:
    """Something that can be present in a token.

    Attributes
    ----------
    kind
        A key of `KINDS`, or `direction`.
    frame
        (span + 1, d) orthonormal rows: the offset, then the span of the chart; (1, d) for a direction.
    presence
        Share of tokens it is present in.
    """

    kind: str
    frame: NDArray[np.float64]
    presence: float

    def points(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points in R^d at magnitude 1, (n, d)."""
        if self.kind == "direction":
            return np.repeat(self.frame, len(coordinates), axis=0)
        return self.frame[0] + chart(self.kind, coordinates) @ self.frame[1:]

    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Coordinates of n points, (n, n_coordinates); a direction has none."""
        return np.zeros((n, 0)) if self.kind == "direction" else draw(self.kind, n, rng)


@dataclass(frozen=True)
class World:
    """Sources and the rule by which they occur together.

    Attributes
    ----------
    scenario
        `independent`; `correlated` (three pairs of manifolds occur together); `gated` (a hidden context of four states
        decides what may occur: coding, intergenic, …); `null` (isolated directions only); `bundle` (groups of
        independent directions that switch on together: a module, no manifold).
    run_length
        Mean number of tokens a state lasts; 1 is independent tokens.
    """

    scenario: str
    sources: tuple[Source, ...]
    noise: float
    run_length: float
    groups: NDArray[np.int64]
    allowed: NDArray[np.bool_]

    @property
    def d_model(self) -> int:
        """Dimension of the activations."""
        return int(self.sources[0].frame.shape[1])

    @property
    def manifolds(self) -> list[int]:
        """Which sources are manifolds."""
        return [i for i, s in enumerate(self.sources) if s.kind != "direction"]


class Sample(NamedTuple):
    """Tokens of a world.

    Attributes
    ----------
    x
        (n, d) float32 activations.
    presence
        (n, sources) which sources are in a token.
    magnitude
        (n, sources) what their points are multiplied by.
    coordinates
        For each source (n, n_coordinates), meaningful where it is present.
    """

    x: NDArray[np.float32]
    presence: NDArray[np.bool_]
    magnitude: NDArray[np.float32]
    coordinates: list[NDArray[np.float64]]


def world(
    scenario: str, d_model: int, rng: np.random.Generator, *, noise: float = 0.03, run_length: float = 1.0
) -> World:
    """Draw a world: ten manifolds and 30 directions, or 80 directions (`null`), or 10 bundles of 6 and 20 (`bundle`).

    Raises
    ------
    ValueError
        For a scenario that is not one of `SCENARIOS`.
    """
    if scenario not in SCENARIOS:
        raise ValueError(f"scenario: need one of {SCENARIOS}, got {scenario!r}")
    kinds = () if scenario in {"null", "bundle"} else ZOO
    n_directions = 30 if kinds else 80
    sources = [Source(k, _frame(k, d_model, rng), float(rng.uniform(0.12, 0.25))) for k in kinds]
    sources += [Source("direction", _frame("direction", d_model, rng), 0.05) for _ in range(n_directions)]
    groups = np.arange(len(sources))
    if scenario == "correlated":
        for a, b in rng.permutation(len(kinds))[:6].reshape(3, 2):
            groups[b] = a
    if scenario == "bundle":
        groups[:60] = np.repeat(np.arange(10) * 6, 6)
        rate = np.repeat(rng.uniform(0.12, 0.25, 10), 6)
        sources[:60] = [Source("direction", s.frame, float(r)) for s, r in zip(sources[:60], rate, strict=True)]
    allowed = np.ones((4, len(sources)), dtype=bool)
    if scenario == "gated":
        allowed = rng.random((4, len(sources))) < 0.5
        allowed[rng.integers(0, 4, len(sources)), np.arange(len(sources))] = True
    return World(scenario, tuple(sources), noise, run_length, groups, allowed)


def _frame(kind: str, d: int, rng: np.random.Generator) -> NDArray[np.float64]:
    span = 0 if kind == "direction" else chart(kind, draw(kind, 1, rng)).shape[1]
    return np.linalg.qr(rng.standard_normal((d, span + 1)))[0].T


def sample(w: World, n: int, rng: np.random.Generator) -> Sample:
    """Draw n tokens in sequence order."""
    presence = _presence(w, n, rng)
    magnitude = np.where(presence, rng.uniform(0.8, 1.2, presence.shape), 0).astype(np.float32)
    x = (w.noise * rng.standard_normal((n, w.d_model))).astype(np.float32)
    coordinates = []
    for i, source in enumerate(w.sources):
        u = _held(source.draw(n, rng), _renewals(n, w.run_length, rng))
        here = np.flatnonzero(presence[:, i])
        x[here] += magnitude[here, i, None] * source.points(u[here]).astype(np.float32)
        coordinates.append(u)
    return Sample(x, presence, magnitude, coordinates)


def contribution(w: World, tokens: Sample, source: int) -> NDArray[np.float32]:
    """What one source adds to each token, (n, d)."""
    out = np.zeros_like(tokens.x)
    here = np.flatnonzero(tokens.presence[:, source])
    points = w.sources[source].points(tokens.coordinates[source][here])
    out[here] = tokens.magnitude[here, source, None] * points
    return out


def _presence(w: World, n: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    rate = np.array([s.presence for s in w.sources])
    context = _held(rng.integers(0, 4, (n, 1)), _renewals(n, 4 * w.run_length, rng))[:, 0]
    within = np.minimum(0.8, rate / w.allowed.mean(0))
    out = np.empty((n, len(w.sources)), dtype=bool)
    for i in range(len(w.sources)):
        out[:, i] = _held(rng.random((n, 1)), _renewals(n, w.run_length, rng))[:, 0] < within[i]
    out &= w.allowed[context]
    followers = np.flatnonzero(w.groups != np.arange(len(w.groups)))
    if w.scenario == "correlated":
        for b in followers:
            copies = _held(rng.random((n, 1)), _renewals(n, w.run_length, rng))[:, 0] < 0.8
            out[:, b] = np.where(copies, out[:, w.groups[b]], out[:, b])
    if w.scenario == "bundle":
        lead = out[:, w.groups].copy()
        member = np.isin(w.groups, w.groups[followers])
        out = np.where(member, lead & (rng.random(out.shape) < 0.6), out)
    return out


def _renewals(n: int, run_length: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """For each token the token at which its state was drawn last; states last a geometric number of tokens."""
    if run_length <= 1:
        return np.arange(n)
    fresh = rng.random(n) < 1 / run_length
    fresh[0] = True
    return np.maximum.accumulate(np.where(fresh, np.arange(n), 0))


def _held(values: NDArray, since: NDArray[np.int64]) -> NDArray:
    return values[since]


class Truth(NamedTuple):
    """What each feature of a dictionary is.

    Attributes
    ----------
    source
        (features,) source that holds most of the decoder's energy; −1 where none holds `least`, or the feature is junk.
    energy
        (features,) share of the decoder's energy in that source's frame.
    """

    source: NDArray[np.int64]
    energy: NDArray[np.float64]


def truth(w: World, decoder: NDArray[np.floating], least: float = 0.6) -> Truth:
    """Which source a decoder row belongs to: the one whose frame holds at least `least` of its squared norm.

    A wider frame holds more of a random direction (dimension/d), so shares are compared after that is taken off.
    """
    unit = decoder / np.maximum(np.linalg.norm(decoder, axis=1, keepdims=True), 1e-12)
    energy = np.stack([((unit @ s.frame.T) ** 2).sum(1) for s in w.sources], axis=1)
    chance = np.array([len(s.frame) / w.d_model for s in w.sources])
    best = np.argmax((energy - chance) / (1 - chance), axis=1)
    share = energy[np.arange(len(unit)), best]
    return Truth(np.where(share >= least, best, -1).astype(np.int64), share)
