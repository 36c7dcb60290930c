"""`photo51 motifs`: shape, logo, boundary profiles and known motifs of every feature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from photo51.codes import CodesStore
from photo51.config.enrichment import MotifParams
from photo51.enrichment.annotations.classes import AnnotationClass
from photo51.enrichment.annotations.inputs import Inputs
from photo51.enrichment.annotations.readout import read_in_chunks
from photo51.enrichment.motifs.features import Gallery, informative, portraits, profiles
from photo51.enrichment.motifs.matches import Database, match_logos
from photo51.genome.annotation.motifs import Motif
from photo51.io.contracts.enrichment import LOGOS, PROFILES, SHAPES
from photo51.progress import progress
from photo51.stats.rotation import Orientation

_CHUNK = 256


class Motifs(NamedTuple):
    """Tables of the stage (contracts `SHAPES`, `LOGOS`, `PROFILES`, `MOTIF_MATCHES`)."""

    shapes: pd.DataFrame
    logos: pd.DataFrame
    profiles: pd.DataFrame
    matches: pd.DataFrame


def portray(
    store: CodesStore,
    inputs: Inputs,
    params: MotifParams,
    *,
    given_motifs: Sequence[Motif] = (),
    enrichment: pd.DataFrame | None = None,
) -> Motifs:
    """What every feature looks like.

    Parameters
    ----------
    given_motifs
        Motifs to compare logos with.
    enrichment
        Contract `ENRICHMENT`: which boundaries a feature is profiled around. Without it no profile is made.
    """
    gallery = Gallery(inputs.bases, inputs.segments, inputs.genes, params)
    boundaries = _boundaries(inputs.classes(), enrichment, params.profile_classes)
    shapes, logos, around = [SHAPES.empty()], [LOGOS.empty()], [PROFILES.empty()]
    n_chunks = -(-store.n_features // _CHUNK)
    for readout in progress(read_in_chunks(store, _CHUNK), "motifs", n_chunks, f"chunks of {_CHUNK} features"):
        drawn = portraits(gallery, readout)
        shapes.append(drawn.shapes)
        logos.append(drawn.logos)
        around.append(profiles(readout, boundaries, inputs.segments, params.profile_reach))
    shape, logo = _joined(shapes), _joined(logos)
    matches = match_logos(
        informative(logo, shape),
        Database(given_motifs),
        min_overlap=params.min_overlap,
        max_q=params.max_match_q,
    )
    return Motifs(shape, logo, _joined(around), matches)


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([p for p in parts if len(p)] or parts[:1], ignore_index=True)


def _boundaries(
    classes: Sequence[AnnotationClass], enrichment: pd.DataFrame | None, max_classes: int
) -> dict[int, list[tuple[AnnotationClass, Orientation]]]:
    """Classes with intervals that each feature is enriched in, lowest q and then largest z first, at most
    `max_classes`.
    """
    if enrichment is None or not max_classes:
        return {}
    by_name = {c.name: c for c in classes if len(c.intervals) and c.frame < 0}
    rows = enrichment[(enrichment["q"] < 0.05) & enrichment["annotation"].isin(by_name)]
    rows = rows.sort_values(["feature", "q", "z_rot"], ascending=[True, True, False], kind="stable")
    rows = rows.groupby("feature").head(max_classes)
    out: dict[int, list[tuple[AnnotationClass, Orientation]]] = {}
    for f, a, s in zip(rows["feature"], rows["annotation"], rows["strand"], strict=True):
        out.setdefault(int(f), []).append((by_name[a], s))
    return out
