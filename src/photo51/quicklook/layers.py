"""Which block to read? Each block's output through a small dictionary, linear probes, burn-in and a clock."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from photo51.activations.burn_in import burn_in
from photo51.activations.extract import cores
from photo51.config.model import ActivationParams, BurnInParams
from photo51.config.quicklook import LayersParams
from photo51.config.sae import SaeParams
from photo51.enrichment.annotations.classes import AnnotationClass
from photo51.enrichment.annotations.inputs import Inputs
from photo51.features.fidelity import recovered, splice
from photo51.genome.axis.genomes import Genomes, core_rows
from photo51.io.contracts.quicklook import LAYERS
from photo51.io.origin import Origin
from photo51.model.families.adapters import DnaModel
from photo51.progress import progress
from photo51.sae.training.train import fit
from photo51.types import InputError

log = logging.getLogger(__name__)


class LayerRows(NamedTuple):
    """Bases that were read, on the strand-concatenated axis.

    Attributes
    ----------
    rows
        (n,) row, plus the number of rows on strand `-`.
    x
        Site → (n, d_model) activations.
    """

    rows: NDArray[np.int64]
    x: dict[str, NDArray[np.float32]]


class _Memory:
    """Rows in memory, as a dictionary learns from them."""

    def __init__(self, x: NDArray[np.float32], origin: Origin, seed: int):
        self.x, self.origin, self.seed = x, origin, seed

    def batches(self, size: int, *, start: int = 0) -> Iterator[NDArray[np.float32]]:
        """Endless batches, one epoch after the other, each shuffled anew."""
        order = np.zeros(0, dtype=np.int64)
        epoch = 0
        while True:
            while len(order) < size:
                order = np.concatenate([order, np.random.default_rng([self.seed, epoch]).permutation(len(self.x))])
                epoch += 1
            chosen, order = order[:size], order[size:]
            if start:
                start -= 1
                continue
            yield self.x[chosen]

    def sample(self, n: int, *, seed: int = 0) -> NDArray[np.float32]:
        """Distinct random rows, at most as many as there are."""
        rng = np.random.default_rng([self.seed, seed, 7])
        return self.x[rng.choice(len(self.x), min(n, len(self.x)), replace=False)]


def layers(model: DnaModel, genomes: Genomes, params: LayersParams) -> pd.DataFrame:
    """Compare the outputs of all blocks (contract `LAYERS`).

    Parameters
    ----------
    model
        A causal model.
    genomes
        Prepared genomes with annotations: blocks of split `train` are learned from, those of `select` are held out,
        since a block is chosen here; of those of `test` burn-in alone may be measured, which asks for no annotation.
    params
        How much is read.

    Raises
    ------
    InputError
        For a model that does not predict base by base, and where a split has no window or no class has bases enough.
    """
    if not model.spec.causal or model.spec.bp_per_token != 1:
        raise InputError(f"{model.spec.name}: need a model that predicts base by base, got one that does not")
    sites = [s for s in model.sites if s.startswith("block.") and s.endswith(".out")]
    inputs = Inputs.open(genomes.folder)
    train = _read(model, genomes, inputs, sites, "train", bases=params.bases, seed=params.seed)
    test = _read(model, genomes, inputs, sites, "select", bases=params.test_bases, seed=params.seed)
    classes = _probed(inputs, train.rows, test.rows, params.min_positives)
    y_train, y_test = (np.stack([c.mask[r.rows] for c in classes], axis=1) for r in (train, test))
    words = _kmers(inputs, train.rows, params.kmer), _kmers(inputs, test.rows, params.kmer)
    kmer = float(np.mean(kmer_auroc(*words, y_train, y_test, 4**params.kmer + 1)))
    probes = BurnInParams(
        probes=params.probes,
        context=params.context,
        longest=params.longest,
        tolerance=params.tolerance,
        seed=params.seed,
    )
    settled = burn_in(model, genomes, probes, sites).warmup
    held_out = _windows(genomes, inputs, "select", params.seed).head(params.score_windows)
    rows = []
    for i, site in enumerate(progress(sites, "layers", len(sites), "blocks")):
        x, z = train.x[site], test.x[site]
        recovers = explained = float("nan")
        try:
            sae = fit(_Memory(x, model.spec.origin(site), params.seed), _sae(params, len(x)))
        except InputError as e:
            # of dimensions that do not vary: what is known of the block, and of the others, is told all the same
            log.warning("layers: no dictionary of %s: %s", site, e)
        else:
            losses = recovered(splice(model, sae, genomes, held_out, x.mean(axis=0)))
            recovers = float(losses.set_index("bases").loc["all", "recovered"])
            error = np.square(z - sae.decode(sae.encode(z))).sum(dtype=np.float64)
            explained = float(1 - error / np.square(z - z.mean(axis=0)).sum(dtype=np.float64))
        warm = settled[site]
        rows.append(
            {
                "site": site,
                "kind": model.spec.block_kinds[i],
                "bits_recovered": recovers,
                "variance_explained": explained,
                "probe_auroc": float(np.mean(probe_auroc(x, z, y_train, y_test, params.ridge))),
                "neuron_auroc": float(np.mean(neuron_auroc(x, z, y_train, y_test))),
                "kmer_auroc": kmer,
                "n_classes": len(classes),
                "burn_in": -1 if warm is None else int(warm),
                "seconds_per_mb": _seconds(model, genomes, held_out, site),
            }
        )
    return LAYERS.check(recommend(pd.DataFrame(rows), params))


def recommend(table: pd.DataFrame, params: LayersParams) -> pd.DataFrame:
    """Mark one block, with the reason; the others say what they lack.

    Among the blocks whose small dictionary recovers enough of the bits (all, where a constant predicts no worse than
    the model itself, so that none can be recovered), those whose probes come within `near` of the best are as good, and
    of these the one that costs least is recommended: it comes first in the model.
    """
    without = table["variance_explained"].isna() if "variance_explained" in table else table["bits_recovered"] > np.inf
    most_recovered = table["bits_recovered"].max()
    enough = table["bits_recovered"] >= (params.recovered * most_recovered if most_recovered > 0 else most_recovered)
    nothing = not enough.any()
    if nothing:
        enough = table["bits_recovered"].isna() & ~without
        # no block has a dictionary: probes are all there is
        enough = enough if enough.any() else without
    best = table.loc[enough, "probe_auroc"].max()
    good = enough & (table["probe_auroc"] >= best - params.near)
    chosen = int(np.flatnonzero(good)[0])
    why = []
    for i, (r, ok, as_good) in enumerate(zip(table.to_dict("records"), enough, good, strict=True)):
        if i == chosen:
            text = (
                f"probes reach {r['probe_auroc']:.3f} (k-mers {r['kmer_auroc']:.3f}), "
                + (
                    "a constant in its place costs no bits at any block (has the model learnt anything?)"
                    if nothing
                    else f"the dictionary recovers {r['bits_recovered']:.2f} of the bits"
                )
                + ", and no earlier block does as well"
            )
        elif not ok:
            text = (
                "dimensions of its activations do not vary: no dictionary could be trained"
                if without.iloc[i]
                else "a constant in its place costs no bits"
                if np.isnan(r["bits_recovered"])
                else f"its dictionary recovers {r['bits_recovered']:.2f} of the bits, the best {most_recovered:.2f}"
            )
        elif not as_good:
            text = f"probes reach {r['probe_auroc']:.3f}, the best {best:.3f}"
        else:
            text = "as good, and costs more"
        why.append(text)
    return table.assign(recommended=np.arange(len(table)) == chosen, why=why)


def _sae(params: LayersParams, rows: int) -> SaeParams:
    return SaeParams(
        n_features=params.n_features,
        k=params.k,
        tokens=params.tokens,
        batch=min(params.batch, rows),
        seed=params.seed,
        sample=max(2, min(8_192, rows)),
    )


def _windows(genomes: Genomes, inputs: Inputs, split: str, seed: int) -> pd.DataFrame:
    """Windows whose core lies in a split, in random order.

    Raises
    ------
    InputError
        Where there is none.
    """
    inside, table = inputs.workspace.split_mask(split), genomes.windows()
    inside_split = np.array([bool(inside[core_rows(w)].all()) for w in table.to_dict("records")])
    if not inside_split.any():
        raise InputError(f"{genomes.folder}: need windows of split {split}, got none; use more or shorter blocks")
    table = table[inside_split]
    return table.iloc[np.random.default_rng([seed, len(split)]).permutation(len(table))].reset_index(drop=True)


def _read(
    model: DnaModel, genomes: Genomes, inputs: Inputs, sites: list[str], split: str, *, bases: int, seed: int
) -> LayerRows:
    """About so many bases of random windows of a split, at all sites in one pass."""
    table = _windows(genomes, inputs, split, seed)
    size = np.array([len(core_rows(w)) for w in table.to_dict("records")])
    table = table.head(int(np.searchsorted(np.cumsum(size), bases)) + 1)
    index: list[NDArray[np.int64]] = []
    x: dict[str, list[NDArray[np.float32]]] = {s: [] for s in sites}
    # cold by the windows of the whole run, whichever are drawn
    warmup = int(genomes.windows()["warmup"].max())
    for core in cores(model, genomes, table, ActivationParams(sites=tuple(sites)), warmup=warmup):
        learnable = core.valid & core.warm
        index.append((core.rows + (core.strand == "-") * inputs.workspace.n_rows)[learnable])
        for s in sites:
            x[s].append(core.activations[s].float().cpu().numpy()[learnable])
    if not sum(map(len, index)):
        raise InputError(f"{genomes.folder}: need bases of split {split} with context, got none")
    return LayerRows(np.concatenate(index), {s: np.concatenate(parts) for s, parts in x.items()})


def _probed(inputs: Inputs, train: NDArray[np.int64], test: NDArray[np.int64], min_bases: int) -> list[AnnotationClass]:
    """Classes with enough bases inside and outside, among those learned from and those held out."""
    testable = [
        c
        for c in inputs.classes()
        if not c.reason and all(min_bases <= c.mask[r].sum() <= len(r) - min_bases for r in (train, test))
    ]
    if not testable:
        raise InputError(
            f"{inputs.folder}: need an annotation class with {min_bases} bases in what is learned from and in what is"
            " held out, got none"
        )
    return testable


def _kmers(inputs: Inputs, index: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Number of the k-mer read last at each base, its own base included; 4^k where it is not wholly known."""
    n, bases = inputs.workspace.n_rows, inputs.bases.astype(np.int64)
    row, minus = index % n, index >= n
    segment = np.searchsorted(inputs.segments, np.arange(n), side="right")
    out, unambiguous = np.zeros(len(index), dtype=np.int64), np.ones(len(index), dtype=bool)
    for back in range(k - 1, -1, -1):
        place = np.where(minus, row + back, row - back)
        inside = (place >= 0) & (place < n)
        place = np.clip(place, 0, n - 1)
        base = bases[place]
        unambiguous &= inside & (segment[place] == segment[row]) & (base < 4)
        out = 4 * out + np.where(minus, 3 - base, base)
    return np.where(unambiguous, out, 4**k)


def auroc(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Area under the ROC curve of every score for every class, (scores, classes), ties counting half.

    Parameters
    ----------
    scores
        (n, scores).
    positive
        (n, classes).
    """
    ranks = scipy.stats.rankdata(scores, axis=0)
    n = positive.sum(axis=0).astype(np.float64)
    total = ranks.T @ positive.astype(np.float64)
    return np.asarray((total - n * (n + 1) / 2) / (n * (len(positive) - n)))


def neuron_auroc(
    x: NDArray[np.float32], z: NDArray[np.float32], y_train: NDArray[np.bool_], y_test: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Held-out area of the neuron, and sign, that is best on what may be learned from, a class each."""
    above_chance = auroc(x, y_train) - 0.5
    best = np.abs(above_chance).argmax(axis=0)
    sign = np.sign(above_chance[best, np.arange(y_train.shape[1])])
    return 0.5 + sign * (auroc(z, y_test)[best, np.arange(y_test.shape[1])] - 0.5)


def probe_auroc(
    x: NDArray[np.float32],
    z: NDArray[np.float32],
    y_train: NDArray[np.bool_],
    y_test: NDArray[np.bool_],
    ridge: float,
) -> NDArray[np.float64]:
    """Held-out area of a ridge regression of each class on standardised activations."""
    mean, sd = x.mean(axis=0, dtype=np.float64), np.maximum(x.std(axis=0, dtype=np.float64), 1e-12)
    a, b = (x - mean) / sd, (z - mean) / sd
    target = y_train - y_train.mean(axis=0)
    weights = np.linalg.solve(a.T @ a + ridge * len(a) * np.eye(a.shape[1]), a.T @ target)
    return np.diagonal(auroc(b @ weights, y_test)).copy()


def kmer_auroc(
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    y_train: NDArray[np.bool_],
    y_test: NDArray[np.bool_],
    n_words: int,
) -> NDArray[np.float64]:
    """Held-out area of the share of each class at each k-mer, half an observation of the mean added."""
    every = np.bincount(train, minlength=n_words).astype(np.float64)
    scores = np.empty((len(test), y_train.shape[1]))
    for c in range(y_train.shape[1]):
        inside = np.bincount(train[y_train[:, c]], minlength=n_words)
        scores[:, c] = ((inside + 0.5 * y_train[:, c].mean()) / (every + 0.5))[test]
    return np.diagonal(auroc(scores, y_test)).copy()


def _seconds(model: DnaModel, genomes: Genomes, windows: pd.DataFrame, site: str) -> float:
    """Seconds to read a million bases up to a site: the quicker of two readings of a window."""
    window: dict[Any, Any] = windows.to_dict("records")[0]
    ids = genomes.window_sequence(window)
    took = []
    for _ in range(2):
        began = time.perf_counter()
        # in the memory of the processor, the numbers are there: a GPU answers before it has computed
        model.read([ids], [site]).activations[site][0].cpu()
        took.append(time.perf_counter() - began)
    return 1e6 * min(took) / len(ids)
