"""What a corpus would teach a model, before any training: disparity, outlying records, traces, a manifest of proposals.

Features of records are compared with those of a reference, and with what the model writes by itself after the same
prompts (the stand-ins for a rejected answer, which sequence does not have). Baselines that need no model stand beside
each figure.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.config.debug_data import DebugDataParams
from photo51.genome.formats.fasta import Record
from photo51.io.contracts.debug_data import RECORDS
from photo51.learnt.data.disparity import (
    base_composition,
    clade_distance,
    cluster_values,
    disparity,
    distances,
    feature_clusters,
    named_disparity,
    robust,
    without,
    word_entropy,
    word_likelihood,
)
from photo51.learnt.data.proposals import corpus_evidence, predicted_change
from photo51.learnt.data.record_reading import (
    RecordSignals,
    own_writing,
    record_windows,
    reference_records,
    see,
    undrawn_windows,
)
from photo51.learnt.data.traces import Vectors, covered_share, shared_spans
from photo51.learnt.evidence import EvidenceRow
from photo51.learnt.opening import network
from photo51.model.families.adapters import DnaModel
from photo51.sae.dictionary import Dictionary
from photo51.types import InputError

log = logging.getLogger(__name__)
# more than half of a record's bases stand elsewhere too
MOST = 0.5  # share of a record that makes a shared span a copy of the record
# above any distance, so that exact matches rank before what is merely unusual
TRACED = 1_000.0
TAIL = 3.0


class Debugged(NamedTuple):
    """Tables of a corpus: contracts `DISPARITY`, `RECORDS`, `SPANS`, and rows of evidence."""

    disparity: pd.DataFrame
    records: pd.DataFrame
    spans: pd.DataFrame
    evidence: list[EvidenceRow]


class CorpusReading(NamedTuple):
    """Records that were read, means over the windows of each; records of the reference come first.

    Attributes
    ----------
    record
        Number of each record of the corpus that could be read, rising.
    seen
        (reference and corpus records, …).
    composition
        Shares, as `base_composition` has them, (records, 11).
    words
        Surprisal on both strands under a chain of 6-mers fitted to one half of the reference's records and to what of
        the reference was not drawn, bits, (records,).
    own
        Codes of records of the corpus less those of the model's own writing after the same prompt, (records, features);
        None where that was not asked for.
    n_reference
        Records of the reference.
    """

    record: NDArray[np.int64]
    seen: RecordSignals
    composition: NDArray[np.float64]
    words: NDArray[np.float64]
    own: NDArray[np.float64] | None
    n_reference: int

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Which rows are of the reference."""
        return np.arange(len(self.words)) < self.n_reference

    @property
    def judged(self) -> NDArray[np.int64]:
        """Rows of the half of the reference that nothing was fitted to."""
        return np.arange(1, self.n_reference, 2)


def read_corpus(
    model: DnaModel,
    dictionary: Dictionary,
    records: Sequence[Record],
    reference: Sequence[Record],
    params: DebugDataParams,
    where: str = "corpus",
) -> CorpusReading:
    """Read windows of a corpus and of a reference, cut into records as long as what is read of a record of the corpus.

    Raises
    ------
    InputError
        For a corpus of one record, or with fewer than two long enough; for a reference that is too short.
    """
    if len(records) < 2:
        raise InputError(
            f"{where}: need at least two records to compare, got {len(records)}; split a genome into records first"
        )
    rows, owner = record_windows(records, params)
    read = np.unique(owner)
    if len(read) < 2:
        raise InputError(
            f"{where}: need at least two records with {params.window:,} bases of A, C, G, T in a row, got {len(read)}"
            f" of {len(records)}"
        )
    if short := len(records) - len(read):
        log.warning("%s: %d of %d records are too short or ambiguous to be read", where, short, len(records))
    base, base_owner = reference_records(reference, params)
    n = int(base_owner[-1]) + 1
    both = np.concatenate([base, rows])
    # records of the corpus are numbered after those of the reference, without those that could not be read
    group = np.concatenate([base_owner, n + np.searchsorted(read, owner)])
    signals = see(model, dictionary, both, params.batch)
    difference = None
    if params.own:
        # rising order, so that results do not depend on how windows are batched
        drawn = np.sort(np.random.default_rng([params.seed, 52]).permutation(len(rows))[: params.own])
        written = own_writing(network(model), rows[drawn], params)
        # both are read from their first base, so that contexts are equal
        difference = signals.z[len(base) + drawn] - see(model, dictionary, written, params.batch).z
    # even records of the reference fit the chain, odd ones are judged by it (`judged`); what no model reads helps the
    # fit
    fitted = np.concatenate([both[np.isin(group, np.arange(0, n, 2))], undrawn_windows(reference, params)])
    return CorpusReading(
        read,
        RecordSignals(*(_means(x, group) for x in signals)),
        _means(base_composition(both), group),
        _means(word_likelihood(both, fitted), group),
        difference,
        n,
    )


def _means(values: NDArray[np.float64], group: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean of the rows of each group, numbered from 0."""
    total = np.zeros((group.max() + 1, *values.shape[1:]))
    # unbuffered: a group may occur in many rows
    np.add.at(total, group, values)
    return total / np.bincount(group).reshape(-1, *[1] * (values.ndim - 1))


def debug_data(
    read: CorpusReading,
    records: Sequence[Record],
    params: DebugDataParams,
    vectors: Vectors | None = None,
    weight: Mapping[str, float] | None = None,
    ordinary: NDArray[np.uint64] | None = None,
) -> Debugged:
    """Judge a corpus that was read.

    Parameters
    ----------
    weight
        Record → its weight in training, of an earlier manifest; 1 where it says nothing.
    ordinary
        Hashes of words that the reference itself repeats, which are not traced.

    Raises
    ------
    InputError
        For vectors that match most of the corpus.
    """
    spans = shared_spans(records, params.word, params.shared, vectors, ordinary)
    if vectors is not None:
        _check_vectors(spans, records, params, vectors)
    inside = read.inside
    # spread of the reference and of all together: a feature that is silent in the reference alone is not divided by 0
    scale = read.seen.z[inside].std(axis=0) + read.seen.z.std(axis=0) + 1e-9
    clusters = feature_clusters(read.seen.z, params.clusters)
    values = cluster_values(read.seen.z, clusters, scale)
    partial = without(values, read.composition, inside)
    surprise = cluster_values(read.seen.surprise, clusters, scale)
    difference = None if read.own is None else cluster_values(read.own, clusters, scale)
    # a record that the manifest does not name keeps its full weight
    weights = np.array([(weight or {}).get(records[i].name, 1.0) for i in read.record])
    table = disparity(values, partial, surprise, inside, difference, weights)
    ranked = _records(read, records, params, spans, partial, vectors)
    proposed = ranked["weight"].to_numpy()[read.record]
    ranked["predicted"] = np.nan
    ranked.loc[read.record, "predicted"] = predicted_change(values, inside, proposed, weights)
    ranked = ranked.sort_values(["score", "record"], ascending=[False, True], kind="stable")
    ranked = RECORDS.check(ranked[list(RECORDS.columns)])
    named = named_disparity(table, clusters, read.seen.z[~inside])
    return Debugged(named, ranked, spans, corpus_evidence(named, ranked, values, inside, params))


def _check_vectors(spans: pd.DataFrame, records: Sequence[Record], params: DebugDataParams, vectors: Vectors) -> None:
    matched = spans.loc[spans["vector"] != "", "record"].nunique()
    if matched > params.vector_share * len(records):
        raise InputError(
            f"{vectors.path}: need vectors that are foreign to the corpus, got exact matches in {matched} of "
            f"{len(records)} records; raise `vector_share` if they really are"
        )


def _records(
    read: CorpusReading,
    records: Sequence[Record],
    params: DebugDataParams,
    spans: pd.DataFrame,
    partial: NDArray[np.float64],
    vectors: Vectors | None,
) -> pd.DataFrame:
    inside, judged = read.inside, read.judged
    gc = read.composition[:, 0]
    surprise = robust(read.seen.bits, read.seen.bits[judged])
    distances_of = {
        "d_clade": clade_distance(read.words, read.seen.bits, read.composition, judged),
        "d_features": distances(np.column_stack([partial, read.seen.bits]), inside),
        "d_residual": robust(read.seen.unexplained, read.seen.unexplained[judged]),
        "d_bits": np.abs(surprise),
        "d_words": np.abs(robust(read.words, read.words[judged])),
        "d_composition": np.abs(robust(gc, gc[judged])),
    }
    # records that could not be read have no distances
    table = pd.DataFrame(np.nan, index=range(len(records)), columns=list(distances_of))
    table.loc[read.record] = np.column_stack([v[~inside] for v in distances_of.values()])
    table["record"], table["length"] = [r.name for r in records], [len(r.ids) for r in records]
    share = np.array([covered_share(spans, r) for r in records])
    # what is traced is certain, and comes before what is merely unusual
    table["d_shared"] = np.where(share > 0, TRACED + share, 0.0)
    longest = spans[spans["vector"] != ""].assign(n=lambda t: t["end"] - t["start"]).groupby("record")["n"].max()
    table["d_match"] = np.nan if vectors is None else table["record"].map(longest).fillna(0).astype(float)
    table["entropy"] = word_entropy([r.ids for r in records])
    widest = spans.groupby("record")["records"].max()
    table["copies"] = np.where(share > MOST, table["record"].map(widest).fillna(1), 1).astype(int)
    # features of clean records have a tail about three times as long: acquired islands, repeats
    table["tail"] = table[["d_features", "d_residual"]].max(axis=1) / TAIL
    table["score"] = table[["d_clade", "tail", "d_shared"]].max(axis=1).fillna(0.0)
    table["simple"] = table["entropy"] < params.simple
    has_vector = set(spans.loc[spans["vector"] != "", "record"])
    table["has_vector"] = table["record"].isin(has_vector)
    tail = np.maximum(distances_of["d_features"], distances_of["d_residual"])
    clade = distances_of["d_clade"]
    limits = _Limits(_farthest(tail[judged], params.outlying), _farthest(clade[judged], params.clade))
    return _proposed(table, share, params, limits)


class _Limits(NamedTuple):
    """Distances that a record must reach to be named foreign: by its features, and by its clade."""

    features: float
    clade: float


def _farthest(judged: NDArray[np.float64], floor: float) -> float:
    """The stated limit, or the next number after the farthest record of the reference that nothing was fitted to.

    Features that are rare have long tails, so that a stated number of deviations may hold true members of a reference.
    """
    return max(floor, float(np.nextafter(judged.max(), np.inf)))


def _proposed(
    table: pd.DataFrame, share: NDArray[np.float64], params: DebugDataParams, limits: _Limits
) -> pd.DataFrame:
    """Cause, action, weight and reason of each record."""
    by_features = table[["d_features", "d_residual"]].max(axis=1) >= limits.features
    foreign = by_features | (table["d_clade"] >= limits.clade)
    conditions = [
        table["has_vector"],
        table["simple"],
        table["copies"] > 1,
        share > 0,
        foreign,
        table["d_composition"] >= params.outlying,
    ]
    causes = ["vector", "low complexity", "duplicate", "repeat", "foreign", "composition"]
    actions = ["drop", "drop", "weight", "tag", "tag", "keep"]
    cause = np.select(conditions, causes, "none")
    reasons = {
        "vector": "holds words of the vectors",
        "low complexity": "its 3-mers are few",
        "duplicate": "most of it stands in other records",
        "repeat": "a part of it stands in other records",
        "foreign": "the model sees, or knows, what the reference does not show, beyond composition",
        "composition": "its GC content is unusual and explains what the model sees",
        "none": "",
    }
    action = np.select([np.array(conditions[i]) for i in range(6)], actions, "keep")
    weight = np.select([action == "drop", action == "weight"], [0.0, 1 / table["copies"]], 1.0)
    return table.assign(cause=cause, action=action, weight=weight.astype(float), reason=[reasons[c] for c in cause])
