"""Everything known of one feature, for the terminal, the notebook, the atlas and the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from photo51.config.report import AtlasParams
from photo51.report import words
from photo51.report.known import Known
from photo51.report.places import Column, Places, Window
from photo51.report.run import Run
from photo51.types import Strand


@dataclass(frozen=True)
class Dossier:
    """One feature.

    Attributes
    ----------
    feature
        Its number.
    statistics
        Its row of the features table.
    known
        What the tables of the run say of it.
    column
        Where it is active.
    windows
        Its strongest places, strongest first.
    n_scored
        Scored bases of a strand.
    """

    feature: int
    statistics: Mapping[Any, Any]
    known: Known
    column: dict[Strand, Column]
    windows: Sequence[Window]
    n_scored: int

    @property
    def alive(self) -> bool:
        """Whether it is active anywhere."""
        return bool(self.statistics["alive"])

    @property
    def title(self) -> str:
        """What it looks like."""
        return self.known.label or ("never active" if not self.alive else "unnamed")

    def sentence(self) -> str:
        """What it is, in a sentence or two."""
        if not self.alive:
            return "Never active in this run: nothing can be said about it."
        return self.known.sentence()

    def facts(self) -> list[tuple[str, str, str]]:
        """Numbers: name, value, what it means."""
        s = self.statistics
        strands = f"+ {words.share(s['density_plus'])}, {words.MINUS} {words.share(s['density_minus'])}"
        found = [
            (
                "Density",
                words.share(s["density"]),
                f"share of scored bases at which it is active ({strands})",
            ),
            ("Active", f"{int(s['n_active']):,} bases", "base and strand pairs at which it is active"),
            ("Runs", f"{int(s['n_runs']):,}", "runs of consecutive active bases on one strand"),
            (
                "Run length",
                words.bases(s["mean_run"]),
                "mean length of a run",
            ),
            ("Strongest", words.number(s["maximum"]), "largest activation, in the feature's own unit"),
        ]
        return found + self.known.facts()

    def text(self) -> str:
        """As plain text, for a terminal."""
        lines = [f"f{self.feature}  {self.title}", self.sentence(), ""]
        lines += [f"{name:<22}{value}" for name, value, _ in self.facts()] if self.alive else []
        if len(self.known.concepts):
            lines += [
                "",
                self.known.concepts.to_string(index=False, float_format=lambda v: f"{v:.3g}", max_rows=12),
            ]
        if self.windows:
            lines += ["", "strongest places (reading direction, the strongest base in brackets)"]
            lines += [_line(w) for w in self.windows[:10]]
        return "\n".join(lines)


def _line(w: Window, flank: int = 20) -> str:
    low, high = max(0, w.peak - flank), w.peak + flank + 1
    shown = f"{w.sequence[low : w.peak].lower()}[{w.sequence[w.peak]}]{w.sequence[w.peak + 1 : high].lower()}"
    return f"{w.where:<28}{w.activation:>8.3g}  {shown:<{2 * flank + 3}}  {w.gene}"


class Dossiers:
    """Makes dossiers of a run, many at a time.

    Parameters
    ----------
    run
        The run.
    params
        How much is kept of each.
    """

    def __init__(self, run: Run, params: AtlasParams | None = None):
        self.run, self.params = run, params or AtlasParams()
        top = run.need("top_windows").sort_values(["feature", "rank"])
        top = top[top["rank"] < self.params.windows]
        self._top: dict[int, list[tuple[Strand, int]]] = {}
        for feature, strand, row in zip(top["feature"], top["strand"], top["row"], strict=True):
            self._top.setdefault(int(feature), []).append((strand, int(row)))

    @property
    def places(self) -> Places:
        """Features at places of the genomes."""
        return self.run.places

    def of(self, features: Sequence[int]) -> list[Dossier]:
        """Dossiers of some features, in order."""
        if not len(features):
            return []
        for f in features:
            self.run.check(int(f))
        columns = self.places.columns(np.asarray(features, dtype=np.int64))
        return [self._one(int(f), column) for f, column in zip(features, columns, strict=True)]

    def _one(self, feature: int, column: dict[Strand, Column]) -> Dossier:
        flank = self.params.flank
        known = Known.of(self.run, feature)
        windows = [
            self.places.window(column[strand], strand, row, flank, known.reads)
            for strand, row in self._top.get(feature, [])
        ]
        return Dossier(
            feature,
            self.run.features.loc[feature].to_dict(),
            known,
            column,
            windows,
            self.places.workspace.n_rows,
        )


def dossier(run: Run, feature: int, params: AtlasParams | None = None) -> Dossier:
    """The dossier of one feature.

    Raises
    ------
    InputError
        For a number that is not in the dictionary, naming the nearest.
    """
    run.check(feature)
    return Dossiers(run, params).of([feature])[0]
