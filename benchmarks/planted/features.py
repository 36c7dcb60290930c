"""A synthetic genome whose truth is known: annotations, features that have nothing to do with them, and features that have.

Null features take the shapes real ones have (points, short and long runs, log-normal lengths, clusters, codon steps, GC), so
that a test which assumes independent bases or runs is caught. All vectors are on the doubled axis (strand + first).
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Shape = Literal["iid", "short", "long", "lognormal", "clustered", "period3", "gc"]
SHAPES: tuple[Shape, ...] = get_args(Shape)
MOTIF = np.array([3, 0, 3, 0, 0, 3], dtype=np.uint8)
"""TATAAT, as codes of A, C, G, T."""


class PlantedGenome(NamedTuple):
    """A genome with annotations.

    Attributes
    ----------
    bases
        Codes 0..3 of the forward strand, (n,).
    gc
        GC content around each base of the sequence as drawn (bell-shaped window of 3 kb), (n,).
    annotations
        Name → mask on the doubled axis, (2n,).
    genes
        start, end, strand (0: +, 1: -) of each gene, (n_genes, 3), in order.
    """

    bases: NDArray[np.uint8]
    gc: NDArray[np.float64]
    annotations: dict[str, NDArray[np.bool_]]
    genes: NDArray[np.int64]

    @property
    def n(self) -> int:
        """Bases of the forward strand."""
        return len(self.bases)


def planted_genome(n: int, rng: np.random.Generator, plus_share: float = 0.5) -> PlantedGenome:
    """Draw a genome of `n` bases: genes in operons cover 89 %, a share (from ½ up) of them on strand +; GC wanders."""
    draw = rng.random(n)
    strong = rng.random(n) < _wandering_gc(n, rng)
    bases = np.where(strong, np.where(draw < 0.5, 1, 2), np.where(draw < 0.5, 0, 3)).astype(np.uint8)
    genes, firsts = _genes(n, rng, plus_share)
    masks = _gene_masks(n, genes, firsts, rng)
    _plant_motif(bases, firsts, rng)
    gc = _smoothed_gc(bases)
    scale = n / 1_048_576
    masks["tRNA"] = _scattered(n, _clustered_places(n, round(60 * scale), 2_000, rng), 76, rng)
    masks["rRNA"] = _scattered(n, rng.integers(0, n - 3_000, max(3, round(6 * scale))), 3_000, rng)
    masks["IS"] = _scattered(n, rng.integers(0, n - 1_300, max(5, round(15 * scale))), 1_300, rng)
    masks["prophage"] = _both(_marked(n, rng.integers(0, n - 40_000, 2), 40_000))
    arrays = rng.integers(0, n - 1_300, 2)
    masks["CRISPR"] = _both(_marked(n, (arrays[:, None] + 61 * np.arange(20)).ravel(), 29))
    masks["gc_domain"] = _both(gc > np.quantile(gc, 0.9))
    return PlantedGenome(bases, gc, masks, genes)


def _wandering_gc(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    knots = rng.normal(0, 1, n // 1_000 + 8)
    smooth = np.convolve(knots, np.hanning(7) / np.sqrt(np.sum(np.hanning(7) ** 2)), mode="valid")
    return np.clip(0.5 + 0.08 * np.interp(np.arange(n) / 1_000, np.arange(len(smooth)), smooth), 0.2, 0.8)


def _smoothed_gc(bases: NDArray[np.uint8]) -> NDArray[np.float64]:
    window = np.hanning(3_001)
    weak = ((bases == 0) | (bases == 3)).astype(float)
    near = signal.fftconvolve(np.stack([1 - weak, np.ones(len(bases))]), window[None], mode="same", axes=1)
    return near[0] / near[1]


def _genes(n: int, rng: np.random.Generator, plus_share: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Genes in order, and the (5' end, strand) of the first gene of each operon, (n_operons, 2)."""
    genes, firsts = [], []
    at = 200
    while at < n - 20_000:
        strand, operon = int(rng.integers(2)), []
        if strand and plus_share > 0.5 and rng.random() < 2 * plus_share - 1:
            strand = 0
        for _ in range(1 + rng.geometric(0.45)):
            length = 3 * int(np.clip(rng.lognormal(5.6, 0.5), 40, 1_500))
            operon.append((at, at + length, strand))
            at += length + int(rng.integers(2, 40))
        genes += operon
        firsts.append((operon[0][0], 0) if strand == 0 else (operon[-1][1], 1))
        at += int(rng.integers(120, 420))
    return np.array(genes, dtype=np.int64), np.array(firsts, dtype=np.int64)


def _gene_masks(
    n: int, genes: NDArray[np.int64], firsts: NDArray[np.int64], rng: np.random.Generator
) -> dict[str, NDArray[np.bool_]]:
    names = ("CDS", "codon_position_1", "start_codon", "promoter", "TFBS")
    masks = {name: np.zeros(2 * n, dtype=bool) for name in names}
    for start, end, strand in genes.tolist():
        offset = strand * n
        masks["CDS"][offset + start : offset + end] = True
        first = np.arange(start, end, 3) if strand == 0 else np.arange(end - 1, start, -3)
        masks["codon_position_1"][offset + first] = True
        codon = slice(offset + start, offset + start + 3) if strand == 0 else slice(offset + end - 3, offset + end)
        masks["start_codon"][codon] = True
    for five_prime, strand in firsts.tolist():
        place = slice(five_prime - 60, five_prime) if strand == 0 else slice(five_prime, five_prime + 60)
        masks["promoter"][place.start + strand * n : place.stop + strand * n] = True
        if rng.random() < 0.7:
            site = place.start + int(rng.integers(0, 48)) + strand * n
            masks["TFBS"][site : site + 12] = True
    return masks


def _plant_motif(bases: NDArray[np.uint8], firsts: NDArray[np.int64], rng: np.random.Generator) -> None:
    """Write TATAAT, in reading direction, 10 bases before half of the operons."""
    for five_prime, strand in firsts.tolist():
        if rng.random() < 0.5:
            if strand == 0:
                bases[five_prime - 16 : five_prime - 10] = MOTIF
            else:
                bases[five_prime + 10 : five_prime + 16] = 3 - MOTIF[::-1]


def _clustered_places(n: int, count: int, spread: int, rng: np.random.Generator) -> NDArray[np.int64]:
    centres = rng.integers(spread, n - 2 * spread, max(2, count // 5))
    return np.clip(rng.choice(centres, count) + rng.integers(-spread, spread, count), 0, n - 5_000)


def _marked(n: int, starts: NDArray[np.integer], length: int) -> NDArray[np.bool_]:
    mask = np.zeros(n, dtype=bool)
    for s in starts.tolist():
        mask[s : s + length] = True
    return mask


def _both(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.tile(mask, 2)


def _scattered(n: int, starts: NDArray[np.integer], length: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Intervals of one length, each on a random strand."""
    strand = rng.integers(0, 2, len(starts)).astype(bool)
    return np.concatenate([_marked(n, starts[~strand], length), _marked(n, starts[strand], length)])


def null_feature(genome: PlantedGenome, shape: Shape, density: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Activations that know nothing of the annotations, (2n,): a run has one log-normal strength, 0 elsewhere.

    Parameters
    ----------
    shape
        `iid` single bases; `short` runs of 12; `long` of 300; `lognormal` lengths; `clustered` runs of 12 within 20 kb;
        `period3` codon steps over 90 bases; `gc` runs of 40 that prefer GC-rich places.
    density
        Aimed share of active bases.
    """
    n = genome.n
    wanted = density * 2 * n
    lengths = {"iid": 1, "short": 12, "long": 300, "clustered": 12, "period3": 90, "gc": 40}
    if shape == "lognormal":
        length = np.maximum(rng.lognormal(3.0, 1.0, max(3, round(wanted / 33))), 1).astype(np.int64)
    else:
        per_run = 30 if shape == "period3" else lengths[shape]
        length = np.full(max(3, round(wanted / per_run)), lengths[shape], dtype=np.int64)
    starts = _null_places(genome, shape, len(length), int(length.max()), rng)
    return runs_to_track(2 * n, starts, length, rng, step=3 if shape == "period3" else 1)


def _null_places(
    genome: PlantedGenome, shape: Shape, count: int, longest: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    n = genome.n
    strand = rng.integers(0, 2, count) * n
    if shape == "clustered":
        centres = rng.integers(0, n - 20_000, max(1, count // 25))
        return strand + np.minimum(rng.choice(centres, count) + rng.integers(0, 20_000, count), n - longest)
    if shape == "gc":
        weight = np.exp(12 * (genome.gc[: n - longest] - 0.5))
        return strand + np.searchsorted(np.cumsum(weight), rng.random(count) * weight.sum())
    return strand + rng.integers(0, n - longest, count)


def runs_to_track(
    n: int, starts: NDArray[np.integer], lengths: NDArray[np.integer], rng: np.random.Generator, step: int = 1
) -> NDArray[np.float32]:
    """Runs of one log-normal strength each, written to a vector of `n` zeros, every `step`-th base."""
    out = np.zeros(n, dtype=np.float32)
    strength = rng.lognormal(0, 0.5, len(starts))
    for s, length, value in zip(starts.tolist(), lengths.tolist(), strength.tolist(), strict=True):
        out[s : s + length : step] = value
    return out


def planted_feature(
    genome: PlantedGenome, annotation: str, recall: float, rng: np.random.Generator, noise: float = 2e-4
) -> NDArray[np.float32]:
    """A feature that fires in a share `recall` of an annotation's intervals, and in short runs elsewhere.

    It covers up to 12 bases at the start of each chosen interval; for codon positions it steps by codons.
    """
    mask = genome.annotations[annotation]
    if annotation.startswith("codon"):
        out = null_feature(genome, "short", noise, rng)
        chosen = genome.genes[rng.random(len(genome.genes)) < recall]
        for start, end, strand in chosen.tolist():
            first = start if strand == 0 else end - 1
            rows = first + (1 if strand == 0 else -1) * 3 * np.arange(min(30, (end - start) // 3))
            out[rows + strand * genome.n] = rng.lognormal(0, 0.5)
        return out
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0) == 1)
    chosen = edges[rng.random(len(edges)) < recall]
    out = null_feature(genome, "short", noise, rng)
    for s in chosen.tolist():
        inside = mask[s : s + 12]
        out[s : s + 12][inside] = rng.lognormal(0, 0.5)
    return out


def motif_rows(genome: PlantedGenome) -> NDArray[np.int64]:
    """Doubled-axis rows of the last base, in reading direction, of every TATAAT on either strand."""
    n, k = genome.n, len(MOTIF)
    windows = np.lib.stride_tricks.sliding_window_view(genome.bases, k)
    plus = np.flatnonzero((windows == MOTIF).all(axis=1)) + k - 1
    minus = np.flatnonzero((windows == 3 - MOTIF[::-1]).all(axis=1)) + n
    return np.concatenate([plus, minus])
