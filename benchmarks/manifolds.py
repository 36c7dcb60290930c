"""Planted manifolds: which clusters are found, what is called a shape, and what that costs.

Worlds of circles, spheres, tori, intervals and trees beside isolated directions, in R^64 … R^256, where manifolds occur
independently, together, or gated by a hidden context. Dictionaries tile them by construction, or are autoencoders trained on
them. Null sets are bundles of features that switch on together, and features with runs. Other methods run side by side on the
same dictionaries. Scores of the positive controls are those of `results/demo`, where the demo has been run.

Quick: one seed of each; else three.
"""

from __future__ import annotations

import logging
import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from benchmarks._manifold_worlds import SIDE_BY_SIDE, Score, long_runs, score, settings, tiled, trained
from photo51.config.sae import SaeParams
from photo51.geometry.relations.clusters import module_graph, stable_partition
from photo51.geometry.relations.coactivity import coactivation
from photo51.geometry.relations.couplings import precision_couplings
from photo51.geometry.relations.tokens import Tokens, autocorrelation, firing, in_sequence
from photo51.geometry.shapes import shape
from photo51.geometry.shapes.points import activity

log = logging.getLogger(__name__)
Figures = dict[str, float | int | None]
WORLDS = ("independent", "correlated", "gated")
DEMO = Path("results/demo")


def measure(*, quick: bool) -> Figures:
    """Every figure of the issue."""
    # first of all: the peak is that of the process so far
    cost = {"seconds_4096x1e6": None, "peak_gib": None} if quick else {**_cost(4096, 1_000_000), **_slices()}
    oracle = _oracle(quick=quick)
    return {
        **_told("oracle", oracle),
        "clusters_in_null_world": _null_world(quick=quick),
        "dim_right": _share([x for s in oracle for x in s.shapes.dimension]),
        "betti_right": _share([x for s in oracle for x in s.shapes.betti]),
        "name_right": _share([x for s in oracle for x in s.shapes.name]),
        "coordinate_corr": float(np.mean([x for s in oracle for x in s.shapes.angle])),
        "coordinate_corr_direct": float(np.mean([x for s in oracle for x in s.shapes.direct])),
        **_told("trained", _trained(quick=quick)),
        **_false_shapes(20 if quick else 200),
        "autocorrelated_z8_share": _runs(quick=quick),
        **cost,
        **_demo(DEMO),
    }


def _oracle(*, quick: bool) -> list[Score]:
    seeds, n = ((101,), 40_000) if quick else ((101, 102, 103), 60_000)
    params = settings()
    out = []
    for seed in seeds:
        for i, scenario in enumerate(WORLDS):
            out.append(score(tiled(scenario, (64, 128, 256)[(i + seed) % 3], 24, n, seed), params))
            log.info("oracle-tiled %s, seed %d: ARI %.3f", scenario, seed, out[-1].ari)
    return out


def _trained(*, quick: bool) -> list[Score]:
    seeds = (201,) if quick else (201, 202, 203)
    sae = SaeParams(
        variant="topk", n_features=512, k=5, tokens=400_000 if quick else 1_600_000, batch=1024, sample=16_384
    )
    out = []
    for seed in seeds:
        for i, scenario in enumerate(WORLDS):
            p = trained(scenario, (64, 128, 256)[(i + seed) % 3], sae, 60_000 if quick else 150_000, seed)
            out.append(score(p, settings(draws=19), shapes=False))
            log.info("trained %s, seed %d: ARI %.3f", scenario, seed, out[-1].ari)
    return out


def _told(kind: str, scores: list[Score]) -> Figures:
    rivals = {name: float(np.mean([s.rivals[name] for s in scores])) for name in (*SIDE_BY_SIDE, "direct")}
    figures: Figures = {
        f"ari_{kind}": float(np.mean([s.ari for s in scores])),
        f"ari_{kind}_best_rival": max(rivals.values()),
    }
    figures |= {
        f"ari_{kind}_{scenario}": float(np.mean([s.ari for s in scores[i::3]])) for i, scenario in enumerate(WORLDS)
    }
    return {**figures, **{f"ari_{kind}_{name}": value for name, value in rivals.items()}}


def _share(right: list[bool]) -> float | None:
    return float(np.mean(right)) if right else None


def _null_world(*, quick: bool) -> int:
    seeds = (301,) if quick else (301, 302, 303)
    return sum(
        score(tiled("null", 64, 1, 40_000, s), settings(draws=19), rivals=False, shapes=False).clusters for s in seeds
    )


def _false_shapes(n_sets: int) -> Figures:
    """Sets of features that fire together and are nothing more: how many are called a loop, or a manifold."""
    measured, verdicts = [], []
    for i in range(n_sets):
        codes, decoder, run = _null_set(np.random.default_rng([401, i]), together=i % 2 == 0)
        tokens = in_sequence(codes, run=run)
        a = activity(tokens, np.arange(codes.shape[1]), decoder)
        measured.append(shape.measure_cluster(a, np.random.default_rng([402, i]), draws=(39, 39), max_points=800)[0])
    # each set is judged by itself, as if it were a run of its own: no other cluster's evidence pays for it
    for m in measured:
        verdicts += shape.judge_shape([m])
    return {
        "null_sets": n_sets,
        "false_loop_share": float(np.mean([v.shape == "loop" for v in verdicts])),
        "false_manifold_share": float(np.mean([v.manifold for v in verdicts])),
    }


def _null_set(rng: np.random.Generator, *, together: bool) -> tuple[csr_matrix, np.ndarray, np.ndarray]:
    """Four to ten features: a bundle with a common switch, or features of long runs with none."""
    n, f = 6_000, int(rng.integers(4, 11))
    length = 1.0 if together and rng.random() < 0.5 else float(rng.uniform(5, 60))

    def held(rate: float, width: int) -> np.ndarray:
        fresh = rng.random((n, width)) < 1 / length
        fresh[0] = True
        since = np.maximum.accumulate(np.where(fresh, np.arange(n)[:, None], 0), axis=0)
        return np.take_along_axis(rng.random((n, width)), since, axis=0) < rate

    on = (
        held(0.35, 1) & (held(0.6, f) if rng.random() < 0.5 else rng.random((n, f)) < 0.6) if together else held(0.2, f)
    )
    codes = csr_matrix(on * rng.uniform(0.5, 1.5, (n, f))).astype(np.float32)
    decoder = rng.standard_normal((f, 64))
    return codes, decoder / np.linalg.norm(decoder, axis=1, keepdims=True), np.zeros(n, np.int64)


def _runs(*, quick: bool) -> float:
    n, f = (40_000, 60) if quick else (60_000, 120)
    return max(long_runs(np.random.default_rng([501, int(length)]), n, f, length) for length in (10, 50, 200))


def _cost(n_features: int, n: int, k: int = 32) -> Figures:
    """CPU seconds of relations, couplings and modules, and the peak memory of the process (GiB)."""
    return {
        "seconds_4096x1e6": _seconds(n_features, n, k),
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def _slices(n_features: int = 32_768, n: int = 200_000) -> Figures:
    """What counting the pairs of 32,768 features would take on 10⁷ positions, from slices of them (CPU seconds).

    `pair_cost_64_over_32` compares what one more pair of active features costs where 64 and where 32 fire at a time: 1 where
    cost goes with the pairs, and not with positions or features.
    """
    each = {}
    _counting(64, 1_000, 8)  # compiles
    for k in (64, 32):
        short, long = (_counting(n_features, m, k) for m in (n, 2 * n))
        each[k] = (long, (long - short) / (n * k * (k - 1) / 2))
    return {
        "seconds_32768x4e5": each[64][0],
        "seconds_32768x1e7_planned": each[64][0] + (10_000_000 - 2 * n) * 64 * 63 / 2 * each[64][1],
        "pair_cost_64_over_32": each[64][1] / each[32][1],
        "peak_gib_32768x4e5": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def _counting(n_features: int, n: int, k: int) -> float:
    """CPU seconds of counting how often each pair fires together; that chance alone relates no pair is seen to by `z_min`."""
    pattern = firing(_at_random(n_features, n, k).codes)
    rho = np.zeros((n_features, 1), np.float32)
    started = time.process_time()
    coactivation(pattern, rho, z_min=50.0)
    return time.process_time() - started


def _at_random(n_features: int, n: int, k: int) -> Tokens:
    """Features that fire at random, k at a time."""
    rng = np.random.default_rng(601)
    indices = np.sort(rng.integers(0, n_features, (n, k), dtype=np.int32), axis=1)
    bounds = np.arange(0, n * k + 1, k, dtype=np.int64)
    codes = csr_matrix((np.ones(n * k, np.float32), indices.ravel(), bounds), shape=(n, n_features))
    codes.sum_duplicates()
    codes.data[:] = rng.uniform(0.5, 1.5, codes.nnz)
    return in_sequence(codes)


def _seconds(n_features: int, n: int, k: int) -> float:
    """CPU seconds of relations, couplings and modules of features that fire at random."""
    tokens = _at_random(n_features, n, k)
    started = time.process_time()
    pattern = firing(tokens.codes)
    rho = autocorrelation(pattern, tokens.run, 256)
    pairs = coactivation(pattern, rho)
    couplings = precision_couplings(pairs, n_features)
    stable_partition(module_graph(pairs, couplings, n_features), (0.1, 0.5), range(2))
    return time.process_time() - started


def _demo(run: Path) -> Figures:
    """Scores of the controls in a finished demo; not measured where there is none."""
    names = (
        "frame_accuracy",
        "frame_accuracy_kmer",
        "frame_accuracy_random_weights",
        "frameshift_rotation_degrees",
    )
    figures: Figures = dict.fromkeys(names)
    if (run / "positive_controls.parquet").is_file():
        table = pd.read_parquet(run / "positive_controls.parquet").set_index("control")
        figures |= {f"control_{name}": _number(v) for name, v in table["score"].items()}
        frame = table.loc["codon_phase"]
        figures |= {
            name: _number(frame[c]) for name, c in zip(names, ("score", "baseline", "random_weights"), strict=False)
        }
    if (run / "interventions" / "frameshift.parquet").is_file():
        shift = pd.read_parquet(run / "interventions" / "frameshift.parquet").set_index("arm")
        figures["frameshift_rotation_degrees"] = _number(shift.loc["insertion", "rotation"])
    return figures


def _number(value: object) -> float | None:
    number = float(value)  # type: ignore[arg-type]
    return number if np.isfinite(number) else None
