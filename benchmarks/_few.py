"""Classes of six instances: how often a null class is called, and how often a planted one is found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51.config.enrichment import ConceptParams
from photo51.enrichment.annotations.classes import AnnotationClass
from photo51.enrichment.annotations.design import Reading
from photo51.enrichment.concepts.few import Axis, judged
from photo51.enrichment.concepts.instances import levels_of
from photo51.genome.axis.workspace import Workspace

BLOCK, N_BLOCKS, N_FEATURES, N_INSTANCES, LENGTH = 2_000, 40, 24, 6, 300


def few_instances(worlds: int, shifts: int, seed: int = 51) -> dict[str, float | int]:
    """Share of worlds with p_instances ≤ 0.05, without and with a feature that marks 90 % of the six instances.

    The features of a world are runs of 5 to 150 bases in clusters, on one strand each; the class has a strand. The planted
    feature has four runs elsewhere for every ten inside.
    """
    null: list[float] = []
    planted: list[float] = []
    for i in range(worlds):
        rng = np.random.default_rng([seed, i])
        for found, recall in ((null, 0.0), (planted, 0.9)):
            found.append(world_p(rng, recall, shifts))
    return {
        "few_instances_fpr": float(np.mean(np.array(null) <= 0.05)),
        "few_instances_power": float(np.mean(np.array(planted) <= 0.05)),
        "few_instances_worlds": worlds,
    }


def world_p(rng: np.random.Generator, recall: float, shifts: int) -> float:
    """p_instances of one world; `recall` 0 plants nothing."""
    workspace = few_workspace()
    n = workspace.n_rows
    c = six_instances(n, rng)
    columns = [clustered_runs(n, rng) for _ in range(N_FEATURES)]
    if recall:
        hit = c.intervals[rng.random(N_INSTANCES) < recall]
        inside = [s * n + rng.integers(a, b - 40, 3) for a, b, s in hit.tolist()]
        columns[0] = _runs(2 * n, np.concatenate([*inside, rng.integers(0, 2 * n - 40, 7)]), 30)
    bases = rng.integers(0, 4, n).astype(np.uint8)
    axis = Axis(workspace, bases, ConceptParams())
    reading = Reading(0, "sense")
    plan = axis.plan(c, reading)
    matrix = sp.csc_array(np.stack(columns, axis=1))
    chunks = list(levels_of(matrix, axis.bounds, axis.params.few_levels))
    return judged(axis, chunks, plan, shifts, int(rng.integers(2**31))).p


def few_workspace() -> Workspace:
    """One contig in blocks."""
    starts = np.arange(N_BLOCKS) * BLOCK
    return Workspace(
        pd.DataFrame(
            {
                "genome": "g", "chrom": "c", "start": starts, "end": starts + BLOCK, "block": np.arange(N_BLOCKS),
                "split": np.resize(["train", "train", "train", "select", "test"], N_BLOCKS),
            }
        )
    )  # fmt: skip


def six_instances(n: int, rng: np.random.Generator) -> AnnotationClass:
    """Six intervals apart from each other, each on a strand."""
    start = np.sort(rng.choice(n // LENGTH - 1, N_INSTANCES, replace=False)) * LENGTH
    strand = rng.integers(0, 2, N_INSTANCES)
    mask = np.zeros(2 * n, dtype=bool)
    for a, s in zip(start.tolist(), strand.tolist(), strict=True):
        mask[s * n + a : s * n + a + LENGTH - 50] = True
    return AnnotationClass("rare", mask, np.stack([start, start + LENGTH - 50, strand], axis=1))


def clustered_runs(n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Runs in clusters, on both strands."""
    centres = rng.integers(0, 2 * n, 8)
    at = (np.repeat(centres, 6) + rng.normal(0, 1_500, 48)).astype(int) % (2 * n - 150)
    return _runs(2 * n, at, rng.integers(5, 150, 48))


def _runs(n: int, at: NDArray[np.int64], length: NDArray[np.int64] | int) -> NDArray[np.float32]:
    out = np.zeros(n, dtype=np.float32)
    for i, (a, size) in enumerate(zip(at.tolist(), np.broadcast_to(length, at.shape).tolist(), strict=True)):
        out[a : a + size] = 1 + i % 5
    return out
