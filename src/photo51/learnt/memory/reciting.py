"""From files to an audit: canaries, natural repeats of a corpus and their references, judged and tabulated."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from photo51.config.memory import MemoryParams
from photo51.genome.alphabet import is_ambiguous
from photo51.genome.formats.fasta import Record, read_fasta
from photo51.learnt.data.repeats import copy_numbers, corpus_words, read_records, repeats_by_class
from photo51.learnt.evidence import EvidenceRow
from photo51.learnt.memory.exposure import REFERENCE, Recitable, audit_recitation, canary_references, class_table
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.types import InputError

log = logging.getLogger(__name__)


class Recited(NamedTuple):
    """An audit: contracts `MEMORY` and `MEMORY_CLASSES`, and rows of evidence."""

    sequences: pd.DataFrame
    classes: pd.DataFrame
    evidence: list[EvidenceRow]


def read_canaries(path: Path, params: MemoryParams, corpus: Sequence[Record] | None) -> list[Recitable]:
    """Canaries of a FASTA file, cut to `prefix + suffix` bases, with their copies in the corpus or as their headers
    say.

    Raises
    ------
    InputError
        For a record that is too short or holds other letters than A, C, G, T; without a corpus, for a header without
        `copies=N`.
    """
    length = params.prefix + params.suffix
    records = list(read_fasta(path))
    for r in records:
        if len(r.ids) < length or is_ambiguous(r.ids[:length]).any():
            raise InputError(
                f"{path}, {r.name}: need {length:,} bases of A, C, G, T (prefix and suffix), got {len(r.ids):,} bases"
                + (" with others among them" if len(r.ids) >= length else "")
            )
    ids = np.stack([r.ids[:length] for r in records])
    if corpus is not None:
        copies = copy_numbers(corpus, ids)
    else:
        stated = [re.search(r"\bcopies=(\d+)\b", r.description) for r in records]
        for r, match in zip(records, stated, strict=True):
            if match is None:
                raise InputError(
                    f"{path}, {r.name}: need `copies=N` in the header, or a corpus to count copies in, "
                    f"got {r.description!r}"
                )
        copies = np.array([int(m[1]) for m in stated if m])
    return [Recitable(r.name, "canary", int(n), row) for r, n, row in zip(records, copies, ids, strict=True)]


def natural_repeats(
    corpus: Sequence[Record], params: MemoryParams, unseen: Sequence[Record] | None, label: str = "memory"
) -> list[Recitable]:
    """Words of a corpus by copy number, and their references: words of unseen sequence, else words that occur once.

    References that occur in the corpus are left out.

    Parameters
    ----------
    label
        File of the references, for messages.

    Raises
    ------
    InputError
        For fewer than twenty references.
    """
    length = params.prefix + params.suffix
    words = corpus_words(corpus, length)
    if words.every > 1:
        log.info("memory: words of one in %d hashes are looked at, with all of their copies", words.every)
    # words of one copy are references where there is no unseen sequence, and cannot be subjects too
    ranges = [r for r in params.copies if r[1] > 1 or unseen is not None]
    picked = repeats_by_class(words, length, ranges, params.per_class, params.seed)
    out = [
        Recitable(
            _place(corpus[r.record], r.start, length),
            "repeat",
            r.copies,
            _cut(corpus[r.record], r.start, length),
        )
        for repeats in picked.values()
        for r in repeats
    ]
    source = corpus if unseen is None else unseen
    single = repeats_by_class(
        words if unseen is None else corpus_words(unseen, length),
        length,
        [(1, 1)],
        params.references,
        params.seed + 1,
    )[1, 1]
    # a corpus in which every word stands twice has none
    rows = np.array([_cut(source[r.record], r.start, length) for r in single], dtype=np.uint8).reshape(-1, length)
    copies = np.zeros(len(rows), int) if unseen is None or not len(rows) else copy_numbers(corpus, rows)
    if (copies > 0).any():
        log.info(
            "memory: %d of %d unseen words occur in the corpus and are left out",
            (copies > 0).sum(),
            len(rows),
        )
    unseen_words = [i for i in range(len(single)) if copies[i] == 0]
    if len(unseen_words) < 20:
        raise InputError(
            f"{label}: need at least 20 words of {length:,} bases that"
            f" {'occur once' if unseen is None else 'the corpus lacks'}, as references, got {len(unseen_words)}; give"
            " more unseen sequence (--unseen)"
        )
    return out + [
        Recitable(_place(source[single[i].record], single[i].start, length), REFERENCE["repeat"], 0, rows[i])
        for i in unseen_words
    ]


def _cut(record: Record, start: int, length: int) -> NDArray[np.uint8]:
    return record.ids[start : start + length]


def _place(record: Record, start: int, length: int) -> str:
    return f"{record.name}:{start + 1}-{start + length}"


def recite(
    model: StripedHyena,
    params: MemoryParams,
    *,
    corpus: Path | None = None,
    canaries: Path | None = None,
    unseen: Path | None = None,
    fresh: StripedHyena | None = None,
) -> Recited:
    """Audit a model.

    Raises
    ------
    InputError
        Without both corpus and canaries; for files that hold too little sequence.
    """
    length = params.prefix + params.suffix
    if corpus is None and canaries is None:
        raise InputError("memory: need a corpus, --canaries, or both, got neither")
    if corpus is None and unseen is not None:
        raise InputError("--unseen: need a corpus whose repeats are compared with it, got none")
    records = read_records(corpus, length) if corpus else None
    subjects: list[Recitable] = []
    if canaries:
        planted, references = canary_references(
            read_canaries(canaries, params, records),
            params.references,
            np.random.default_rng([params.seed, 45]),
        )
        subjects += planted + references
    if records is not None:
        others = read_records(unseen, length) if unseen else None
        subjects += natural_repeats(records, params, others, str(unseen or corpus))
    table = audit_recitation(model, subjects, params, fresh)
    classes = class_table(table, [(0, 0), *params.copies])
    return Recited(table, classes, _evidence(table, classes, params.seed))


def _evidence(table: pd.DataFrame, classes: pd.DataFrame, seed: int) -> list[EvidenceRow]:
    rows = [
        EvidenceRow(
            f"{c.kind}, {c.copies} copies",
            "surprisal below references (bits a base)",
            c.gap,
            c.low,
            c.high,
            0.0,
            c.p,
            c.n,
            c.gap_fresh,
            c.gap_markov,
        )
        for c in classes.itertuples()
    ]
    rng = np.random.default_rng([seed, 46])
    for kind in REFERENCE:
        of_kind = table[table["kind"] == kind]
        if of_kind["copies"].nunique() < 3:
            continue
        rho = _spearman(of_kind["centred"], of_kind["copies"])
        null = [_spearman(of_kind["centred"], rng.permutation(of_kind["copies"])) for _ in range(999)]
        # one-sided: what is learnt by heart has less surprisal the more copies there are
        p = (1 + sum(x <= rho for x in null)) / 1_000
        others = (
            _spearman(of_kind[name], of_kind["copies"]) if of_kind[name].notna().all() else np.nan
            for name in ("bits_fresh", "bits_markov")
        )
        rows.append(
            EvidenceRow(
                kind,
                "rank correlation of surprisal and copies, copies permuted",
                rho,
                null=float(np.mean(null)),
                p=p,
                n=len(of_kind),
                twin=next(others),
                naive=next(others),
            )
        )
    return rows


def _spearman(a: object, b: object) -> float:
    return float(stats.spearmanr(a, b).statistic)
