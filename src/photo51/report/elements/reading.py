"""A feature where it is strongest, as HTML: windows coloured base by base, and segments of genome with both strands
and genes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from photo51 import theme, words
from photo51.report.elements.blocks import Raw
from photo51.run.places import ActivationColumn, GeneSpan, Places, Window
from photo51.types import STRANDS, Strand

LEVELS = 9
WIDE, MIDDLE, LANE = 640, 52, 112  # of a segment's picture: width, zero line, top of the genes (pixels)
_WAYS: tuple[tuple[Strand, int], ...] = (("+", 1), ("-", -1))
BAR = 4.4  # height of a level (pixels)


class WindowSegment(NamedTuple):
    """A segment of genome as it is drawn.

    Attributes
    ----------
    genome, chrom, start, end
        Where, 0-based, half-open.
    levels
        Strand → levels 0–9 of equally many bases each.
    peak
        Activation of level 9.
    genes
        What is annotated there.
    unread
        Parts that were not read in this run, (start, end).
    """

    genome: str
    chrom: str
    start: int
    end: int
    levels: Mapping[Strand, NDArray[np.int64]]
    peak: float
    genes: Sequence[GeneSpan]
    unread: Sequence[tuple[int, int]] = ()

    @property
    def where(self) -> str:
        """1-based, both ends included."""
        return words.place(self.chrom, self.start, self.end)


def shade_levels(values: NDArray[np.floating], top: float) -> NDArray[np.int64]:
    """Activations as levels: 0 where silent or not scored, 1 to 9 in equal steps up to `top`."""
    shares = np.nan_to_num(np.asarray(values, dtype=float)) / max(top, 1e-12)
    return np.clip(np.ceil(LEVELS * shares - 1e-9), 0, LEVELS).astype(np.int64)


def segment_around(
    places: Places, column: Mapping[Strand, ActivationColumn], window: Window, bases: int, top: float, bars: int = 125
) -> WindowSegment:
    """The segment around a window's strongest base; each bar is the largest activation of its bases."""
    length = places.genomes.length(window.genome, window.chrom)
    bases = min(bases, length)
    start = min(max(window.position - bases // 2, 0), length - bases)
    values = places.levels_over(dict(column), window.genome, window.chrom, start, start + bases)
    edges = np.linspace(0, bases, min(bars, bases) + 1).astype(np.int64)[:-1]
    levels = {s: shade_levels(np.maximum.reduceat(np.nan_to_num(values[s]), edges), top) for s in STRANDS}
    genes = places.genes.over(window.genome, window.chrom, start, start + bases)
    unread = places.unread(window.genome, window.chrom, start, start + bases)
    return WindowSegment(window.genome, window.chrom, start, start + bases, levels, top, genes, unread)


def painted_bases(window: Window, top: float) -> Markup:
    """The bases of a window in reading direction, darker where the feature is stronger, its strongest base
    underlined.
    """
    levels = shade_levels(window.levels, top)
    out, first = [], 0
    while first < len(levels):
        end = first + 1
        while end < len(levels) and levels[end] == levels[first] and window.peak not in {first, end}:
            end += 1
        text, names = window.sequence[first:end], []
        if levels[first]:
            names.append(f"a{levels[first]}")
        if first == window.peak:
            names.append("p")
        out.append(f'<span class="{" ".join(names)}">{text}</span>' if names else text)
        first = end
    return Markup(f'<span class="seq">{"".join(out)}</span>')


def windows_table(
    windows: Sequence[Window], top: float, pages: Mapping[str, str] | None = None, feature: int | None = None
) -> Raw:
    """Windows, one a line; `pages` gives the genome page of a genome, `feature` what that page is to show."""
    rows = []
    for w in windows:
        page = (pages or {}).get(w.genome)
        shown = "" if feature is None else f"f{feature};"
        place = Markup('<a href="{}#{}{}">{}</a>').format(page, shown, w.locus, w.where) if page else escape(w.where)
        rows.append(
            Markup('<tr><td>{}</td><td>{}</td><td class="num">{}</td><td>{}</td></tr>').format(
                place, w.gene or "–", words.percent(w.activation / max(top, 1e-12), 0), painted_bases(w, top)
            )
        )
    head = (
        '<thead><tr><th scope="col">Locus (strand)</th><th scope="col">Gene, sense or antisense</th><th scope="col"'
        ' class="num" title="activation there, as a share of its largest">Strength</th><th scope="col">Bases in reading'
        " direction</th></tr></thead>"
    )
    return Raw(
        Markup(
            '<div class="windows" role="region" tabindex="0" aria-label="strongest windows"><table>'
            + head
            + "<tbody>{}</tbody></table></div>"
        ).format(Markup("").join(rows))
    )


def reading_picture(s: WindowSegment) -> Markup:
    """A segment as an `<svg>`: reading + upwards, reading − downwards, genes as arrows below."""
    parts = [_not_read(u, s) for u in s.unread]
    parts += [_bars(s.levels[strand], way, theme.colour(strand)) for strand, way in _WAYS]
    parts.append(
        f'<path d="M0,{MIDDLE}H{WIDE}" stroke="#868b90" stroke-width=".7"/><text x="2" y="11">+</text><text x="2"'
        f' y="{MIDDLE + 46}">{words.MINUS}</text>'
    )
    parts.append(f'<path d="M0,{LANE + 6}H{WIDE}" stroke="#d5d8dc"/>')
    parts += [_arrow(g, s) for g in s.genes]
    ends = (
        f'<text x="0" y="{LANE + 40}">{s.start + 1:,}</text><text x="{WIDE}" y="{LANE + 40}"'
        f' text-anchor="end">{s.end:,}</text>'
    )
    names = words.listing(list(dict.fromkeys(g.name for g in s.genes if g.name)), 8) or "no gene"
    label = f"Activation on both strands over {s.where}, with {names}"
    tall = LANE + 44
    return Markup(
        f'<svg class="segment" viewBox="0 0 {WIDE} {tall}" width="{WIDE}" height="{tall}" role="img"'
        f' aria-label="{escape(label)}">{"".join(parts)}{ends}</svg>'
    )


def _bars(levels: NDArray[np.int64], way: int, tone: str) -> str:
    wide = WIDE / len(levels)
    on = np.flatnonzero(levels)
    paths = [f"M{i * wide:.1f},{MIDDLE}v{-way * levels[i] * BAR:.1f}h{max(wide - 0.15, 0.8):.1f}V{MIDDLE}z" for i in on]
    return f'<path d="{"".join(paths)}" fill="{tone}"/>' if paths else ""


def _not_read(part: tuple[int, int], s: WindowSegment) -> str:
    scale = WIDE / (s.end - s.start)
    x, wide = (part[0] - s.start) * scale, (part[1] - part[0]) * scale
    out = (
        f'<rect x="{x:.1f}" y="2" width="{wide:.1f}" height="{LANE - 10}" fill="#eceef0"><title>not read in this'
        " run</title></rect>"
    )
    if wide > 80:
        out += f'<text x="{x + wide / 2:.1f}" y="{LANE - 14}" text-anchor="middle">not read</text>'
    return out


def _arrow(g: GeneSpan, s: WindowSegment) -> str:
    scale = WIDE / (s.end - s.start)
    a, b = max(0.0, (g.start - s.start) * scale), min(float(WIDE), (g.end - s.start) * scale)
    tip = min(7.0, (b - a) / 2)
    if g.strand == "+":
        shape = f"M{a:.1f},{LANE}H{b - tip:.1f}L{b:.1f},{LANE + 6}L{b - tip:.1f},{LANE + 12}H{a:.1f}Z"
    elif g.strand == "-":
        shape = f"M{b:.1f},{LANE}H{a + tip:.1f}L{a:.1f},{LANE + 6}L{a + tip:.1f},{LANE + 12}H{b:.1f}Z"
    else:
        shape = f"M{a:.1f},{LANE}H{b:.1f}V{LANE + 12}H{a:.1f}Z"
    title = (
        f"{g.name or g.kind} ({words.kind(g.kind)},"
        f" {g.strand.replace('-', words.MINUS)}){': ' + g.note if g.note else ''}"
    )
    out = f'<path d="{shape}" fill="{theme.colour(g.kind)}"><title>{escape(title)}</title></path>'
    if b - a > 6.2 * len(g.name):
        out += f'<text x="{(a + b) / 2:.1f}" y="{LANE + 24}" text-anchor="middle">{escape(g.name)}</text>'
    return out
