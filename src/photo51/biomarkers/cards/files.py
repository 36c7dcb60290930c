"""Evidence cards as files: JSON whose every number can be read again where it came from, and a check that does so."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from photo51.biomarkers.cards.evidence import BANNER, Cards
from photo51.io import Provenance, read_table, sha256, write_json, write_table
from photo51.io.contracts.biomarkers import CALIBRATION, CARD_FEATURES, CARD_NEIGHBOURS, CARDS, CLASSIFIERS
from photo51.types import InputError

SHOWN = (
    "score",
    "baseline",
    "probability",
    "prevalence",
    "scale",
    "outcome",
    "shows_probability",
    "withheld",
    "conformal",
    "likelihood_ratio",
    "attributed",
    "deleted",
    "faithfulness",
    "random_faithfulness",
    "distance",
    "distance_limit",
    "unseen",
    "out_of_domain",
)
OF_FEATURE = ("feature", "orientation", "delta", "weight", "contribution", "name", "locus")
JUDGED = "classifiers.parquet"
LONGEST_NAME = 120  # letters; file systems take 255 bytes, suffix included
OF_PROBE = ("method", "auroc_within", "within_lo", "within_hi")
OF_NEIGHBOUR = ("neighbour", "gene", "consequence", "similarity")
OF_VARIANT = (
    "gene",
    "consequence",
    "codon_position",
    "substitution",
    "hgvs_c",
    "hgvs_p",
    "change",
    "drugs",
    "llr_plus",
    "llr_minus",
    "llr",
    "llr_fair",
    "label",
)


def write_cards(cards: Cards, variants_path: Path, folder: Path, lineage: Provenance) -> list[Path]:
    """Write the tables of the cards to `folder` and one JSON a variant to `folder/cards`.

    Returns
    -------
    The JSON files.
    """
    tables = {
        "cards.parquet": (cards.cards, CARDS),
        "card_features.parquet": (cards.features, CARD_FEATURES),
        "card_neighbours.parquet": (cards.neighbours, CARD_NEIGHBOURS),
        "calibration.parquet": (cards.calibration, CALIBRATION),
    }
    for name, (table, spec) in tables.items():
        write_table(table, folder / name, spec, lineage)
    variants = pd.read_parquet(variants_path)
    # the hash is taken after writing: a card names the very file it was read from
    sources = {name: sha256(folder / name) for name in tables} | {variants_path.name: sha256(variants_path)}
    probe = judged_scores(folder, str(cards.cards["method"].iloc[0])) if len(cards.cards) else pd.DataFrame()
    if len(probe):
        sources[JUDGED] = sha256(folder / JUDGED)
    paths = []
    for i in range(len(cards.cards)):
        name = str(cards.cards["variant"].iloc[i])
        path = folder / "cards" / f"{file_name(name)}.json"
        card = _card(cards, i, variants, variants_path.name, sources)
        card["probe"] = {c: _cite(JUDGED, int(row), c, probe.at[row, c]) for row in probe.index for c in OF_PROBE}
        write_json(card, path)
        paths.append(path)
    return paths


def judged_scores(folder: Path, method: str) -> pd.DataFrame:
    """The row of `classifiers.parquet` that says what a card's probe achieves on the whole set; empty where there is
    none.
    """
    if not (folder / JUDGED).is_file():
        return CLASSIFIERS.empty()
    table = read_table(folder / JUDGED, CLASSIFIERS)
    return table[(table["stratum"] == "all") & (table["method"] == method)]


def file_name(variant: str) -> str:
    """A variant's name as a file name: no colon, `>` or slash.

    Names that are too long for a file system, as of a deletion of 500 bases, are cut and end in a hash of the whole.
    """
    name = re.sub(r"[/\\\s]", "_", variant.replace(":", "_").replace(">", "_to_"))
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[: LONGEST_NAME - 13]}_{hashlib.sha256(variant.encode()).hexdigest()[:12]}"


def _card(cards: Cards, i: int, variants: pd.DataFrame, variants_name: str, sources: dict[str, str]) -> dict[str, Any]:
    name, row = str(cards.cards["variant"].iloc[i]), int(cards.cards["row"].iloc[i])
    columns = [c for c in OF_VARIANT if c in variants.columns]
    return {
        "banner": BANNER,
        "variant": {
            "name": name,
            **{c: _cite(variants_name, row, c, variants[c].iloc[row]) for c in columns},
        },
        "score": {c: _cite("cards.parquet", i, c, cards.cards[c].iloc[i]) for c in SHOWN},
        "features": _rows(cards.features, name, "card_features.parquet", OF_FEATURE),
        "nearest_pathogenic": _rows(cards.neighbours, name, "card_neighbours.parquet", OF_NEIGHBOUR),
        "calibration": [
            {
                c: _cite("calibration.parquet", j, c, cards.calibration[c].iloc[j])
                for c in ("predicted", "observed", "observed_lo", "observed_hi", "n")
            }
            for j in range(len(cards.calibration))
        ],
        "sources": sources,
    }


def _rows(table: pd.DataFrame, variant: str, source: str, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    places = table.index[table["variant"] == variant]
    return [{c: _cite(source, int(j), c, table[c].iloc[int(j)]) for c in columns} for j in places]


def _cite(table: str, row: int, column: str, value: Any) -> dict[str, Any]:
    return {"value": value, "table": table, "row": row, "column": column}


def verify_card(path: Path, variants_path: Path) -> int:
    """Read every number of a card again from the table it cites; return how many there were.

    Raises
    ------
    InputError
        Where a table is not the one that was cited, or holds another value.
    """
    card = json.loads(path.read_text())
    tables = {}
    for name, expected in card["sources"].items():
        source = variants_path if name == variants_path.name else path.parent.parent / name
        if not source.is_file() or sha256(source) != expected:
            raise InputError(f"{path}: need {name} with SHA-256 {expected[:16]}…, got another file or none")
        tables[name] = pd.read_parquet(source)
    n = 0
    for cited in _citations(card):
        value = tables[cited["table"]][cited["column"]].iloc[cited["row"]]
        # NaN is null in JSON
        same = (cited["value"] is None and pd.isna(value)) or value == cited["value"]
        if not same:
            raise InputError(
                f"{path}: {cited['table']}, row {cited['row']}, column {cited['column']!r}: need {cited['value']!r},"
                f" got {value!r}"
            )
        n += 1
    return n


def _citations(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if {"value", "table", "row", "column"} <= value.keys():
            yield value
        else:
            for v in value.values():
                yield from _citations(v)
    elif isinstance(value, list):
        for v in value:
            yield from _citations(v)
