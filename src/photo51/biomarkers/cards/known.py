"""What is known of a feature that a card cites: its name, a picture of its motif, and where in the genome it fires
most.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from photo51 import words
from photo51.io import read_table
from photo51.io.contracts.enrichment import CONCEPTS, NAMES
from photo51.io.contracts.features import TOP_WINDOWS
from photo51.types import InputError


class FeatureCard(NamedTuple):
    """A feature's name, its strongest locus and a picture of its motif; empty or None where there is none."""

    name: str = ""
    locus: str = ""
    logo: Path | None = None


def read_known(
    table: pd.DataFrame | None = None, *, concepts: Path | None = None, places: Path | None = None
) -> dict[int, FeatureCard]:
    """Bring together what is known of features.

    Parameters
    ----------
    table
        feature, name and optionally logo (path of a picture): names given by hand, which win.
    concepts
        `names.parquet`, or `concepts.parquet` beside it: a feature is called what it marks, as on every page; a weak
        name begins with what says so (`like`, `enriched in`, `strongest in`).
    places
        `top_windows.parquet`: the strongest run of each feature.

    Raises
    ------
    InputError
        For a table without feature and name.
    """
    names: dict[int, str] = {}
    loci: dict[int, str] = {}
    logos: dict[int, Path] = {}
    if concepts is not None:
        names = _names(concepts)
    if places is not None:
        first = read_table(places, TOP_WINDOWS).sort_values(["feature", "rank"]).drop_duplicates("feature")
        loci = {
            int(f): words.place(chrom, int(start), int(end), strand)
            for f, chrom, start, end, strand in first[["feature", "chrom", "start", "end", "strand"]].itertuples(
                index=False
            )
        }
    if table is not None:
        if missing := [c for c in ("feature", "name") if c not in table.columns]:
            raise InputError(f"names: need columns feature and name, got none called {missing[0]!r}")
        names |= dict(zip(table["feature"].astype(int), table["name"].astype(str), strict=True))
        if "logo" in table.columns:
            with_logo = table[table["logo"].map(lambda p: isinstance(p, str) and p != "")]
            logos = {int(f): Path(p) for f, p in zip(with_logo["feature"], with_logo["logo"], strict=True)}
    return {f: FeatureCard(names.get(f, ""), loci.get(f, ""), logos.get(f)) for f in sorted({*names, *loci, *logos})}


def _names(path: Path) -> dict[int, str]:
    """What features are called."""
    with_names = path.with_name("names.parquet")
    table = read_table(with_names if path.name == "concepts.parquet" and with_names.is_file() else path)
    if "evidence" in table.columns:
        table = NAMES.check(table, file=str(path))
        table = table[table["rank"] == 0]
    else:
        table = CONCEPTS.check(table, file=str(path))
        table = table[(table["readout"] == "sae") & table["named"]].sort_values(
            ["f1_domain", "annotation", "feature"], ascending=[False, True, True]
        )
        table = table.drop_duplicates("feature").assign(evidence="held-out concept")
    columns = ("feature", "annotation", "strand", "evidence", "named")
    return {
        int(f): words.called_after(str(a), str(s), str(e), named=bool(n))
        for f, a, s, e, n in zip(*(table[c] for c in columns), strict=True)
    }
