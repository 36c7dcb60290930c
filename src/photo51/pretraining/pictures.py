"""Pictures of the model layer as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from photo51 import theme
from photo51.io import atomic


def write_svg(path: Path, size: tuple[float, float], *draw: Callable[[Axes], object]) -> None:
    """Draw panels side by side and write them as SVG, the same bytes every time.

    Parameters
    ----------
    path
        File to write.
    size
        Width and height (inches).
    draw
        What each panel holds.
    """
    with theme.style():
        figure = Figure(figsize=size)
        for i, panel in enumerate(draw, 1):
            panel(figure.add_subplot(1, len(draw), i))
        with atomic(path) as partial:
            figure.savefig(partial, format="svg", metadata={"Date": None, "Creator": None})
