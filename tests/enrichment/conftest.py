"""A small planted run: a genome with annotations, its workspace in blocks, and features with a known meaning."""

import numpy as np
import pandas as pd
import pysam
import pytest
import scipy.sparse as sp

from benchmarks.planted.features import null_feature, planted_feature, planted_genome
from photo51.codes import CodesMeta, gather, write_codes
from photo51.enrichment.annotations.inputs import Inputs
from photo51.genome.axis.workspace import Workspace
from photo51.io import provenance, write_table
from photo51.io.contracts.genome import ANNOTATIONS, CONTIGS, WORKSPACE
from photo51.io.origin import Origin

N, BLOCK = 262_144, 32_768


@pytest.fixture(scope="session")
def planted():
    return planted_genome(N, np.random.default_rng(7))


@pytest.fixture(scope="session")
def workspace():
    starts = np.arange(0, N, BLOCK)
    splits = ["train", "select", "test", "train", "select", "test", "train", "test"]
    return Workspace(
        pd.DataFrame(
            {
                "genome": "g",
                "chrom": "c",
                "start": starts,
                "end": starts + BLOCK,
                "block": range(len(starts)),
                "split": splits,
            }
        )
    )


@pytest.fixture(scope="session")
def annotations(planted):
    """Planted masks as a table of intervals (contract ANNOTATIONS)."""
    rows = []
    for start, end, strand in planted.genes.tolist():
        rows.append((start, end, "+-"[strand], "CDS", 0))
    for kind in ("promoter", "TFBS", "tRNA", "IS", "prophage", "start_codon"):
        plus, minus = np.split(planted.annotations[kind], 2)
        both = np.array_equal(plus, minus)
        for strand, mask in (("." if both else "+", plus), *(() if both else (("-", minus),))):
            edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
            rows += [(a, b, strand, kind, -1) for a, b in edges.reshape(-1, 2).tolist()]
    table = pd.DataFrame(rows, columns=["start", "end", "strand", "kind", "frame"])
    fixed = {
        "genome": "g",
        "chrom": "c",
        "name": "",
        "group": "",
        "part": 0,
        "score": np.nan,
        "note": "",
        "source": "test",
    }
    return table.assign(**fixed).sort_values(["start", "end", "kind"], ignore_index=True)


@pytest.fixture(scope="session")
def features(planted):
    """Features 0-4 planted (TFBS, promoter, tRNA, codon phase, IS), 5-9 null of every kind, 10 dead."""
    rng = np.random.default_rng(8)
    columns = [
        planted_feature(planted, "TFBS", 0.8, rng),
        planted_feature(planted, "promoter", 0.5, rng),
        planted_feature(planted, "tRNA", 0.9, rng),
        planted_feature(planted, "codon_position_1", 0.3, rng),
        planted_feature(planted, "IS", 0.9, rng),
        *(null_feature(planted, s, 1e-3, rng) for s in ("iid", "short", "long", "period3", "clustered")),
        np.zeros(2 * N, dtype=np.float32),
    ]
    return sp.csc_array(np.stack(columns, axis=1))


class Run:
    """A prepared folder and codes on disk, as the commands find them."""

    def __init__(self, folder, planted, workspace, annotations, features):
        self.folder, self.genomes, self.out = folder, folder / "genome", folder / "out"
        self.genomes.mkdir(parents=True)
        nothing = provenance("test")
        contigs = pd.DataFrame(
            {
                "genome": ["g"],
                "chrom": ["c"],
                "length": [N],
                "circular": [False],
                "genetic_code": [11],
                "n_ambiguous": [0],
                "n_soft_masked": [0],
                "sha256": [""],
            }
        )
        write_table(contigs, self.genomes / "contigs.parquet", CONTIGS, nothing)
        write_table(annotations, self.genomes / "annotations.parquet", ANNOTATIONS, nothing)
        write_table(workspace.table, self.genomes / "workspace.parquet", WORKSPACE, nothing)
        letters = np.frombuffer(b"ACGTN", dtype=np.uint8)[planted.bases].tobytes().decode()
        (self.genomes / "sequences.fa").write_text(f">g|c\n{letters}\n")
        pysam.faidx(str(self.genomes / "sequences.fa"))
        rng = np.random.default_rng(9)
        kept = features.tocsr().copy()
        kept.data *= rng.random(kept.nnz) < 0.8
        kept.eliminate_zeros()
        null = [null_feature(planted, s, 1e-3, rng) for s in ("short", "clustered", "long")]
        self.main = self.codes("main", features)
        self.seed1 = self.codes("seed1", kept[:, ::-1])
        self.random = self.codes("random", sp.csc_array(np.stack(null, axis=1)))

    def codes(self, name, matrix):
        """Write codes; the folder comes back."""
        matrix, folder = sp.csr_matrix(matrix), self.folder / "codes" / name
        meta = CodesMeta(name, Origin("m", "block.1.out", 4), n_features=matrix.shape[1], made=name)
        for i, strand in enumerate("+-"):
            write_codes(folder, 0, strand, 0, matrix[i * N : (i + 1) * N], meta)
        gather(folder, N)
        return folder


@pytest.fixture(scope="session")
def run(tmp_path_factory, planted, workspace, annotations, features):
    return Run(tmp_path_factory.mktemp("run"), planted, workspace, annotations, features)


@pytest.fixture(scope="session")
def inputs(run):
    return Inputs.open(run.genomes)
