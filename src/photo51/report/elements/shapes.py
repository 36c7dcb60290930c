"""Groups of features that fire together, and the shapes they trace: what the report, the notebooks and the atlas
draw.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51 import theme, words
from photo51.geometry.meaning.biology import ANGLE, CLASS, Quantity, quantities
from photo51.report.elements.feature_text import features_called
from photo51.run.known import names
from photo51.run.opened import Run
from photo51.types import STRANDS

DRAWN = 600  # bases of a group drawn in the atlas
_LEVELS = {"gene_strand": ("antisense", "sense"), "leading_strand": ("lagging", "leading")}
BINS = 24  # of a coordinate, in the picture of who is active where
_GC = re.compile(r"gc(?:_skew)?_(\d+)$")


class GroupShape(NamedTuple):
    """A group that traces a shape, with the bases on it.

    Attributes
    ----------
    row
        Its row of `MANIFOLDS`.
    points
        Its rows of `POINTS`.
    members
        Its features, along the coordinate.
    quantity
        What the coordinate follows; None where it follows nothing that was tested.
    values
        That quantity at each point, (points,); the coordinate itself where there is none.
    """

    row: Mapping[Any, Any]
    points: pd.DataFrame
    members: list[int]
    quantity: Quantity | None
    values: NDArray[np.float64]

    @property
    def cyclic(self) -> bool:
        """Whether what colours the points comes back to where it began."""
        return self.row["coordinate"] == ANGLE if self.quantity is None else self.quantity.kind == ANGLE

    @property
    def coloured_by(self) -> str:
        """What colours the points, with its unit."""
        if self.quantity is not None:
            unit = "" if self.quantity.kind in {ANGLE, CLASS} else f" ({self.quantity.unit})"
            return words.kind(self.quantity.name) + unit
        if self.row["coordinate"] == "none":
            return ""
        return "its own coordinate" + (" (radians)" if self.row["coordinate"] == ANGLE else " (0 to 1)")

    def shares(self) -> NDArray[np.float64]:
        """The values between 0 and 1, (points,); NaN where unknown."""
        v = self.values
        if self.cyclic:
            return np.mod(v, 2 * np.pi) / (2 * np.pi)
        low, high = (np.nanmin(v), np.nanmax(v)) if np.isfinite(v).any() else (0.0, 1.0)
        return (v - low) / max(high - low, 1e-12)


def shape_title(row: Mapping[Any, Any]) -> str:
    """What a group is called: `group 3: ring`."""
    return f"group {int(row['cluster'])}: {words.kind(str(row['shape']))}"


def members_of(row: Mapping[Any, Any]) -> list[int]:
    """Features of a group, in its order."""
    return [int(f) for f in str(row["features"]).split(",") if f]


def shapes(run: Run, clusters: Iterable[int]) -> list[GroupShape]:
    """Groups with their points, and what their coordinates follow."""
    numbers = list(clusters)
    table, points = run.need("manifolds").set_index("cluster", drop=False), run.table("points")
    meaning_of = {c: str(run.meanings.loc[c, "quantity"]) for c in numbers if c in run.meanings.index}
    quantity_of = _quantities(run, set(meaning_of.values()))
    out = []
    for c in numbers:
        points_of = points[points["cluster"] == c] if points is not None else pd.DataFrame()
        quantity = quantity_of.get(meaning_of.get(c, ""))
        row = table.loc[c].to_dict()
        out.append(GroupShape(row, points_of, members_of(row), quantity, _values(points_of, quantity)))
    return out


def _quantities(run: Run, names: set[str]) -> dict[str, Quantity]:
    if not names:
        return {}
    windows = sorted({int(match[1]) for name in names if (match := _GC.match(name))})
    annotations = run.genomes.annotations()
    classes = sorted(names & set(annotations["kind"].unique()))
    every = quantities(run.genomes, run.places.workspace, annotations, windows, classes)
    return {q.name: q for q in every if q.name in names}


def _values(points: pd.DataFrame, quantity: Quantity | None) -> NDArray[np.float64]:
    if points.empty:
        return np.zeros(0)
    if quantity is None:
        return points["coordinate"].to_numpy(dtype=np.float64)
    strand = (points["strand"] == "-").to_numpy().astype(np.int64)
    return quantity.values[strand, points["row"].to_numpy()].astype(np.float64)


def tuning(run: Run, shape: GroupShape, bins: int = BINS) -> NDArray[np.float64]:
    """Mean activation of each member in equal parts of the coordinate, over its largest, (members, bins).

    Parts are of equal length on an angle and of equally many bases on a place.
    """
    points = shape.points[np.isfinite(shape.points["coordinate"])]
    if shape.row["coordinate"] == ANGLE:
        part = np.floor(np.mod(points["coordinate"], 2 * np.pi) / (2 * np.pi) * bins).astype(np.int64)
    else:
        part = points["coordinate"].rank(method="first").to_numpy().astype(np.int64)
        part = (part - 1) * bins // max(len(points), 1)
    part = np.clip(np.asarray(part), 0, bins - 1)
    total, count = np.zeros((len(shape.members), bins)), np.bincount(part, minlength=bins)
    row, strand = points["row"].to_numpy(), points["strand"].to_numpy()
    for i, columns in enumerate(run.places.columns(np.asarray(shape.members, dtype=np.int64))):
        for s in STRANDS:
            on_strand = strand == s
            total[i] += np.bincount(part[on_strand], columns[s].at(row[on_strand]), minlength=bins)
    mean = total / np.maximum(count, 1)
    return mean / np.maximum(mean.max(axis=1, keepdims=True), 1e-12)


def manifold_records(run: Run) -> list[dict[str, Any]]:
    """Every group of features as the atlas reads it, by number; none where geometry was not run."""
    table = run.table("manifolds")
    if table is None:
        return []
    named = names(run)
    return [_record(run, s, named) for s in shapes(run, table.sort_values("cluster")["cluster"])]


def _record(run: Run, s: GroupShape, named: pd.DataFrame) -> dict[str, Any]:
    row, n = s.row, len(s.points)
    sample = np.unique(np.linspace(0, n - 1, min(n, DRAWN)).round().astype(np.int64)) if n else np.zeros(0, int)
    shares = s.shares()[sample] if n else np.zeros(0)
    follows = varies(run, int(row["cluster"])) if s.quantity is not None else ""
    return {
        "id": int(row["cluster"]),
        "shape": words.kind(str(row["shape"])),
        "is_shape": bool(row["manifold"]),
        "meaning": follows,
        "words": shape_sentence(run, row, named),
        "alt": alt(s) if n else "no picture: the group traces no shape",
        "cyclic": s.cyclic,
        "key": key(s),
        "tones": tones(s),
        "features": s.members,
        "facts": [list(f) for f in shape_facts(row)],
        "points": {
            "x": [round(float(v), 3) for v in s.points["axis_1"].to_numpy()[sample]] if n else [],
            "y": [round(float(v), 3) for v in s.points["axis_2"].to_numpy()[sample]] if n else [],
            "v": [round(float(v), 3) if np.isfinite(v) else None for v in shares],
        },
    }


def varies(run: Run, cluster: int) -> str:
    """What varies along a group's coordinate, and whether six-letter words explain as much of it; empty for nothing."""
    if cluster not in run.meanings.index:
        return ""
    m = run.meanings.loc[cluster]
    return words.kind(str(m["quantity"])) + ("" if m["beyond_kmer"] else " (six-letter words explain as much)")


def key(s: GroupShape) -> list[tuple[str, float]]:
    """What some colours stand for: label, and share of the way from the lowest value to the highest."""
    if not np.isfinite(s.values).any() or not s.coloured_by:
        return []
    if marks := ticks(s.quantity):
        low, high = (0.0, 2 * np.pi) if s.cyclic else (min(marks[0]), max(marks[0]))
        return [(t, round((v - low) / max(high - low, 1e-12), 3)) for v, t in zip(*marks, strict=True)]
    if s.cyclic:
        return [("0", 0.0), ("a quarter", 0.25), ("half", 0.5), ("three quarters", 0.75)]
    return [(words.number(float(np.nanmin(s.values))), 0.0), (words.number(float(np.nanmax(s.values))), 1.0)]


def tones(s: GroupShape) -> list[str]:
    """Colour of each mark of the key where there are few classes, as the report draws them; none where colour is a
    ramp.
    """
    marks = ticks(s.quantity)
    if marks is None or len(marks[0]) > len(theme.FRAME_COLOURS):
        return []
    return list(theme.FRAME_COLOURS[: len(marks[0])])


def alt(s: GroupShape) -> str:
    """A picture of a shape in words."""
    by = f", coloured by {s.coloured_by}" if s.coloured_by else ""
    return f"{len(s.points):,} bases on the first two axes of {shape_title(s.row)}{by}."


def shape_sentence(run: Run, row: Mapping[Any, Any], named: pd.DataFrame) -> str:
    """What a group is, in two sentences; plain text."""
    n = int(row["n_features"])
    if row["manifold"]:
        text = _traces(n, str(row["shape"]))
    elif row["shape"] == "module":
        text = f"{n} features that are active together without tracing a shape."
    else:
        text = f"{n} features whose shape could not be told from chance with the bases of this run."
    cluster = int(row["cluster"])
    if cluster in run.meanings.index:
        m = run.meanings.loc[cluster]
        what = words.kind(str(m["quantity"]))
        text += (
            f" The position of a base within it follows {what}: the position explains {words.percent(m['effect'], 0)}"
            f" of the variance of {what} on held-out blocks"
        )
        if np.isfinite(m["effect_kmer"]):
            text += f"; the last six bases alone explain {words.percent(max(0.0, m['effect_kmer']), 0)}"
            text += "" if m["beyond_kmer"] else ", as much or more"
        text += "."
    elif row["manifold"]:
        text += f" {_silent(run, row)}"
    named_members = [f for f in members_of(row) if f in named.index]
    if named_members:
        shown = [c.replace("{", "").replace("}", "") for c in features_called(named_members, named)]
        text += f" Named among them: {words.listing(shown, 4)}."
    return text


def _silent(run: Run, row: Mapping[Any, Any]) -> str:
    """Why nothing is said of what varies along a group."""
    if row["coordinate"] == "none":
        return "It has no coordinate along which something could vary."
    if run.table("meaning") is None:
        return "What varies along its coordinate was not tested in this run."
    return "No quantity that was chosen on half of the blocks is seen to vary along its coordinate on the others."


def _traces(n: int, shape: str) -> str:
    if shape == "blob":
        return (
            f"{n} features that cover a cloud of several dimensions: which of them is active depends on something they"
            " share, but it is no ring and no line."
        )
    if shape == "states":
        return f"{n} features that fall into separate states."
    return f"{n} features that together trace a {words.kind(shape)}."


def shape_facts(row: Mapping[Any, Any]) -> list[tuple[str, str, str]]:
    """Numbers of a group, each with its null: name, value, what it means."""
    null = f"features circularly shifted against each other: {words.fixed(row['dependence_null'])}"
    out = [
        ("Features", str(int(row["n_features"])), "members of the group"),
        ("Bases", f"{int(row['n_tokens']):,}", "base and strand pairs measured in which a member is active"),
        ("Dependence", words.fixed(row["dependence"]), f"variance of a member that another explains; {null}"),
        ("q, dependence", words.probability(row["q_dependence"]), "false-discovery rate over all groups"),
        (
            "Dimension",
            f"{words.fixed(row['dimension_two_nn'], 1)} / {words.fixed(row['dimension_tle'], 1)}",
            f"two estimators; shifted features: {words.fixed(row['dimension_null'], 1)}",
        ),
        (
            "Rings",
            str(int(row["loops"])),
            (
                f"longest {words.fixed(row['longest_loop'])} radii; shifted features:"
                f" {words.fixed(row['longest_loop_null'])}"
            ),
        ),
        (
            "Regime",
            str(row["regime"]),
            "capture: one feature spans it; tiling: each covers a part; dilution: many share it",
        ),
    ]
    if np.isfinite(row["coordinate_stability"]):
        out.append(
            (
                "Stability",
                words.fixed(row["coordinate_stability"]),
                "agreement of coordinates fitted on either half of the blocks",
            )
        )
    return out


def ticks(quantity: Quantity | None) -> tuple[list[float], list[str]] | None:
    """Where a colour bar has marks and what they say; None for the usual ones."""
    if quantity is not None and quantity.name == "codon_phase":
        return [0.0, 2 * np.pi / 3, 4 * np.pi / 3], ["1st", "2nd", "3rd base"]
    if quantity is not None and quantity.kind == CLASS:
        levels = np.unique(quantity.values[np.isfinite(quantity.values)])
        level_names = _LEVELS.get(quantity.name, ("outside", "inside") if len(levels) == 2 else ())
        return [float(v) for v in levels], (
            list(level_names) if len(level_names) == len(levels) else [f"{v:g}" for v in levels]
        )
    return None
