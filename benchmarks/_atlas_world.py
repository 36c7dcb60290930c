"""A made-up atlas of any size: the numbers mean nothing, their shapes and sizes are those of a real one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from photo51 import theme
from photo51.report.atlas.files import Index

KINDS = (
    ("start codon", 0), ("stop codon", 0), ("tRNA", 1), ("rRNA", 1), ("coding sequence", 2), ("codon position 1", 2), ("ribosome-binding site", 3),
    ("promoter", 3), ("mobile element", 4), ("prophage", 4), ("GC-rich stretch", 5),
)  # fmt: skip
GROUPS = ("gene boundary", "RNA gene", "coding", "signal", "mobile", "composition")
TONES = (theme.ORANGE, theme.GREEN, theme.BLUE, theme.PURPLE, theme.VERMILION, theme.SKY)
CONTIG = 4_600_000
GENE = 1_150
BIN, PER_BIN = 1_000, 16


def index(n: int, seed: int = 0) -> Index:
    """Index of `n` features on one contig of 4.6 Mb with 4,000 genes."""
    rng = np.random.default_rng(seed)
    name = np.where(rng.random(n) < 0.3, rng.integers(0, len(KINDS), n), -1)
    angle = rng.integers(0, 40, n) * 2 * np.pi / 40
    shapes = [_shape(rng, i, range(i * 9, i * 9 + 9)) for i in range(min(12, n // 9))]
    manifold = np.full(n, -1)
    for i in range(len(shapes)):
        manifold[i * 9 : i * 9 + 9] = i
    letters = rng.choice(np.array(list("ACGTNNRYWS")), (n, 12))
    genes = rng.integers(0, 4000, (n, 4))
    features = pd.DataFrame(
        {
            "id": np.arange(n), "name": name, "grade": np.where(name >= 0, 3, 0), "score": np.where(name >= 0, rng.beta(5, 3, n), np.nan), "null": rng.beta(1, 15, n),
            "density": 10 ** rng.uniform(-5, -1, n), "novelty": rng.beta(1, 4, n), "novel": (rng.random(n) < 0.02).astype(int),
            "cause": rng.random(n), "manifold": manifold, "x": 4 * np.cos(angle) + rng.normal(0, 0.5, n), "y": 4 * np.sin(angle) + rng.normal(0, 0.5, n),
            "motif": ["".join(row) for row in letters], "genes": [" ".join(f"gen{g}" for g in row) for row in genes],
        }
    )  # fmt: skip
    bins = CONTIG // BIN
    starts = np.arange(4000) * GENE
    return Index(
        title="A made-up atlas", subtitle=f"{n:,} made-up features", features=features,
        names=[{"label": label, "group": group} for label, group in KINDS],
        groups=[{"label": label, "colour": tone} for label, tone in zip(GROUPS, TONES, strict=True)], manifolds=shapes,
        contigs=[{"name": "made chr1", "length": CONTIG}],
        genes={"name": [f"gen{i}" for i in range(4000)], "contig": [0] * 4000, "start": starts.tolist(), "end": (starts + 1_000).tolist()},
        loci={"bin": BIN, "first": [0, bins], "bounds": (np.arange(bins + 1) * PER_BIN).tolist(),
              "row": rng.integers(0, n, bins * PER_BIN).tolist(), "share": np.round(rng.random(bins * PER_BIN), 2).tolist()},
        tries=("tRNA", "gen12", "chr1:12,000-14,000", "TATAAT", "f17"),
    )  # fmt: skip


def _shape(rng: np.random.Generator, number: int, features: range) -> dict[str, Any]:
    t = np.sort(rng.random(160))
    ring = number % 2 == 0
    x = np.cos(2 * np.pi * t) if ring else 2 * t
    y = np.sin(2 * np.pi * t) if ring else np.sin(3 * t)
    meaning = "reading-frame phase" if ring else "position along the gene"
    noise = rng.normal(0, 0.05, (2, 160))
    return {
        "shape": "ring" if ring else "line", "is_shape": True, "key": [["low", 0.0], ["high", 1.0]], "meaning": meaning, "words": f"Nine features that follow each other as {meaning} changes.",
        "alt": f"160 bases on the shape, coloured by {meaning}", "cyclic": ring, "features": list(features), "facts": [["Features", "9", ""], ["Dimension", "1.0", ""]],
        "points": {"x": np.round(x + noise[0], 2).tolist(), "y": np.round(y + noise[1], 2).tolist(), "v": np.round(t, 2).tolist()},
    }  # fmt: skip


def dossiers(n: int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """A dossier for each of `n` features: drawn from 64 made ones, since only their size matters."""
    rng = np.random.default_rng(seed + 1)
    made = [_dossier(rng) for _ in range(64)]
    for i in range(n):
        yield {
            **made[i % 64],
            "title": f"made-up pattern {i}",
            "like": [[(i + k) % n, round(0.9 - 0.1 * k, 2)] for k in range(1, 5)],
        }


def _dossier(rng: np.random.Generator) -> dict[str, Any]:
    windows = []
    for k in range(10):
        level = np.zeros(61, dtype=int)
        level[29 : 29 + int(rng.integers(2, 8))] = rng.integers(1, 10)
        where = f"chr1:{int(rng.integers(1, CONTIG)):,} (+)"
        windows.append(
            {
                "where": where,
                "act": 9 - 0.4 * k,
                "gene": f"gen{k}",
                "seq": "".join(rng.choice(list("ACGT"), 61)),
                "level": "".join(map(str, level)),
                "peak": 30,
                "page": "",
            }
        )
    track = {
        "where": "chr1:10,001-11,000", "start": 10_000, "end": 11_000, "peak": "7.9", "page": "",
        "plus": "".join(map(str, rng.integers(0, 10, 125) * (rng.random(125) < 0.1))), "minus": "".join(map(str, rng.integers(0, 10, 125) * (rng.random(125) < 0.05))),
        "genes": [[10_050, 10_400, "+", "thrL", "CDS"], [10_430, 10_920, "-", "gen9", "tRNA"]],
    }  # fmt: skip
    heights = np.round(150 * rng.dirichlet([0.3] * 4, 21)).astype(int)
    mean = np.exp(-(np.linspace(-4, 4, 41) ** 2))
    return {
        "words": "Active at the first base of start codons; nothing else that was tested explains it better.",
        "facts": [["Density", "0.12 %", "share of scored bases"], ["Active bases", "1,234", ""], ["Strongest", "9.1", ""], ["Effective n", "310", ""]],
        "logo": {"first": -10, "h": heights.ravel().tolist(), "consensus": "TATAAT", "said": "21 positions of 24 windows."}, "no_logo": "",
        "windows": windows, "tracks": [track], "no_concepts": "",
        "concepts": [{"name": "start codon", "f1": 0.71, "null": 0.04, "always": 0.02, "precision": 0.8, "recall_bases": 0.31, "recall": 0.66, "mcc": 0.49, "n": 40, "q": 1e-12, "qa": 1e-5, "kmer": "yes"}],
        "histogram": {"counts": np.round(1000 * np.exp(-np.linspace(0, 5, 24))).astype(int).tolist(), "high": "9.1"},
        "profiles": [{"kind": "start codon", "n": 1203, "first": -60, "step": 3, "mean": np.round(mean, 3).tolist(), "null": [0.05] * 41}],
        "cause": "Removing it raises the model's surprise by 0.021 bits per base where it is active.", "checks": [["other strand", "survives", "r = 0.81"]],
    }  # fmt: skip
