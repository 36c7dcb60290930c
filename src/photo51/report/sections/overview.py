"""What was run, and on what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from photo51 import theme, words
from photo51.genome.annotation.records import GAP
from photo51.report.elements import figures, svg
from photo51.report.elements.blocks import Block, Cell, Figure, Figures, Head, Note, Table, literal
from photo51.report.sections.base import Failure, Section, claims_of
from photo51.run.opened import Run

ANCHOR, TITLE = "run", "What was run, and on what"
QUESTION = "Which genomes were read, by which model, and through which dictionary?"
STEADY = 0.8  # correlation from which on a feature counts as the same in both readings
_PARTS = {"left out": "records left out", "noted": "used, but unusual", "CDS": "coding sequences"}
QUALITY = (
    ("variance_explained", "[[variance_explained]]", "of the model's internal variation"),
    ("recovered", "[[ce_recovered]]", "of the model's predictive power"),
    ("l0", "[[l0]]", ""),
    ("dead", "share of [[dead|dead features]]", "of the dictionary"),
    ("seed_match_live", "[[found_again|Found again]] by another training seed", "of its live features"),
)


def section(run: Run) -> Section:
    """Genomes, model, dictionary."""
    origin = run.codes.meta.origin
    contigs = run.genomes.contigs
    workspace = run.places.workspace
    live, n = len(run.live), len(run.features)
    scored = workspace.n_rows
    reading = run.table("reading")
    unused = reading_tables(reading)
    blocks: list[Block] = [_genomes(run), *unused, _model(run), Figures([_density(run)])]
    failures = (
        [
            Failure(
                f"{words.count(n - live, 'feature')} of {n:,} were active nowhere: nothing can be said about them.",
                "limit",
                ANCHOR,
            )
        ]
        if live < n
        else []
    )
    if (again := _read_again(run)) is not None and (moved := int((again < STEADY).sum())):
        note = (
            f"{words.count(moved, 'feature')} of {len(again):,} correlate below {STEADY:g} with themselves when windows"
            " begin elsewhere: where they fire depends on where reading began."
        )
        failures.append(Failure(note, "limit", ANCHOR))
    if unseen := [k for k in ("train", "select", "test") if not workspace.split_mask(k).any()]:
        what, them = ("split", "it") if len(unseen) == 1 else ("splits", "them")
        note = f"No scored base lies in the {words.listing(unseen)} {what}; numbers that need {them} are missing."
        failures.append(Failure(note, "limit", ANCHOR))
        blocks.append(Note(note, kind="warn"))
    name = f"The model **{origin.model_name}**" if origin.model_name else "The model"
    answer = (
        f"{name} read {words.bases(scored)} of the {words.bases(int(contigs['length'].sum()))} of"
        f" {words.count(contigs['genome'].nunique(), 'genome')} on both [[strand|strands]]{_rest(run)}. Its internal"
        f" state at `{origin.site}` was written as {n:,} [[feature|features]], of which {live:,} were active"
        f" somewhere.{translated(reading)}"
    )
    return Section(ANCHOR, TITLE, QUESTION, answer, blocks, claims_of(run, ANCHOR), failures)


def _rest(run: Run) -> str:
    """That part of the genomes was not read."""
    left = int(run.genomes.contigs["length"].sum()) - run.places.workspace.n_rows
    return (
        f"; the other {words.bases(left)} were not read in this run, so that nothing is known of features there"
        if left > 0
        else ""
    )


def translated(reading: pd.DataFrame | None) -> str:
    """A sentence on how many coding sequences translate and how many records were left out; empty where nothing is
    known.

    Parameters
    ----------
    reading
        Contract `READING`.
    """
    if reading is None or reading.empty:
        return ""
    coding = reading[reading["outcome"] == "CDS"].groupby("reason")["count"].sum()
    n, clean, gap = (int(coding.get(reason, 0)) for reason in ("coding sequences", "translate cleanly", GAP))
    left = int(reading.loc[reading["outcome"] == "left out", "count"].sum())
    sentence = (
        f"{clean:,} of {words.count(n, 'annotated CDS', 'annotated CDS')} {'translates' if clean == 1 else 'translate'}"
        f" cleanly from start to stop{f', {gap:,} more reach into bases that are not known (N)' if gap else ''}"
        if n
        else "No CDS is annotated"
    )
    return f" {sentence}; {words.count(left, 'record')} of the annotation {'was' if left < 2 else 'were'} left out."


def reading_tables(reading: pd.DataFrame | None) -> list[Table]:
    """What was left out of the files, what was unusual in them, and what is wrong with coding sequences."""
    if reading is None:
        return []
    usual = {"coding sequences", "translate cleanly", "are misread"}
    shown = reading[
        reading["outcome"].isin(["left out", "noted"])
        | ((reading["outcome"] == "CDS") & ~reading["reason"].isin(usual))
    ]
    if shown.empty:
        return []
    rows = [
        [
            str(r["genome"]),
            _PARTS[r["outcome"]],
            str(r["reason"]),
            Cell(f"{r['count']:,}", int(r["count"])),
            literal(Path(str(r["first"]).partition(", ")[0]).name + "".join(str(r["first"]).partition(", ")[1:])),
        ]
        for r in shown.to_dict("records")
    ]
    heads = [Head("Genome"), Head("what"), Head("why"), Head("how often", numeric=True), Head("first")]
    return [Table("Left out or unusual in the annotation", heads, rows, shown=6)]


def _genomes(run: Run) -> Table:
    contigs, table, annotations = run.genomes.contigs, run.places.workspace.table, run.genomes.annotations()
    rows = []
    for genome, contigs_of in contigs.groupby("genome", sort=False):
        scored = table[table["genome"] == genome]
        annotations_of = annotations[annotations["genome"] == genome]
        by_split = {
            s: int((scored["end"] - scored["start"])[scored["split"] == s].sum()) for s in ("train", "select", "test")
        }
        total = sum(by_split.values())
        splits = " / ".join(words.bases(n) for n in by_split.values())
        circular = int(contigs_of["circular"].sum())
        shape = "circular" if circular == len(contigs_of) else "linear" if not circular else f"{circular} circular"
        genes = int((annotations_of["kind"] == "gene").sum())
        rows.append(
            [
                str(genome),
                Cell(f"{len(contigs_of):,}, {shape}", len(contigs_of)),
                Cell(words.bases(int(contigs_of["length"].sum())), int(contigs_of["length"].sum())),
                Cell(
                    f"{words.bases(total)} ({words.percent(total / max(int(contigs_of['length'].sum()), 1))})",
                    total,
                ),
                splits,
                Cell(f"{genes:,}", genes),
                Cell(f"{annotations_of['kind'].nunique()}", annotations_of["kind"].nunique()),
            ]
        )
    heads = [
        Head("Genome"),
        Head("contigs", numeric=True),
        Head("length", numeric=True),
        Head("[[scored]], each strand", numeric=True),
        Head("of these train / select / [[held_out|test]]"),
        Head("genes", numeric=True),
        Head("annotation classes", numeric=True),
    ]
    return Table("Genomes", heads, rows)


def _model(run: Run) -> Table:
    meta = run.codes.meta
    quality = run.quality()
    rows: list[list[Any]] = [
        ["[[model|Model]]", f"{meta.origin.model_name or 'not named'} `{meta.origin.model}`"],
        ["[[site|Where it was read]]", f"`{meta.origin.site}`, {meta.origin.d_model:,} numbers a base"],
        ["[[sae|Dictionary]]", f"{run.sae} `{meta.sae}`, {meta.n_features:,} features"],
    ]
    for key, title, unit in QUALITY:
        value: Any = quality.get(key)
        if words.is_number(value):
            shown = words.percent(float(value)) if key != "l0" else words.number(float(value))
            rows.append([title, f"{shown} {unit}".strip()])
    if (again := _read_again(run)) is not None:
        steady = f"a feature agrees with itself by r {words.number(float(again.median()))} (median)"
        rows.append(
            [
                "[[window_offsets|Window-offset robustness]]",
                f"{steady}; {words.percent(float((again < STEADY).mean()))} of the features stay below {STEADY:g}",
            ]
        )
    return Table("Model and dictionary", [Head("What"), Head("Which")], rows, sortable=False)


def _read_again(run: Run) -> pd.Series | None:
    """Correlation of features with themselves where windows begin elsewhere; None where that was not measured."""
    table = run.table("window_offsets")
    return None if table is None or table["r"].isna().all() else table["r"].dropna()


def _density(run: Run) -> Figure:
    density = run.features["density"].to_numpy()
    live = density[density > 0]
    if not len(live):
        none = "No feature was active anywhere: there are no densities to show."
        return Figure(svg.figure(lambda ax: figures.density(ax, run.features), (theme.WIDTH_1, 2.3), none), none)
    middle = float(np.median(live))
    alt = (
        f"Histogram of how often features are active: half of the {len(live):,} live ones at less than"
        f" {words.percent(middle, 2)} of the scored bases."
    )
    picture = svg.figure(lambda ax: figures.density(ax, run.features), (theme.WIDTH_1, 2.3), alt)
    return Figure(
        picture,
        f"[[density|Density]] of the features: half are active at less than {words.percent(middle, 2)} of the bases.",
    )
