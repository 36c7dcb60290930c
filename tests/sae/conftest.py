"""A small run with planted activations: two contigs, three splits, both strands, some rows nobody may learn from."""

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks._sae_planted import Planted
from photo51.activations.store import Masks, shard_path, write_shard
from photo51.genome.axis.workspace import Workspace
from photo51.io import provenance, sha256, write_table
from photo51.io.contracts.genome import WORKSPACE

SPLITS = ("train", "train", "select", "test", "train", "train")
BLOCK = 1_000


def planted(d_model=16, n_directions=24, seed=0):
    return Planted(d_model, n_directions, l0=3, seed=seed)


def make_run(folder, world, *, poison=0.0, splits=SPLITS, start=0):
    """`genome/workspace.parquet` and `activations/model/SITE`; rows 100..200 of either strand are masked and hold `poison`."""
    table = pd.DataFrame(
        {
            "genome": "g",
            "chrom": "c",
            "start": start + np.arange(len(SPLITS)) * BLOCK,
            "end": start + (np.arange(len(SPLITS)) + 1) * BLOCK,
            "block": np.arange(len(SPLITS)),
            "split": splits,
            "offset": np.arange(len(SPLITS)) * BLOCK,
        }
    )
    path = folder / "genome" / "workspace.parquet"
    write_table(table, path, WORKSPACE, provenance("test"))
    n = Workspace.read(path).n_rows
    whole = {"+": world.rows(n, 1), "-": world.rows(n, 2)}
    valid = np.ones(n, bool)
    valid[100:200] = False
    for x in whole.values():
        x[100:200] = poison
    for shard, (a, b) in enumerate([(0, 2_500), (2_500, n)]):
        write_shard(
            shard_path(folder / "activations" / "model" / world.origin.site, shard),
            a,
            {s: x[a:b] for s, x in whole.items()},
            world.origin,
            workspace=sha256(path)[:16],
            fingerprint=f"{shard}",
            masks=Masks(*[dict.fromkeys("+-", valid[a:b])] * 2),
        )
    return folder / "activations" / "model" / world.origin.site


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def world():
    return planted()


@pytest.fixture
def run(tmp_path, world):
    return make_run(tmp_path / "run", world)


@pytest.fixture
def small_run():
    return make_run
