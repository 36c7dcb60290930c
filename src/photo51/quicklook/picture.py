"""The sequence as a picture: bits and variance explained along it, reading frames, annotation, named features on both
strands.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from markupsafe import Markup, escape
from numpy.typing import NDArray

from photo51 import theme, words
from photo51.quicklook.reading import Strands
from photo51.quicklook.source import Piece
from photo51.quicklook.windows import usual
from photo51.types import STRANDS, Strand

LABEL, RIGHT, HIGH = 158, 14, 16  # width of labels, margin on the right, height of a lane (units)
LANES = 24  # names drawn; the table has all
_ANNOTATED = (
    "CDS",
    "tRNA",
    "rRNA",
    "ncRNA",
    "tmRNA",
    "mobile_element",
    "prophage",
    "repeat",
    "regulatory",
    "gene",
)


class _Canvas:
    """Marks at positions of a piece, lanes from top to bottom."""

    def __init__(self, piece: Piece, width: float):
        self.piece, self.width, self.y = piece, width, 20.0
        self.parts: list[str] = []

    def x(self, position: float) -> float:
        """Horizontal place of a position."""
        return LABEL + (position - self.piece.start) / len(self.piece.ids) * (self.width - LABEL - RIGHT)

    def label(self, text: str, y: float, colour: str = theme.INK) -> None:
        shown = text if len(text) <= 25 else f"{text[:24]}…"
        title = f"<title>{escape(text)}</title>" if shown != text else ""
        self.parts.append(
            f'<text x="{LABEL - 8}" y="{y + 4:.1f}" text-anchor="end" fill="{colour}">{title}{escape(shown)}</text>'
        )

    def line(self, y: float, colour: str = theme.FAINT) -> None:
        self.parts.append(
            f'<line x1="{LABEL}" x2="{self.width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}"'
            ' stroke-width="1"/>'
        )

    def box(
        self, span: tuple[int, int], top_and_height: tuple[float, float], colour: str, title: str, opacity: float = 1
    ) -> None:
        """A mark over a span of positions, at (top, height)."""
        (start, end), (y, height) = span, top_and_height
        a, b = self.x(max(start, self.piece.start)), self.x(min(end, self.piece.end))
        shade = f' fill-opacity="{opacity:.2f}"' if opacity < 1 else ""
        self.parts.append(
            f'<rect x="{a:.1f}" y="{y:.1f}" width="{max(b - a, 0.8):.1f}" height="{height:.1f}" fill="{colour}"{shade}>'
            f"<title>{escape(title)}</title></rect>"
        )


def picture(
    piece: Piece,
    strands: Mapping[Strand, Strands],
    windows: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    typical: pd.DataFrame,
    width: float = 880,
) -> Markup:
    """A piece drawn as `<svg>`.

    Parameters
    ----------
    piece, strands
        What was read, and what the model said.
    windows
        Contract `READ_WINDOWS`, of this piece.
    tables
        `calls`, `orfs`, `unexplained` (their contracts) and `annotations`, of this piece.
    typical
        Contract `TYPICAL`: the band of nine in ten training windows is drawn behind the curves.
    width
        Units; the height follows.
    """
    canvas = _Canvas(piece, width)
    _axis(canvas)
    for column, name in (("bits", "bits a base"), ("variance_explained", "variance explained")):
        _curve(canvas, windows, column, name, usual(typical)[column].dropna().to_numpy())
    if len(tables["annotations"]):
        _annotated(canvas, tables["annotations"])
    _frames(canvas, tables["orfs"])
    _called(canvas, tables["calls"])
    _unexplained(canvas, tables["unexplained"])
    height = canvas.y + 8
    body = "".join(canvas.parts)
    names = tables["calls"]["name"].nunique()
    alt = (
        f"{piece.chrom} from {piece.start + 1:,} to {piece.end:,}: bits, variance explained, reading frames and {names}"
        " named features on both strands"
    )
    assert set(strands) == set(STRANDS)
    return Markup(
        f'<svg class="tracks" viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(alt)}" '
        f'style="font-size:11.5px" fill="{theme.INK}">{body}</svg>'
    )


def _step(length: int) -> int:
    for step in (10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000):
        if length / step <= 10:
            return step
    return 100_000


def _axis(canvas: _Canvas) -> None:
    p, step = canvas.piece, _step(len(canvas.piece.ids))
    canvas.line(canvas.y, theme.MUTED)
    for position in range(-(-p.start // step) * step, p.end + 1, step):
        x = canvas.x(position)
        canvas.parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{canvas.y - 4:.1f}" y2="{canvas.y:.1f}" stroke="{theme.MUTED}"/>'
            f'<text x="{x:.1f}" y="{canvas.y - 7:.1f}" text-anchor="middle" fill="{theme.MUTED}">{position:,}</text>'
        )
    canvas.y += 14


def _curve(canvas: _Canvas, windows: pd.DataFrame, column: str, name: str, typical: NDArray[np.float64]) -> None:
    """Both strands as steps, over the band of nine in ten training windows."""
    height, top = 46.0, canvas.y
    low, high = np.quantile(typical, 0.05), np.quantile(typical, 0.95)
    values = windows[column].dropna().to_numpy()
    lowest, largest = (
        min(low, *values, 9) if len(values) else low,
        max(high, *values, -9) if len(values) else high,
    )
    pad = 0.06 * (largest - lowest or 1)
    lowest, largest = lowest - pad, largest + pad

    def y(value: float) -> float:
        return float(top + height * (1 - (value - lowest) / (largest - lowest)))

    canvas.box(
        (canvas.piece.start, canvas.piece.end),
        (y(high), y(low) - y(high)),
        theme.FAINT,
        f"nine in ten training windows: {low:.3f} to {high:.3f}",
        0.55,
    )
    canvas.label(name, top + height / 2 - 7)
    canvas.label(f"{lowest + pad:.2f} to {largest - pad:.2f}", top + height / 2 + 8, theme.MUTED)
    for strand in STRANDS:
        on_strand = windows[windows["strand"] == strand].sort_values("start")
        points = []
        for r in on_strand.to_dict("records"):
            if np.isfinite(r[column]):
                points += [
                    f"{canvas.x(r['start']):.1f},{y(r[column]):.1f}",
                    f"{canvas.x(r['end']):.1f},{y(r[column]):.1f}",
                ]
        dashes = ' stroke-dasharray="5 2"' if strand == "-" else ""
        canvas.parts.append(
            f'<polyline points="{" ".join(points)}" fill="none" stroke="{theme.COLOURS[strand]}"'
            f' stroke-width="1.6"{dashes}><title>{name}, strand {strand}</title></polyline>'
        )
    canvas.y += height + 10


def _lane(canvas: _Canvas, name: str) -> float:
    """A lane with a line in its middle; what is on + goes above it, what is on - below."""
    middle = canvas.y + HIGH / 2
    canvas.label(name, middle)
    canvas.line(middle)
    canvas.y += HIGH + 4
    return middle


def _on(middle: float, strand: str) -> tuple[float, float]:
    """Top and height of what lies on a strand of a lane."""
    half = HIGH / 2 - 1
    return {"+": (middle - half, half), "-": (middle + 0.5, half)}.get(strand, (middle - half, 2 * half))


def _annotated(canvas: _Canvas, annotations: pd.DataFrame) -> None:
    # what the files state beyond these has lanes too; what rules derive from the sequence has none
    stated = annotations.loc[annotations["source"].str.startswith("record:"), "kind"].unique()
    for kind in (*_ANNOTATED, *sorted(set(stated) - {*_ANNOTATED, "exon", "intron"})):
        of_kind = annotations[annotations["kind"] == kind]
        if of_kind.empty or (kind == "gene" and (annotations["kind"] == "CDS").any()):
            continue
        middle = _lane(canvas, words.kind(kind))
        for r in of_kind.to_dict("records"):
            top, height = _on(middle, r["strand"])
            canvas.box(
                (r["start"], r["end"]),
                (top, height),
                theme.COLOURS.get(kind, theme.MUTED),
                f"{r['name']} {r['start'] + 1:,}-{r['end']:,} ({r['strand']})",
                0.8,
            )


def _frames(canvas: _Canvas, orfs: pd.DataFrame) -> None:
    if orfs.empty:
        return
    middle = _lane(canvas, "open reading frames")
    for r in orfs.to_dict("records"):
        top, height = _on(middle, r["strand"])
        canvas.box(
            (r["start"], r["end"]),
            (top, height),
            theme.MUTED,
            f"{r['codons']:,} codons, {r['start'] + 1:,}-{r['end']:,} ({r['strand']}), {r['bits']:.3f} bits a base",
            0.6,
        )


def _called(canvas: _Canvas, calls: pd.DataFrame) -> None:
    """A lane a name; overlapping intervals of its features are one mark, as strong as the strongest."""
    if calls.empty:
        return
    canvas.y += 6
    size = (calls["end"] - calls["start"]).groupby([calls["name"], calls["orientation"]]).sum()
    order = size.sort_values(ascending=False, kind="stable").index[:LANES]
    for name, orientation in order:
        of_name = calls[(calls["name"] == name) & (calls["orientation"] == orientation)]
        middle = _lane(canvas, reading_of(str(name), str(orientation)))
        for r in merged(of_name).to_dict("records"):
            title = (
                f"f{r['feature']} at {r['share']:.2f} of its largest activation, {r['start'] + 1:,}-{r['end']:,}"
                f" ({r['strand']}); {r['n_survived']} of {r['n_checks']} checks held"
            )
            shade = 0.35 + 0.65 * float(np.clip(r["share"], 0, 1))
            canvas.box((r["start"], r["end"]), _on(middle, r["strand"]), theme.COLOURS[r["strand"]], title, shade)


def merged(calls: pd.DataFrame) -> pd.DataFrame:
    """Overlapping or touching intervals of one strand as one, with the call that has the largest share."""
    parts = []
    for _, of_strand in calls.groupby("strand", sort=True):
        by_start = of_strand.sort_values(["start", "end"], ignore_index=True)
        reach = by_start["end"].cummax().shift(fill_value=-1)
        group = (by_start["start"] > reach).cumsum()
        best = by_start.loc[by_start["share"].fillna(-1).groupby(group).idxmax()].reset_index(drop=True)
        ends = by_start.groupby(group).agg(start=("start", "min"), end=("end", "max")).reset_index(drop=True)
        parts.append(best.assign(start=ends["start"], end=ends["end"]))
    return pd.concat(parts, ignore_index=True) if parts else calls


def reading_of(name: str, orientation: str) -> str:
    """What a feature marks, in words: its annotation class, and where it lies when it is read."""
    text = words.kind(name)
    return f"{text}, opposite" if orientation == "antisense" else text


def _unexplained(canvas: _Canvas, table: pd.DataFrame) -> None:
    if table.empty:
        return
    canvas.y += 6
    middle = _lane(canvas, "not explained")
    for r in table.to_dict("records"):
        top, height = _on(middle, r["strand"])
        canvas.box(
            (r["start"], r["end"]),
            (top, height),
            theme.PURPLE,
            f"f{r['feature']} at {r['share']:.2f} of its largest activation, {r['start'] + 1:,}-{r['end']:,}"
            f" ({r['strand']})",
        )
