"""Which features become tracks, where nobody chose them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from photo51.config.report import TracksParams
from photo51.report.elements.sentences import called, label
from photo51.report.tracks.data import Labelled
from photo51.report.tracks.write import Tracked
from photo51.run.known import closest
from photo51.run.opened import Run
from photo51.run.summary import feature_summary
from photo51.types import InputError


def tracked(run: Run, params: TracksParams) -> list[Tracked]:
    """Tracks to write: the features asked for, or the best of each concept, those of each shape, the novel ones, the
    strongest.

    Raises
    ------
    InputError
        For a feature that is not in the dictionary, naming the nearest; where no feature is active.
    """
    summary = feature_summary(run)
    if params.features is not None:
        ids = [run.check(f) for f in params.features]
    else:
        ids = _chosen(summary[summary["alive"].astype(bool)], params.most)
    if not ids:
        raise InputError(f"{run.folder}: need at least one active feature for a track, got none")
    labels = {
        f: label(str(a), str(s)) if a else ""
        for f, a, s in zip(summary.index, summary["annotation"], summary["strand"], strict=True)
    }
    thresholds = dict(zip(summary.index, summary["threshold"].astype(float), strict=True))
    if params.by == "feature":
        return [Tracked(f"f{f}", (f,), labels[f], thresholds[f]) for f in ids]
    groups: dict[str, list[int]] = {}
    for f in ids:
        groups.setdefault(labels[f] or f"f{f}", []).append(f)
    return [
        Tracked(name, tuple(fs), "" if name.startswith("f") and name[1:].isdigit() else "concept")
        for name, fs in groups.items()
    ]


def every_feature(run: Run) -> Labelled:
    """Every active feature, with what it is called: what a genome page shows on demand."""
    best = closest(run)
    labels = {int(f): called(row) for f, row in zip(best.index, best.to_dict("records"), strict=True)}
    return Labelled([int(f) for f in run.live], labels)


def _chosen(live: pd.DataFrame, max_features: int) -> list[int]:

    ranked = live.sort_values(["f1_domain", "feature"], ascending=[False, True])
    best = ranked[ranked["annotation"] != ""].drop_duplicates(["annotation", "strand"])
    novel = live[live["novel"]].sort_values("novelty", ascending=False)
    shaped = live[live["manifold"] >= 0].sort_values(["manifold", "feature"])
    strongest = live.sort_values(["maximum", "feature"], ascending=[False, True])
    order = np.concatenate(
        [
            part.index.to_numpy()
            for part in (best, novel.head(max_features // 4), shaped.groupby("manifold").head(3), strongest)
        ]
    )
    return [int(f) for f in dict.fromkeys(order.tolist())][:max_features]
