"""Shapes: groups of features that fire together, what they trace, what varies along it, and the shapes that must be
there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from photo51 import theme, words
from photo51.findings.shapes import CLOUD
from photo51.report.elements import shape_figures, svg
from photo51.report.elements.blocks import (
    Block,
    Cell,
    Figure,
    Figures,
    Head,
    Heading,
    Prose,
    Table,
    Verdict,
    plain_text,
    q_cell,
    records,
    rich,
    verdict_cell,
)
from photo51.report.elements.feature_text import features_called
from photo51.report.elements.shapes import (
    GroupShape,
    alt,
    members_of,
    shape_sentence,
    shape_title,
    shapes,
    ticks,
    tuning,
    varies,
)
from photo51.report.sections.base import Draft, Section, absent, claims_of
from photo51.run.known import names
from photo51.run.opened import ALPHA, Run

ANCHOR, TITLE = "shapes", "Co-active feature groups"
QUESTION = "Which features are active together, and does anything biological vary within such a group?"
SHOWN, MEMBERS = 2_000, 16  # bases and features drawn of a group
_MARKS: dict[str, Verdict] = {"shown": "yes", "not shown": "no"}


def section(run: Run, shown: int = 6) -> Section:
    """Groups, shapes, coordinates and controls, from `manifolds`, `points`, `meaning` and `positive_controls`."""
    if run.table("manifolds") is None and not run.has("positive_controls"):
        return absent(ANCHOR, TITLE, QUESTION, run.absent("manifolds"))
    draft = Draft(ANCHOR, claims=claims_of(run, ANCHOR))
    if run.has("manifolds"):
        _groups(run, draft, shown)
    else:
        draft.lack(run, "manifolds")
        draft.answers.append(
            "Groups of features were not sought in this run."
            if run.table("manifolds") is None
            else "No group of features that are active together was found."
        )
    if run.has("positive_controls"):
        _positive_controls(run.need("positive_controls"), draft)
    else:
        draft.lack(run, "positive_controls")
    return draft.section(TITLE, QUESTION)


def _groups(run: Run, draft: Draft, shown: int) -> None:
    table = run.need("manifolds").sort_values("cluster")
    traced, beyond = table[table["manifold"].astype(bool)], table["q_dependence"] <= ALPHA
    n, k = len(table), int(beyond.sum())
    clouds = int((traced["shape"] == CLOUD).sum())
    shaped = len(traced) - clouds
    counted = [
        _counted(str(s), int(c)) for s, c in traced.loc[traced["shape"] != CLOUD, "shape"].value_counts().items()
    ]
    draft.answers.append(_counted_groups(n, k, shaped, clouds, words.listing(counted)))
    if not shaped:
        draft.fail(
            "No group of features traces a line, a ring, a sphere or a tree that could be told from chance.",
            "not found",
        )
    _meanings(run, traced, draft)
    order = _order(run, traced)
    if order:
        draft.show(*pictures(run, order[:shown]))
    draft.show(_table(run, table))
    if run.has("meaning"):
        _meaning_table(run, draft)
    alone = ~beyond & ~table["manifold"].astype(bool)
    if count := int(alone.sum()):
        draft.fail(
            f"In {words.count(count, 'group')} of co-active features the members depend on one another no more than"
            " when each is circularly shifted.",
            "not found",
        )
    if count := int((beyond & ~table["manifold"].astype(bool)).sum()):
        draft.fail(
            f"In {words.count(count, 'group')} features depend on each other, but the shape cannot be told (the table"
            " says why).",
            "not found",
        )


def _counted_groups(n: int, beyond: int, shaped: int, clouds: int, listed: str) -> str:
    """How many groups there are, how many depend beyond chance, and what those trace: a sentence.

    Parameters
    ----------
    n, beyond
        Groups, and those among them that depend on each other more than circularly shifted copies do.
    shaped, clouds
        Of these, those that trace a shape, and those that are clouds.
    listed
        The shapes with their numbers.
    """
    begin = f"{words.count(n, 'group')} of features {'is' if n <= 1 else 'are'} active together; "
    if not beyond:
        where = "in none of them" if n > 1 else "in it"
        no = "" if n > 1 else " no"
        return f"{begin}{where} the members depend on one another{no} more than when each is circularly shifted."
    parts = [
        f"{shaped} of these {'traces' if shaped == 1 else 'trace'} a shape ({listed})"
        if shaped
        else "none of these traces a line, ring, sphere or tree"
    ]
    if clouds:
        parts.append(f"{clouds} {'is a cloud' if clouds == 1 else 'are clouds'} of several dimensions")
    if rest := beyond - clouds - shaped:
        parts.append(f"of {rest} the shape cannot be told")
    return (
        f"{begin}in {beyond} of them the members depend on one another more than when each is circularly shifted;"
        f" {', '.join(parts)}."
    )


def _order(run: Run, traced: pd.DataFrame) -> list[int]:
    """Groups that trace a shape: those whose coordinate has a meaning first, the clearest before the others."""
    effect = traced["cluster"].map(run.meanings["effect"]).fillna(-1.0).astype(float)
    beyond = traced["cluster"].isin(run.meanings.index[run.meanings["beyond_kmer"].astype(bool)])
    ordered = traced.assign(effect=effect, beyond=beyond)
    ordered = ordered.sort_values(["beyond", "effect", "dependence"], ascending=False)
    return [int(c) for c in ordered["cluster"]]


def _meanings(run: Run, traced: pd.DataFrame, draft: Draft) -> None:
    table = run.table("meaning")
    if table is None:
        draft.fail(run.absent("meaning"), "not run")
        return
    placed = traced[traced["coordinate"] != "none"]
    with_meaning = [c for c in placed["cluster"] if c in run.meanings.index and run.meanings.loc[c, "beyond_kmer"]]
    silent = [c for c in placed["cluster"] if c not in with_meaning]
    if silent:
        draft.fail(
            f"The coordinate of {words.listing([f'group {c}' for c in silent], 12)} is not shown to follow anything:"
            " no quantity that was chosen on half of the blocks explains more on the others than six-letter words do,"
            " and more than when it is circularly shifted.",
            "not found",
        )
    if with_meaning:
        best = run.meanings.loc[with_meaning].sort_values("effect", ascending=False)
        by_quantity = best.groupby("quantity", sort=False).groups
        phrases = [
            f"{words.kind(str(q))} ({'group' if len(groups) == 1 else 'groups'}"
            f" {words.listing([str(g) for g in groups])})"
            for q, groups in by_quantity.items()
        ]
        draft.answers.append(
            "The position of a base within a group follows, beyond what the last six bases explain,"
            f" {words.listing(phrases)}."
        )


def pictures(run: Run, clusters: list[int]) -> list[Block]:
    """Each shape as its bases coloured by what varies along it, beside who is active where."""
    named = names(run)
    out: list[Block] = []
    for s in shapes(run, clusters):
        out += [
            Heading(shape_title(s.row)[0].upper() + shape_title(s.row)[1:], f"group-{int(s.row['cluster'])}"),
            Prose(linked(run, s.row, named)),
        ]
        if len(s.points):
            out.append(Figures([_embedding(s), *_tuning(run, s, named)]))
    return out


def linked(run: Run, row: Any, named: pd.DataFrame) -> str:
    """What a group is, and its features as links (rich text)."""
    features = members_of(row)
    if len(features) > MEMBERS:  # the named ones first
        features = sorted(features, key=lambda f: f not in named.index)
    listed = words.listing(features_called(features, named), 8)
    return (
        f"{shape_sentence(run, row, named.iloc[:0])} {'Its features' if len(features) <= MEMBERS else 'Among them'}:"
        f" {listed}."
    )


def _embedding(s: GroupShape) -> Figure:
    sample = np.unique(np.linspace(0, len(s.points) - 1, min(SHOWN, len(s.points))).round().astype(np.int64))
    table = s.points[["axis_1", "axis_2"]].assign(value=s.values).iloc[sample]
    picture = svg.figure(
        lambda ax: shape_figures.embedding(ax, table, s.coloured_by, cyclic=s.cyclic, ticks=ticks(s.quantity)),
        (theme.WIDTH_1 * 1.15, 2.7),
        alt(s),
    )
    by = f" Colour: {s.coloured_by}." if s.coloured_by else ""
    grey = " Grey: it has no value there." if not np.isfinite(table["value"]).all() and s.coloured_by else ""
    return Figure(
        picture,
        f"Each dot is one base; near each other are bases at which the group is active in a like way.{by}{grey}",
    )


def _tuning(run: Run, s: GroupShape, named: pd.DataFrame) -> list[Figure]:
    if s.row["coordinate"] == "none" or not np.isfinite(s.points["coordinate"]).any():
        return []
    matrix = tuning(run, s)
    live = np.flatnonzero(matrix.max(axis=1) > 0)
    if not len(live):
        return []
    sample = live[np.unique(np.linspace(0, len(live) - 1, min(MEMBERS, len(live))).round().astype(np.int64))]
    matrix, members = matrix[sample], [s.members[i] for i in sample]
    label = [plain_text(c) for c in features_called(members, named)]
    table = pd.DataFrame(matrix, index=[t if len(t) <= 28 else t[:27] + "…" for t in label])
    along = "coordinate: once round" if s.row["coordinate"] == "angle" else "coordinate: from one end to the other"
    peaks = len(set(matrix.argmax(axis=1)))
    caption = (
        f"Mean activation of {words.count(len(members), 'feature')} along {shape_title(s.row)}; their largest values"
        f" lie in {peaks} of {matrix.shape[1]} parts."
    )
    picture = svg.figure(
        lambda ax: shape_figures.tuning_plot(ax, table, along),
        (theme.WIDTH_1 * 1.15, max(1.6, 0.16 * len(members) + 0.7)),
        caption,
    )
    return [
        Figure(
            picture,
            "Mean activation of each feature along the"
            f" coordinate{'' if len(live) <= MEMBERS else f' ({len(sample)} of {len(s.members)}, evenly taken)'}; a"
            " diagonal means that each covers a part.",
        )
    ]


def _counted(shape: str, n: int) -> str:
    name = words.kind(shape)
    return f"{n} {name}" if n == 1 or name.endswith("s") else f"{n} {name}s"


def _table(run: Run, table: pd.DataFrame) -> Table:
    heads = [
        Head("Group", numeric=True),
        Head("Shape"),
        Head("features", numeric=True),
        Head("varies along it"),
        Head("dependence (null)", numeric=True),
        Head("[[q]]", numeric=True),
        Head("dimension (null)", numeric=True),
        Head("longest ring (null), radii", numeric=True),
        Head("Why"),
        Head("Verdict"),
    ]
    rows = []
    for r in table.to_dict("records"):
        meaning = varies(run, int(r["cluster"])) or "–"
        dimension = (
            float(np.nanmean([r["dimension_two_nn"], r["dimension_tle"]]))
            if not (math.isnan(r["dimension_two_nn"]) and math.isnan(r["dimension_tle"]))
            else math.nan
        )
        rows.append(
            [
                int(r["cluster"]),
                words.kind(str(r["shape"])),
                int(r["n_features"]),
                meaning,
                _with_null(r["dependence"], r["dependence_null"]),
                q_cell(r["q_dependence"]),
                _with_null(dimension, r["dimension_null"], 1),
                _with_null(r["longest_loop"], r["longest_loop_null"]),
                str(r["why"]),
                (
                    verdict_cell("yes", "beyond chance")
                    if r["q_dependence"] <= ALPHA
                    else verdict_cell("no", "not beyond")
                ),
            ]
        )
    note = (
        "Dependence: variance of a member that another explains, given one is active. Null: the same features, each"
        " circularly shifted by itself within the bases where the group is active."
    )
    return Table("Every group of features", heads, rows, note=note, shown=10, row_heads=False, anchor="groups")


def _with_null(value: float, null: float, decimals: int = 2) -> Cell:
    if not math.isfinite(value):
        return Cell("–")
    null_text = f" ({words.fixed(null, decimals)})" if math.isfinite(null) else ""
    return Cell(words.fixed(value, decimals) + null_text, value)


def _meaning_table(run: Run, draft: Draft) -> None:
    table = run.need("meaning")
    passed = table[table["q"] <= ALPHA]
    meant = passed[passed["effect"] > 0].sort_values("effect", ascending=False)
    if idle := len(passed) - len(meant):
        draft.fail(
            f"{words.count(idle, 'pair')} of a coordinate and a quantity {'passes' if idle == 1 else 'pass'} the"
            f" rotation test but {'explains' if idle == 1 else 'explain'} no variance on held-out blocks: no meaning is"
            " given.",
            "not found",
        )
    if meant.empty:
        return
    baselines = [(head, c) for head, c in BASELINES if c in meant and meant[c].notna().any()]
    rows = [
        [
            int(r.cluster),
            words.kind(str(r.quantity)),
            q_cell(r.q),
            Cell(words.percent(r.effect), r.effect),
            _share(r.effect_kmer),
            *(_share(getattr(r, c)) for _, c in baselines),
            Cell(f"{r.n:,}", r.n),
        ]
        for r in records(meant)
    ]
    heads = [
        Head("Group", numeric=True),
        Head("what varies"),
        Head("[[q]]", numeric=True),
        Head("variance explained", numeric=True),
        Head("by [[kmer|six-letter words]]", numeric=True),
        *(Head(head, numeric=True) for head, _ in baselines),
        Head("bases", numeric=True),
    ]
    note = (
        "Share of the quantity's variance that the coordinate explains on blocks that played no part in it, and what"
        " the last six bases explain of the same bases. What a group is said to follow is chosen on the other blocks."
    )
    if baselines:
        note += (
            " Baselines: the best group of a model with random weights; the activations themselves at the same bases,"
            " in as many dimensions; the best of as many groups of bases found in the activations without features."
        )
    draft.show(Table("What varies along the coordinates", heads, rows, note=note, shown=10, row_heads=False))


BASELINES = (
    ("by [[random_weights|random weights]]", "effect_random_weights"),
    ("by raw activations, same bases", "effect_direct"),
    ("by raw activations, own groups", "effect_subspaces"),
)


def _share(value: float) -> Cell:
    return Cell(words.percent(value), value) if math.isfinite(value) else Cell("–")


def _positive_controls(table: pd.DataFrame, draft: Draft) -> None:
    tested = table[table["verdict"] != "not tested"]
    shown = tested[tested["verdict"] == "shown"]
    draft.show(
        Heading("Positive controls: structure that must be there", "known-structure"),
        Prose(
            "The reading frame and the other structure listed here are known to exist. They test model and method"
            " together: a control that fails is printed as failing."
        ),
    )
    if len(tested):
        draft.answers.append(
            f"Of {words.count(len(tested), 'positive control')} that could be tested, {len(shown)}"
            f" {'is' if len(shown) == 1 else 'are'} shown."
        )
        drawn = tested.assign(label=[words.kind(str(c)) for c in tested["control"]])
        best = tested.loc[tested["score"].idxmax()]
        alt = (
            f"Scores of {words.count(len(tested), 'known shape')} with their nulls and baselines; {len(shown)} shown;"
            f" the highest is {words.kind(str(best['control']))} with {words.fixed(best['score'])}."
        )
        picture = svg.figure(
            lambda ax: shape_figures.positive_controls(ax, drawn), (theme.WIDTH_2, 0.3 * len(drawn) + 0.9), alt
        )
        draft.show(
            Figure(
                picture,
                "Each line is one positive control; filled dots were found, open ones were not.",
                wide=True,
            )
        )
    rows = [
        [
            rich(f"**{words.kind(str(r.control))}**: {r.what}{f'; score: {r.unit}' if r.unit else ''}"),
            _number(r.score),
            _number(r.baseline),
            _number(r.random_weights),
            _number(r.null),
            q_cell(r.p),
            str(r.note),
            verdict_cell(_MARKS.get(str(r.verdict), "untested"), str(r.verdict)),
        ]
        for r in records(table)
    ]
    heads = [
        Head("What is known to be there"),
        Head("score", numeric=True),
        Head("[[kmer|baseline]]", numeric=True),
        Head("[[random_weights|random weights]]", numeric=True),
        Head("null", numeric=True),
        Head("[[p]]", numeric=True),
        Head("what was found"),
        Head("Verdict"),
    ]
    draft.show(Table("Positive controls", heads, rows, sortable=False, shown=20))
    for r in records(tested[tested["verdict"] != "shown"]):
        baselines = (("k-mers", r.baseline), ("random weights", r.random_weights))
        better = [f"{name} reach {words.fixed(value)}" for name, value in baselines if value > r.score]
        draft.fail(
            f"Positive control not found: {r.what} ({str(r.unit).split(' (')[0]} {words.fixed(r.score)}, null"
            f" {words.fixed(r.null)}, p {words.probability(r.p)}{''.join(f'; {b}' for b in better)}).",
            "not found",
        )
    for r in records(table[table["verdict"] == "not tested"]):
        draft.fail(f"Positive control not tested: {r.what}. {_sentence(str(r.note))}", "limit")


def _sentence(text: str) -> str:
    """A note as a sentence."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _number(value: float) -> Cell:
    return Cell(words.fixed(value), value) if math.isfinite(value) else Cell("–")
