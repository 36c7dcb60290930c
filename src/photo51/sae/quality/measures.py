"""How good a dictionary is, on bases it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import scipy.sparse as sp
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from photo51 import theme
from photo51.io.contracts.sae import DENSITY, QUALITY
from photo51.io.origin import Origin
from photo51.sae.dictionary import Dictionary
from photo51.types import Strand

_COLOURS = {
    "pca": theme.colour("pca"),
    "neuron": theme.colour("neuron"),
    "sae": theme.colour("random_weights"),
    "random": theme.colour("random_direction"),
}
DENSE = 0.1  # a feature active on more bases than this says little about any of them


class HeldOutRows(Protocol):
    """Rows to measure on: `ActivationStore.rows`."""

    origin: Origin

    def chunks(self, size: int) -> Iterable[tuple[Strand, NDArray[np.int64], NDArray[np.float32]]]:
        """Strand, rows of the workspace and activations (n, d_model), every row once."""


Encode = Callable[[Strand, NDArray[np.int64], NDArray[np.float32]], sp.csr_matrix]
"""Codes (n, features) of rows (n,) of a strand with activations (n, d_model)."""


class Quality(NamedTuple):
    """What was measured.

    Attributes
    ----------
    rows
        Bases measured, both strands counted.
    variance_explained
        1 - squared error over squared distance from the mean, summed in float64.
    l0
        Active features per base.
    density, mean, max
        (features,) share of bases at which a feature is active, its mean code there, its largest code.
    """

    rows: int
    variance_explained: float
    l0: float
    density: NDArray[np.float64]
    mean: NDArray[np.float64]
    max: NDArray[np.float32]

    @property
    def dead(self) -> float:
        """Share of features never active."""
        return float((self.density == 0).mean())

    @property
    def dense(self) -> float:
        """Share of features active on more than `DENSE` of the bases."""
        return float((self.density > DENSE).mean())


def measure_quality(
    dictionary: Dictionary, held_out: HeldOutRows, size: int = 16_384, *, encode: Encode | None = None
) -> Quality:
    """Measure a dictionary.

    Parameters
    ----------
    dictionary
        What is measured.
    held_out
        Rows to measure on.
    size
        Bases held at a time.
    encode
        Gives the codes of rows, where they are stored already; they are computed if None.
    """
    n, error, square = 0, 0.0, 0.0
    total = np.zeros(dictionary.origin.d_model)
    count, weight = np.zeros(dictionary.n_features), np.zeros(dictionary.n_features)
    largest = np.zeros(dictionary.n_features, np.float32)
    for strand, rows, x in held_out.chunks(size):
        codes = dictionary.encode(x) if encode is None else encode(strand, rows, x)
        error += float(np.square(x - dictionary.decode(codes), dtype=np.float64).sum())
        square += float(np.square(x, dtype=np.float64).sum())
        total += x.sum(axis=0, dtype=np.float64)
        n += len(x)
        count += np.bincount(codes.indices, minlength=dictionary.n_features)
        weight += np.bincount(codes.indices, weights=codes.data, minlength=dictionary.n_features)
        np.maximum.at(largest, codes.indices, codes.data)
    # Σ‖x - mean‖² = Σ‖x‖² - ‖Σx‖² / n; in double precision, so that little cancels
    variance = square - float(np.square(total).sum()) / n
    return Quality(
        rows=n,
        variance_explained=1 - error / variance,
        l0=float(count.sum() / n),
        density=count / n,
        # features that are never active: 0, not 0 / 0
        mean=weight / np.maximum(count, 1),
        max=largest,
    )


def row(name: str, split: str, quality: Quality, **more: float | str) -> pd.DataFrame:
    """One row of the contract `QUALITY`."""
    values = {
        "dictionary": name,
        "split": split,
        "n_features": len(quality.density),
        "rows": quality.rows,
        "variance_explained": quality.variance_explained,
        "l0": quality.l0,
        "dead": quality.dead,
        "dense": quality.dense,
        **more,
    }
    return QUALITY.check(pd.DataFrame([values]))


def density_table(quality: Quality) -> pd.DataFrame:
    """Density and size of each feature (contract `DENSITY`)."""
    feature = np.arange(len(quality.density))
    return DENSITY.check(
        pd.DataFrame(
            {
                "feature": feature,
                "density": quality.density,
                "mean": quality.mean,
                "max": quality.max.astype(float),
            }
        )
    )


def quality_picture(table: pd.DataFrame, density: pd.DataFrame, training: pd.DataFrame | None = None) -> Figure:
    """Report of a dictionary: variance explained next to the baselines, densities, and how training went.

    Parameters
    ----------
    table
        Contract `QUALITY`; the first row is the dictionary.
    density
        Contract `DENSITY`.
    training
        Contract `TRAINING`, if it was trained here.
    """
    with theme.style():
        n = 2 + (training is not None)
        figure, axes = plt.subplots(
            1,
            n,
            figsize=(0.6 * theme.WIDTH_2 * (n - 0.6), max(2.6, 0.22 * len(table) + 0.9)),
            width_ratios=[1.4, 1, 1][:n],
            squeeze=False,
        )
        plot_explained(axes[0, 0], table)
        plot_density(axes[0, 1], density)
        if training is not None:
            plot_training(axes[0, 2], training)
    return figure


def plot_explained(ax: Axes, table: pd.DataFrame) -> Axes:
    """Bars of variance explained; the first row in the colour of a feature, baselines in theirs."""
    names = list(table["dictionary"])
    colours = [theme.colour("feature"), *(_COLOURS[name.split()[0]] for name in names[1:])]
    heights = np.arange(len(names))[::-1]
    # worse than the mean is drawn as nothing; the number next to the bar says how much
    ax.barh(heights, table["variance_explained"].clip(lower=0), color=colours, height=0.7)
    for y, value, l0 in zip(heights, table["variance_explained"], table["l0"], strict=True):
        ax.text(max(value, 0) + 0.01, y, f"{value:.3f} at {l0:.3g}", va="center", fontsize=6, color=theme.MUTED)
    ax.set(
        yticks=heights,
        yticklabels=names,
        xlim=(0, 1.45),
        xticks=[0, 0.5, 1],
        xlabel="variance explained (at codes per base)",
        title="Reconstruction\n",
    )
    return ax


def plot_density(ax: Axes, density: pd.DataFrame) -> Axes:
    """Histogram of the share of bases at which features are active."""
    alive = density["density"][density["density"] > 0]
    ax.hist(np.log10(alive), bins=40, color=theme.colour("feature"))
    ax.axvline(np.log10(DENSE), color=theme.colour("always_on"), linestyle="--", linewidth=1)
    dead = int((density["density"] == 0).sum())
    ax.set(
        xlabel="log10 share of bases where active",
        ylabel="features",
        title=f"Density\n{dead:,} of {len(density):,} never active",
    )
    return ax


def training_picture(training: pd.DataFrame) -> Figure:
    """How training went (contract `TRAINING`): reconstruction and dead features, active features, gradient and rate."""
    with theme.style():
        figure, axes = plt.subplots(1, 3, figsize=(theme.WIDTH_2, 2.2))
        plot_training(axes[0], training)
        _over_training(axes[1], training, "l0", "Active features per base")
        _over_training(axes[2], training, "gradient", "Norm of the gradient")
        axes[2].set_yscale("log")
    return figure


def plot_training(ax: Axes, training: pd.DataFrame) -> Axes:
    """Variance explained and dead share over training."""
    millions = training["tokens"] / 1e6
    ax.plot(
        millions,
        _smooth(training["variance_explained"]),
        color=theme.colour("feature"),
        label="variance explained",
    )
    ax.plot(millions, training["dead"], color=theme.colour("failed"), linestyle="--", label="dead features")
    ax.set(xlabel="training bases (million)", ylabel="share", ylim=(0, 1), title="Training\n")
    ax.legend(loc="center right")
    return ax


def _over_training(ax: Axes, training: pd.DataFrame, column: str, title: str) -> None:
    ax.plot(training["tokens"] / 1e6, _smooth(training[column]), color=theme.colour("feature"))
    ax.set(xlabel="training bases (million)", title=title)


def _smooth(values: pd.Series) -> pd.Series:
    # a hundredth of the steps: batches scatter more than training moves between two of them
    return values.rolling(max(1, len(values) // 100), min_periods=1).mean()
