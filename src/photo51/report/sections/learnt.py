"""What the model has learnt: rates of words, difference from another model, recitation, what a corpus would teach."""

from __future__ import annotations

import numpy as np

from photo51 import words
from photo51.report.elements.blocks import Cell, Head, Prose, Table, q_cell, records
from photo51.report.sections.base import Draft, Section, absent, claims_of
from photo51.run.opened import Run

ANCHOR, TITLE = "learnt", "What the model has learnt"
QUESTION = "What does the model write, recite and lack, and what would a corpus teach it?"
TABLES = ("learnt_words", "learnt_windows", "learnt_memory", "learnt_records")


def asked(run: Run) -> bool:
    """Whether a run asks any of it."""
    return any(run.has(name) for name in TABLES)


def section(run: Run) -> Section:
    """Rates, differences, recitation and records, from the tables of `learnt/`."""
    if not asked(run):
        return absent(ANCHOR, TITLE, QUESTION, run.absent("learnt_words"))
    draft = Draft(ANCHOR, claims=claims_of(run, ANCHOR))
    for name, show in zip(TABLES, (_words, _difference, _recitation, _records), strict=True):
        if run.has(name):
            show(run, draft)
        else:
            draft.fail(run.absent(name), "not run")
    return draft.section(TITLE, QUESTION)


def _number(value: float) -> Cell:
    return Cell(words.number(value) if np.isfinite(value) else "–", value)


def _words(run: Run, draft: Draft) -> None:
    table = run.need("learnt_words")
    both = table[table["strand"] == "both"]
    heads = [
        Head("Word"),
        Head("expected in 1,000 bases", numeric=True),
        Head("95 % from", numeric=True),
        Head("to", numeric=True),
        Head("counted", numeric=True),
        Head("Markov chain", numeric=True),
        Head("fresh weights", numeric=True),
    ]
    names = ("per_kb", "low", "high", "counted_per_kb", "markov_per_kb", "fresh_per_kb")
    rows = [[r.word, *(_number(getattr(r, name)) for name in names)] for r in records(both)]
    note = (
        "From exact probabilities at places of sequence that the model writes. Baselines: counting in that sequence, a"
        " Markov chain fitted to it. Control: the same architecture with fresh weights."
    )
    draft.show(Table("Words the model is expected to write, both strands", heads, rows, note=note))
    far = both[(both["counted"] == 0) & both["reliable"]]
    draft.answers.append(f"{words.count(len(both), 'word')} {'was' if len(both) == 1 else 'were'} asked for.")
    if len(far):
        draft.answers.append(f"{len(far):,} never occurred in what the model wrote, and have a rate all the same.")


def _difference(run: Run, draft: Draft) -> None:
    windows = run.need("learnt_windows")
    change, kl = windows["delta_bits"].mean(), windows["kl"].mean()
    heads = [
        Head("Contig"),
        Head("position", numeric=True),
        Head("strand"),
        Head("divergence (bits)", numeric=True),
        Head("surprisal before", numeric=True),
        Head("after", numeric=True),
        Head("bases around it"),
    ]
    places = run.table("learnt_positions")
    rows = [
        [
            r.chrom,
            Cell(f"{r.position + 1:,}", r.position),
            r.strand,
            _number(r.kl),
            _number(r.bits_a),
            _number(r.bits_b),
            f"`{r.around}`",
        ]
        for r in (records(places.head(40)) if places is not None else [])
    ]
    note = "Divergence of the law of the next base, exact, since there are four letters."
    draft.show(Table("Where the two models differ most", heads, rows, note=note))
    draft.answers.append(
        f"The two models differ by {words.number(kl)} bits a base; surprisal changes by {words.number(change)} bits."
    )


def _recitation(run: Run, draft: Draft) -> None:
    table = run.need("learnt_memory")
    heads = [
        Head("Sequences"),
        Head("copies"),
        Head("number", numeric=True),
        Head("surprisal below unseen (bits a base)", numeric=True),
        Head("[[q]]", numeric=True),
        Head("Markov chain", numeric=True),
        Head("fresh weights", numeric=True),
        Head("recited to the letter", numeric=True),
    ]
    rows = [
        [
            r.kind,
            r.copies,
            _number(r.n),
            _number(r.gap),
            q_cell(r.q),
            _number(r.gap_markov),
            _number(r.gap_fresh),
            Cell(words.percent(r.greedy_exact), r.greedy_exact),
        ]
        for r in records(table)
    ]
    draft.show(Table("Recitation by copy number", heads, rows, note="Against sequences that the model never met."))
    exact = table[table["greedy_exact"] > 0]
    draft.answers.append(
        f"Sequences of {words.count(len(exact), 'class')} of copy number are recited to the letter."
        if len(exact)
        else "No sequence that was asked for is recited to the letter."
    )


def _records(run: Run, draft: Draft) -> None:
    table = run.need("learnt_records")
    named = table[table["cause"] != "none"]
    heads = [
        Head("Record"),
        Head("cause"),
        Head("proposal"),
        Head("features", numeric=True),
        Head("traced", numeric=True),
        Head("surprisal", numeric=True),
        Head("6-mers", numeric=True),
        Head("predicted change", numeric=True),
    ]
    names = ("d_features", "d_shared", "d_bits", "d_words", "predicted")
    rows = [
        [r.record, r.cause, r.action, *(_number(getattr(r, name)) for name in names)] for r in records(named.head(60))
    ]
    note = "Distances from the reference in robust standard deviations; surprisal and 6-mers are baselines."
    draft.show(
        Prose("**Before training on a corpus.** Nothing is deleted; proposals are in `records.tsv`."),
        Table("Records that stand out", heads, rows, note=note),
    )
    draft.answers.append(f"Of {words.count(len(table), 'record')} of the corpus {len(named)} stand out.")
