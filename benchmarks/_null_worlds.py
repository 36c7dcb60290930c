"""Small worlds in which nothing is to be found, in three ways, as the stages after the model read them.

- `shuffled`: bases drawn anew by the chances of a base after the one before it, for each codon position, strand and for what lies
  between genes, which keeps composition of dinucleotides and of codon positions and nothing else; the dictionary reads
  composition (GC, skews, words), as one of a model trained on such a genome can.
- `rotated`: features know classes of a genome; its annotations lie elsewhere, all shifted by one random amount around the circle.
- `random_weights`: the genome as it is, and features that read random words and noise.

Dictionary, dictionary of another seed, neurons and the dictionary of the random-weight model are draws of one kind, so that none
of them is better than another either; half of the features come again in the other seed. In `rotated` alone the dictionary is
not of the kind of the controls: its features are real, which is what the claim about unannotated ones says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from benchmarks.planted.features import PlantedGenome, null_feature, planted_feature, planted_genome
from photo51.codes import CodesMeta, CodesStore, gather, write_codes
from photo51.enrichment.annotations.composition import content, kmer_codes
from photo51.enrichment.annotations.inputs import Inputs
from photo51.genome.axis.workspace import Workspace
from photo51.io.origin import Origin
from photo51.types import Strand

Kind = Literal["shuffled", "rotated", "random_weights"]
KINDS: tuple[Kind, ...] = get_args(Kind)
N, BLOCK, N_FEATURES, N_CHANNELS, N_RANDOM = 98_304, 8_192, 24, 12, 40
CLASSES = ("promoter", "TFBS", "tRNA", "IS", "start_codon")
Columns = list[NDArray[np.float32]]


class Channels:
    """Neurons: dense activations of both strands, as a store of them gives."""

    def __init__(self, values: NDArray[np.float32]):
        self.values, self.n_rows = values, len(values) // 2

    def read(self, strand: Strand, rows: slice) -> NDArray[np.float32]:
        """Rows of a strand, (rows, channels)."""
        first = self.n_rows * (strand == "-")
        return self.values[first : first + self.n_rows][rows]


class World(NamedTuple):
    """What the stages after the model read.

    Attributes
    ----------
    inputs
        Genome, annotations and axis.
    main, seed, random
        Codes of the dictionary, of one of another seed, and of one of the random-weight model.
    channels
        Neurons.
    """

    inputs: Inputs
    main: Path
    seed: CodesStore
    random: CodesStore
    channels: Channels


def world(kind: Kind, folder: Path, rng: np.random.Generator) -> World:
    """Draw a world; its codes are written to `folder`."""
    genome = planted_genome(N, rng)
    table = annotation_table(genome)
    if kind == "shuffled":
        genome = genome._replace(bases=shuffled(genome, rng))
    elif kind == "rotated":
        table = shifted(table, int(rng.integers(N // 8, N - N // 8)))
    main = features(kind, genome, N_FEATURES, rng)
    control: Kind = "random_weights" if kind == "rotated" else kind
    other = [thinned(c, rng) for c in main[::2]] + features(kind, genome, N_FEATURES // 2, rng)
    neurons = features(kind, genome, N_CHANNELS, rng)
    dense = np.stack(neurons, axis=1) + rng.normal(0, 0.05, (2 * N, N_CHANNELS)).astype(np.float32)
    return World(
        inputs_of(genome, table, folder),
        codes(folder / "main", main),
        CodesStore.open(codes(folder / "seed", other)),
        CodesStore.open(codes(folder / "random", features(control, genome, N_RANDOM, rng))),
        Channels(dense.astype(np.float32)),
    )


def features(kind: Kind, genome: PlantedGenome, n: int, rng: np.random.Generator) -> Columns:
    """Columns on the doubled axis."""
    makers = {"shuffled": _composition, "rotated": _knowing, "random_weights": _random}
    return [makers[kind](genome, i, rng).astype(np.float32) for i in range(n)]


def _knowing(genome: PlantedGenome, i: int, rng: np.random.Generator) -> NDArray[np.float32]:
    names = (*CLASSES, "codon_position_1", "CDS")
    if i % 3 == 2:
        return _random(genome, i, rng)
    return planted_feature(genome, names[i % len(names)], rng.uniform(0.4, 0.9), rng, noise=1e-3)


def _random(genome: PlantedGenome, i: int, rng: np.random.Generator) -> NDArray[np.float32]:
    if i % 2:
        shape = ("short", "lognormal", "clustered", "period3", "iid")[i // 2 % 5]
        return null_feature(genome, shape, 10 ** rng.uniform(-2.7, -1.8), rng)
    return _words(genome.bases, 4 + i // 2 % 3, rng)


def _composition(genome: PlantedGenome, i: int, rng: np.random.Generator) -> NDArray[np.float32]:
    if i % 2:
        return _words(genome.bases, 4 + i // 2 % 3, rng)
    near = content(genome.bases, np.array([0, genome.n]), int(rng.choice([30, 60, 150, 400, 1_000])), 0)
    values = (near.gc, -near.gc, near.gc_skew, -near.gc_skew, near.at_skew)[i // 2 % 5]
    level = np.quantile(values, 1 - rng.uniform(0.01, 0.06))
    return (values >= level) * (rng.random(len(values)) < 0.4) * rng.lognormal(0, 0.5, len(values))


def _words(bases: NDArray[np.uint8], k: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Fires after some words of k bases, at one base in a hundred or so."""
    read = kmer_codes(bases, np.array([0, len(bases)]), k)
    words = rng.choice(4**k, max(1, round(4**k / 100)), replace=False)
    return np.isin(read, words) * rng.lognormal(0, 0.5, len(read))


def thinned(column: NDArray[np.float32], rng: np.random.Generator, keep: float = 0.85) -> NDArray[np.float32]:
    """The same feature in another dictionary: some of its activations are missing."""
    return column * (rng.random(len(column)) < keep)


def shuffled(genome: PlantedGenome, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Bases drawn one after the other by the chances of each state (codon position × strand, or between genes), (n,)."""
    state = np.zeros(genome.n, dtype=np.int64)
    for start, end, strand in genome.genes.tolist():
        position = np.arange(end - start) % 3
        state[start:end] = 1 + 3 * strand + (position if strand == 0 else position[::-1])
    counts = np.ones((7, 4, 4))
    np.add.at(counts, (state[1:], genome.bases[:-1], genome.bases[1:]), 1)
    steps = np.cumsum(counts / counts.sum(axis=2, keepdims=True), axis=2)
    draws, out = rng.random(genome.n), np.zeros(genome.n, dtype=np.uint8)
    out[0] = genome.bases[0]
    for i in range(1, genome.n):
        out[i] = min(int(np.searchsorted(steps[state[i], out[i - 1]], draws[i])), 3)
    return out


def annotation_table(genome: PlantedGenome) -> pd.DataFrame:
    """Genes and some classes as a table of intervals (contract `ANNOTATIONS`)."""
    rows = [(start, end, "+-"[strand], "CDS", 0) for start, end, strand in genome.genes.tolist()]
    for kind in CLASSES:
        plus, minus = np.split(genome.annotations[kind], 2)
        both = np.array_equal(plus, minus)
        for strand, mask in (("." if both else "+", plus), *(() if both else (("-", minus),))):
            edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
            rows += [(a, b, strand, kind, -1) for a, b in edges.reshape(-1, 2).tolist()]
    table = pd.DataFrame(rows, columns=["start", "end", "strand", "kind", "frame"])
    constant = {
        "genome": "g", "chrom": "c", "name": "", "group": "", "part": 0, "score": np.nan, "note": "", "source": "planted",
    }  # fmt: skip
    return table.assign(**constant).sort_values(["start", "end", "kind"], ignore_index=True)


def shifted(table: pd.DataFrame, by: int) -> pd.DataFrame:
    """All intervals moved around the circle; the few that the end would cut are left out."""
    length = table["end"] - table["start"]
    start = (table["start"] + by) % N
    moved = table.assign(start=start, end=start + length)
    return moved[moved["end"] <= N].sort_values(["start", "end", "kind"], ignore_index=True)


def inputs_of(genome: PlantedGenome, table: pd.DataFrame, folder: Path, block: int = BLOCK) -> Inputs:
    """Prepared genome: one contig in blocks, half of them to choose on."""
    starts = np.arange(0, genome.n, block)
    axis = pd.DataFrame(
        {
            "genome": "g", "chrom": "c", "start": starts, "end": np.append(starts[1:], genome.n), "block": np.arange(len(starts)),
            "split": np.resize(["train", "select", "test", "test"], len(starts)),
        }
    )  # fmt: skip
    contigs = pd.DataFrame({"genome": ["g"], "chrom": ["c"], "length": [genome.n]})
    return Inputs(folder, Workspace(axis), table, contigs, genome.bases)


def codes(folder: Path, columns: Columns) -> Path:
    """Write codes."""
    matrix = sp.csr_matrix(np.stack(columns, axis=1))
    meta = CodesMeta(folder.name, Origin("m", "block.1.out", 4), n_features=matrix.shape[1], made=folder.name)
    n = matrix.shape[0] // 2
    for i, strand in enumerate(("+", "-")):
        write_codes(folder, 0, strand, 0, matrix[i * n : (i + 1) * n], meta)
    gather(folder, n)
    return folder
