"""Weights of an autoencoder while it learns, and how it begins."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from photo51.config.sae import SaeParams
from photo51.io.origin import Origin
from photo51.sae.engine.lanes import pad, padded
from photo51.types import InputError


@dataclass(eq=False)
class Weights:
    """An autoencoder, latent by latent, rows padded with zeros.

    `pre = (x·scale − offset) @ encoder.T + bias`, `x̂·scale = codes @ decoder + offset`; rows of the decoder have
    length one.

    Attributes
    ----------
    encoder, decoder
        (features, width).
    bias
        (features,).
    offset
        (width,) pre-bias.
    """

    encoder: NDArray[np.float32]
    decoder: NDArray[np.float32]
    bias: NDArray[np.float32]
    offset: NDArray[np.float32]

    def arrays(self) -> dict[str, NDArray]:
        """Name → array."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def copy(self) -> Weights:
        """The same numbers in other arrays."""
        return Weights(**{name: a.copy() for name, a in self.arrays().items()})


@dataclass(frozen=True)
class ActivationUnits:
    """What a sample says of the activations.

    Attributes
    ----------
    scale
        Power of two by which activations are multiplied while training, so that their distance from the pre-bias has
        about one unit per dimension; being a power of two it can be taken out again without rounding.
    variance
        Mean squared distance of scaled activations from their mean.
    """

    scale: float
    variance: float


def begin(sample: NDArray[np.float32], params: SaeParams, origin: Origin) -> tuple[Weights, ActivationUnits]:
    """Weights before the first step.

    Decoder rows are random directions, the encoder is the decoder's transpose, the pre-bias is the centre of the
    sample.

    Parameters
    ----------
    sample
        (tokens, d_model) activations.
    params
        Width, pre-bias and seed.
    origin
        Named in messages.

    Raises
    ------
    InputError
        For activations that are not finite, and for dimensions that never change, which no dictionary can explain.
    """
    check_activations(sample, origin)
    centre = first_pre_bias(sample, params)
    # mean squared distance from the centre, summed over dimensions
    distance = np.square(sample - centre).sum(axis=1, dtype=np.float64).mean()
    # √(d / distance) brings it to one a dimension; rounded to a power of two, so that it is exact to undo
    scale = float(2.0 ** np.round(0.5 * np.log2(sample.shape[1] / distance)))
    variance = float(sample.var(axis=0, dtype=np.float64).sum() * scale**2)
    rng = np.random.default_rng([params.seed, 0])
    directions = rng.standard_normal((params.n_features, sample.shape[1]), dtype=np.float32)
    decoder = pad(directions / np.linalg.norm(directions, axis=1, keepdims=True))
    weights = Weights(
        encoder=decoder.copy(),
        decoder=decoder,
        bias=np.zeros(params.n_features, np.float32),
        offset=pad(centre[None] * np.float32(scale))[0],
    )
    return weights, ActivationUnits(scale, variance)


def first_pre_bias(sample: NDArray[np.float32], params: SaeParams) -> NDArray[np.float32]:
    """Centre (d_model,) of a sample (rows, d_model), by the rule of the parameters."""
    return geometric_median(sample) if params.pre_bias == "geometric_median" else sample.mean(axis=0)


def check_activations(sample: NDArray[np.float32], origin: Origin) -> None:
    """Refuse activations that no dictionary can learn from."""
    if len(sample) < 2:
        raise InputError(f"activations of {origin}: need at least two rows, got {len(sample)}")
    if not np.isfinite(sample).all():
        bad = np.unique(np.argwhere(~np.isfinite(sample))[:, 1])
        raise InputError(f"activations of {origin}: need finite numbers, got others in dimensions {_few(bad)}")
    # a dimension that is constant has no variance to explain, and hides a reader that went wrong
    constant = np.flatnonzero(sample.max(axis=0) == sample.min(axis=0))
    if len(constant):
        raise InputError(
            f"activations of {origin}: need dimensions that vary, got {len(constant)} constant over {len(sample):,}"
            f" rows: {_few(constant)}"
        )


def _few(numbers: NDArray[np.integer]) -> str:
    return ", ".join(map(str, numbers[:8])) + (" …" if len(numbers) > 8 else "")


def geometric_median(x: NDArray[np.float32], steps: int = 50, rows: int = 8_192) -> NDArray[np.float32]:
    """Point with the least sum of distances to rows, by Weiszfeld's iteration (Tohoku Math. J. 43, 355, 1937).

    Unlike the mean it does not follow a few rows that lie far out.

    Parameters
    ----------
    x
        (tokens, d_model).
    steps
        Iterations at most.
    rows
        Rows used at most, from the beginning.
    """
    x = x[:rows].astype(np.float64)
    centre = x.mean(axis=0)
    for _ in range(steps):
        # weights of Weiszfeld: 1 / distance; the floor is for a centre that meets a row
        weight = 1 / np.maximum(np.linalg.norm(x - centre, axis=1), 1e-12)
        moved = weight @ x / weight.sum()
        # relative to how far rows lie: activations have no natural unit
        done = np.linalg.norm(moved - centre) <= 1e-6 * np.linalg.norm(x - moved, axis=1).mean()
        centre = moved
        if done:
            break
    return centre.astype(np.float32)


def zeros_like(weights: Weights) -> Weights:
    """Zeros in the same shapes."""
    return Weights(**{name: np.zeros_like(a) for name, a in weights.arrays().items()})


def width(d_model: int) -> int:
    """Padded width of rows."""
    return padded(d_model)
