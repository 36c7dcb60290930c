"""The ranking of unannotated features: reproducible, strong and explained by nothing that is known.

The score of a feature is a product of parts, each from 0 to 1: r of its match in dictionaries of other seeds, its
strength, the share of its firing that nothing explains (`explanation`), the share of its strongest windows that are no
copies, and how well its activations survive other windows. Parts that were not measured count as 1 and are named.

A feature is ranked if it passes every gate; one of them is that no reading of any class, sense, antisense or either,
explains it (`known_readings`), another that dictionaries of other seeds have it. Features of the random-weight model
go through the same gates and say how large the score gets where there is nothing to find: the p-value of a feature is
the share of them that score as high (Bates et al. 2023, doi:10.1214/22-AOS2244), and it is called novel at a false
discovery rate over all that were ranked, so that in a run without anything to find, any feature is called novel in at
most that share of runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.codes import CodesStore
from photo51.config.enrichment import NoveltyParams
from photo51.enrichment.annotations.inputs import Inputs
from photo51.enrichment.annotations.readout import read_in_chunks
from photo51.enrichment.motifs.windows import repeat_share, sequences, strongest_rows
from photo51.enrichment.novelty.explanation import Explanation
from photo51.enrichment.replication.matching import matches
from photo51.io.contracts.enrichment import NOVELTY
from photo51.progress import progress
from photo51.stats.multiple import benjamini_hochberg

PARTS = ("seed_match_r", "strength", "d2_explained", "repeat_frac", "window_artifact")
PASSED = "passed"
_CHUNK = 256
_LOCI = 5
_APART = 32  # bases between two of the strongest places


class Looks(NamedTuple):
    """What a look at each feature's activations gives, (n_features,) each.

    Attributes
    ----------
    mass
        Mean activation where active.
    density
        Share of (base, strand) pairs at which it is active.
    n_blocks
        Blocks it fires in.
    repeat
        Share of its strongest windows that are copies; NaN for features that were not asked for.
    explained
        Share of deviance explained; NaN likewise.
    loci
        Strongest places.
    """

    mass: NDArray[np.float64]
    density: NDArray[np.float64]
    n_blocks: NDArray[np.int64]
    repeat: NDArray[np.float64]
    explained: NDArray[np.float64]
    loci: list[str]


def look(
    store: CodesStore,
    inputs: Inputs,
    explanation: Explanation,
    n_eff: NDArray[np.float64],
    params: NoveltyParams,
) -> Looks:
    """Copies and explanation of the features that fire often and widely enough; the rest of all.

    Parameters
    ----------
    n_eff
        Effective sample size of each feature, 0 where nothing of it was tested.
    """
    n = store.n_features
    mass, density, n_blocks, loci = np.zeros(n), np.zeros(n), np.zeros(n, dtype=np.int64), [""] * n
    repeat, explained = np.full(n, np.nan), np.full(n, np.nan)
    bounds, n_rows = inputs.workspace.block_bounds, inputs.workspace.n_rows
    n_chunks = -(-n // _CHUNK)
    for readout in progress(read_in_chunks(store, _CHUNK), "novelty", n_chunks, f"chunks of {_CHUNK} features"):
        for j, f in enumerate(readout.ids.tolist()):
            entries = slice(readout.matrix.indptr[j], readout.matrix.indptr[j + 1])
            rows, values = readout.matrix.indices[entries].astype(np.int64), readout.matrix.data[entries]
            if not len(rows):
                continue
            mass[f], density[f] = values.mean(), len(rows) / (2 * n_rows)
            # blocks of both strands are the same blocks
            n_blocks[f] = len(np.unique(np.searchsorted(bounds, rows % n_rows, side="right")))
            peaks = strongest_rows(rows, values, n_rows, count=params.repeat_windows, apart=_APART).rows
            loci[f] = _places(inputs, peaks[:_LOCI])
            if n_eff[f] < params.min_n_eff or n_blocks[f] < params.min_contigs:
                continue
            half = params.repeat_width // 2
            windows = sequences(inputs.bases, inputs.segments, peaks, half, half)
            repeat[f] = repeat_share(windows, params.repeat_k, params.repeat_share)
            explained[f] = explanation.explained(rows, np.random.default_rng([params.seed, f]))
    return Looks(mass, density, n_blocks, repeat, explained, loci)


def _places(inputs: Inputs, rows: NDArray[np.int64]) -> str:
    n_rows = inputs.workspace.n_rows
    loci = inputs.workspace.locate(rows % n_rows)
    table = inputs.workspace.table.iloc[loci.segment]
    return ", ".join(
        f"{g}:{c}:{p + 1}({'-' if r >= n_rows else '+'})"
        for g, c, p, r in zip(table["genome"], table["chrom"], loci.position.tolist(), rows.tolist(), strict=True)
    )


def seed_match(store: CodesStore, seeds: Sequence[CodesStore]) -> NDArray[np.float64]:
    """Smallest correlation with the mutual best match in dictionaries of other seeds, 0 without one, (n_features,)."""
    if not seeds:
        return np.full(store.n_features, np.nan)
    matched = [matches(store, other) for other in seeds]
    # correlation of the worst seed: found by all, not by one
    return np.min([np.where(m.mutual, np.maximum(m.r, 0.0), 0.0) for m in matched], axis=0)


def window_artifact(n_features: int, window_offsets: pd.DataFrame | None) -> NDArray[np.float64]:
    """1 - correlation of each feature with itself when windows begin elsewhere (contract `WINDOW_OFFSETS`), 0 to 1,
    (n_features,).

    NaN where it was not measured.
    """
    out = np.full(n_features, np.nan)
    if window_offsets is not None:
        # a correlation below 0 is no worse than none
        out[window_offsets["feature"]] = np.clip(1 - window_offsets["r"], 0.0, 1.0)
    return out


def strengths(mass: NDArray[np.float64], n_eff: NDArray[np.float64], ablation: pd.DataFrame | None) -> pd.DataFrame:
    """Percentile of each feature's strength (`strength`, `strength_by`), and of its activation (`activation`).

    By what the model loses without it (contract `ABLATION`), among those of which that was measured; of the others by
    mean activation × log n_eff, which alone is measured for the random-weight model.
    """
    value = mass * np.log(np.maximum(n_eff, 1.0))
    alive = mass > 0
    strength = np.zeros(len(mass))
    # percentiles among features that are ever active
    strength[alive] = pd.Series(value[alive]).rank(pct=True).to_numpy()
    activation = strength.copy()
    by = np.full(len(mass), "activation", dtype=object)
    if ablation is not None and len(ablation):
        measured = ablation[ablation["dnll"].notna()]
        strength[measured["feature"]] = measured["dnll"].rank(pct=True)
        by[measured["feature"]] = "ablation"
    return pd.DataFrame({"strength": strength, "strength_by": by, "activation": activation})


def best_claims(concepts: pd.DataFrame, n_features: int, readout: str, params: NoveltyParams) -> pd.DataFrame:
    """Best class of each feature (`best_annotation`, `best_f1`), and whether one of its classes names it (`named`)."""
    of_readout = concepts[concepts["readout"] == readout]
    top = of_readout.sort_values(["f1_domain", "annotation"], ascending=[False, True], kind="stable").drop_duplicates(
        "feature"
    )
    name, f1, named = (
        np.full(n_features, "", dtype=object),
        np.full(n_features, np.nan),
        np.zeros(n_features, dtype=bool),
    )
    name[top["feature"]], f1[top["feature"]] = top["annotation"], top["f1_domain"]
    adjusted = of_readout["q_adj_comp"].isna() | (of_readout["q_adj_comp"] < 0.05)
    above = (of_readout["f1_domain"] > params.named_f1) & (of_readout["f1_domain"] > of_readout["f1_null95"])
    named[of_readout.loc[above & adjusted, "feature"]] = True
    return pd.DataFrame({"best_annotation": name, "best_f1": f1, "named": named})


def novelty_score(table: pd.DataFrame, parts: Sequence[str] = PARTS) -> NDArray[np.float64]:
    """Product of parts; one that was not measured counts as 1."""
    out = np.ones(len(table))
    for part in parts:
        value = table[part].to_numpy(dtype=np.float64)
        # high is good for these two; of the others, high is bad
        good = value if part in {"seed_match_r", "strength"} else 1 - value
        out *= np.where(np.isnan(good), 1.0, np.clip(good, 0.0, 1.0))
    return out


def queue(table: pd.DataFrame, params: NoveltyParams, null: pd.DataFrame | None = None) -> pd.DataFrame:
    """Score, gates, control and order (contract `NOVELTY`).

    Parameters
    ----------
    table
        Parts of every feature, `activation`, `density`, `n_eff`, `n_contigs`, `named`, `best_annotation`, `best_f1`.
    null
        The same of features of the random-weight model.
    """
    table = table.copy()
    table["missing"] = _missing(table)
    table["novelty"] = novelty_score(table)
    table["gate"] = gates(table, params)
    passed = (table["gate"] == PASSED).to_numpy()
    table["null_q95"], table["p"], table["q"], table["novel"] = np.nan, np.nan, np.nan, False
    table["n_controls"] = 0
    if null is not None:
        # controls that pass the same gates
        controls = np.sort(novelty_score(null[(gates(null, params) == PASSED).to_numpy()]))
        table["n_controls"] = len(controls)
        if len(controls):
            table["null_q95"] = float(np.quantile(controls, params.null_quantile))
        # like with like: nothing is taken out of the random-weight model, whose features are ranked by activation alone
        lower_score = np.fmin(table["novelty"], novelty_score(table.assign(strength=table["activation"])))
        p = conformal_p(lower_score.to_numpy(dtype=np.float64)[passed], controls)
        table.loc[passed, "p"], table.loc[passed, "q"] = p, benjamini_hochberg(p)
        measured = table["seed_match_r"].notna()
        table["novel"] = passed & measured & (table["q"] <= params.alpha)
    # passed first, then by score, then by number
    order = np.lexsort([table["feature"].to_numpy(), -table["novelty"].to_numpy(), ~passed])
    table["rank"] = 0
    table.loc[table.index[order[: passed.sum()]], "rank"] = np.arange(1, passed.sum() + 1)
    return NOVELTY.check(table[list(NOVELTY.columns)])


def conformal_p(scores: NDArray[np.float64], controls: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of control scores that are as high, the score itself counted among them, (n,).

    Parameters
    ----------
    scores
        Scores, (n,).
    controls
        Scores of controls, ascending, (m,).

    References
    ----------
    Bates et al. 2023, Ann Stat 51:149, doi:10.1214/22-AOS2244
    """
    as_high = len(controls) - np.searchsorted(controls, scores, side="left")
    # the score itself counts among the controls: p is never 0
    return (1 + as_high) / (1 + len(controls))


def _missing(table: pd.DataFrame) -> list[str]:
    absent: Mapping[str, NDArray[np.bool_]] = {p: table[p].isna().to_numpy() for p in PARTS}
    return [", ".join(p for p in PARTS if absent[p][i]) for i in range(len(table))]


def gates(table: pd.DataFrame, params: NoveltyParams) -> pd.Series:
    """The first gate each feature fails, or `passed`."""
    blocks = table["n_contigs"]
    failed = [
        (blocks == 0, "dead feature: never active"),
        (table["n_eff"] < params.min_n_eff, f"n_eff below {params.min_n_eff:g}"),
        (blocks < params.min_contigs, f"fires in fewer than {params.min_contigs} blocks"),
        (table["named"], "agrees with an annotation by F1"),
        (table["explained_by"] != "", "explained by a reading of a known class"),
        (
            table["seed_match_r"] < params.min_seed_match,
            f"matched in another seed with r below {params.min_seed_match:g}",
        ),
        (table["density"] > params.max_density, f"active at more than {params.max_density:.0%} of the bases"),
        (table["d2_explained"].isna(), "fires in one half of the blocks alone"),
    ]
    out = pd.Series(PASSED, index=table.index, dtype=object)
    # in reverse, so that the first gate that is failed has the last word
    for failing, reason in reversed(failed):
        out[failing] = reason
    return out
