"""Exact rates of words beside counting, on chains whose rates are known to the last digit.

The model is a Markov chain of order 5 here, asked through the same functions as a network: 200 words of 4 to 8 bases, over
repeated runs of the instrument. `bias_ok_share` is the share of words whose mean estimate lies so near the truth as 95.4 % of
unbiased ones would (two standard errors, by Student's law of the runs); `coverage` the share of 95 % intervals that hold it, among
estimates called reliable; `speed_1e3` and `speed_1e5` how many more bases counting would have to write for the same standard error
at about those rates, each word asked for by itself, the sequences written counted against the instrument. `prompt_auroc_gap`: prompts after which the rate of a payload is raised, told from others by one rollout with exact
probabilities, minus by counting in 100 rollouts.
"""

from __future__ import annotations

import numpy as np
from scipy import stats
from sklearn.metrics import roc_auc_score

from benchmarks.planted.chain import MarkovStream, chain, stationary, word_rate
from benchmarks.planted.worlds import random_word
from photo51.config.interventions import SamplingParams
from photo51.config.learnt import WordsParams
from photo51.learnt.words.patterns import Event, iupac_event
from photo51.learnt.words.rates import Opener, rollouts, words

ORDER, LENGTH, ROLLOUTS = 5, 400, 16


def measure(*, quick: bool) -> dict[str, float | int | None]:
    """Compare estimates with the chain's own rates."""
    n_words, runs = (40, 4) if quick else (200, 24)
    rng = np.random.default_rng(51)
    chance = chain(ORDER, 7, sharpness=1.3)
    names = sorted({random_word(int(rng.integers(4, 9)), rng) for _ in range(2 * n_words)})
    names = [str(x) for x in rng.permutation(names)[:n_words]]
    truth = np.array([word_rate(chance, w) for w in names])
    events = [Event(w, w, iupac_event(w).forward, ()) for w in names]
    estimates, covered = [], []
    for run in range(runs):
        params = WordsParams(rollouts=ROLLOUTS, length=LENGTH, every=20, sampling=SamplingParams(seed=run))
        table = words(_opener(chance, run), events, params)
        estimates.append(table["per_kb"].to_numpy() / 1_000)
        inside = (table["low"] <= 1_000 * truth) & (1_000 * truth <= table["high"])
        covered += list(inside[table["reliable"]])
    mean, se = np.mean(estimates, axis=0), np.std(estimates, axis=0, ddof=1) / np.sqrt(runs)
    limit = stats.t.ppf(stats.norm.cdf(2), runs - 1)
    return {
        "words": n_words,
        "bias_ok_share": float(np.mean(np.abs(mean - truth) <= limit * se)),
        "coverage": float(np.mean(covered)),
        "intervals": len(covered),
        "speed_1e3": _speed(chance, names, truth, 1e-3),
        "speed_1e5": _speed(chance, names, truth, 1e-5),
        "prompt_auroc_gap": prompt_auroc_gap(20 if quick else 60),
    }


def _opener(chance: np.ndarray, seed: int) -> Opener:
    share = stationary(chance)

    def opened(numbers: np.ndarray) -> MarkovStream:
        starts = [np.random.default_rng([seed, int(n), 3]).choice(len(chance), p=share) for n in numbers]
        return MarkovStream(chance, np.array(starts))

    return opened


def _speed(chance: np.ndarray, names: list[str], truth: np.ndarray, rate: float) -> float | None:
    """Median over up to sixteen words near a rate, each asked for by itself."""
    near = [w for w, r in zip(names, truth, strict=True) if abs(np.log10(r / rate)) < 0.5][:16]
    ratio = []
    for seed, word in enumerate(near):
        params = WordsParams(rollouts=ROLLOUTS, length=LENGTH, sampling=SamplingParams(seed=seed))
        row = words(_opener(chance, seed), [Event(word, word, iupac_event(word).forward, ())], params).iloc[0]
        ratio.append(row["counting_bases"] / (row["forward_bases"] + ROLLOUTS * LENGTH))
    return float(np.median(ratio)) if ratio else None


def prompt_auroc_gap(prompts: int) -> float:
    """AUROC of one exact rollout minus that of counting in a hundred, over chains with and without a raised payload.

    The law after each prompt is a chain of its own; in half of them the payload is three times as likely at each of its letters'
    contexts as it would be by chance.
    """
    payload = "GATTACA"
    exact, counted, label = [], [], []
    for i in range(prompts):
        chance = chain(3, 100 + i, sharpness=0.5)
        if raised := i % 2:
            context = 0
            for letter in payload:
                b = "ACGT".index(letter)
                chance[context, b] *= 2.0
                chance[context] /= chance[context].sum()
                context = (context * 4 + b) % len(chance)
        label.append(raised)
        event = Event(payload, payload, iupac_event(payload).forward, ())
        one = WordsParams(rollouts=3, length=200, every=10, sampling=SamplingParams(seed=i))
        exact.append(float(rollouts(_opener(chance, i), [event], one, warmup=0).asked[0].p[0].mean()))
        hundred = WordsParams(rollouts=100, length=200, every=200, sampling=SamplingParams(seed=i))
        written = rollouts(_opener(chance, i), [], hundred, warmup=0).codes
        counted.append(sum(int(event.forward[0].matches(row).sum()) for row in written))
    return float(roc_auc_score(label, exact) - roc_auc_score(label, counted))
