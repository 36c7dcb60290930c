"""Baselines that an autoencoder is compared with: principal components, raw neurons, random directions.

All have the interface of a dictionary. Components and neurons have two signs, codes have none: each gives two
features, one for either side, so that their features can be tested as an autoencoder's are. With `k` a base keeps only
its k largest codes, with a threshold those above it, as many as there are. The autoencoder of a model with random
weights is an autoencoder trained on that model's activations.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51.io.origin import Origin
from photo51.sae.dictionary import Dictionary, SparseAutoencoder
from photo51.sae.engine.encoder import Encoder, to_csr
from photo51.sae.engine.lanes import pad
from photo51.sae.rules import Gate
from photo51.sae.training.train import ActivationSource
from photo51.sae.training.weights import check_activations


def _limit(codes: NDArray[np.floating], l0: float) -> float:
    """What `l0` of the codes of each row (rows, features) exceed on average: between the last that is kept and the
    first that is not.
    """
    n = min(codes.size - 1, max(1, round(l0 * len(codes))))
    largest = -np.partition(-codes.ravel(), (n - 1, n))[n - 1 : n + 1]
    return float(largest.mean(dtype=np.float64))


class TwoSided(Dictionary):
    """Codes are the positive and the negative parts of coordinates in an orthonormal basis: features 2i and 2i + 1.

    Parameters
    ----------
    basis
        (components, d_model), orthonormal rows.
    offset
        (d_model,) centre.
    k
        Codes a base keeps, the largest; all if None.
    origin, card
        See `Dictionary`.
    threshold
        Codes must be larger, of every feature.
    """

    def __init__(
        self,
        basis: NDArray[np.float32],
        offset: NDArray[np.float32],
        k: int | None,
        origin: Origin,
        card: dict[str, Any] | None = None,
        *,
        threshold: float = 0.0,
    ):
        super().__init__(origin, card)
        self.basis, self._offset, self.k, self.threshold = basis, offset, k, threshold
        self._decoder = np.repeat(basis, 2, axis=0)
        # features 2i and 2i + 1 decode to opposite sides of coordinate i
        self._decoder[1::2] *= -1

    @property
    def decoder(self) -> NDArray[np.float32]:
        """(2 · components, d_model)."""
        return self._decoder

    @property
    def offset(self) -> NDArray[np.float32]:
        """(d_model,)."""
        return self._offset

    @cached_property
    def _encoder(self) -> Encoder:
        return Encoder(pad(self._decoder), np.zeros(self.n_features, np.float32))

    def _codes(self, x: NDArray[np.float32]) -> sp.csr_matrix:
        centred = pad(x - self._offset)
        # at most one of the two sides of a coordinate is positive, so that as many codes as coordinates are all
        if self.k is not None and self.k < len(self.basis):
            return to_csr(self._encoder.top_k(centred, self.k), self.n_features)
        limit = np.full(self.n_features, self.threshold, np.float32)
        # above 0: the positive part of each side
        return to_csr(self._encoder.above(centred, limit, len(self.basis)), self.n_features)

    def thresholded(self, x: NDArray[np.float32], l0: float) -> Self:
        """The same with the one threshold at which the rows `x` (n, d_model) have `l0` codes on average."""
        limit = _limit(np.abs((x - self._offset) @ self.basis.T), l0)
        return type(self)(self.basis, self._offset, None, self.origin, self.card, threshold=limit)

    def arrays(self) -> dict[str, NDArray]:
        """Basis, centre, k (0 for all), and the threshold where there is one."""
        limit = {"threshold": np.array(self.threshold, np.float64)} if self.threshold else {}
        return {"basis": self.basis, "offset": self._offset, "k": np.array(self.k or 0, np.int64), **limit}

    @classmethod
    def of(cls, arrays: dict[str, NDArray], origin: Origin, card: dict[str, Any]) -> TwoSided:
        """From what `arrays` gave."""
        limit = float(arrays.get("threshold", 0.0))
        return cls(arrays["basis"], arrays["offset"], int(arrays["k"]) or None, origin, card, threshold=limit)


class PCA(TwoSided):
    """Principal components."""

    kind = "pca"

    @classmethod
    def fit(
        cls, source: ActivationSource, n_components: int | None = None, *, k: int | None = None, rows: int = 200_000
    ) -> PCA:
        """Components of a sample.

        Parameters
        ----------
        source
            Activations to learn from.
        n_components
            Components kept, the largest; all if None.
        k
            Codes a base keeps; all if None.
        rows
            Size of the sample.
        """
        x = source.sample(rows)
        check_activations(x, source.origin)
        mean = x.mean(axis=0, dtype=np.float64)
        n, d = x.shape
        covariance = np.zeros((d, d))
        # in double precision and in parts: x may be several gigabytes
        for a in range(0, n, 16_384):
            part = x[a : a + 16_384] - mean
            covariance += part.T @ part
        variance, vectors = np.linalg.eigh(covariance / n)
        # eigenvalues ascend; the first component is to be the largest
        basis = vectors[:, ::-1].T[: n_components or d]
        card = {"variance": (variance[::-1][: len(basis)] / variance.sum()).tolist()}
        return cls(basis.astype(np.float32), mean.astype(np.float32), k, source.origin, card)


class Neurons(TwoSided):
    """The model's own coordinates, centred."""

    kind = "neurons"

    @classmethod
    def fit(cls, source: ActivationSource, *, k: int | None = None, rows: int = 200_000) -> Neurons:
        """Coordinates centred on the mean of a sample of `rows`; a base keeps its `k` largest, or all."""
        x = source.sample(rows)
        check_activations(x, source.origin)
        mean = x.mean(axis=0, dtype=np.float64).astype(np.float32)
        return cls(np.eye(x.shape[1], dtype=np.float32), mean, k, source.origin)


class RandomDictionary(SparseAutoencoder):
    """An autoencoder that was never trained: random directions, encoder the decoder's transpose, the k largest
    codes.
    """

    kind = "random"

    @classmethod
    def fit(
        cls, source: ActivationSource, n_features: int, k: int, *, seed: int = 0, rows: int = 32_768
    ) -> RandomDictionary:
        """Directions drawn at random; centre and length of the codes from a sample of `rows`."""
        x = source.sample(rows)
        check_activations(x, source.origin)
        # a stream of its own: seeds of training begin with other numbers
        rng = np.random.default_rng([seed, 7])
        decoder = rng.standard_normal((n_features, x.shape[1]), dtype=np.float32)
        decoder /= np.linalg.norm(decoder, axis=1, keepdims=True)
        centre = x.mean(axis=0, dtype=np.float64).astype(np.float32)
        weights = {
            "encoder": decoder,
            "decoder": decoder,
            "bias": np.zeros(n_features, np.float32),
            "centre": centre,
            "offset": centre,
        }
        rough = cls(weights, Gate(k=k), source.origin)
        x_hat = rough.decode(rough.encode(x)) - centre
        # argmin over s of ‖x - s x̂‖²: s = x·x̂ / x̂·x̂
        length = np.float32(np.vdot(x - centre, x_hat) / np.vdot(x_hat, x_hat))
        return cls({**weights, "encoder": decoder * length}, Gate(k=k), source.origin)

    def thresholded(self, x: NDArray[np.float32], l0: float) -> RandomDictionary:
        """The same with the one threshold at which the rows `x` (n, d_model) have `l0` codes on average, and codes as
        long as reconstruct best.
        """
        encoder, centre = self.encoder, self.centre
        limit = max(0.0, _limit((x - centre) @ encoder.T, l0))
        gate = Gate(threshold=np.full(self.n_features, limit, np.float32))
        weights = {n: getattr(self, n) for n in ("encoder", "decoder", "bias", "centre", "offset")}
        rough = type(self)(weights, gate, self.origin)
        x_hat = rough.decode(rough.encode(x)) - centre
        length = np.float32(np.vdot(x - centre, x_hat) / max(float(np.vdot(x_hat, x_hat)), 1e-30))
        gate = Gate(threshold=np.full(self.n_features, limit * length, np.float32))
        return type(self)({**weights, "encoder": encoder * length}, gate, self.origin)
