"""Which width, k and rate: train some, keep the sparsest that passes stated gates."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from photo51.config.sae import SweepParams
from photo51.io import content_hash
from photo51.io.contracts.sae import SWEEP
from photo51.sae.dictionary import Dictionary
from photo51.sae.quality.measures import HeldOutRows, Quality, measure_quality
from photo51.sae.quality.stability import compare_dictionaries, stability_score
from photo51.sae.training.train import ActivationSource, finished, fit

log = logging.getLogger(__name__)


def sweep(source: ActivationSource, held_out: HeldOutRows, params: SweepParams, folder: Path | str) -> pd.DataFrame:
    """Train every combination, measure it on other bases, choose.

    Of those that pass all gates the one with the fewest active features per base is chosen, then the narrowest, then
    the one that explains most. Where none passes, the one that fails the fewest gates is, and the table says which
    gates.

    Parameters
    ----------
    source
        Activations to learn from (split `train`).
    held_out
        Activations to choose on (split `select`).
    params
        Combinations and gates.
    folder
        Each dictionary goes to a folder of its own; one that is there is not trained again.

    Returns
    -------
    Contract `SWEEP`, one row a combination, the chosen one marked; its folder is in the column `folder`.
    """
    # stands for the activations in the key: those of another model or site have another sum
    rows, rows_hash = [], float(np.abs(source.sample(1_024)).sum(dtype=np.float64))
    for width, k, rate in product(params.widths, params.ks, params.learning_rates):
        trained = []
        for seed in params.seeds:
            run_params = params.sae.model_copy(
                update={"n_features": width, "k": k, "learning_rate": rate, "seed": seed}
            )
            out = Path(folder) / f"{run_params.variant}-{width}-{k}-{rate:g}-{seed}"
            # seeds see the bases in orders of their own, where the source can give them
            own = getattr(source, "reordered", lambda _: source)(seed)
            key = content_hash(run_params.model_dump(), own.origin.key(), own.seed, rows_hash)
            trained.append(_trained(out, key) or _train(own, run_params, out, key))
        rows.append(_row(params, trained, measure_quality(trained[0], held_out), held_out))
        rows[-1]["folder"] = f"{params.sae.variant}-{width}-{k}-{rate:g}-{params.seeds[0]}"
        log.info("sweep: %s", rows[-1])
    return choose(pd.DataFrame(rows))


def _trained(out: Path, key: str) -> Dictionary | None:
    sae = finished(out)
    if sae is None:
        return None
    return sae if sae.card.get("sweep") == key else None


def _train(source: ActivationSource, params: object, out: Path, key: str) -> Dictionary:
    sae = fit(source, params, out)  # type: ignore[arg-type]
    sae.card["sweep"] = key
    sae.save(out)
    return sae


def _row(
    params: SweepParams, trained: Sequence[Dictionary], quality: Quality, held_out: HeldOutRows
) -> dict[str, object]:
    first = trained[0]
    first_params = first.card["params"]
    x = next(iter(held_out.chunks(8_192)))[2]
    stability = [stability_score(compare_dictionaries(first, other, x)) for other in trained[1:]]
    values = {
        "variance_explained": quality.variance_explained,
        "l0": quality.l0,
        "dead": quality.dead,
        "dense": quality.dense,
        "stability": float(np.mean(stability)) if stability else np.nan,
    }
    failed = params.gates.failed(values)
    names = ("variant", "n_features", "k", "seed", "learning_rate")
    return {
        **{name: first_params[name] for name in names},
        **values,
        "passed": not failed,
        "failed_gates": ", ".join(failed),
        "chosen": False,
    }


def choose(table: pd.DataFrame) -> pd.DataFrame:
    """Mark the chosen row; see `sweep`."""
    # `"".split` gives one empty name, which is no gate
    failures = table["failed_gates"].str.split(", ").map(lambda gates: len([g for g in gates if g]))
    # rules that aim at k differ from it by chance alone; the others have no k but what is measured
    sparse = table["k"].where(table["variant"].isin(["topk", "batchtopk", "matryoshka"]), table["l0"])
    order = table.assign(failures=failures, sparse=sparse, minus=-table["variance_explained"]).sort_values(
        ["failures", "sparse", "n_features", "minus"], kind="stable"
    )
    if failures.min() > 0:  # none passes: nearest to passing, then the best reconstruction
        order = order.sort_values(["failures", "minus"], kind="stable")
    return SWEEP.check(table.assign(chosen=table.index == order.index[0]))
