"""Small annotation files of the kinds that people have trouble with, each with what has to come of it.

A case is a folder of input files and a `case.json`: `table` (its `genomes.tsv`), `variants` (VCF files whose consequences are
looked at), and `expect` (`exit`, `stderr_contains`, `annotation`, `annotation_absent`, `consequences`, `values`, `either`).
Coordinates are 1-based and inclusive; what is right was found without photo51.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from photo51.config.genome import GenomeParams
from photo51.genome.axis.genomes import Genomes
from photo51.genome.consequence import consequences
from photo51.genome.preparation.prepare import prepare
from photo51.genome.variants.files import read_variants
from photo51.genome.variants.windows import check_reference
from photo51.types import InputError

PARAMS = GenomeParams(block=256, gap=16, core=128, warmup=16, min_context=0, shard=4096)


class Outcome(NamedTuple):
    """Exit code (0, or 2 where the files are refused), messages, prepared genomes, and consequences by variant."""

    exit: int
    messages: list[str]
    genomes: Genomes | None
    found: Mapping[str, Mapping[str, Any]]


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message."""
        self.lines.append(record.getMessage())


def problems(case: Path, folder: Path) -> list[str]:
    """What is wrong with the outcome of a case; nothing where it passes.

    Parameters
    ----------
    case
        Folder of the case.
    folder
        Where it may be copied to and run.
    """
    spec = json.loads((case / "case.json").read_text(encoding="utf-8"))
    copy = folder / case.name
    shutil.copytree(case, copy)
    out: list[str] = []
    for file in spec.get("variants", [None]):
        with chdir(copy):
            out += _judged(spec["expect"], _run(spec["table"], file))
        shutil.rmtree(copy / "out", ignore_errors=True)
    return out


def _run(table: str, variants: str | None) -> Outcome:
    heard, log = _Heard(), logging.getLogger("photo51")
    level = log.level
    log.addHandler(heard)
    log.setLevel(logging.INFO)
    try:
        genomes = prepare(table, "out", PARAMS)
        return Outcome(0, heard.lines, genomes, _consequences(genomes, variants) if variants else {})
    except InputError as e:
        return Outcome(2, [*heard.lines, str(e)], None, {})
    finally:
        log.removeHandler(heard)
        log.setLevel(level)


def _consequences(genomes: Genomes, file: str) -> dict[str, Mapping[str, Any]]:
    genome = str(genomes.contigs["genome"].iloc[0])
    read = read_variants(Path(file), genomes.contigs["chrom"].astype(str).tolist())
    checked = check_reference(genomes, genome, read.table)
    rows = consequences(genomes, genome, checked.matches, genomes.annotations())
    out = {}
    for row in rows[rows["worst"]].to_dict("records"):
        out[str(checked.matches.iloc[int(row["variant"])]["id"])] = row
    return out


def _judged(expect: Mapping[str, Any], outcome: Outcome) -> list[str]:
    if "either" in expect:
        rest = {k: v for k, v in expect.items() if k != "either"}
        tried = [_judged(rest | one, outcome) for one in expect["either"]]
        return min(tried, key=len)
    wanted = expect.get("exit", 0)
    if outcome.exit != wanted:
        return [f"want exit {wanted}, got {outcome.exit}: {outcome.messages[-1:]}"]
    out = []
    fragments = expect.get("stderr_contains", [])
    if fragments and not any(_holds(m, fragments) for m in outcome.messages):
        out.append(f"no message holds {fragments}")
    if outcome.genomes is not None:
        out += _of_annotation(expect, outcome.genomes)
        out += _of_consequences(expect.get("consequences", {}), outcome.found)
    return out


def _holds(message: str, fragments: list[Any]) -> bool:
    low = message.lower().replace(str(Path.cwd()).lower(), "")
    return all(any(x.lower() in low for x in ([f] if isinstance(f, str) else f)) for f in fragments)


def _of_annotation(expect: Mapping[str, Any], genomes: Genomes) -> Iterator[str]:
    table = genomes.annotations()
    rows = pd.DataFrame(
        {"contig": table["chrom"], "first": table["start"] + 1, "last": table["end"]}
        | {c: table[c] for c in ("strand", "kind", "name", "frame")}
    ).to_dict("records")
    for present in (True, False):
        for want in expect.get("annotation" if present else "annotation_absent", []):
            fields = {k: v for k, v in want.items() if k not in {"certain", "reason"}}
            if any(all(row[k] == v for k, v in fields.items()) for row in rows) != present and want.get(
                "certain", True
            ):
                yield f"annotation {'lacks' if present else 'must not hold'} {fields}"
    for kind, n in expect.get("values", {}).get("count", {}).items():
        if (got := sum(row["kind"] == kind for row in rows)) != n:
            yield f"want {n} of {kind}, got {got}"
    for chrom, fields in expect.get("values", {}).get("contigs", {}).items():
        own = genomes.contigs[genomes.contigs["chrom"] == chrom].to_dict("records")
        if not own or any(own[0][k] != v for k, v in fields.items()):
            yield f"want contig {chrom} with {fields}, got {own}"


def _of_consequences(expect: Mapping[str, Any], found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, want in expect.items():
        if not want.get("certain", True):
            continue
        row = found.get(name)
        if row is None:
            yield f"{name}: not read"
            continue
        accepted = [want.get("consequence"), *want.get("also_accepted", [])]
        wrong = row["consequence"] in want["not"] if "not" in want else row["consequence"] not in accepted
        if wrong:
            yield f"{name}: want {want.get('consequence') or want.get('not')}, got {row['consequence']}"
        if want.get("codon") is not None and row["codon"] != want["codon"]:
            yield f"{name}: want codon {want['codon']}, got {row['codon']}"
        genes = [want["gene"], *want.get("gene_also_accepted", [])] if want.get("gene") else [row["gene"]]
        if row["gene"] not in genes:
            yield f"{name}: want gene {genes[0]}, got {row['gene']}"
