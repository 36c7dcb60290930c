"""A model beside Markov chains that learnt from the same sequence, on species that neither has seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.config.model import ModelCardParams
from photo51.io.contracts.model import FRAMES, HELDOUT, HELDOUT_SOURCES, RNA_COPIES
from photo51.model.families.adapters import DnaModel
from photo51.pretraining.corpus import Corpus, heldout_windows
from photo51.pretraining.frames import COPIES, long_open_frames, separation, with_copies
from photo51.pretraining.markov import Counts, count_words, fit_strengths, from_longest, log_probs, look_up
from photo51.pretraining.rna import KINDS, RnaGene, annotated_rna, dinucleotide_shuffled, find_homologues, in_turn
from photo51.progress import progress
from photo51.shipped import shipped
from photo51.stats.auc import areas
from photo51.types import InputError

MODEL, TUNE = "model", "tune"
GENE_GROUPS = ("bacteria", "phage")
_GENOME = 20_000
"""Shortest sequence in which genes are looked for (bases)."""
_TUNING_SHARE = 0.02
_AT_ONCE = 16
Bits = dict[str, dict[str, NDArray[np.float64]]]


class Heldout(NamedTuple):
    """What was found.

    Attributes
    ----------
    bits
        Bits per base of every predictor and group (contract `HELDOUT`).
    frames
        Genes against copies (contract `FRAMES`).
    rna
        tRNA and rRNA genes against copies (contract `RNA_COPIES`).
    windows
        Group → the held-out windows, (windows, length).
    sources
        The same by source, for groups that come from several (contract `HELDOUT_SOURCES`).
    """

    bits: pd.DataFrame
    frames: pd.DataFrame
    rna: pd.DataFrame
    windows: dict[str, NDArray[np.uint8]]
    sources: pd.DataFrame


class Gene(NamedTuple):
    """An open reading frame.

    Attributes
    ----------
    group
        Group of its species.
    ids
        Its bases, (length,).
    """

    group: str
    ids: NDArray[np.uint8]


def compare_heldout(model: DnaModel, corpus: Corpus, length: int, seed: int, params: ModelCardParams) -> Heldout:
    """Compare a model with Markov chains of orders 1 to K on windows of held-out species, those first that a training
    of this seed is evaluated on.

    For every group there are two chains of each order: one that counted all training sequence, as the model read it,
    and one that counted the group's alone. Strengths are fitted on training species that are kept from the counts
    until then.

    Parameters
    ----------
    model
        A model of one base a token.
    corpus
        Packed genomes, split by species.
    length, seed
        Those of the pretraining run: they decide the windows.
    params
        Orders, numbers of windows and genes.

    Raises
    ------
    InputError
        For a corpus without held-out windows.
    """
    windows = heldout_windows(corpus, length, params.windows, seed)
    if not windows:
        raise InputError(f"corpus: need held-out sequences of at least {length:,} bases, got none")
    genes, structured = heldout_genes(corpus, params), heldout_rna(corpus, params)
    chains = _Chains(corpus, list(windows), length, params)
    bits: Bits = {}
    for group, ids in windows.items():
        bits[group] = {MODEL: _bits(model_log_probs(model, ids))}
        for name, per_order in chains.predict(group, ids).items():
            bits[group] |= {f"{name}_{k}": _bits(per_order[k]) for k in range(1, params.order + 1)}
    frames, rna = _frames(model, chains, bits, genes, params), _rna(model, chains, bits, structured, params)
    table = heldout_table(bits)
    by_source = heldout_windows(corpus, length, params.windows, seed, by="source")
    return Heldout(table, frames, rna, windows, _sources(model, corpus, length, chains, table, by_source))


def _sources(
    model: DnaModel,
    corpus: Corpus,
    length: int,
    chains: _Chains,
    table: pd.DataFrame,
    windows: Mapping[str, NDArray[np.uint8]],
) -> pd.DataFrame:
    """Bits by source, of groups that come from several: single genes are not genomes (contract `HELDOUT_SOURCES`)."""
    r = corpus.records
    long = r[(r["split"] == "heldout") & (r["length"] >= length) & r["source"].isin(windows)]
    rows = []
    for group, part in long.groupby("group", sort=True):
        sources = sorted(set(part["source"]))
        if len(sources) < 2 or group not in chains.own:
            continue
        best = best_markov(table, str(group))
        kind, order = best.rsplit("_", 1)
        for source in sources:
            ids = windows[source]
            mine, theirs = _bits(model_log_probs(model, ids)), _bits(chains.predict(str(group), ids)[kind][int(order)])
            gain, root = theirs - mine, np.sqrt(len(mine))
            rows.append(
                (
                    source,
                    group,
                    part.loc[part["source"] == source, "species"].nunique(),
                    len(mine),
                    mine.mean(),
                    mine.std(ddof=1) / root,
                    best,
                    theirs.mean(),
                    gain.mean(),
                    gain.std(ddof=1) / root,
                )
            )
    found = pd.DataFrame(rows, columns=list(HELDOUT_SOURCES.columns))
    return HELDOUT_SOURCES.check(found) if rows else HELDOUT_SOURCES.empty()


def model_log_probs(model: DnaModel, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Natural log-probabilities of the bases of windows (windows, length), over A, C, G and T; the first of each is
    NaN.
    """
    parts = [model.log_probs(windows[i : i + _AT_ONCE], over="bases") for i in range(0, len(windows), _AT_ONCE)]
    return np.stack([row for part in parts for row in part])


def _bits(log_p: NDArray[np.floating]) -> NDArray[np.float64]:
    """Bits per base of each window, the first base left out."""
    return -np.nanmean(log_p[:, 1:].astype(np.float64), axis=1) / np.log(2)


def heldout_table(bits: Mapping[str, Mapping[str, NDArray[np.float64]]]) -> pd.DataFrame:
    """Means and standard errors over windows (contract `HELDOUT`), from group → predictor → bits per base of each
    window.
    """
    rows = []
    for group, predictors in bits.items():
        for name, each in predictors.items():
            gain, root = each - predictors[MODEL], np.sqrt(len(each))
            rows.append(
                (
                    group,
                    name,
                    each.mean(),
                    each.std(ddof=1) / root,
                    gain.mean(),
                    gain.std(ddof=1) / root,
                    len(each),
                )
            )
    return HELDOUT.check(pd.DataFrame(rows, columns=list(HELDOUT.columns)))


def best_markov(table: pd.DataFrame, group: str) -> str:
    """The chain with the fewest bits per base on a group's held-out windows: chosen after the fact, in the chains'
    favour.
    """
    chains = table[(table["group"] == group) & (table["predictor"] != MODEL)]
    return str(chains.loc[chains["bits"].idxmin(), "predictor"])


class _Chains:
    """Chains of every group: counts of training sequence, strengths from species kept back."""

    def __init__(self, corpus: Corpus, groups: list[str], length: int, params: ModelCardParams):
        self.order = params.order
        records = _with_tuning_species(corpus.records, groups, length, params.seed)
        tuned = corpus._replace(records=records)
        train = records[records["split"].isin(["train", TUNE])]
        longest: dict[str, NDArray[np.uint32]] = {}
        tuning: dict[str, NDArray[np.uint32]] = {}
        for group in progress(sorted(set(train["group"])), "markov", unit="groups"):
            part = train[train["group"] == group]
            longest[group] = self._count(corpus, part[part["split"] == "train"])
            if (part["split"] == TUNE).any():
                tuning[group] = self._count(corpus, part[part["split"] == TUNE])
        self.pooled: NDArray[np.uint32] = sum(longest.values(), np.zeros(4 ** (self.order + 1), np.uint32))
        self.own = longest
        self.strengths: dict[tuple[str, str], NDArray[np.float64]] = {}
        pooled = from_longest(self.pooled)
        for group in groups:
            ids = heldout_windows(tuned, length, params.tuning_windows, params.seed, groups=[group], split=TUNE)
            if group not in ids or group not in tuning:
                raise InputError(
                    f"corpus: need training species of {group} to fit Markov chains on, got fewer than two"
                )
            self.strengths["markov", group] = fit_strengths(look_up(pooled, ids[group]))
            own_counts = from_longest(longest[group])
            self.strengths["markov_own", group] = fit_strengths(look_up(own_counts, ids[group]))
        for group, counted in tuning.items():
            self.own[group] += counted
            self.pooled += counted
        self._pooled = from_longest(self.pooled)

    def _count(self, corpus: Corpus, records: pd.DataFrame) -> NDArray[np.uint32]:
        return count_words(_pieces(corpus, records), self.order).words[-1]

    def predict(self, group: str, windows: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
        """Natural log-probabilities (orders, windows, length) under the chain of all sequence and the group's own."""
        counts: dict[str, Counts] = {"markov": self._pooled, "markov_own": from_longest(self.own[group])}
        return {
            name: log_probs(look_up(counted, windows), self.strengths[name, group]) for name, counted in counts.items()
        }


def _pieces(corpus: Corpus, records: pd.DataFrame) -> Iterator[NDArray[np.uint8]]:
    for offset, n in zip(records["offset"], records["length"], strict=True):
        yield np.asarray(corpus.tokens[offset : offset + n])


def _with_tuning_species(records: pd.DataFrame, groups: list[str], length: int, seed: int) -> pd.DataFrame:
    """Records in which some training species of each group, a fiftieth of its bases or one species, are split
    `tune`.
    """
    rng = np.random.default_rng([seed, 4])
    split = records["split"].copy()
    for group in groups:
        part = records[(records["group"] == group) & (records["split"] == "train")]
        bases = part.groupby("species")["length"].sum()
        long = sorted(set(part.loc[part["length"] >= length, "species"]))
        target, taken = _TUNING_SHARE * bases.sum(), 0
        for i in rng.permutation(len(long))[: max(0, len(bases) - 1)]:
            split[part.index[part["species"] == long[i]]] = TUNE
            taken += int(bases[long[i]])
            if taken >= target:
                break
    return records.assign(split=split)


def heldout_genes(corpus: Corpus, params: ModelCardParams) -> list[Gene]:
    """Long open reading frames of held-out genomes of bacteria and phages, as many of each species as it has, up to a
    share.
    """
    by_species = []
    for number, (_, table) in enumerate(_heldout_genomes(corpus, GENE_GROUPS)):
        group = str(table["group"].iloc[0])
        genes = [Gene(group, g) for piece in _pieces(corpus, table) for g in long_open_frames(piece, params.codons)]
        rng = np.random.default_rng([params.seed, 5, number])
        by_species.append([genes[i] for i in rng.permutation(len(genes))])
    in_turn = [genes[i] for i in range(max(map(len, by_species), default=0)) for genes in by_species if i < len(genes)]
    return in_turn[: params.genes]


def _heldout_genomes(corpus: Corpus, groups: Sequence[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    r = corpus.records
    genomes = r[(r["split"] == "heldout") & r["group"].isin(groups) & (r["length"] >= _GENOME)]
    yield from genomes.groupby("species", sort=True)


def heldout_rna(corpus: Corpus, params: ModelCardParams) -> list[RnaGene]:
    """Places of held-out bacteria that resemble tRNA and rRNA genes of *E. coli*, as many of each kind at most as genes
    are compared, of all species in turn.
    """
    folder = shipped("resources/ecoli_k12")
    queries = annotated_rna(folder / "NC_000913.3.fa.gz", folder / "NC_000913.3.gff3.gz")
    by_species = [
        [gene for piece in _pieces(corpus, table) for gene in find_homologues(piece, queries)]
        for _, table in _heldout_genomes(corpus, ("bacteria",))
    ]
    return [
        gene
        for kind in KINDS
        for gene in in_turn(([g for g in genes if g.kind == kind] for genes in by_species), params.genes)
    ]


def _frames(model: DnaModel, chains: _Chains, bits: Bits, genes: list[Gene], params: ModelCardParams) -> pd.DataFrame:
    genes = [g for g in genes if g.group in bits]
    if len(genes) < 2:
        return FRAMES.empty()
    sets = with_copies([g.ids for g in genes], min(params.gene_bases, 3 * params.codons - 60) // 3 * 3, params.seed)
    groups, table = np.array([g.group for g in genes]), heldout_table(bits)
    best = {group: best_markov(table, group) for group in dict.fromkeys(groups.tolist())}
    by_chains = {name: np.zeros(ids.shape) for name, ids in sets.items()}
    for group, chain in best.items():
        # a chain of bacteria would be a weak rival on genes of phages
        own, (kind, order) = groups == group, chain.rsplit("_", 1)
        for name, ids in sets.items():
            by_chains[name][own] = chains.predict(group, ids[own])[kind][int(order)]
    label = " and ".join(f"{chain} of {group}" for group, chain in best.items())
    scored: dict[str, Mapping[str, NDArray[np.floating]]] = {
        MODEL: {name: model_log_probs(model, ids) for name, ids in sets.items()},
        label if len(best) > 1 else next(iter(best.values())): by_chains,
    }
    rows = [
        (predictor, copy, *separation(each["real"], each[copy]), len(genes))
        for predictor, each in scored.items()
        for copy in COPIES
    ]
    return FRAMES.check(pd.DataFrame(rows, columns=list(FRAMES.columns)))


def _rna(model: DnaModel, chains: _Chains, bits: Bits, genes: list[RnaGene], params: ModelCardParams) -> pd.DataFrame:
    if "bacteria" not in bits or not genes:
        return RNA_COPIES.empty()
    rng = np.random.default_rng([params.seed, 6])
    real = np.stack([g.window for g in genes])
    copy = real.copy()
    for row, gene in zip(copy, genes, strict=True):
        row[-gene.length :] = dinucleotide_shuffled(row[-gene.length :], rng)
    kind, order = best_markov(heldout_table(bits), "bacteria").rsplit("_", 1)
    scored = {
        MODEL: [model_log_probs(model, ids) for ids in (real, copy)],
        f"{kind}_{order}": [chains.predict("bacteria", ids)[kind][int(order)] for ids in (real, copy)],
    }
    rows = []
    for predictor, pair in scored.items():
        # nats of the gene alone to bits a base: what stands before it is the same in both
        each = [
            np.array([-p[-g.length :].mean(dtype=np.float64) / np.log(2) for p, g in zip(log_p, genes, strict=True)])
            for log_p in pair
        ]
        for name in KINDS:
            own = np.array([g.kind == name for g in genes])
            if own.sum() < 2:
                continue
            r, c = each[0][own], each[1][own]
            auroc = areas(-np.concatenate([r, c]), np.repeat([True, False], own.sum())).auroc
            rows.append((predictor, name, auroc, float(np.mean(r < c)), r.mean(), c.mean(), int(own.sum())))
    return RNA_COPIES.check(pd.DataFrame(rows, columns=list(RNA_COPIES.columns)))
