"""Differences of models whose truth was planted: a shipped nano, fine-tuned on worlds with words at two doses, and its twin.

`zero_kl`: largest divergence of the model from itself. `visible_rank`: rank of the visible word among 200 words of its length by
rise of its rate from the twin to the planted model. `kl_precision`: share of the positions of largest divergence between twin and planted model that
lie inside planted copies, at half of the copies' positions found, on records that were not trained on. `hidden_rank`: rank of
the hidden word among 200 by its amplified rate over the twin's. `twin_silent_share`: share of words whose amplified rate from the shipped model
to the twin does not rise by more than tenfold. `lpe_log10_error`: error of the rate extrapolated from amplified ones.
`gate_half_precision`: 1 where a half-precision copy passes the gate.
"""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from benchmarks._fine_tuning import fine_tune
from benchmarks.planted.worlds import DOSES, World, ecoli_windows, random_word, words_world
from photo51.config.learnt import DiffParams, WordsParams
from photo51.learnt.diff.compare import next_base_laws
from photo51.learnt.diff.gate import gate
from photo51.learnt.opening import opener
from photo51.learnt.words.amplify import amplified_rates
from photo51.learnt.words.patterns import Event, iupac_event
from photo51.model.families.adapters import load_model
from photo51.model.families.native import Native
from photo51.model.stripedhyena.modeling import StripedHyena

log = logging.getLogger(__name__)
LENGTH, RECORDS, WORD = 1_024, 600, 16
ALPHAS = (0.5, 1.0, 2.0, 4.0)


def measure(*, quick: bool) -> dict[str, float | int | None]:
    """Fine-tune planted model and twin, then compare."""
    steps = 20 if quick else 80
    rng = np.random.default_rng(51)
    windows = ecoli_windows(RECORDS + 24, rng)
    records, held = windows[:RECORDS], windows[RECORDS:]
    names = [random_word(WORD, rng) for _ in range(200)]
    hidden, visible = names[0], names[1]
    planted = words_world(records, {visible: DOSES["visible"], hidden: DOSES["hidden"]}, rng)
    unseen = words_world(held, {visible: 96, hidden: 24}, rng)
    before = load_model("sh2:nano").model
    after = fine_tune("sh2:nano", planted.records, steps=steps, seed=1)
    twin = fine_tune("sh2:nano", records, steps=steps, seed=1)
    contexts = held[:12, :512]
    rates = _rates(twin, after, names if not quick else names[:20], contexts)
    control = _rates(before, twin, names[:40] if not quick else names[:10], contexts)
    zero, loud = rates[rates["alpha"] == 0], rates[rates["alpha"] == max(ALPHAS)]
    amplified = loud.set_index("word")["per_kb"]
    rise = (
        zero.set_index("word")["per_kb"]
        / _rates(before, twin, list(zero["word"]), contexts, (0.0,)).set_index("word")["per_kb"]
    )
    reached = control.pivot_table(index="word", columns="alpha", values="per_kb")
    back = zero.set_index("word").loc[hidden]
    return {
        "steps": steps,
        "zero_kl": float(np.nanmax(next_base_laws(_named(before), _named(before), held[:4], 4).kl)),
        "visible_rank": int((rise >= rise[visible]).sum()),
        "kl_precision": _precision(twin, after, unseen),
        "hidden_rank": int((amplified.drop(visible) >= amplified[hidden]).sum()),
        "hidden_per_kb": float(back["per_kb"]),
        "twin_silent_share": float((reached[max(ALPHAS)] <= 10 * reached[0.0]).mean()),
        "lpe_log10_error": _log_error(back["extrapolated_per_kb"], back["per_kb"]),
        "gate_half_precision": _half_passes(held),
    }


def _log_error(extrapolated: float, exact: float) -> float | None:
    if not np.isfinite(extrapolated):
        log.warning("lpe_log10_error: the hidden word could not be measured at three strengths")
        return None
    return float(abs(np.log10(extrapolated / exact)))


def _named(model: StripedHyena) -> Native:
    return Native("fine-tuned", model)


def _rates(
    a: StripedHyena,
    b: StripedHyena,
    names: list[str],
    contexts: np.ndarray,
    alphas: tuple[float, ...] = ALPHAS,
) -> pd.DataFrame:
    params = WordsParams(warmup=64, every=64)
    before, after = (opener(m, contexts[:, :1]) for m in (a, b))
    events = [Event(w, w, iupac_event(w).forward, ()) for w in names]
    return amplified_rates(before, after, events, contexts, alphas, params)


def _precision(twin: StripedHyena, after: StripedHyena, unseen: World) -> float:
    kl = next_base_laws(_named(twin), _named(after), unseen.records, 4).kl
    inside = np.zeros(kl.shape, dtype=bool)
    for row in unseen.truth.itertuples():
        inside[row.record, row.start + 4 : row.end] = True  # the first letters of a copy look like anything else
    order = np.argsort(-np.nan_to_num(kl, nan=-1.0).ravel())
    hits = np.cumsum(inside.ravel()[order])
    at = int(np.searchsorted(hits, inside.sum() / 2))
    return float(hits[at] / (at + 1))


def _half_passes(held: np.ndarray) -> int:
    params = DiffParams()
    whole = load_model("sh2:nano")
    half = load_model("sh2:nano", dtype="bfloat16")
    laws = next_base_laws(whole, half, held, 4)
    change = np.nanmean((laws.bits_b - laws.bits_a)[:, params.warmup :], axis=1)
    return int(gate({"bits": change}, tolerance={"bits": params.tolerance})["verdict"].iloc[0] == "pass")
