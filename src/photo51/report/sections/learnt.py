"""What the model has learnt: rates of words, difference from another model, recitation, what a corpus would teach."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from photo51 import words
from photo51.report.elements.blocks import Cell, Head, Prose, Table, first_of, literal, q_cell, records
from photo51.report.sections.base import Draft, Section, absent, claims_of
from photo51.run.opened import Run

ANCHOR, TITLE = "learnt", "What the model has learnt"
QUESTION = "What does the model write, recite and lack, and what would a corpus teach it?"
TRACED = 1_000.0  # what a traced record is ranked by, before the share of it
TABLES = ("learnt_words", "learnt_windows", "learnt_memory", "learnt_records")


def asked(run: Run) -> bool:
    """Whether a run asks any of it."""
    return any(run.has(name) for name in TABLES)


def section(run: Run, alpha: float = 0.05) -> Section:
    """Rates, differences, recitation and records, from the tables of `learnt/`; `alpha` is the largest q of a find."""
    if not asked(run):
        return absent(ANCHOR, TITLE, QUESTION, run.absent("learnt_words"))
    draft = Draft(ANCHOR, claims=claims_of(run, ANCHOR))
    shows: tuple[Callable[[Run, Draft], None], ...] = (
        _words,
        _difference,
        partial(_recitation, alpha=alpha),
        _records,
    )
    for name, show in zip(TABLES, shows, strict=True):
        if run.has(name):
            show(run, draft)
        else:
            draft.lack(run, name)
    return draft.section(TITLE, QUESTION)


def _number(value: float) -> Cell:
    return Cell(words.number(value) if np.isfinite(value) else "–", value)


def _numeric(*names: str) -> list[Head]:
    return [Head(name, numeric=True) for name in names]


def _words(run: Run, draft: Draft) -> None:
    table = run.need("learnt_words")
    both = table[table["strand"] == "both"]
    heads = [
        Head("Word"),
        *_numeric(
            "expected in 1,000 bases", "95 % from", "to", "counted in 1,000 bases", "Markov chain", "fresh weights"
        ),
    ]
    names = ("per_kb", "low", "high", "counted_per_kb", "markov_per_kb", "fresh_per_kb")
    rows = [[f"`{r.text}`", *(_number(getattr(r, name)) for name in names)] for r in records(both)]
    note = (
        "From exact probabilities at places of sequence that the model writes, both strands; no limits where fewer than"
        " ten places carry the rate. Baselines: counting in that sequence, a Markov chain fitted to it. Control: the"
        " same architecture with fresh weights."
    )
    draft.show(Table("Words the model is expected to write", heads, rows, note=note))
    first = [f"`{r.text}` {words.number(r.per_kb)} times" for r in records(both.head(3))]
    more = f" and {words.count(len(both) - 3, 'other word')} as the table says" if len(both) > 3 else ""
    draft.answers.append(f"In 1,000 bases, both strands, the model is expected to write {words.listing(first)}{more}.")
    far = both[(both["counted"] == 0) & both["reliable"]]
    if len(far):
        draft.answers.append(
            f"{words.count(len(far), 'word')} of {len(both)} {'does' if len(far) == 1 else 'do'} not occur in the"
            f" sequence that was written, and still {'has' if len(far) == 1 else 'have'} a rate with limits."
        )
    if run.has("learnt_survival"):
        _survival(run, draft)


def _survival(run: Run, draft: Draft) -> None:
    """Open frames, and words that stay away."""
    table = run.need("learnt_survival")
    heads = [
        Head("Does not happen"),
        *_numeric("span (bases)", "probability", "95 % from", "to", "baseline", "spans without it"),
    ]
    rows = [
        [
            "stop codon in frame" if r.event == "open frame" else f"`{r.event}`",
            Cell(f"{r.length:,}", r.length),
            *(_number(getattr(r, name)) for name in ("probability", "low", "high", "poisson")),
            f"{r.counted:,} of {r.spans:,}",
        ]
        for r in records(table)
    ]
    note = (
        "By populations of sequences that the model writes and that may not do it. Baseline: of independent occurrences"
        " (words), of independent codons (frames). Last column: counted in the sequence written."
    )
    draft.show(Table("How long it goes without", heads, rows, note=note))
    if (dead := int((table["dead"] > 0).sum())) > 0:
        draft.fail(
            f"{words.count(dead, 'probability', 'probabilities')} of a span without an event: a population died out,"
            " and the estimate is too low.",
            "limit",
        )


def _models(run: Run) -> tuple[str, str]:
    """Names of the model before and of the run's own, as a sentence takes them."""
    settings = run.settings
    before = settings.get("learnt", {}).get("before") or "the model before"
    after = settings.get("activations", {}).get("model") or "the run's model"
    return before, after


def _difference(run: Run, draft: Draft) -> None:
    windows = run.need("learnt_windows")
    before, after = _models(run)
    heads = [
        Head("Contig"),
        *_numeric("position"),
        Head("strand"),
        *_numeric("divergence (bits)", f"surprisal, {before}", after),
        Head("bases around it"),
    ]
    places = run.table("learnt_positions")
    rows = [
        [
            literal(r.chrom),
            Cell(f"{r.position + 1:,}", r.position),
            str(r.strand).replace("-", words.MINUS),
            _number(r.kl),
            _number(r.bits_a),
            _number(r.bits_b),
            f"`{r.around}`",
        ]
        for r in (records(places.head(40)) if places is not None else [])
    ]
    note = (
        "Divergence of the law of the next base, exact, since there are four letters; surprisal, in bits, of the base"
        " that stands there. The base is the middle one of those shown, in reading order."
    )
    title = first_of("Where the two models differ most", len(rows), 0 if places is None else len(places))
    draft.show(Table(title, heads, rows, note=note))
    draft.answers.append(_compared(run, windows, before, after))


def _compared(run: Run, windows: pd.DataFrame, before: str, after: str) -> str:
    """How far two models are from each other, and whether that counts as equal."""
    change, kl = float(windows["delta_bits"].mean()), float(windows["kl"].mean())
    if kl == 0:
        return f"`{after}` and `{before}` predict the same, base by base: their divergence is 0."
    moved = f"{'rises' if change > 0 else 'falls'} by {words.number(abs(change))} bits a base"
    text = (
        f"The predictions of `{before}` and `{after}` diverge by {words.number(kl)} bits a base, and from the former to"
        f" the latter surprisal {moved if change else 'stays as it is on average'}"
    )
    gate = run.table("learnt_gate")
    bits = gate[gate["quantity"] == "bits"] if gate is not None else None
    if bits is None or not len(bits):
        return f"{text}."
    row = bits.iloc[0]
    reading = {
        "pass": f"within the {words.number(row['limit'])} that count as equal",
        "fail": f"more than the {words.number(row['limit'])} that count as equal",
        "undecided": f"which {words.count(int(row['n']), 'window')} cannot tell from the {words.number(row['limit'])}"
        f" that count as equal; about {int(row['windows_needed']):,} could",
    }[row["verdict"]]
    limits = f"{words.number(row['low'])} to {words.number(row['high'])}"
    return f"{text} (90 % limits of the change {limits}): {reading}."


def _recitation(run: Run, draft: Draft, alpha: float) -> None:
    table = run.need("learnt_memory")
    heads = [
        Head("Sequences"),
        Head("copies"),
        *_numeric(
            "number",
            "surprisal below unseen (bits a base)",
            "[[q]]",
            "by a Markov chain",
            "by fresh weights",
            "recited to the letter",
        ),
    ]
    rows = [
        [
            r.kind,
            str(r.copies).replace("-", "–"),
            _number(r.n),
            _number(r.gap),
            q_cell(r.q),
            _number(r.gap_markov),
            _number(r.gap_fresh),
            Cell(words.percent(r.greedy_exact), r.greedy_exact),
        ]
        for r in records(table)
    ]
    note = (
        "Against sequences that the model never met. A gap that a Markov chain of the unseen sequences, or fresh"
        " weights, have too is one of composition, not of memory."
    )
    draft.show(Table("Recitation by copy number", heads, rows, note=note))
    better = table[(table["q"] <= alpha) & (table["gap"] > 0)]
    exact = table[table["greedy_exact"] > 0]
    total = words.count(len(table), "class", "classes")
    draft.answers.append(
        f"Of {total} of copy number in its corpus {len(better) or 'none'} {'is' if len(better) < 2 else 'are'} known"
        f" better than sequences it never met; {len(exact) or 'none'} {'holds' if len(exact) < 2 else 'hold'} any that"
        " it recites to the letter."
    )


def _records(run: Run, draft: Draft) -> None:
    table = run.need("learnt_records")
    named = table[table["cause"] != "none"]
    heads = [
        Head("Record"),
        Head("cause"),
        Head("proposal"),
        *_numeric("clade", "features", "traced", "surprisal", "6-mers", "predicted change"),
    ]
    names = ("d_clade", "d_features", "d_traced", "d_bits", "d_words", "predicted")
    shown = named.assign(d_traced=(named["d_shared"] - TRACED).clip(lower=0))
    rows = [
        [
            literal(r.record),
            r.cause,
            r.action,
            *(_number(getattr(r, name)) for name in names),
        ]
        for r in records(shown.head(60))
    ]
    note = (
        "In robust standard deviations of the reference. Clade: how much better the model knows the record than the"
        " reference's 6-mers do. Features: their distance, composition taken out. Baselines: surprisal, 6-mers."
        " Traced: share of the record that stands in other records or in the vectors, letter by letter. Predicted"
        " change: of the corpus's distance from the reference, if the proposal is followed. Foreign: further away than"
        " each of n records of the reference; by chance alone up to 2 of every n + 1 records are called so."
    )
    draft.show(
        Prose("**Before training on a corpus.** Nothing is deleted; proposals are in `records.tsv`."),
        Table(first_of("Records that stand out", len(rows), len(named)), heads, rows, note=note),
    )
    causes = [f"{n} {cause}" for cause, n in named["cause"].value_counts().items()]
    listed = f" ({words.listing(causes)})" if causes else ""
    verb = "stands" if len(named) <= 1 else "stand"
    draft.answers.append(
        f"Of {words.count(len(table), 'record')} of the corpus {len(named) or 'none'} {verb} out{listed}."
    )
    if run.has("learnt_disparity"):
        _disparity(run, draft)


def _disparity(run: Run, draft: Draft) -> None:
    """What the corpus as a whole has more or less of than the reference."""
    table = run.need("learnt_disparity")
    different = table[table["reading"] != "none"].sort_values("d_reference", key=abs, ascending=False)
    if not len(different):
        draft.show(
            Prose(f"None of {words.count(len(table), 'cluster')} of features differs between corpus and reference.")
        )
        return
    heads = [
        Head("Features"),
        *_numeric("corpus less reference (sd)", "95 % from", "to", "[[q]]", "without composition"),
        Head("reading"),
    ]
    names = ("d_reference", "low", "high")
    rows = [
        [
            r.features,
            *(_number(getattr(r, name)) for name in names),
            q_cell(r.q),
            _number(r.d_partial),
            r.reading,
        ]
        for r in records(different.head(24))
    ]
    note = (
        "Clusters of features that fire together; what differs between corpus and reference is what training on it"
        " would change. `composition` where GC content and dinucleotides explain it."
    )
    title = first_of("What the corpus has more or less of", len(rows), len(different))
    draft.show(Table(title, heads, rows, note=note))
