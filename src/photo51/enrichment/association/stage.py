"""`photo51 enrich`: shards of features, each a table of its own, and the families over all of them.

A shard's table holds the pairs of its features twice, real and circularly shifted once (`rotated`); nothing in it
depends on what else is in the shard. q-values are made when all shards are there, so that neither the number of
shards nor the order in which they end changes a byte.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51.codes import CodesStore
from photo51.config.enrichment import EnrichParams
from photo51.enrichment.annotations.design import Design
from photo51.enrichment.annotations.inputs import Inputs, open_codes
from photo51.enrichment.annotations.readout import codes_readout
from photo51.enrichment.annotations.residuals import FOLDER, remove_residuals
from photo51.enrichment.association.gather import adjusted_rates, calibration, with_families
from photo51.enrichment.association.pairs import pair_table
from photo51.enrichment.association.tracks import rotated, take_rows
from photo51.io import Provenance, provenance, read_table, write_json, write_table
from photo51.io.contracts.enrichment import ENRICHMENT, QQ, RATES
from photo51.progress import progress
from photo51.stats.resampling import random_shifts
from photo51.types import InputError

log = logging.getLogger(__name__)
PARTS = "enrichment.parts"


def part_path(out: Path, shard: int) -> Path:
    """File of a shard of features."""
    return out / PARTS / f"{shard}.parquet"


def shared_path(out: Path) -> Path:
    """Folder of what the shards of a run share; `gather_parts` removes it."""
    return out / PARTS / FOLDER


def enrich_provenance(codes: Path, inputs: Inputs, params: EnrichParams) -> Provenance:
    """What decides the numbers of all shards alike."""
    return provenance("enrich", params, [codes / "codes.json", *inputs.files])


class Enrichment:
    """The tests of a run.

    Parameters
    ----------
    codes
        Folder of codes, gathered.
    inputs
        Prepared genomes.
    params
        Parameters of the stage.
    shared
        Folder of what shards share (`shared_path`); None where one process tests all.
    """

    def __init__(self, codes: Path, inputs: Inputs, params: EnrichParams, shared: Path | None = None):
        self.store: CodesStore = open_codes(codes, inputs)
        self.params = params
        whole = inputs.workspace
        # whole blocks of the splits asked for: rotation units must not be cut
        blocks = [b for b, s in zip(whole.block_ids.tolist(), whole.block_splits, strict=True) if s in params.splits]
        if not blocks:
            raise InputError(f"splits: need some that the workspace has, got {', '.join(params.splits)}")
        self.rows: NDArray[np.int64] | None = None
        workspace, bases = whole, inputs.bases
        if len(blocks) < whole.n_blocks:
            workspace, self.rows = whole.subset(np.array(blocks))
            bases = bases[self.rows]
        part = Inputs(inputs.folder, workspace, inputs.annotations, inputs.contigs, bases)
        classes = part.classes(params.classes, params.leave_out)
        self.design = Design(workspace, classes, params, bases, shared)
        rng = np.random.default_rng([params.seed, 1])
        # permuted, then sorted: which features are rotated does not depend on the shards
        drawn = rng.permutation(self.store.n_features)[: params.rotated_features]
        self.to_rotate: NDArray[np.int64] = np.sort(drawn) if params.rotated else drawn[:0]

    def pairs(self, ids: NDArray[np.int64], threads: int) -> pd.DataFrame:
        """All pairs of some features (contract `ENRICHMENT`, no q-values), with a column `rotated`."""
        parts = []
        chunks = [ids[i : i + self.params.chunk] for i in range(0, len(ids), self.params.chunk)]
        for chunk in progress(chunks, "enrich", len(chunks), f"chunks of {self.params.chunk} features"):
            matrix = codes_readout(self.store, chunk).matrix
            if self.rows is not None:
                matrix = take_rows(matrix, self.rows)
            parts.append(pair_table(self.design, matrix, chunk, threads=threads).assign(rotated=False))
            of_shifted = np.isin(chunk, self.to_rotate)
            if of_shifted.any():
                null_pairs = rotated_pairs(
                    self.design, matrix[:, of_shifted], chunk[of_shifted], self.params.seed, threads=threads
                )
                parts.append(null_pairs.assign(rotated=True))
        return pd.concat(parts, ignore_index=True) if parts else ENRICHMENT.empty().assign(rotated=False)


def rotated_pairs(
    design: Design, features: sp.csc_array, ids: NDArray[np.int64], seed: int, *, threads: int = 1
) -> pd.DataFrame:
    """Pairs as of `pair_table`, every feature circularly shifted by itself, in the units in which its test rotates it.

    Units depend on the class. Within shorter ones, a feature would keep what its blocks differ in, which the test
    in longer ones rightly finds. Shifts depend on seed and feature alone, whichever shard asks.
    """
    parts = []
    for family in design.families():
        shifts = [random_shifts(family.bounds, np.random.default_rng([seed, 1, i]))[0] for i in ids.tolist()]
        shifted = rotated(features, family.bounds, np.stack(shifts))
        table = pair_table(design, shifted, ids, families=[family], threads=threads)
        # rows of the family's readings alone: the others belong to other units
        parts.append(table[np.isin(np.arange(len(table)) % len(design.readings), family.readings)])
    # back in the order of one table, row numbers being those of `pair_table`
    return pd.concat(parts).sort_index() if parts else ENRICHMENT.empty()


def enrich_shard(enrichment: Enrichment, shard: int, shards: int, threads: int) -> pd.DataFrame:
    """Pairs of the shard's features: number `shard` of `shards` nearly equal runs of consecutive features."""
    if not 0 <= shard < shards:
        raise InputError(f"--part: need 0 to {shards - 1}, got {shard}")
    return enrichment.pairs(np.array_split(np.arange(enrichment.store.n_features), shards)[shard], threads)


def gather_parts(out: Path, store: CodesStore, lineage: Provenance, params: EnrichParams, shards: int) -> None:
    """Make enrichment, calibration_qq and adjusted_rates.parquet and calibration.json of shards 0 to `shards` - 1 in
    `out`.

    Raises
    ------
    InputError
        Where features are missing, come twice, or belong to another run.
    """
    paths = [part_path(out, i) for i in range(shards)]
    parts = []
    for path in paths:
        part = read_table(path, ENRICHMENT)
        if part.attrs.get("provenance") != lineage.model_dump(mode="json"):
            raise InputError(f"{path}: need a shard of these codes, genomes and parameters, got another; delete it")
        parts.append(part)
    _complete(parts, paths, store.n_features, out)
    table = pd.concat(parts, ignore_index=True)
    is_rotated = table["rotated"].to_numpy(dtype=bool)
    table = table.drop(columns="rotated")
    rates = adjusted_rates(table[is_rotated]) if is_rotated.any() else None
    real = with_families(table[~is_rotated], params.alpha, rates)
    shifted = with_families(table[is_rotated], params.alpha, rates) if is_rotated.any() else None
    calibrated = calibration(real, shifted, params, rates)
    write_table(RATES.empty() if rates is None else rates, out / "adjusted_rates.parquet", RATES, lineage)
    write_table(real, out / "enrichment.parquet", ENRICHMENT, lineage)
    write_table(calibrated.qq, out / "calibration_qq.parquet", QQ, lineage)
    write_json(calibrated.figures, out / "calibration.json")
    remove_residuals(shared_path(out))
    log.info(
        "enrich: %d of %d pairs tested, %d discoveries; activations of %d features rotated: %s",
        calibrated.figures["run_all_pairs"],
        len(real),
        calibrated.figures["run_all_discoveries"],
        calibrated.figures["features_compared"] if is_rotated.any() else 0,
        calibrated.figures.get("run_rotated_discoveries", "not asked for"),
    )
    for row in (RATES.empty() if rates is None else rates[rates["verdict"] == "out of band"]).itertuples():
        log.warning(
            "enrich: the adjusted test of %s (%s) is out of band, it has no verdict: %d of %d circularly shifted"
            " features at p ≤ 0.05, %d at p ≤ 0.001",
            row.annotation,
            row.strand,
            row.n_05,
            row.n,
            row.n_001,
        )


def _complete(parts: list[pd.DataFrame], paths: list[Path], n_features: int, out: Path) -> None:
    n_times = np.zeros(n_features, dtype=np.int64)
    for part, path in zip(parts, paths, strict=True):
        ids = part["feature"].unique()
        if len(ids) and not (ids.min() >= 0 and ids.max() < n_features):
            raise InputError(f"{path}: need features 0 to {n_features - 1}, got {ids.min()} to {ids.max()}")
        # a feature that comes twice or not at all is told below
        n_times[ids] += 1
    if (n_times != 1).any():
        first = int(np.flatnonzero(n_times != 1)[0])
        what = "missing" if n_times[first] == 0 else "in two shards"
        raise InputError(
            f"{out / PARTS}: need every feature once, got {int((n_times != 1).sum())} that are not; feature {first} is"
            f" {what}"
        )
