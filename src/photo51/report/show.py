"""What the notebooks show: blocks of the report, asked for one at a time.

A notebook's cells hold no logic: each calls a function here (or a section of the report) and shows what comes back.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from markupsafe import Markup

from photo51 import theme, words
from photo51.report.elements import feature_text, figures, svg
from photo51.report.elements.blocks import (
    Block,
    Cell,
    Claims,
    Figure,
    Figures,
    Head,
    Note,
    Prose,
    Raw,
    Table,
    first_of,
    q_cell,
    records,
    verdict_cell,
)
from photo51.report.elements.feature_cards import feature_logo
from photo51.report.elements.feature_text import features_called
from photo51.report.elements.reading import reading_picture, segment_around, windows_table
from photo51.report.elements.sentences import beats, label
from photo51.report.elements.shapes import members_of, shape_facts
from photo51.report.sections import manifolds
from photo51.report.sections.base import Section
from photo51.run.feature import FeatureFacts
from photo51.run.known import by_reading, names
from photo51.run.opened import Run
from photo51.run.places import Window
from photo51.types import STRANDS

NEIGHBOURS = 6


class Blocks(Block):
    """Several blocks, one below the other."""

    def __init__(self, blocks: Sequence[Block]):
        self.blocks = blocks

    def html(self) -> Markup:
        """As HTML."""
        return Markup("\n").join(b.html() for b in self.blocks)


def section(shown: Section) -> Blocks:
    """A section of the report: its answer, its claims beside their nulls, its evidence, and what it could not show."""
    blocks: list[Block] = [Prose(f"**{shown.answer.replace('**', '')}**")] if shown.answer else []
    blocks += [Claims(shown.claims)] if shown.claims else []
    blocks += list(shown.blocks)
    if shown.failures and not shown.absent:
        blocks.append(Note("\n\n".join(f.what for f in shown.failures), "What was not found, and limits"))
    return Blocks(blocks)


def claims(shown: Section) -> Block:
    """What a section claims, each beside its null."""
    if not shown.claims:
        return Note("It claims nothing: there is nothing in this run to test.", kind="absent")
    return Claims(shown.claims)


def answer(*sections: Section) -> Blocks:
    """The answer in words: what holds, what does not, what was not run."""
    claims = [c for s in sections for c in s.claims]
    holds = [c.claim for c in claims if c.verdict == "yes"]
    fails = [c.claim for c in claims if c.verdict == "no"]
    missing = [s.title.lower() for s in sections if s.absent]
    parts = [s.answer for s in sections if s.answer]
    if fails:
        parts.append("**Does not beat its negative control:** " + " ".join(fails))
    if missing:
        parts.append(f"Not part of this run: {words.listing(missing)}.")
    if n := len(holds) + len(fails):
        parts.append(f"{len(holds)} of {n} {'claim beats its' if n == 1 else 'claims beat their'} negative control.")
    else:
        parts.append("Nothing here could be tested against a null.")
    return Blocks([Note("\n\n".join(parts))])


def statistics(run: Run, d: FeatureFacts) -> Blocks:
    """How often and how strongly a feature is active."""
    rows = [[name, value, hint] for name, value, hint in feature_text.facts(d)]
    values = np.concatenate([d.column[s].values for s in STRANDS])
    out: list[Block] = [
        Table("Numbers", [Head("What"), Head("Value"), Head("Meaning")], rows, sortable=False),
    ]
    if len(values):
        alt = (
            f"Histogram of the activations of feature {d.feature}: {len(values):,} active bases, the strongest"
            f" {words.number(float(values.max()))}."
        )
        mark = float(d.statistics["density"])
        alt_text = f"Densities of all live features; feature {d.feature} is marked at {words.share(mark)}."
        out.append(
            Figures(
                [
                    Figure(
                        svg.figure(
                            lambda ax: figures.activations_plot(ax, values, 2 * d.n_scored), (theme.WIDTH_1, 2.3), alt
                        ),
                        "How strong it is where it is active (log scale).",
                    ),
                    Figure(
                        svg.figure(
                            lambda ax: figures.density(ax, run.features, mark, f"f{d.feature}"),
                            (theme.WIDTH_1, 2.3),
                            alt_text,
                        ),
                        "How often it is active, among all features.",
                    ),
                ]
            )
        )
    return Blocks(out)


def group(run: Run, number: int = -1) -> Block:
    """One group of features: its shape, its numbers beside their nulls, its features, and the genome where it is
    strongest.
    """
    table = run.table("manifolds")
    if table is None or table.empty:
        return Note(run.absent("manifolds"), kind="absent")
    if number < 0:
        traced = table[table["manifold"].astype(bool)]
        placed = [int(c) for c in run.meanings.index if c in set(traced["cluster"])]
        number = placed[0] if placed else int((traced if len(traced) else table)["cluster"].iloc[0])
    if number not in set(table["cluster"]):
        return Note(
            f"There is no group {number}; the groups are {int(table['cluster'].min())} to"
            f" {int(table['cluster'].max())}.",
            kind="absent",
        )
    row = table[table["cluster"] == number].iloc[0].to_dict()
    named, members = names(run), members_of(row)
    numbers = [[what, value, meaning] for what, value, meaning in shape_facts(row)]
    rows = [
        [
            features_called([f], named)[0],
            Cell(words.share(s["density"]), s["density"]),
            Cell(words.number(s["maximum"]), s["maximum"]),
        ]
        for f in members
        for s in [run.features.loc[f]]
    ]
    heads = [Head("Feature"), Head("[[density]]", numeric=True), Head("strongest", numeric=True)]
    return Blocks(
        [
            *manifolds.pictures(run, [number]),
            Table(
                f"Numbers of group {number}", [Head("What"), Head("Value"), Head("Meaning")], numbers, sortable=False
            ),
            Table(f"Features of group {number}", heads, rows),
        ]
    )


def logo(d: FeatureFacts) -> Raw:
    """What its strongest places have in common."""
    return Raw(feature_logo(d))


def strongest_windows(run: Run, d: FeatureFacts, n: int = 12) -> Blocks:
    """Its strongest places: bases, then the genome around the first two."""
    if not d.windows:
        return Blocks([Note("It is active nowhere.", kind="absent")])
    top = float(d.statistics["maximum"])
    segments = [segment_around(run.places, d.column, w, 2_000, top) for w in d.windows[:2]]
    shown = [
        Figure(
            reading_picture(s),
            f"**{s.where}** on {s.genome}: upward, read forward; downward, read in reverse. Full height:"
            f" {words.number(top)}.",
            wide=True,
        )
        for s in segments
    ]
    return Blocks([windows_table(d.windows[:n], top, run.pages("../"), d.feature), *shown])


def closely(run: Run, d: FeatureFacts, rank: int = 0, flank: int = 40) -> Block:
    """One window base by base: the feature as letters, the other features active there, the genes."""
    if rank >= len(d.windows):
        return Note(f"It has {words.count(len(d.windows), 'strong place')}; there is no number {rank}.", kind="absent")
    window = d.windows[rank]
    row = int(run.need("top_windows").query("feature == @d.feature and rank == @rank")["row"].iloc[0])
    w = run.places.window(d.column[window.strand], window.strand, row, flank)
    levels = _window_rows(run, d, w, row)
    with theme.style():
        heights = [2.2, 0.35 * max(len(levels.columns) - 1, 1), 0.8]
        canvas, axes = plt.subplots(3, 1, figsize=(theme.WIDTH_2, sum(heights) * 0.75 + 0.6), height_ratios=heights)
        sequence = run.genomes.sequence(w.genome, w.chrom, w.start, w.end).tobytes().decode()
        figures.window(axes, sequence, levels, run.places.genes.over(w.genome, w.chrom, w.start, w.end), w.start)
        alt = (
            f"Activation of feature {d.feature} at each base of {w.locus}, strand {w.strand}, with"
            f" {len(levels.columns) - 1} other features active there and the genes."
        )
        drawn = svg.inline(canvas, alt)
    caption = (
        f"**{words.place(w.chrom, w.start, w.end)}**, reading {words.MINUS if w.strand == '-' else '+'}; bases of the"
        " forward strand, each as tall as the feature's activation there. Rows: other features, each as a share of its"
        " largest activation in the window."
    )
    return Figure(drawn, caption, wide=True)


def _window_rows(run: Run, d: FeatureFacts, w: Window, row: int) -> pd.DataFrame:
    """Activation at each base of a window, forward order: the feature, and the others that are strongest there."""
    position = w.position - w.start
    low, high = max(0, row - position), min(run.codes.n_rows, row - position + w.end - w.start)
    codes = run.codes.matrix(w.strand, slice(low, high))
    strength = np.asarray(codes.max(axis=0).todense()).ravel() / np.maximum(run.features["maximum"].to_numpy(), 1e-12)
    strength[d.feature] = -1
    others = [int(f) for f in np.argsort(-strength, kind="stable")[:NEIGHBOURS] if strength[f] > 0]
    dense = codes[:, [d.feature, *others]].toarray()
    full = np.full((w.end - w.start, dense.shape[1]), np.nan)
    first = low - (row - position)
    full[first : first + len(dense)] = dense
    return pd.DataFrame(full, columns=[f"f{f}" for f in (d.feature, *others)])


def metagenes(d: FeatureFacts, n: int = 4) -> Block:
    """Mean activation around boundaries of annotations."""
    table = d.known.profiles
    if table.empty:
        return Note(
            "No profile around boundaries: the motifs stage was not run, or this feature is near none.",
            kind="absent",
        )
    shown = []
    for (annotation, strand, boundary), rows in by_reading(table)[:n]:
        profile = rows.sort_values("offset").rename(columns={"activation": "mean", "expected": "null"})
        site, count = f"{boundary} of {label(annotation, strand)}", int(rows["n"].max())
        peak = profile.loc[profile["mean"].idxmax()]
        alt = (
            f"Mean activation of feature {d.feature} around the {site}: it peaks {int(peak['offset'])} bases from it,"
            f" at {words.number(float(peak['mean']))}, where {words.number(float(peak['null']))} is the mean anywhere."
        )
        drawn = svg.figure(
            lambda ax, p=profile, s=site, c=count: figures.metagene(ax, p, s, c), (theme.WIDTH_1, 2.3), alt
        )
        shown.append(Figure(drawn, f"Around the {site}; grey: mean over all scored bases."))
    return Figures(shown)


def concepts(d: FeatureFacts) -> Blocks:
    """What it agrees with, beside the nulls; and what it is enriched in."""
    out: list[Block] = []
    rows = [
        [
            label(str(c["annotation"]), str(c["strand"])),
            *(
                Cell(words.fixed(c[k]), c[k])
                for k in ("f1_domain", "f1_null95", "f1_always", "precision_bp", "recall_domain", "mcc")
            ),
            q_cell(c["q"]),
            q_cell(c["q_adj_comp"]),
            beats(c),
            verdict_cell("yes" if c["named"] else "no", "may carry it" if c["named"] else "may not"),
        ]
        for c in d.known.concepts.to_dict("records")
    ]
    heads = [
        Head("Annotation"),
        Head("[[f1]]", numeric=True),
        Head("[[null_f1]]", numeric=True),
        Head("[[always_on]]", numeric=True),
        Head("[[precision]]", numeric=True),
        Head("[[recall|recall by intervals]]", numeric=True),
        Head("[[mcc]]", numeric=True),
        Head("[[q]]", numeric=True),
        Head("q, [[composition|adjusted]]", numeric=True),
        Head("beats [[kmer|k-mers]]"),
        Head("[[name_rule|the name]]"),
    ]
    out.append(
        Table(
            "Agreement with annotations, on blocks of the genome that played no part in the choice",
            heads,
            rows,
        )
        if rows
        else Note(
            (
                "No annotation agrees with it closely enough to be scored."
                if d.known.compared
                else "Features were not compared with annotations in this run."
            ),
            kind="absent",
        )
    )
    rows_shown = [
        [
            label(str(r.annotation), str(r.strand)),
            Cell(f"{r.overlap:,} / {words.number(r.expected)}", r.overlap),
            Cell(words.number(2.0**r.log2_fold), r.log2_fold),
            q_cell(r.q),
            q_cell(r.q_adj_comp),
        ]
        for r in records(d.known.enriched.head(20))
    ]
    if rows_shown:
        out.append(
            Table(
                first_of(
                    "Where it is more active than its circularly shifted copies", len(rows_shown), len(d.known.enriched)
                ),
                [
                    Head("Annotation"),
                    Head("active bases inside / under rotation", numeric=True),
                    Head("[[fold|activation, fold]]", numeric=True),
                    Head("[[q]]", numeric=True),
                    Head("q, [[composition|adjusted]]", numeric=True),
                ],
                rows_shown,
                shown=10,
            )
        )
    checks = feature_text.checks(d.known)
    if checks:
        out.append(
            Table(
                "Is the name replicated?",
                [Head("Check"), Head("Result"), Head("Detail")],
                checks,
                sortable=False,
            )
        )
    return Blocks(out)
