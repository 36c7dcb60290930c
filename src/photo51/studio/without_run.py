"""What the page knows without a run: the shipped dictionary's names and checks, and a sequence to begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from photo51 import words
from photo51.genome.alphabet import decode
from photo51.genome.formats.fasta import read_fasta
from photo51.interventions.places import parse_place
from photo51.report.elements import feature_text, sentences
from photo51.run.known import NO_ROW, Known
from photo51.shipped import shipped
from photo51.types import InputError

if TYPE_CHECKING:
    from photo51.api.workbench import Workbench
    from photo51.quicklook.shelf import Shelved

MAX_ROWS = 60
NEEDS_RUN = "genes, loci, variants, bases and annotation tables are those of a run: open one with `photo51 studio RUN`"
# tRNA-Leu(UUR) and the 16S rRNA end before it, NC_012920.1:3207-3340, 0-based
MITOCHONDRION, FIRST, LAST = "resources/human_mt/NC_012920.1.fa", 3_206, 3_340


def examples() -> list[dict[str, str]]:
    """A sequence that comes with photo51, ready to be read."""
    record = next(read_fasta(shipped(MITOCHONDRION)))
    return [
        {
            "label": "tRNA-Leu of the human mitochondrion",
            "bases": f">tRNA-Leu\n{decode(record.ids[FIRST:LAST])}\n",
        }
    ]


def search(bench: Workbench, text: str) -> dict[str, Any]:
    """Features whose name or evidence has the words; what cannot be answered without a run is said.

    Raises
    ------
    InputError
        Where no feature is called so.
    """
    shelf, word = bench.shelf, text.lower()
    nothing = pd.DataFrame(columns=["feature", "label", "annotation"], dtype=str)
    table = nothing if shelf is None else _evidence(shelf)
    hit = table[
        table["label"].str.lower().str.contains(word, regex=False)
        | table["annotation"].str.lower().str.contains(word.replace(" ", "_"), regex=False)
    ]
    best = hit.drop_duplicates("feature").head(MAX_ROWS)
    rows = [{"feature": int(f)} for f in best["feature"]]
    what = "a locus" if _is_place(text) else f"{text[:60]!r}"
    if not rows:
        raise InputError(f"search: need words of a feature's name ({_classes(shelf)}), got {what}; {NEEDS_RUN}")
    return {
        "title": f"{words.count(len(rows), 'feature')} of the shipped dictionary; {NEEDS_RUN}",
        "text": "",
        "rows": rows,
        "go": [],
    }


def _evidence(shelf: Shelved) -> pd.DataFrame:
    """Rows of the shelf's names with what each says in words, best evidence first."""
    table = shelf.names.sort_values(["rank", "feature"])
    labels = [sentences.called(row) for row in table.to_dict("records")]
    return table.assign(label=labels)


def _classes(shelf: Shelved | None) -> str:
    if shelf is None:
        return "none are known"
    common = shelf.names["annotation"].value_counts().index[:6]
    return ", ".join(words.kind(str(a)) for a in common)


def _is_place(text: str) -> bool:
    try:
        parse_place(text.replace(" ", ""))
    except InputError:
        return False
    return True


def feature(bench: Workbench, number: int) -> dict[str, Any]:
    """A feature's page from the shipped tables: what it is like, how its name was checked, if other seeds find it."""
    row = bench.features.iloc[number]
    page: dict[str, Any] = {
        "feature": number,
        "grade": str(row["grade"]),
        "title": str(row["name"]) or "unnamed",
        "words": "",
        "facts": [],
        "windows": [],
        "checks": [],
    }
    if bench.shelf is None:
        return page
    names, replication = bench.shelf.names, bench.shelf.replication
    stored = bench.shelf.features.set_index("feature").loc[number]
    facts = _known(number, names[names["feature"] == number], replication[replication["feature"] == number])
    seeds = bench.shelf.about["seed_match"]["seeds"]
    page["words"] = feature_text.known_sentence(facts)
    page["facts"] = [
        ["active at", words.percent(float(stored["density"])), "share of the bases of the run it is from"],
        ["largest activation", words.number(float(stored["maximum"])), "in that run"],
        ["one unit", words.number(float(stored["q99"])), "99th percentile where it is active"],
        ["other seeds find it", f"{stored['match']:.0%} of {len(seeds)}", "cosine and correlation 0.8 or more"],
    ]
    page["checks"] = feature_text.checks(facts)
    return page


def _known(number: int, names: pd.DataFrame, replication: pd.DataFrame) -> Known:
    none = pd.DataFrame()
    tables = dict.fromkeys(("concepts", "enriched", "profiles", "matches", "genesets"), none)
    rows = dict.fromkeys(("shape", "novelty", "causality", "manifold", "found_again"), NO_ROW)
    best_first = names.sort_values("rank")
    return Known(feature=number, compared=True, names=best_first, replication=replication, logo=None, **rows, **tables)
