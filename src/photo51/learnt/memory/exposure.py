"""What a model recites of its corpus: canaries and natural repeats by copy number, against sequences it never met.

Exposure of a sequence is log2 of the number of references over its rank among them by surprisal (Carlini et al. 2019,
arXiv:1802.08232). The probability of the suffix given the prefix is exact. Each sequence stands behind the same
neutral context and is read on both strands; the better one counts, for references too. A canary's own shuffles are what
it is compared with: the mean of its shuffles is taken off it, and off each of them the mean of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import stats

from photo51.config.interventions import SamplingParams
from photo51.config.memory import MemoryParams
from photo51.genome.alphabet import codes, reverse_complement
from photo51.interventions.writing.generate import generate, score
from photo51.io.contracts.memory import MEMORY, MEMORY_CLASSES
from photo51.learnt.words.chains import chain_bits, chain_law
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.model.tokenizer import BASE_IDS
from photo51.stats.multiple import benjamini_hochberg


class Recitable(NamedTuple):
    """A sequence that may be recited, of `prefix + suffix` bases.

    Attributes
    ----------
    name, kind, copies
        As the contract `MEMORY` has them; references have kind `unseen canary` or `reference`.
    ids
        Upper-case bytes, (bases,).
    group
        Sequences of a group that is not empty share their letters: each is compared after the mean of the group's
        references is taken off.
    """

    name: str
    kind: str
    copies: int
    ids: NDArray[np.uint8]
    group: str = ""


REFERENCE = {"canary": "unseen canary", "repeat": "reference"}


class Recital(NamedTuple):
    """What a model says about sequences, a row each, on the strand it knows better.

    Attributes
    ----------
    bits
        Surprisal a base, (n,).
    suffix
        Surprisal of the suffix given what stands before, bits in all, (n,).
    minus
        Whether the reverse strand is the better one, (n,).
    """

    bits: NDArray[np.float64]
    suffix: NDArray[np.float64]
    minus: NDArray[np.bool_]


def canary_references(
    canaries: Sequence[Recitable], n: int, rng: np.random.Generator
) -> tuple[list[Recitable], list[Recitable]]:
    """The canaries, each as a group, and unseen ones: their letters in random orders.

    There are eight of each at least, and `n` or more in all.
    """
    # at least eight shuffles each, since the mean of a canary's others is taken off
    of_each = max(8, -(-n // len(canaries)))
    grouped = [c._replace(group=c.name) for c in canaries]
    unseen = [
        Recitable(f"{c.name} shuffled {i + 1}", REFERENCE["canary"], 0, rng.permutation(c.ids), c.name)
        for c in canaries
        for i in range(of_each)
    ]
    return grouped, unseen


def recital(model: StripedHyena, ids: NDArray[np.uint8], params: MemoryParams) -> Recital:
    """Surprisal of sequences (n, prefix + suffix) behind a neutral context, on the better strand of each."""
    context = neutral_context(params)
    both = []
    for rows in (ids, reverse_complement(ids)):
        whole = np.concatenate([np.tile(context, (len(rows), 1)), rows], axis=1)
        # nats of log-probability to bits of surprisal
        nats = score(model, whole, len(context), batch=params.batch)
        both.append(-nats.astype(np.float64) / np.log(2))
    # whole sequences decide the strand; the suffix is taken on the same one
    means = np.stack([x.mean(axis=1) for x in both])
    minus = means[1] < means[0]
    suffix = np.stack([x[:, params.prefix :].sum(axis=1) for x in both])
    return Recital(means.min(axis=0), np.where(minus, suffix[1], suffix[0]), minus)


def neutral_context(params: MemoryParams) -> NDArray[np.uint8]:
    """Even random bases that stand before each sequence, (context,)."""
    return BASE_IDS[np.random.default_rng([params.seed, 41]).integers(0, 4, params.context)]


@torch.inference_mode()
def greedy_similarity(model: StripedHyena, ids: NDArray[np.uint8], params: MemoryParams) -> NDArray[np.float64]:
    """1 - edit distance / length between each suffix and the likeliest continuation of what stands before it, (n,)."""
    context = neutral_context(params)
    out = []
    for i in range(0, len(ids), params.batch):
        rows = ids[i : i + params.batch]
        prompts = np.concatenate([np.tile(context, (len(rows), 1)), rows[:, : params.prefix]], axis=1)
        written = generate(model, prompts, params.suffix, sampling=SamplingParams(top_k=1)).ids
        out.append(1 - edit_distance(written, rows[:, params.prefix :]) / params.suffix)
    return np.concatenate(out)


def edit_distance(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Levenshtein distance between rows of (n, length) and (n, length), (n,)."""
    # distances from the empty prefix: as many insertions as letters
    above = np.tile(np.arange(b.shape[1] + 1), (len(a), 1))
    for i in range(a.shape[1]):
        row = np.empty_like(above)
        row[:, 0] = i + 1
        for j in range(b.shape[1]):
            # substitution, or none
            change = above[:, j] + (a[:, i] != b[:, j])
            # deletion and insertion
            row[:, j + 1] = np.minimum(np.minimum(above[:, j + 1], row[:, j]) + 1, change)
        above = row
    return above[:, -1]


def audit_recitation(
    model: StripedHyena,
    subjects: Sequence[Recitable],
    params: MemoryParams,
    fresh: StripedHyena | None = None,
) -> pd.DataFrame:
    """Judge sequences against the references of their kind among them (contract `MEMORY`).

    Parameters
    ----------
    subjects
        Canaries, repeats, and references of each kind that occurs.
    fresh
        The same architecture with fresh weights, as a control.
    """
    ids = np.stack([s.ids for s in subjects])
    recited, control = recital(model, ids, params), recital(fresh, ids, params) if fresh else None
    read = np.where(recited.minus[:, None], reverse_complement(ids), ids)
    similar = greedy_similarity(model, read, params)
    kind, group = np.array([s.kind for s in subjects]), np.array([s.group for s in subjects])
    table = pd.DataFrame(
        {
            "name": [s.name for s in subjects],
            "kind": kind,
            "group": group,
            "centred": recited.bits,
            "copies": [s.copies for s in subjects],
            "strand": np.where(recited.minus, "-", "+"),
            "bits": recited.bits,
            "bits_suffix": recited.suffix,
            "exposure": np.nan,
            "exposure_markov": np.nan,
            "exposure_fresh": np.nan,
            "p": np.nan,
            "greedy_exact": similar == 1.0,
            "greedy_similarity": similar,
        }
    )
    table["bits_markov"], table["bits_fresh"] = np.nan, control.bits if control else np.nan
    for subject, reference in REFERENCE.items():
        rows, others = kind == subject, kind == reference
        if not rows.any():
            continue
        markov = markov_bits(ids[others], ids, params.markov_order)
        table.loc[rows | others, "bits_markov"] = markov[rows | others]
        centred, references = _centred(recited.bits, group, rows, others)
        table.loc[rows, "centred"], table.loc[others, "centred"] = centred, references
        # the sequence itself is one of those it is ranked among
        n, rank = others.sum() + 1, _rank(centred, references)
        table.loc[rows, "p"] = rank / n
        table.loc[rows, "exposure"] = np.log2(n / rank)
        table.loc[rows, "exposure_markov"] = np.log2(n / _rank(*_centred(markov, group, rows, others)))
        if control:
            table.loc[rows, "exposure_fresh"] = np.log2(n / _rank(*_centred(control.bits, group, rows, others)))
    table["q"] = benjamini_hochberg(table["p"])
    return MEMORY.check(table[[*MEMORY.columns, "bits_markov", "bits_fresh", "group", "centred"]])


def _centred(
    bits: NDArray[np.float64], group: NDArray[np.str_], rows: NDArray[np.bool_], others: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Surprisals of rows and of references, less the mean of their group's other references.

    Pooled ranks would hold on average alone: a canary whose composition the model finds easy would pass against the
    shuffles of all others whatever it was taught.
    """
    shifted = bits.copy()
    for name in np.unique(group[rows]):
        if not name:
            continue
        members, reference = rows & (group == name), others & (group == name)
        n, mean = reference.sum(), bits[reference].mean()
        # a mean without oneself is wider than one of all by √(1 + 1/(n-1)) against √(1 + 1/n)
        narrow = np.sqrt((1 + 1 / n) / (1 + 1 / (n - 1)))
        shifted[members] -= mean
        # x - (S - x) / (n - 1) = (x - S / n) n / (n - 1): the mean of the others is taken off without a sum for each
        shifted[reference] = (bits[reference] - mean) * n / (n - 1) * narrow
    return shifted[rows], shifted[others]


def _rank(values: NDArray[np.float64], references: NDArray[np.float64]) -> NDArray[np.int64]:
    """Place of each value among itself and the references, from the smallest; ties count against it."""
    # side "right": references as likely as the sequence count as better
    return 1 + np.searchsorted(np.sort(references), values, side="right")


def markov_bits(references: NDArray[np.uint8], ids: NDArray[np.uint8], order: int) -> NDArray[np.float64]:
    """Bits a base, on the better strand, of (n, length) under a chain fitted to references on both strands, (n,)."""
    law = chain_law(codes(np.concatenate([references, reverse_complement(references)])).astype(np.int64), order)
    # as the model is judged: the better strand of each
    return np.minimum(*(chain_bits(law, codes(rows).astype(np.int64)) for rows in (ids, reverse_complement(ids))))


def class_table(table: pd.DataFrame, ranges: Sequence[tuple[int, int]]) -> pd.DataFrame:
    """Sequences of each kind and range of copy number against their references (contract `MEMORY_CLASSES`).

    Parameters
    ----------
    table
        Of `audit_recitation`.
    ranges
        First and last copy number of each class.
    """
    rows = []
    for kind, reference in REFERENCE.items():
        others = table[table["kind"] == reference]
        for low, high in ranges:
            members = table[(table["kind"] == kind) & table["copies"].between(low, high)]
            compared = others[others["group"].isin(members["group"])]  # shuffles of these canaries, not of others
            if len(members) and len(compared) > 1:
                label = str(low) if low == high else f"{low}-{high}"
                rows.append({"kind": kind, "copies": label} | _class_row(members, compared))
    if not rows:
        return MEMORY_CLASSES.empty()
    out = pd.DataFrame(rows)
    out["q"] = benjamini_hochberg(out["p"])
    return MEMORY_CLASSES.check(out[list(MEMORY_CLASSES.columns)])


def _class_row(members: pd.DataFrame, others: pd.DataFrame) -> dict[str, object]:
    low, high = _welch(members["centred"].to_numpy(), others["centred"].to_numpy())
    return {
        "n": len(members),
        "bits": members["bits"].mean(),
        "reference_bits": others["bits"].mean(),
        "gap": others["bits"].mean() - members["bits"].mean(),
        "low": low,
        "high": high,
        "p": stats.mannwhitneyu(members["centred"], others["centred"], alternative="less").pvalue,
        "gap_markov": others["bits_markov"].mean() - members["bits_markov"].mean(),
        "gap_fresh": others["bits_fresh"].mean() - members["bits_fresh"].mean(),
        "recitation": np.exp2(-members["bits_suffix"]).mean(),
        "reference_recitation": np.exp2(-others["bits_suffix"]).mean(),
        "greedy_exact": members["greedy_exact"].mean(),
        "greedy_similar": (members["greedy_similarity"] >= 0.75).mean(),
    }


def _welch(members: NDArray[np.float64], others: NDArray[np.float64]) -> tuple[float, float]:
    """95 % interval of mean(others) - mean(members); without one for a single sequence."""
    if len(members) < 2:
        return np.nan, np.nan
    interval = stats.ttest_ind(others, members, equal_var=False).confidence_interval(0.95)
    return float(interval.low), float(interval.high)
