"""What the tables of a run say of one feature: its rows of each, its name, its logo."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.io.contracts.enrichment import ENRICHMENT, NAMES
from photo51.run.opened import Run
from photo51.run.places import Reads

Row = Mapping[str, Any]
NO_ROW: Row = {}
ALPHA = 0.05  # q-value up to which a pair of feature and annotation counts as a discovery


class FeatureLogo(NamedTuple):
    """A sequence logo: letter heights (bits), (positions, 4) in the order A, C, G, T; offset of the first position;
    windows.
    """

    heights: NDArray[np.float64]
    first: int
    n: int


class Known(NamedTuple):
    """What is known of a feature.

    Attributes
    ----------
    feature
        Its number.
    compared
        Whether this run compared features with annotations.
    names
        Its rows of the names table, best evidence first.
    concepts
        Its rows of the concepts table, highest F1 first.
    enriched
        Its rows of the enrichment table that are discoveries, lowest q first.
    shape, novelty, causality, manifold, found_again
        Its rows of those tables; empty where they were not made.
    logo
        Its logo; None where there is none above its null.
    profiles, replication, matches, genesets
        Its rows of those tables.
    """

    feature: int
    compared: bool
    names: pd.DataFrame
    concepts: pd.DataFrame
    enriched: pd.DataFrame
    shape: Row
    novelty: Row
    causality: Row
    manifold: Row
    found_again: Row
    logo: FeatureLogo | None
    profiles: pd.DataFrame
    replication: pd.DataFrame
    matches: pd.DataFrame
    genesets: pd.DataFrame

    @classmethod
    def of(cls, run: Run, feature: int) -> Known:
        """Gather it from a run."""
        concepts = run.of("concepts", feature)
        if len(concepts):
            concepts = by_margin(concepts[concepts["readout"] == "sae"])
        enriched = run.of("enrichment", feature)
        if len(enriched):
            enriched = enriched[(enriched["status"] == "tested") & (enriched["q"] <= ALPHA)].sort_values(
                ["q", "z_rot"], ascending=[True, False]
            )
        return cls(
            feature,
            run.has("concepts") or run.has("enrichment"),
            run.of("names", feature),
            concepts,
            enriched,
            _first(run.of("shapes", feature)),
            _first(run.of("novelty", feature)),
            _first(run.of("causality", feature)),
            run.manifold_of(feature),
            _first(run.of("found_again", feature)),
            _logo(run.of("logos", feature), _first(run.of("shapes", feature))),
            run.of("profiles", feature),
            run.of("replication", feature),
            run.of("motif_matches", feature),
            run.of("genesets", feature),
        )

    @property
    def best(self) -> Row:
        """Its best row of the names table, a name or weaker evidence; empty where there is none."""
        return _first(self.names)

    @property
    def name(self) -> Row:
        """Row of the names table that names it; empty where none does."""
        return self.best if self.best and self.best["named"] else NO_ROW

    @property
    def reads(self) -> Reads:
        """How it reads genes, as its name says: which of overlapping genes it speaks of."""
        best = _first(self.names)
        if not best:
            return Reads()
        return Reads("antisense" if best["strand"] == "antisense" else "sense", max(int(best.get("frame", 0)), 0))

    @property
    def consensus(self) -> str:
        """IUPAC letters its strongest windows share; empty where the logo is not above its null."""
        return str(self.shape.get("consensus", ""))

    def sites(self) -> list[str]:
        """Classes whose boundaries say most about it."""
        return [str(self.name["annotation"])] if self.name else []


def _first(rows: pd.DataFrame) -> Row:
    return {str(k): v for k, v in rows.iloc[0].to_dict().items()} if len(rows) else NO_ROW


def _logo(rows: pd.DataFrame, shape: Row) -> FeatureLogo | None:
    if rows.empty or not shape.get("consensus"):
        return None
    rows = rows.sort_values("offset")
    heights = (
        rows[["A", "C", "G", "T"]].to_numpy(dtype=float) * np.maximum(rows["bits"].to_numpy(dtype=float), 0.0)[:, None]
    )
    return FeatureLogo(heights, int(rows["offset"].iloc[0]), int(rows["n"].max()))


def by_margin(concepts: pd.DataFrame) -> pd.DataFrame:
    """Rows with F1 and its nulls, the one farthest above its nulls first.

    F1 alone favours classes that cover much of the genome, of which whatever fires often seems to be a detector: a
    feature of second codon positions would be called after coding sequences, in which they all lie.
    """
    margin = concepts["f1_domain"] - np.fmax(concepts["f1_null95"], concepts["f1_always"]).fillna(0.0)
    ordered = concepts.assign(margin=margin).sort_values(
        ["margin", "annotation"], ascending=[False, True], kind="stable"
    )
    return ordered.drop(columns="margin")


def closest(run: Run) -> pd.DataFrame:
    """The annotation each feature is closest to, indexed by feature: its best row of the names table, `named` or
    weak.
    """
    table = run.table("names")
    if table is None:
        table = NAMES.empty()
    return table[table["rank"] == 0].set_index("feature").sort_index()


def names(run: Run) -> pd.DataFrame:
    """The name of each feature that has one, indexed by feature."""
    best = closest(run)
    return best[best["named"].astype(bool)]


ASSOCIATED = 0.05  # largest q of an association that is listed


def associated(run: Run, annotations: Collection[str]) -> pd.DataFrame:
    """Pairs of features with annotation classes by the circular-shift test alone, q up to `ASSOCIATED`, best first.

    Composition may explain them (`q_adj_comp`): they are no names and no evidence for one.
    """
    table = run.table("enrichment")
    if table is None:
        return ENRICHMENT.empty()
    tested = table[table["annotation"].isin(list(annotations)) & (table["status"] == "tested")]
    return tested[tested["q"] <= ASSOCIATED].sort_values(["p_rot", "feature"], kind="stable")


def checks_of_names(run: Run) -> pd.DataFrame | None:
    """Replication checks of the features that have a name; of all that were checked where the run has no names.

    A feature may agree with a class well enough and still be closest to another one, which it may not be named after:
    its agreement is checked too, and it has no name. None where nothing was checked.
    """
    table = run.table("replication")
    if table is None or not run.has("names"):
        return table
    return table[table["feature"].isin(names(run).index)]


def by_reading(profiles: pd.DataFrame) -> list[tuple[tuple[str, str, str], pd.DataFrame]]:
    """Profiles of one feature by annotation, reading (sense, antisense) and boundary, in their order."""
    if profiles.empty:
        return []
    if (
        "strand" not in profiles
    ):  # runs that ended before readings were told apart have one profile of each boundary here
        keys = ["annotation", "boundary", "offset"]
        profiles = profiles[~profiles.duplicated(keys)].assign(strand="sense")
    grouped = profiles.groupby(["annotation", "strand", "boundary"], sort=False)
    return [((str(a), str(s), str(b)), rows) for (a, s, b), rows in grouped]


def best_named(run: Run) -> int:
    """The feature with the best name; where none has one, the live feature with the largest activation."""
    named = names(run)
    if len(named):
        return int(by_margin(named).index[0])
    return int(run.features["maximum"].idxmax())
