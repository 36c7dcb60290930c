"""`photo51 genesets`: sets of genes of a GMT file against every feature, by the rotation null."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.codes import CodesStore
from photo51.config.enrichment import GeneSetParams
from photo51.enrichment.annotations.inputs import Inputs
from photo51.enrichment.annotations.readout import read_in_chunks
from photo51.enrichment.association.tracks import faults, run_counts
from photo51.genome.text import open_text
from photo51.io.contracts.enrichment import GENESETS
from photo51.progress import progress
from photo51.stats.gene_sets import Genes, set_tests
from photo51.stats.multiple import benjamini_hochberg
from photo51.stats.resampling import random_shifts
from photo51.types import InputError

_CHUNK = 256
_TESTED = "tested"


def read_gmt(path: Path | str) -> dict[str, list[str]]:
    """Sets of a GMT file: name, description and genes of each line, separated by tabs.

    Raises
    ------
    InputError
        Naming the line: fewer than three fields, a name that comes twice; or a file without a set.
    """
    sets: dict[str, list[str]] = {}
    with open_text(path) as text:
        for number, line in enumerate(text, 1):
            fields = line.rstrip("\r\n").split("\t")
            if not line.strip():
                continue
            genes = [g.strip() for g in fields[2:] if g.strip()]
            if not genes or not fields[0].strip():
                raise InputError(
                    f"{path}, line {number}: need a name, a description and genes, separated by tabs, got"
                    f" {line.strip()[:60]!r}"
                )
            if fields[0] in sets:
                raise InputError(f"{path}, line {number}: need names that differ, got {fields[0]!r} again")
            sets[fields[0]] = list(dict.fromkeys(genes))
    if not sets:
        raise InputError(f"{path}: need at least one gene set, got none")
    return sets


def genes_of(inputs: Inputs, kind: str) -> tuple[list[str], Genes]:
    """Names of the genes of a class, and where they lie; of a gene that is cut, the longest piece.

    Raises
    ------
    InputError
        Where the workspace has no such gene.
    """
    of_kind = inputs.annotations[
        (inputs.annotations["kind"] == kind)
        & (inputs.annotations["name"] != "")
        & (inputs.annotations["strand"] != ".")
    ].reset_index(drop=True)
    clipped = inputs.workspace.clip(of_kind)
    if clipped.empty:
        raise InputError(f"{inputs.folder}: need named genes of class {kind!r} in the workspace, got none")
    clipped_genes = of_kind.iloc[clipped["interval"]].reset_index(drop=True)
    bounds = inputs.workspace.block_bounds
    table = pd.DataFrame(
        {
            "name": clipped_genes["name"],
            "gene": clipped_genes["genome"] + "\t" + clipped_genes["group"],
            # genes of strand − on the second half of the doubled axis
            "start": clipped["row_start"] + (clipped_genes["strand"] == "-") * inputs.workspace.n_rows,
            "size": clipped["row_end"] - clipped["row_start"],
        }
    )
    # longest piece first: the one kept of a gene that is cut
    table = table.sort_values(["size", "start"], ascending=[False, True], kind="stable").drop_duplicates("gene")
    table = table.sort_values("start", ignore_index=True)
    start = table["start"].to_numpy(dtype=np.int64)
    return table["name"].tolist(), Genes(start, start + table["size"].to_numpy(dtype=np.int64), bounds)


def gene_sets(store: CodesStore, inputs: Inputs, sets: dict[str, list[str]], params: GeneSetParams) -> pd.DataFrame:
    """Every feature against every set (contract `GENESETS`); pairs that cannot be tested say why."""
    names, genes = genes_of(inputs, params.kind)
    member_of = {s: np.isin(names, members) for s, members in sets.items()}
    reasons = {s: _reason(int(mask.sum()), params) for s, mask in member_of.items()}
    usable = [s for s, reason in reasons.items() if not reason]
    # (genes, sets)
    membership = np.array([member_of[s] for s in usable], dtype=bool).reshape(len(usable), len(names)).T
    rng = np.random.default_rng([params.seed, 3])
    shifts = random_shifts(genes.bounds, rng, params.draws)
    parts = [GENESETS.empty()]
    n_chunks = -(-store.n_features // _CHUNK)
    # −(−a // b): rounded up
    for readout in progress(read_in_chunks(store, _CHUNK), "genesets", n_chunks, f"chunks of {_CHUNK} features"):
        runs = run_counts(readout.matrix, inputs.segments[:-1])
        for j, fault in enumerate(faults(readout.matrix, runs, params.min_runs)):
            rows = readout.matrix.indices[readout.matrix.indptr[j] : readout.matrix.indptr[j + 1]]
            part = _untested(member_of, reasons, fault)
            if usable and not fault:
                part = _fill(part, usable, rows.astype(np.int64), genes, membership, shifts, params.exact_p)
            parts.append(part.assign(feature=int(readout.ids[j])))
    table = pd.concat(parts[1:] or parts, ignore_index=True)
    # one family over all features and sets, as one question is asked
    table["q"], table["q_ora"] = benjamini_hochberg(table["p_rot"]), benjamini_hochberg(table["p_ora"])
    return GENESETS.check(table)


def _reason(n: int, params: GeneSetParams) -> str:
    if n < params.min_genes:
        return f"{n} gene{'s' if n != 1 else ''} in the workspace, at least {params.min_genes} are needed"
    return f"{n} genes in the workspace, at most {params.max_genes} are tested" if n > params.max_genes else ""


def _untested(member_of: dict[str, NDArray[np.bool_]], reasons: dict[str, str], fault: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "set": list(member_of),
            "status": [reasons[s] or fault or _TESTED for s in member_of],
            "n_genes": [int(mask.sum()) for mask in member_of.values()],
            "hits": 0,
            "expected": np.nan,
            "z_rot": np.nan,
            "p_rot": np.nan,
            "p_method": "",
            "p_ora": np.nan,
        }
    )


def _fill(  # noqa: PLR0917
    part: pd.DataFrame,
    usable: list[str],
    rows: NDArray[np.int64],
    genes: Genes,
    membership: NDArray[np.bool_],
    shifts: NDArray[np.int64],
    exact_p: float,
) -> pd.DataFrame:
    result = set_tests(rows, genes, membership, shifts, exact_p)
    index = part.index[part["set"].isin(usable)]
    for column, values in (
        ("hits", result.hits),
        ("expected", result.expected),
        ("z_rot", result.z),
        ("p_rot", result.p),
        ("p_method", np.where(result.exact, "exact", "draws")),
        ("p_ora", result.p_ora),
    ):
        part.loc[index, column] = values
    return part
