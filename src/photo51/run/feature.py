"""One feature of a run: statistics, rows of the tables, where it is active, its top-activating windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from photo51.config.report import AtlasParams
from photo51.run.known import Known
from photo51.run.opened import Run
from photo51.run.places import ActivationColumn, Places, Window
from photo51.types import Strand


@dataclass(frozen=True)
class FeatureFacts:
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
        Its top-activating windows, strongest first.
    n_scored
        Scored bases of a strand.
    """

    feature: int
    statistics: Mapping[Any, Any]
    known: Known
    column: dict[Strand, ActivationColumn]
    windows: Sequence[Window]
    n_scored: int

    @property
    def alive(self) -> bool:
        """Whether it is active anywhere."""
        return bool(self.statistics["alive"])


class FeatureReader:
    """Reads the features of a run, many at a time.

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

    def of(self, features: Sequence[int]) -> list[FeatureFacts]:
        """FeatureReader of some features, in order."""
        if not len(features):
            return []
        for f in features:
            self.run.check(int(f))
        columns = self.places.columns(np.asarray(features, dtype=np.int64))
        return [self._one(int(f), column) for f, column in zip(features, columns, strict=True)]

    def _one(self, feature: int, column: dict[Strand, ActivationColumn]) -> FeatureFacts:
        flank = self.params.flank
        facts = Known.of(self.run, feature)
        windows = [
            self.places.window(column[strand], strand, row, flank, facts.reads)
            for strand, row in self._top.get(feature, [])
        ]
        return FeatureFacts(
            feature,
            self.run.features.loc[feature].to_dict(),
            facts,
            column,
            windows,
            self.places.workspace.n_rows,
        )


def feature_facts(run: Run, feature: int, params: AtlasParams | None = None) -> FeatureFacts:
    """All that is known of one feature.

    Raises
    ------
    InputError
        For a number that is not in the dictionary, naming the nearest.
    """
    run.check(feature)
    return FeatureReader(run, params).of([feature])[0]
