"""What the atlas's search box knows: evidence for names, genes with their tags, what was read, variants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from photo51.report.atlas.files import rounded
from photo51.report.elements.sentences import label
from photo51.run.known import ASSOCIATED, associated
from photo51.run.opened import Run

GRADES = {"weak": 1, "moderate": 2, "strong": 3}  # 0: nothing names it
MOST_BASES, MOST_VARIANTS = 8_000_000, 20_000  # beyond these a page of text grows too large to open
MOST_LINKED = 1_000  # associations listed of a class that no feature is called after
_LINK = ["feature", "annotation", "strand", "grade"]
_PREFIX = r"^(?:gene|cds|rna)-"


def contig_numbers(run: Run) -> dict[tuple[str, str], int]:
    """Number of each contig in the order of the contigs table."""
    contigs = run.genomes.contigs
    return {(str(g), str(c)): i for i, (g, c) in enumerate(zip(contigs["genome"], contigs["chrom"], strict=True))}


def genes(run: Run) -> Mapping[str, list[Any]]:
    """Genes by name and by locus tag: `name`, `contig`, `start`, `end`."""
    named, number = run.places.genes.names(), contig_numbers(run)
    table = run.genomes.annotations()
    tagged = table[(table["kind"] == "gene") & (table["group"] != "")]
    tags = tagged.assign(name=tagged["group"].str.replace(_PREFIX, "", regex=True))
    columns = ["genome", "chrom", "name", "start", "end"]
    every = pd.concat([named[columns], tags[columns]], ignore_index=True).drop_duplicates(columns)
    return {
        "name": every["name"].tolist(),
        "contig": [number[str(g), str(c)] for g, c in zip(every["genome"], every["chrom"], strict=True)],
        "start": every["start"].tolist(),
        "end": every["end"].tolist(),
    }


def scored_intervals(run: Run) -> Mapping[str, list[Any]]:
    """What was read: `contig`, `start`, `end`; `bases` of each, where all together are few."""
    table, number = run.places.workspace.table, contig_numbers(run)
    out: dict[str, list[Any]] = {
        "contig": [number[str(g), str(c)] for g, c in zip(table["genome"], table["chrom"], strict=True)],
        "start": table["start"].tolist(),
        "end": table["end"].tolist(),
        "bases": [],
    }
    if run.places.workspace.n_rows <= MOST_BASES:
        out["bases"] = [
            run.genomes.sequence(str(g), str(c), int(a), int(b)).tobytes().decode()
            for g, c, a, b in zip(*(table[k] for k in ("genome", "chrom", "start", "end")), strict=True)
        ]
    return out


def evidence(run: Run, ids: np.ndarray) -> Mapping[str, list[Any]]:
    """Every annotation that some evidence gives a feature, weak evidence included: `row` of the feature, `label`,
    `grade`.

    Classes that no feature is called after or close to have the features associated with them, best first by grades
    that fall from 0.75, where composition does not explain them, and from 0.5.
    """
    table = run.table("names")
    if table is None:
        return {"row": [], "label": [], "grade": []}
    row_of = {int(f): i for i, f in enumerate(ids)}
    kinds = set(run.genomes.annotations()["kind"].astype(str)) - set(table["annotation"])
    linked = associated(run, kinds)
    linked = linked[linked.groupby("annotation").cumcount() < MOST_LINKED]
    grades = np.where(linked["q_adj_comp"] <= ASSOCIATED, 0.75, 0.5) - 1e-6 * np.arange(len(linked))
    named = table.assign(grade=table["grade"].map(GRADES))
    both = pd.concat([named[_LINK], linked.assign(grade=grades)[_LINK]], ignore_index=True)
    of_features = both[both["feature"].isin(list(row_of))]
    return {
        "row": [row_of[int(f)] for f in of_features["feature"]],
        "label": [
            f"{label(str(a), str(s))} {str(a).replace('_', ' ')}".lower()
            for a, s in zip(of_features["annotation"], of_features["strand"], strict=True)
        ],
        "grade": of_features["grade"].astype(float).tolist(),
    }


def variants(run: Run) -> Mapping[str, list[Any]]:
    """Variants by every notation the table has: `text`, `label`, `contig`, `pos`, `llr`, `set`, `card`."""
    table = run.table("variants")
    empty: dict[str, list[Any]] = {k: [] for k in ("text", "label", "contig", "pos", "llr", "set", "card")}
    if table is None or len(table) > MOST_VARIANTS:
        return empty
    number, cards = contig_numbers(run), run.table("cards")
    carded = set() if cards is None else set(cards["variant"])
    protein = table["hgvs_p"].astype(str) if "hgvs_p" in table else pd.Series("", index=table.index)
    change = [f"{int(p) + 1}{r}>{a}" for p, r, a in zip(table["pos"], table["ref"], table["alt"], strict=True)]
    return {
        "text": [
            f"{v} m.{c} g.{c} {g} {p}".lower()
            for v, c, g, p in zip(table["variant"], change, table["gene"], protein, strict=True)
        ],
        "label": table["variant"].tolist(),
        "contig": [number[str(g), str(c)] for g, c in zip(table["genome"], table["chrom"], strict=True)],
        "pos": table["pos"].tolist(),
        "llr": rounded(table["llr"]),
        "set": table["set"].tolist(),
        "card": [int(v in carded) for v in table["variant"]],
    }
