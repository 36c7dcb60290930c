"""Text that fits: wrapped by its measured width, stacked by its height, and a check that nothing overlaps or is cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.textpath import TextToPath
from matplotlib.transforms import Bbox

from photo51 import theme

POINTS = 72.0
LEADING = 1.35  # line height, in sizes of the font
_MEASURE = TextToPath()
_TOUCH = 1.0  # pixels by which boxes may meet


class TextLine(NamedTuple):
    """A paragraph: its text, size (points), colour and weight, and how many lines it may take."""

    text: str
    size: float = 8.0
    colour: str = theme.INK
    weight: str = "normal"
    most: int = 6


def width_of(text: str, size: float, weight: str = "normal") -> float:
    """Width of a line (inches)."""
    font = FontProperties(family="DejaVu Sans", size=size, weight=weight)
    return float(_MEASURE.get_text_width_height_descent(text, font, ismath=False)[0]) / POINTS


def wrapped_lines(line: TextLine, width: float) -> list[str]:
    """Lines no wider than `width` (inches); words wider than that are broken, and what exceeds `most` lines ends in an
    ellipsis.
    """
    lines: list[str] = []
    current = ""
    for word in line.text.split():
        for part in _broken(word, width, line):
            longer = f"{current} {part}".strip()
            if current and width_of(longer, line.size, line.weight) > width:
                lines.append(current)
                current = part
            else:
                current = longer
    lines.append(current)
    if len(lines) > line.most:
        lines = lines[: line.most]
        last = lines[-1]
        while last and width_of(last + "…", line.size, line.weight) > width:
            last = last[:-1]
        lines[-1] = last.rstrip() + "…"
    return lines


def _broken(word: str, width: float, line: TextLine) -> list[str]:
    """A word in parts that fit."""
    parts = []
    while width_of(word, line.size, line.weight) > width and len(word) > 1:
        # a first guess in proportion, then one letter less at a time
        n = max(1, int(len(word) * width / width_of(word, line.size, line.weight)))
        while n > 1 and width_of(word[:n], line.size, line.weight) > width:
            n -= 1
        parts.append(word[:n])
        word = word[n:]
    return [*parts, word]


def height_of(lines: Sequence[TextLine], width: float) -> float:
    """Height of paragraphs, one below the other (inches)."""
    return sum(len(wrapped_lines(p, width)) * p.size * LEADING for p in lines) / POINTS


def stack_lines(
    figure: Figure, lines: Sequence[TextLine], left: float, top: float, width: float, *, right: bool = False
) -> None:
    """Write paragraphs one below the other, their corner at `left` and `top` (inches from the lower left corner)."""
    wide, high = figure.get_size_inches()
    for paragraph in lines:
        for text in wrapped_lines(paragraph, width):
            figure.text(
                (left + width if right else left) / wide,
                top / high,
                text,
                size=paragraph.size,
                color=paragraph.colour,
                weight=paragraph.weight,
                ha="right" if right else "left",
                va="top",
                parse_math=False,
            )
            top -= paragraph.size * LEADING / POINTS


def overlapping_texts(figure: Figure) -> list[str]:
    """What is wrong with the texts of a figure: pairs that overlap, texts that leave it, texts on an axis that is not
    theirs.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = cast("RendererAgg", canvas.get_renderer())
    texts = _texts(figure)
    boxes = [t.get_window_extent(renderer) for t in texts]
    whole = figure.bbox
    wrong = []
    for i, (text, box) in enumerate(zip(texts, boxes, strict=True)):
        if (
            box.x0 < whole.x0 - _TOUCH
            or box.x1 > whole.x1 + _TOUCH
            or box.y0 < whole.y0 - _TOUCH
            or box.y1 > whole.y1 + _TOUCH
        ):
            wrong.append(f"{text.get_text()!r} leaves the figure")
        wrong += [f"{text.get_text()!r} overlaps {texts[j].get_text()!r}" for j in range(i) if _overlap(box, boxes[j])]
        wrong += [
            f"{text.get_text()!r} lies on the axes {other.get_title(loc='left') or other.get_title()!r}"
            for other in figure.axes
            if other.axison and text.axes is not other and _overlap(box, other.get_window_extent(renderer))
        ]
    return wrong


def _texts(figure: Figure) -> list[Text]:
    """The texts that are drawn: of the figure, and of each axis that is not turned off."""
    texts = [*figure.texts]
    for axes in figure.axes:
        texts += axes.texts
        if not axes.axison:
            continue
        # titles and the like: texts of the axes themselves are in already
        texts += [t for t in axes.get_children() if isinstance(t, Text) and t not in axes.texts]
        legend = axes.get_legend()
        texts += legend.get_texts() if legend is not None else []
        for axis, bounds, axis_index in ((axes.xaxis, axes.get_xlim(), 0), (axes.yaxis, axes.get_ylim(), 1)):
            low, high = sorted(bounds)
            # ticks outside the limits are made but not drawn; slack for rounding
            slack = 1e-9 * (high - low)
            labels = axis.get_ticklabels(which="both")
            inside = [t for t in labels if low - slack <= t.get_position()[axis_index] <= high + slack]
            texts += [axis.label, axis.get_offset_text(), *inside]
    return [t for t in texts if t.get_visible() and t.get_text().strip()]


def _overlap(a: Bbox, b: Bbox) -> bool:
    wide = min(a.x1, b.x1) - max(a.x0, b.x0)
    high = min(a.y1, b.y1) - max(a.y0, b.y0)
    return bool(np.isfinite([wide, high]).all() and wide > _TOUCH and high > _TOUCH)
