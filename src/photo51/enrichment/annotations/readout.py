"""Anything that says something at every base of both strands: dictionary features, neurons, components, k-mers, probes.

One shape for all of them, so that every metric and every test is computed by the same code: a sparse matrix on the
doubled axis (row i of strand + is i, of strand - is n_rows + i), one column a unit, values positive. What is dense
(neurons, components, probes) is cut first: each sign is a unit of its own, and counts as active at the share of bases
where it is strongest. That gives a neuron two chances, and a threshold as low as a feature's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51.enrichment.annotations.composition import K, kmer_codes
from photo51.stats.quantiles import quantile_of_sorted
from photo51.types import STRANDS, Strand


class Columns(Protocol):
    """A store of codes, as far as a readout needs it (`photo51.codes.CodesStore` is one)."""

    n_rows: int
    n_features: int

    def features(self, ids: NDArray[np.int64], strand: Strand) -> sp.csc_matrix:
        """Columns over all rows of a strand, (n_rows, len(ids))."""


@dataclass(frozen=True)
class Readout:
    """Units read at every base.

    Attributes
    ----------
    name
        What they are: sae, neurons, pca, random_sae, kmer, linear_probe, …
    units
        Name of each column.
    matrix
        Positive activations on the doubled axis, (2 * n_rows, n_units), rows of a column ascending.
    ids
        Number of each column where it comes from, (n_units,).
    """

    name: str
    units: tuple[str, ...]
    matrix: sp.csc_array
    ids: NDArray[np.int64]

    def chunks(self, size: int) -> Iterator[Readout]:
        """The readout, `size` columns at a time."""
        for first in range(0, len(self.units), size):
            chunk = slice(first, min(first + size, len(self.units)))
            yield Readout(self.name, self.units[chunk], self.matrix[:, chunk], self.ids[chunk])


def stack(plus: sp.spmatrix, minus: sp.spmatrix) -> sp.csc_array:
    """Codes of both strands on the doubled axis, columns with ascending rows and no stored zeros."""
    both = sp.csc_array(sp.vstack([plus, minus], format="csc"))
    both.eliminate_zeros()
    both.sort_indices()
    return both


def codes_readout(store: Columns, ids: Sequence[int] | NDArray[np.integer], name: str = "sae") -> Readout:
    """Some features of a store of codes."""
    numbers = np.asarray(ids, dtype=np.int64)
    plus, minus = (store.features(numbers, s) for s in STRANDS)
    return Readout(name, tuple(f"f{i}" for i in numbers), stack(plus, minus), numbers)


def read_in_chunks(store: Columns, size: int, ids: Iterable[int] | None = None, name: str = "sae") -> Iterator[Readout]:
    """The features of a store of codes, `size` at a time."""
    numbers = np.arange(store.n_features) if ids is None else np.asarray(list(ids), dtype=np.int64)
    for first in range(0, len(numbers), size):
        yield codes_readout(store, numbers[first : first + size], name)


_ROWS = 1 << 16  # rows at once
_CHANNELS = 16  # channels at once: of float32 a cache line


def dense_readout(
    plus: NDArray[np.floating],
    minus: NDArray[np.floating],
    *,
    name: str,
    prefix: str,
    share: float,
    fit: NDArray[np.bool_] | None = None,
) -> Readout:
    """Both signs of dense channels, each active at the `share` of bases where it is strongest.

    Parameters
    ----------
    plus, minus
        Channels on either strand, (n_rows, channels).
    name, prefix
        Name of the readout, and what unit names begin with: channel 3 gives `n3+` and `n3-`.
    share
        Share of (base, strand) pairs at which a unit is active.
    fit
        Rows that decide centre and cut, (n_rows,); all by default. Test rows must not.

    Returns
    -------
    Units 2c (above the median of channel c) and 2c + 1 (below it); values are distances beyond the cut, so that zero is
    the cut itself.
    """
    rows = slice(None) if fit is None else np.tile(fit, 2)
    columns = []
    for first in range(0, plus.shape[1], _CHANNELS):
        group = slice(first, first + _CHANNELS)
        # laid channel by channel, since one channel of rows is a number out of every cache line
        for channel in np.concatenate([plus[:, group], minus[:, group]]).astype(np.float32).T.copy():
            # one order serves median and both tails: subtraction keeps it
            ordered = np.sort(channel[rows])
            centre = ordered[(len(ordered) - 1) // 2 : len(ordered) // 2 + 1].mean()
            ordered -= centre
            values = channel - centre
            for sign in (1, -1):
                # what is far below the median is a unit of its own
                cut = quantile_of_sorted(ordered if sign == 1 else -ordered[::-1], 1 - share)
                distance = sign * values
                # a cut at or below 0: many values equal the median; active is then what is beyond it
                beyond = np.maximum(distance - cut, 0) if cut > 0 else np.maximum(distance, 0)
                active = np.flatnonzero(beyond)
                columns.append((active, beyond[active]))
    units = tuple(f"{prefix}{c}{sign}" for c in range(plus.shape[1]) for sign in "+-")
    return Readout(name, units, _from_columns(columns, 2 * len(plus)), np.arange(len(units)))


def _from_columns(columns: list[tuple[NDArray, NDArray]], n: int) -> sp.csc_array:
    bounds = np.concatenate([[0], np.cumsum([len(rows) for rows, _ in columns])])
    rows = np.concatenate([r for r, _ in columns]) if columns else np.zeros(0, dtype=np.int64)
    values = np.concatenate([v for _, v in columns]) if columns else np.zeros(0, dtype=np.float32)
    return sp.csc_array((values.astype(np.float32), rows.astype(np.int64), bounds), shape=(n, len(columns)))


class Scatter(NamedTuple):
    """Rows `fit` of both strands: their mean, (channels,), and the scatter about it, (channels, channels)."""

    fit: NDArray[np.bool_]
    centre: NDArray[np.float64]
    gram: NDArray[np.float64]


def scatter(plus: NDArray[np.floating], minus: NDArray[np.floating], fit: NDArray[np.bool_]) -> Scatter:
    """What components and probes of channels, (n_rows, channels) on either strand, both begin with."""
    rows = np.flatnonzero(fit)
    centre = sum(x[rows].sum(axis=0, dtype=np.float64) for x in (plus, minus)) / max(2 * len(rows), 1)
    gram = np.zeros((plus.shape[1], plus.shape[1]))
    for _, centred in _centred_parts(plus, minus, rows, centre):
        gram += centred.T @ centred
    return Scatter(fit, centre, gram)


def _centred_parts(
    plus: NDArray[np.floating], minus: NDArray[np.floating], rows: NDArray[np.int64], centre: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Doubled-axis rows and centred channels there, some rows at a time."""
    for x, offset in ((plus, 0), (minus, len(plus))):
        for a in range(0, len(rows), _ROWS):
            part = rows[a : a + _ROWS]
            yield offset + part, x[part].astype(np.float64) - centre


def principal_components(
    plus: NDArray[np.floating], minus: NDArray[np.floating], n: int, learnt: Scatter
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Scores of the first `n` principal components of channels."""
    _, vectors = np.linalg.eigh(learnt.gram)
    # eigh gives ascending eigenvalues
    directions = vectors[:, ::-1][:, :n]
    return _projected(plus, learnt.centre, directions), _projected(minus, learnt.centre, directions)


def linear_probes(
    plus: NDArray[np.floating],
    minus: NDArray[np.floating],
    masks: NDArray[np.bool_],
    learnt: Scatter,
    ridge: float = 1e-3,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One linear probe for each mask: ridge regression of the mask on all channels, both strands, learnt on the rows of
    a scatter.

    Parameters
    ----------
    plus, minus
        Channels on either strand, (n_rows, channels).
    masks
        Oriented masks on the doubled axis, (n_masks, 2 * n_rows).
    learnt
        Rows it learns from, and their scatter.
    ridge
        Penalty relative to the mean variance of the channels.

    Returns
    -------
    Scores on strand + and -, (n_rows, n_masks).
    """
    gram, crossed = learnt.gram.copy(), np.zeros((plus.shape[1], len(masks)))
    for rows, centred in _centred_parts(plus, minus, np.flatnonzero(learnt.fit), learnt.centre):
        crossed += centred.T @ masks[:, rows].T.astype(np.float64)
    # relative to the mean diagonal, so that it means the same whatever the channels' scale
    gram[np.diag_indices_from(gram)] += ridge * np.trace(gram) / len(gram)
    weights = np.linalg.solve(gram, crossed)
    return _projected(plus, learnt.centre, weights), _projected(minus, learnt.centre, weights)


def _projected(
    x: NDArray[np.floating], centre: NDArray[np.float64], directions: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Centred rows on some directions, by chunks of rows."""
    out = np.empty((len(x), directions.shape[1]), np.float32)
    for a in range(0, len(x), _ROWS):
        out[a : a + _ROWS] = (x[a : a + _ROWS] - centre) @ directions
    return out


def kmer_readout(bases: NDArray[np.integer], bounds: NDArray[np.integer], k: int = K) -> Readout:
    """One unit for each k-mer: active where it ends, in reading direction."""
    codes = kmer_codes(bases, bounds, k)
    unambiguous = np.flatnonzero(codes < 4**k)
    # by k-mer, rows ascending within: columns of the matrix
    order = unambiguous[np.argsort(codes[unambiguous], kind="stable")]
    counts = np.bincount(codes[unambiguous], minlength=4**k)
    matrix = sp.csc_array(
        (np.ones(len(order), dtype=np.float32), order, np.concatenate([[0], np.cumsum(counts)])),
        shape=(len(codes), 4**k),
    )
    return Readout("kmer", tuple(_word(i, k) for i in range(4**k)), matrix, np.arange(4**k))


def _word(code: int, k: int) -> str:
    # two bits a base, the first base highest
    return "".join("ACGT"[code >> (2 * (k - 1 - j)) & 3] for j in range(k))
