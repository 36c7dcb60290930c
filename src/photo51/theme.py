"""Colours by meaning, sizes and fonts of every figure and page.

Colours are those of Okabe and Ito (jfly.uni-koeln.de/color), which colour-blind readers tell apart; meaning never
rests on colour alone, so a second cue (position, marker, label) goes with it. The four bases have darker tones of
their own, since letters are read: each is at 3:1 or more on white, and the nearest pair is 21 CIELAB units apart under
deuteranopia (Machado et al. 2009, doi:10.1109/TVCG.2009.113), 18 in the palette they replace.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, cast

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.colors import LinearSegmentedColormap

INK, MUTED, FAINT, PAPER = "#1b1b1f", "#5f6368", "#d5d8dc", "#ffffff"
ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
BASES = MappingProxyType({"A": "#108a5c", "C": "#0b5fb0", "G": "#b97900", "T": "#b01030"})

COLOURS = MappingProxyType(
    {
        # what is claimed, and what it is held against
        "feature": BLUE,
        "null": "#868b90",
        "baseline": ORANGE,
        "random_weights": "#7f7f7f",
        "kmer": ORANGE,
        "neuron": SKY,
        "pca": PURPLE,
        "always_on": "#b9bdc1",
        "failed": VERMILION,
        # arms of an intervention
        "control": MUTED,
        "reconstruction": ORANGE,
        "random_direction": "#868b90",
        # strands and bases
        "+": BLUE,
        "-": VERMILION,
        **BASES,
        "N": "#868b90",
        # disease
        "pathogenic": VERMILION,
        "benign": BLUE,
        "uncertain": "#868b90",
        # annotation
        "CDS": BLUE,
        "gene": BLUE,
        "tRNA": GREEN,
        "rRNA": PURPLE,
        "ncRNA": SKY,
        "mobile_element": VERMILION,
        "prophage": ORANGE,
        "repeat": YELLOW,
        "intergenic": FAINT,
    }
)
FRAME_COLOURS = (BLUE, ORANGE, GREEN)
MARKERS = MappingProxyType(
    {
        "feature": "o",
        "null": "|",
        "kmer": "D",
        "neuron": "s",
        "pca": "^",
        "always_on": "x",
        "random_weights": "v",
    }
)
WIDTH_1, WIDTH_2 = 3.5, 7.2  # inches: one and two columns (89 and 183 mm)

SEQUENTIAL = LinearSegmentedColormap.from_list("photo51_sequential", ["#f4f7fb", "#9ecae1", "#2171b5", "#08306b"])
DIVERGING = LinearSegmentedColormap.from_list("photo51_diverging", [BLUE, "#f7f7f7", VERMILION])
CYCLE = (
    "#241f3d",
    "#2f78bd",
    "#b5ad93",
    "#c06a10",
    "#241f3d",
)  # dark, blue, light, orange: hue and lightness in quadrature
CYCLIC = LinearSegmentedColormap.from_list("photo51_cyclic", CYCLE)
ALONG = ("#33215f", "#2b6a99", "#2a9d7c", "#9ccb3b", "#e3c515")  # an even ramp that stays visible on white

_RC: dict[str, Any] = {
    "figure.dpi": 110,
    "savefig.dpi": 200,
    "savefig.bbox": "tight",
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "photo51",
}


def colour(meaning: str) -> str:
    """Colour of a meaning; muted ink for one that has none."""
    return COLOURS.get(meaning, MUTED)


@contextmanager
def style() -> Iterator[None]:
    """Figures made inside have photo51's sizes, fonts and colours."""
    with mpl.rc_context(cast(Any, _RC)):
        yield


def close(figure: mpl.figure.Figure) -> None:
    """Free a figure's memory."""
    plt.close(figure)


def css() -> str:
    """Every colour as a CSS custom property, so that pages and figures share one palette."""
    names = {"ink": INK, "muted": MUTED, "faint": FAINT, "paper": PAPER}
    names |= {f"c-{_css_name(meaning)}": tone for meaning, tone in COLOURS.items()}
    return ":root{" + ";".join(f"--{name}:{tone}" for name, tone in names.items()) + "}"


def _css_name(meaning: str) -> str:
    return {"+": "plus", "-": "minus"}.get(meaning, meaning.replace("_", "-").lower())
