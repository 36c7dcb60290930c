"""Short fine-tuning of a shipped model on records, for worlds with planted truth and their twins.

Finished models lie in `results/bench/models`, by hash of model, records and settings, so that benches share them and a second run
of one need not train again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from photo51.io.files import atomic, content_hash
from photo51.model.families.adapters import load_model
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.pretraining.step import TrainingPass

log = logging.getLogger(__name__)
STORE = Path("results/bench/models")


def fine_tune(
    name: str,
    records: NDArray[np.uint8],
    *,
    steps: int,
    batch: int = 8,
    rate: float = 2e-3,
    seed: int = 0,
    threads: int = 1,
    at_step: Callable[[int, StripedHyena], None] | None = None,
) -> StripedHyena:
    """Train all weights but the poles of long filters, AdamW, constant rate after ten steps, products in bfloat16.

    Parameters
    ----------
    records
        (records, length) bytes; each step takes the next `batch` of a seeded order, again and again.
    at_step
        Called after each step with its number and the model; then the model is trained even where it is stored.
    """
    opened = load_model(name)
    model = opened.model
    settings = ("fine-tuning 1", opened.spec.hash, steps, batch, rate, seed)
    stored = STORE / f"{content_hash(*settings, records.tobytes())}.pt"
    if at_step is None and stored.is_file():
        log.info("fine-tuning: taken from %s", stored)
        model.load_state_dict(torch.load(stored, weights_only=True))
        return model
    model.train()
    model.requires_grad_()  # the pass wants a gradient of every weight; the optimizer moves all but the poles
    trained = [w for n, w in model.named_parameters() if not n.endswith("log_poles")]
    optimizer = torch.optim.AdamW(trained, lr=rate, betas=(0.9, 0.95), weight_decay=0.0)
    train = TrainingPass(model, torch.bfloat16, threads)
    rng = np.random.default_rng([seed, 77])
    order = np.concatenate([rng.permutation(len(records)) for _ in range(-(-steps * batch // len(records)))])
    for step in range(steps):
        ids = torch.from_numpy(records[order[step * batch : (step + 1) * batch]].astype(np.int64))
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 10)
        nats = train(ids, ids)
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        model.zero_grad(set_to_none=True)
        if at_step is not None:
            at_step(step + 1, model)
        if (step + 1) % 25 == 0:
            log.info("fine-tuning: step %d of %d, %.3f bits a base", step + 1, steps, nats / np.log(2))
    if at_step is None:
        with atomic(stored) as partial:
            torch.save(model.state_dict(), partial)
    return model.eval().requires_grad_(requires_grad=False)
