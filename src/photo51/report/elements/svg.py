"""Vector pictures that sit inside a page: figures of matplotlib made light, and sequence logos drawn directly."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable
from functools import cache

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from markupsafe import Markup, escape
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from numpy.typing import NDArray

from photo51 import theme

_LONG_NUMBER = re.compile(r"(\d+\.\d{2})\d+")
_ID = re.compile(r'\s?id="([^"]+)"')
_USED = re.compile(r'(?:url\(#|href="#)([^")]+)')
_SIZE = re.compile(r'<svg ([^>]*?)width="([\d.]+)pt" height="([\d.]+)pt"', re.DOTALL)
LETTERS = "ACGT"
CSS_PX_PER_PT = 4 / 3
ZOOM = 1.2  # figures are drawn for print; on a screen they are read from farther away


def inline(figure: mpl.figure.Figure, alt: str, zoom: float = ZOOM) -> Markup:
    """A figure as an `<svg>` to put into a page; the figure is closed.

    Text stays text, in the page's font, so that it can be found, read aloud and copied. Coordinates keep two decimals
    and unused identifiers go, which halves the size; the rest get a prefix of their own, since identifiers of two
    figures on one page must differ.

    Parameters
    ----------
    figure
        What to draw.
    alt
        What the picture shows, in a sentence, for readers who do not see it.
    zoom
        Natural size on screen over size in print.
    """
    if not alt.strip():
        raise ValueError("inline: need alt text, got none")
    out = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "photo51"}):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    plt.close(figure)
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = _LONG_NUMBER.sub(r"\1", text)
    used = set(_USED.findall(text))
    prefix = "s" + hashlib.sha256(text.encode()).hexdigest()[:8]
    text = _ID.sub(lambda m: f' id="{prefix}{m[1]}"' if m[1] in used else "", text)
    text = _USED.sub(lambda m: m[0].replace("#", f"#{prefix}", 1), text)
    size = _SIZE.search(text)
    assert size, "matplotlib writes the size of a figure into its first tag"
    width = float(size[2]) * CSS_PX_PER_PT * zoom
    label = f'role="img" aria-label="{escape(alt)}" style="width:{width:.0f}px"'
    return Markup(_SIZE.sub(lambda m: f"<svg {m[1]}{label}", text, count=1))


def figure(draw: Callable[[mpl.axes.Axes], object], size: tuple[float, float], alt: str, zoom: float = ZOOM) -> Markup:
    """Make a figure of one panel, let `draw` fill it, and return it as an `<svg>`; size in inches."""
    with theme.style():
        canvas, ax = plt.subplots(figsize=size)
        draw(ax)
        return inline(canvas, alt, zoom)


@cache
def glyph(letter: str) -> str:
    """Outline of a letter as SVG path data that fills the unit square, y downwards."""
    path = TextPath((0, 0), letter, size=100, prop=FontProperties(family="DejaVu Sans", weight="bold"))
    box = path.get_extents()
    points = (path.vertices - [box.x0, box.y0]) / [box.width, box.height]
    points[:, 1] = 1 - points[:, 1]
    out, i = [], 0
    sizes = {
        mpl.path.Path.MOVETO: ("M", 1),
        mpl.path.Path.LINETO: ("L", 1),
        mpl.path.Path.CURVE3: ("Q", 2),
        mpl.path.Path.CURVE4: ("C", 3),
    }
    while i < len(points):
        code = path.codes[i]
        if code == mpl.path.Path.CLOSEPOLY:
            out.append("Z")
            i += 1
            continue
        name, n = sizes[code]
        out.append(name + " ".join(f"{x:.3f},{y:.3f}" for x, y in points[i : i + n]))
        i += n
    return "".join(out)


def glyphs() -> Markup:
    """Definitions of the four letters, once a page: logos refer to them."""
    symbols = "".join(f'<path id="base-{b}" d="{glyph(b)}" fill="{theme.BASES[b]}"/>' for b in LETTERS)
    return Markup(
        '<svg width="0" height="0" style="position:absolute" aria-hidden="true"'
        f' focusable="false"><defs>{symbols}</defs></svg>'
    )


def logo_svg(
    heights: NDArray[np.floating],
    first: int,
    alt: str,
    *,
    height: int = 72,
    step: int = 11,
    standalone: bool = False,
) -> Markup:
    """A sequence logo.

    Parameters
    ----------
    heights
        Letter heights in bits, (positions, 4) in the order A, C, G, T; letters below 0 bits are not drawn.
    first
        Offset of the first position from the base at which the feature is strongest (bases, in reading direction).
    alt
        What the logo shows, in a sentence.
    height, step
        Height of 2 bits and width of a position (CSS pixels).
    standalone
        Whether the letters' outlines come with it, for a file of its own.
    """
    heights = np.nan_to_num(np.asarray(heights, dtype=float))
    if heights.ndim != 2 or heights.shape[1] != 4:
        raise ValueError(f"logo: need heights of shape (positions, 4), got {heights.shape}")
    left, top, bottom = 30, 6, 24
    width = left + step * len(heights) + 4
    scale = height / 2.0
    base = top + height
    parts = [_logo_axis(left, top, height, width)]
    letters = []
    for i, stack in enumerate(heights):
        y = float(base)
        for b in np.argsort(stack, kind="stable"):
            tall = stack[b] * scale
            if tall < 0.4:
                continue
            y -= tall
            letters.append(
                f'<use href="#base-{LETTERS[b]}" transform="translate({left + i * step + 0.5:g},{y:.1f})'
                f' scale({step - 1},{tall:.1f})"/>'
            )
    parts.append("".join(letters))
    parts.append(_logo_ticks(first, len(heights), left, step, base))
    box = f'viewBox="0 0 {width} {base + bottom}" width="{width}" height="{base + bottom}"'
    defs = (
        "<defs>" + "".join(f'<path id="base-{b}" d="{glyph(b)}" fill="{theme.BASES[b]}"/>' for b in LETTERS) + "</defs>"
        if standalone
        else ""
    )
    return Markup(
        f'<svg xmlns="http://www.w3.org/2000/svg" class="logo" {box} role="img"'
        f' aria-label="{escape(alt)}">{defs}{"".join(parts)}</svg>'
    )


def _logo_axis(left: int, top: int, height: int, width: int) -> str:
    ticks = "".join(
        f'<path d="M{left - 4},{top + height * (1 - bits / 2):g}h4" stroke="{theme.MUTED}"/>'
        f'<text x="{left - 6}" y="{top + height * (1 - bits / 2) + 3:g}" text-anchor="end">{bits}</text>'
        for bits in (0, 1, 2)
    )
    middle = top + height / 2
    unit = f'<text transform="translate(8,{middle:g}) rotate(-90)" text-anchor="middle">bits</text>'
    line = f'<path d="M{left},{top}v{height}h{width - left - 2}" fill="none" stroke="{theme.MUTED}"/>'
    return ticks + unit + line


def _logo_ticks(first: int, n: int, left: int, step: int, base: int) -> str:
    every = 5 if n > 12 else 2
    marks = [i for i in range(n) if (first + i) % every == 0]
    out = []
    for i in marks:
        x = left + (i + 0.5) * step
        label = f"{first + i:+d}".replace("-", "\u2212") if first + i else "0"
        weight = f' style="font-weight:700;fill:{theme.INK}"' if first + i == 0 else ""
        out.append(
            f'<path d="M{x:g},{base}v4" stroke="{theme.MUTED}"/><text x="{x:g}" y="{base + 14}"'
            f' text-anchor="middle"{weight}>{label}</text>'
        )
    return "".join(out)
