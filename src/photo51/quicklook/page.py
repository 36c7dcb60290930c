"""The page of `photo51 read`: one file, nothing loaded from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from photo51 import __version__, theme, words
from photo51.quicklook.card import shared_beginning
from photo51.quicklook.picture import picture, reading_of
from photo51.quicklook.windows import FEWEST, SHORT, unlike_by_chance, usual
from photo51.report.elements.blocks import (
    Block,
    Figure,
    Head,
    Note,
    Prose,
    Raw,
    Table,
    environment,
    first_of,
    literal,
    used_terms,
)
from photo51.types import STRANDS

if TYPE_CHECKING:
    from photo51.quicklook.read import QuickRead

MANY = 0.1  # share of windows unlike the training from which the page warns at its top
TOP = 12  # unexplained intervals on the page; the files have all
DRAWN = 8  # pieces drawn; the tables have all
ZOOMED = 20_000  # longest piece that is drawn a second time, at a scale where single bases can be told


def page(read: QuickRead) -> str:
    """The page as HTML."""
    env = environment()
    body: dict[str, Any] = {
        "title": read.title,
        "version": __version__,
        "digest": read.digest,
        "standfirst": _standfirst(read),
        "tiles": _tiles(read),
        "warnings": _warnings(read),
        "sections": _sections(read),
        "model": read.model,
    }
    template = env.get_template("read.html.j2")
    return template.render(**body, keys=used_terms(template.render(**body, keys=[])))


def _standfirst(read: QuickRead) -> str:
    n, about = sum(len(p.ids) for p in read.pieces), read.shelf.about
    genomes, more = (
        [w.replace("_", " ") for w in dict.fromkeys(r["genome"] for r in about.get(key, []))]
        for key in ("trained_on", "trained_with")
    )
    also = f", with sequence of {words.listing(more, 9)} that no name was tested on" if more else ""
    return (
        f"{words.bases(n)} read on both strands by {read.model}, whose activations a dictionary of"
        f" {about['n_features']:,} [[feature|features]] takes apart. The dictionary was trained on"
        f" {words.listing(genomes, 9)}{also}; nothing was trained for this page."
    )


def _tiles(read: QuickRead) -> list[tuple[str, str]]:
    typical = usual(read.shelf.typical)
    bits, explained = float(typical["bits"].median()), float(typical["variance_explained"].median())
    plus, minus = (words.fixed(read.bits[s], 3) for s in STRANDS)
    return [
        (f"{plus} | {minus}", f"bits a base, strand + | - (2 is chance; training windows: {bits:.3f})"),
        (
            words.percent(read.variance_explained, 1),
            f"variance explained by the dictionary (training windows: {words.percent(explained, 1)})",
        ),
        (
            f"{(n := read.calls['feature'].nunique()):,}",
            f"named {'feature' if n == 1 else 'features'} active, in {words.count(len(read.calls), 'interval')}",
        ),
        (
            words.percent(read.unlike, 0) if np.isfinite(read.unlike) else "not compared",
            "of windows unlike the training sequence (of the training windows themselves:"
            f" {words.percent(unlike_by_chance(typical), 0)})"
            if np.isfinite(read.unlike)
            else f"with the training sequence: no window has {FEWEST} known bases",
        ),
    ]


def _warnings(read: QuickRead) -> list[Block]:
    out: list[Block] = []
    if read.unlike >= MANY:
        out.append(
            Note(
                f"{words.percent(read.unlike, 0)} of the windows of this sequence that are long enough to compare"
                f" ({FEWEST} known bases or more) surprise the model more, or are"
                " reconstructed worse, than 99 of 100 windows of the genomes the dictionary was trained on. Names of"
                " features were tested on those genomes alone: take them here as hints.",
                "This sequence is unlike what the dictionary was trained on",
                "warn",
            )
        )
    cold = float(np.mean(np.concatenate([s[x].cold[np.isfinite(s[x].error)] for s in read.strands for x in STRANDS])))
    if cold > 0.25:
        out.append(
            Note(
                f"{words.percent(cold, 0)} of the known bases were read with fewer than 128 known bases before them;"
                " the model is surer with more context.",
                "Little context",
                "warn",
            )
        )
    if read.doubts:
        out.append(Note("; ".join(literal(d) for d in read.doubts) + ".", "About the annotation", "warn"))
    return out


def _sections(read: QuickRead) -> list[tuple[str, str, str, list[Block]]]:
    """(anchor, title, question, blocks)."""
    return [
        ("tracks", "Along the sequence", "Where is what?", _tracks(read)),
        (
            "features",
            "Named features",
            "What does the model recognise, and how well did each name hold elsewhere?",
            _features(read),
        ),
        (
            "unexplained",
            "Not explained",
            "Where does the model know something that nothing here names?",
            _odd(read),
        ),
        (
            "windows",
            "Compared with the training sequence",
            "Is this sequence like what the dictionary was trained on?",
            _windows(read),
        ),
        ("frames", "Open reading frames", "Which frames are open?", _orfs(read)),
        ("about", "What was used", "Which model, which dictionary, which files?", _about(read)),
    ]


def _of(table: pd.DataFrame, read: QuickRead, i: int) -> pd.DataFrame:
    p = read.pieces[i]
    return table[(table["chrom"] == p.chrom) & (table["start"] < p.end) & (table["end"] > p.start)]


def _tracks(read: QuickRead) -> list[Block]:
    out: list[Block] = [Raw(_legend())]
    for i, p in enumerate(read.pieces[:DRAWN]):
        tables = {name: _of(getattr(read, name), read, i) for name in ("calls", "orfs", "annotations")}
        tables["unexplained"] = _of(read.unexplained.head(TOP), read, i)
        windows, strands = _of(read.windows, read, i), read.strands[i]
        place = words.place(p.chrom, p.start, p.end)
        drawn = picture(p, strands, windows, tables, read.shelf.typical)
        out.append(
            Figure(
                drawn,
                f"**{literal(place)}**; the axis counts from 0, places in words from 1. Above each lane's line is"
                " strand +, below it strand -. Rest the pointer on a mark for what it is.",
                wide=True,
            )
        )
        if 2_000 < len(p.ids) <= ZOOMED:
            large = picture(p, strands, windows, tables, read.shelf.typical, width=max(1_600, 0.5 * len(p.ids)))
            out.append(
                Raw(
                    Markup(
                        '<details class="zoom"><summary>The same, wider: {}</summary><div'
                        ' class="plot">{}</div></details>'
                    ).format(place, large)
                )
            )
    if len(read.pieces) > DRAWN:
        more = len(read.pieces) - DRAWN
        verb = "is" if more == 1 else "are"
        out.append(Prose(f"{words.count(more, 'more sequence')} {verb} in the tables and files alone."))
    return out


def _legend() -> Markup:
    items = [
        *((theme.COLOURS[s], f"strand {s}{' (dashed)' if s == '-' else ''}") for s in STRANDS),
        (theme.FAINT, "nine in ten training windows"),
        (theme.PURPLE, f"strong features without a name, the {TOP} strongest intervals"),
    ]
    marks = Markup("").join(
        Markup('<li><span style="background:{}"></span>{}</li>').format(c, text) for c, text in items
    )
    return Markup('<ul class="legend">{}</ul>').format(marks)


def _features(read: QuickRead) -> list[Block]:
    if read.calls.empty:
        return [Prose("No named feature reaches its threshold on this sequence.")]
    calls = read.calls.assign(size=read.calls["end"] - read.calls["start"])
    rows: list[list[Any]] = []
    for (f, name, orientation), calls_of in calls.groupby(["feature", "name", "orientation"], sort=False):
        first, strand = calls_of.iloc[0], calls_of["strand"].value_counts()
        best = calls_of.loc[calls_of["share"].idxmax()] if calls_of["share"].notna().any() else first
        rows.append(
            [
                words.feature_word(int(f)),
                reading_of(str(name), str(orientation)),
                int(strand.get("+", 0)),
                int(strand.get("-", 0)),
                int(calls_of["size"].sum()),
                literal(words.place(best["chrom"], int(best["start"]), int(best["end"]), best["strand"])),
                float(best["share"]),
                str(first["grade"]),
                f"{first['n_survived']} of {first['n_checks']}" if first["n_checks"] else "not checked",
                float(first["match"]),
            ]
        )
    rows.sort(key=lambda r: (-r[4], r[0]))
    heads = [
        Head("Feature"),
        Head("Called after"),
        Head("Intervals on +", numeric=True),
        Head("on -", numeric=True),
        Head("Bases", numeric=True),
        Head("Strongest"),
        Head("Share of its largest", numeric=True),
        Head("Grade"),
        Head("Checks that held"),
        Head("Found by other seeds", numeric=True),
    ]
    note = (
        "A name was given on held-out blocks of the training genomes. Checks ask whether it holds on either strand, in"
        " every genome, in every split and for the nearest feature of another seed. The last column is the share of"
        f" dictionaries of other seeds in which the feature itself is found.{shared_beginning(read.shelf.about['sae'])}"
    )
    return [Table("Named features that are active here", heads, rows, note=note)]


def _odd(read: QuickRead) -> list[Block]:
    if read.unexplained.empty:
        return [
            Prose(
                "No feature without a name reaches half of its largest activation at two neighbouring bases where no"
                " name or annotation lies."
            )
        ]
    rows = [
        [
            literal(words.place(r["chrom"], r["start"], r["end"], r["strand"])),
            r["end"] - r["start"],
            r["score"],
            words.feature_word(r["feature"]),
            r["share"],
            r["n_features"],
            r["bits"],
            r["match"],
        ]
        for r in read.unexplained.head(TOP).to_dict("records")
    ]
    heads = [
        Head("Interval"),
        Head("Bases", numeric=True),
        Head("Score", numeric=True),
        Head("Strongest feature"),
        Head("Share of its largest", numeric=True),
        Head("Features", numeric=True),
        Head("Bits a base", numeric=True),
        Head("Found by other seeds", numeric=True),
    ]
    note = (
        "Intervals of two bases or more where features without a name reach at least half of their largest activation"
        " in training, and neither a named feature nor an annotation lies on that strand; runs at most 6 bases apart"
        " are one interval. The score sums the largest share over the bases; `unexplained.tsv` and `unexplained.bed`"
        " have all intervals."
    )
    title = first_of("Strong features without a name, by score", len(rows), len(read.unexplained))
    return [Table(title, heads, rows, note=note)]


def _windows(read: QuickRead) -> list[Block]:
    typical, about = usual(read.shelf.typical), read.shelf.about
    rows = []
    for genome, typical_of in typical.groupby("genome"):
        rows.append(
            [
                str(genome).replace("_", " "),
                len(typical_of),
                *_three(typical_of["bits"]),
                *_three(typical_of["variance_explained"]),
            ]
        )
    compared = read.windows[read.windows["n_known"] >= FEWEST]
    rows.append(
        [
            "this sequence",
            len(compared),
            *_three(compared["bits"]),
            *_three(compared["variance_explained"]),
        ]
    )
    heads = [
        Head("Windows of"),
        Head("Windows", numeric=True),
        Head("Bits: 5 %", numeric=True),
        Head("median", numeric=True),
        Head("95 %", numeric=True),
        Head("Variance explained: 5 %", numeric=True),
        Head("median", numeric=True),
        Head("95 %", numeric=True),
    ]
    out: list[Block] = [
        Table(
            f"Windows of {about['windows']['size']} bases, either strand",
            heads,
            rows,
            sortable=False,
            shown=20,
        )
    ]
    if other := int((compared["cold"] | (compared["n_known"] < SHORT)).sum()):
        one = other == 1
        out.append(
            Prose(
                f"{words.count(other, 'window')} of this sequence {'begins' if one else 'begin'} where reading begins,"
                f" or {'has' if one else 'have'} fewer than {SHORT} known bases: such windows have more bits."
                f" {'It is' if one else 'They are'} compared with training windows that were read so, which the table"
                " leaves out."
            )
        )
    if few := int((read.windows["n_known"] < FEWEST).sum()):
        out.append(
            Prose(
                f"{words.count(few, 'window')} of this sequence {'has' if few == 1 else 'have'} fewer than {FEWEST}"
                " known bases and cannot be compared: means of so few bases spread wider than those of windows above."
            )
        )
    odd = read.windows[read.windows["unlike"] != ""]
    if len(odd):
        lines = [
            [
                literal(words.place(r["chrom"], r["start"], r["end"], r["strand"])),
                r["bits"],
                r["variance_explained"],
                r["unlike"],
            ]
            for r in odd.sort_values("bits", ascending=False).to_dict("records")
        ]
        out.append(
            Table(
                "Windows unlike the training sequence",
                [
                    Head("Window"),
                    Head("Bits a base", numeric=True),
                    Head("Variance explained", numeric=True),
                    Head("Why"),
                ],
                lines,
                shown=8,
            )
        )
    return out


def _three(values: pd.Series) -> list[float]:
    finite = values.dropna()
    return [float(finite.quantile(q)) for q in (0.05, 0.5, 0.95)] if len(finite) else [float("nan")] * 3


def _orfs(read: QuickRead) -> list[Block]:
    if read.orfs.empty:
        return [Prose("No frame of 60 codons or more is open.")]
    codes = sorted({p.genetic_code for p in read.pieces})
    rows = [
        [
            literal(words.place(r["chrom"], r["start"], r["end"], r["strand"])),
            r["codons"],
            "yes" if r["complete"] else "no",
            r["bits"],
        ]
        for r in read.orfs.sort_values(["codons", "start"], ascending=[False, True]).to_dict("records")
    ]
    heads = [
        Head("Frame"),
        Head("Codons", numeric=True),
        Head("From start codon to stop"),
        Head("Bits a base", numeric=True),
    ]
    note = (
        f"Genetic code {', '.join(map(str, codes))}; frames of at least 60 codons from the first start codon to a stop,"
        " on either strand, overlapping ones too. A frame that an end of the sequence or a gap cuts off counts from or"
        " to there; where it may begin before that end, it is listed once more from its first start codon. A frame over"
        " the origin of a circle has a row on either side, each with the codons of the whole."
    )
    return [Table("Open reading frames", heads, rows, note=note)]


def _about(read: QuickRead) -> list[Block]:
    about = read.shelf.about
    q, m = about["quality"], about["seed_match"]
    named = "–" if m["seed_match_named"] is None else words.share(m["seed_match_named"])
    sources = [*about["trained_on"], *about.get("trained_with", [])]
    trained = sum(r["train"] for r in sources)
    return [
        Prose(
            f"Model {read.model}; dictionary of site {about['origin']['site']}, trained on {words.bases(trained)} (each"
            f" strand) of {len({r['sha256'] for r in sources})} sequences. On held-out blocks it explains"
            f" {words.percent(q['variance_explained'], 1)} of the variance with {q['l0']:.0f} active features a base."
            f" Other seeds find {words.share(m['seed_match_live'])} of its live features again and {named} of its named"
            f" ones (cosine and correlation of activations {m['same']} or more)."
        ),
        Prose(
            "Next to this page: `features.bed`, `orfs.bed`, `unexplained.bed`, `bits_plus.bw` and `bits_minus.bw` for"
            " genome browsers, and `features.tsv`, `windows.tsv`, `orfs.tsv`, `unexplained.tsv`, all 0-based and"
            " half-open. Tables on this page count from 1, both ends included."
        ),
    ]
