"""How much of a dictionary another training seed finds again, by ways of training, on the same tokens of the demo.

Every way trains two dictionaries with seeds of their own: order of the bases, initial weights where they are random, and
all members of a consensus. A feature is found again where its nearest direction in the other dictionary has a cosine of
0.8 or more and their activations on held-out bases correlate by 0.8 or more. `docs/stability.md` has the table.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photo51.activations.splits import split_rows
from photo51.activations.store import ActivationStore
from photo51.config.paths import read_configuration
from photo51.config.sae import SaeParams
from photo51.io.origin import Origin
from photo51.sae.dictionary import SparseAutoencoder
from photo51.sae.quality.stability import SAME, code_correlations, nearest
from photo51.sae.training.archetypes import shared_archetypes
from photo51.sae.training.consensus import ConsensusStart
from photo51.sae.training.train import Training, begin_training
from photo51.sae.training.weights import first_pre_bias
from photo51.types import InputError

log = logging.getLogger(__name__)
RUN = Path("results/demo")
SEEDS = (71, 72)  # settings were looked for with others
TOKENS, ROWS = 1_500_000, 40_000
ARCHETYPAL: dict[str, Any] = {"decoder": "archetypal", "archetypes": 1_024, "relaxation": 0.5, "learning_rate": 1e-3}


@dataclass(frozen=True)
class Way:
    """A way of training.

    Attributes
    ----------
    name
        What it is called in the table.
    params
        What differs from the demo's parameters.
    beginning
        Where weights begin: `params` says, both seeds at the same `random` directions, or both at the same `centroids`.
    own_archetypes
        Whether each seed makes archetypes of its own, from a sample of its own.
    """

    name: str
    params: dict[str, Any] = field(default_factory=dict)
    beginning: str = "params"
    own_archetypes: bool = False


WAYS = (
    Way("topk"),
    Way("topk_slow", {"learning_rate": 1e-3}),
    Way("topk_4x", {"tokens": 4 * TOKENS}),
    Way("batchtopk", {"variant": "batchtopk"}),
    Way("matryoshka", {"variant": "matryoshka"}),
    Way("same_random", {}, "random"),
    Way("same_random_slow", {"learning_rate": 1e-3}, "random"),
    Way("same_centroids_slow", {"learning_rate": 1e-3}, "centroids"),
    Way("archetypal_fast", {**ARCHETYPAL, "learning_rate": 2e-3}),
    Way("archetypal", ARCHETYPAL),
    Way("archetypal_tight", {**ARCHETYPAL, "relaxation": 0.1}),
    Way("archetypal_many", {**ARCHETYPAL, "archetypes": 2_048}),
    Way("archetypal_2x", {**ARCHETYPAL, "tokens": 2 * TOKENS}),
    Way("archetypal_own", ARCHETYPAL, own_archetypes=True),
    Way("consensus", {"consensus": 3}),
    Way("archetypal_consensus", {**ARCHETYPAL, "consensus": 3}),
)


class Activations:
    """The stored activations of a run.

    Parameters
    ----------
    run
        Folder of the run.
    rows
        Held-out bases that are measured on.

    Raises
    ------
    InputError
        Where the run keeps no activations.
    """

    def __init__(self, run: Path, rows: int = ROWS):
        config = read_configuration(run / "config.yaml")
        self.run, self.store = run, ActivationStore(run / "activations" / "model" / config.activations.sites[0])
        self.params = config.sae.model_copy(update={"tokens": TOKENS})
        self.x = split_rows(self.store, run / "genome", "test").shared_sample(rows)
        self.select = split_rows(self.store, run / "genome", "select").shared_sample(20_000)

    def train(self, way: Way, seed: int, tokens: int | None = None) -> SparseAutoencoder:
        """A dictionary of one seed."""
        more = {**way.params, "seed": seed, **({} if tokens is None else {"tokens": tokens})}
        params = self.params.model_copy(update=more | ({"archetype_seed": seed} if way.own_archetypes else {}))
        rows = split_rows(self.store, self.run / "genome", "train", seed=seed)
        if way.beginning == "params":
            training = begin_training(rows, params, held_out=self.select)
        else:
            training = Training(rows, params, start=same_beginning(rows.shared_sample(params.sample), params, way))
        training.run()
        return training.finish()


def same_beginning(sample: NDArray[np.float32], params: SaeParams, way: Way) -> ConsensusStart:
    """Directions that do not depend on the training seed, and no bias."""
    centre = first_pre_bias(sample, params)
    if way.beginning == "centroids":
        fixed = params.model_copy(update={"archetypes": params.n_features, "archetype_seed": 0})
        rows = shared_archetypes(sample, centre, fixed, Origin("demo", "shared sample", sample.shape[1]))
    else:
        rows = np.random.default_rng(0).standard_normal((params.n_features, sample.shape[1]), dtype=np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    zero = np.zeros(params.n_features, np.float32)
    return ConsensusStart(rows, rows, zero, centre, zero.astype(np.int64))


def agreement(one: SparseAutoencoder, two: SparseAutoencoder, x: NDArray[np.float32]) -> dict[str, float]:
    """Variance explained by `one`, and what of it `two` has, on held-out rows (rows, d_model).

    `cosine` is the share of live features whose nearest direction is that of the same feature, `match` that of those
    whose activations agree too, `match_mass` their share of all activation.
    """
    codes, others = one.encode(x), two.encode(x)
    near = nearest(one.decoder, two.decoder)
    r = np.nan_to_num(code_correlations(codes, others[:, near.index]), nan=-1.0)
    mass = np.asarray(codes.sum(axis=0)).ravel()
    live, close = mass > 0, near.cosine >= SAME
    same = close & (r >= SAME)
    left = np.square(x - one.decode(codes), dtype=np.float64).sum()
    return {
        "ve": float(1 - left / np.square(x - x.mean(axis=0), dtype=np.float64).sum()),
        "l0": codes.nnz / len(x),
        "live": int(live.sum()),
        "cosine": float(close[live].mean()),
        "match": float(same[live].mean()),
        "match_mass": float(mass[same].sum() / mass.sum()),
    }


def compare(way: Way, data: Activations, tokens: int | None = None) -> dict[str, float]:
    """Both directions of one pair of seeds, averaged, and the CPU seconds of a dictionary."""
    began = time.process_time()
    one, two = (data.train(way, seed, tokens) for seed in SEEDS)
    seconds = (time.process_time() - began) / 2
    there, back = agreement(one, two, data.x), agreement(two, one, data.x)
    figures = {name: (there[name] + back[name]) / 2 for name in there} | {"cpu_s": seconds}
    if way.params.get("consensus"):
        figures["agreed"] = float(np.sum(one.card["found_by"][2:]))
    log.info("%s: %s", way.name, ", ".join(f"{name} {value:.4g}" for name, value in figures.items()))
    return figures


def measure(*, quick: bool) -> dict[str, float | int | None]:
    """All ways at 1.5 million tokens, or three of them at a tenth when quick."""
    try:
        data = Activations(RUN)
    except InputError as e:
        log.warning("no stability: need the activations of a finished demo (`keep_activations: true`): %s", e)
        return {f"{way.name}_match": None for way in WAYS}
    ways = [w for w in WAYS if w.name in {"topk", "archetypal", "consensus"}] if quick else WAYS
    tokens = TOKENS // 10 if quick else None
    return {f"{way.name}_{k}": v for way in ways for k, v in compare(way, data, tokens).items()}
