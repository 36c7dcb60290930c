"""The quality report of a dictionary: itself, baselines, other seeds, and what the model loses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from matplotlib.figure import Figure
from numpy.typing import NDArray

from photo51 import theme
from photo51.codes import CodesStore
from photo51.config.sae import QualityParams
from photo51.io import Provenance, atomic, write_table
from photo51.io.contracts.sae import DENSITY, FOUND_AGAIN, QUALITY, STABILITY
from photo51.sae.dictionary import Dictionary, SparseAutoencoder
from photo51.sae.quality.baselines import PCA, Neurons, RandomDictionary
from photo51.sae.quality.measures import Encode, HeldOutRows, density_table, measure_quality, quality_picture, row
from photo51.sae.quality.stability import (
    compare_dictionaries,
    found_again,
    seed_match_shares,
    stability_score,
)
from photo51.sae.training.train import ActivationSource
from photo51.types import InputError, Strand

_ROWS = 65_536  # from which baselines learn: many times their numbers
_NUMBERS = 1 << 26  # pre-activations among which a threshold is found


class Report(NamedTuple):
    """Tables of a quality report.

    Attributes
    ----------
    quality
        Contract `QUALITY`; the dictionary first, then baselines.
    density
        Contract `DENSITY`, of the dictionary.
    stability
        Contract `STABILITY`, of the dictionary against every other seed.
    found_again
        Contract `FOUND_AGAIN`, each feature of the dictionary; empty without other seeds.
    """

    quality: pd.DataFrame
    density: pd.DataFrame
    stability: pd.DataFrame
    found_again: pd.DataFrame


def quality_report(
    sae: Dictionary,
    learnt: ActivationSource,
    held_out: HeldOutRows,
    params: QualityParams,
    *,
    others: Mapping[str, Dictionary] | None = None,
    encode: Encode | None = None,
) -> Report:
    """Measure a dictionary on bases it was not trained on, next to baselines that need no training.

    Parameters
    ----------
    sae
        What is measured.
    learnt
        Rows that baselines may learn from.
    held_out
        Rows to measure on.
    params
        Split (named in the table), baselines, rows for correlations.
    others
        Name → dictionary of the same activations with another seed.
    encode
        Gives codes of held-out rows, where they are stored already.

    Raises
    ------
    InputError
        For activations of something else.
    """
    for source in (learnt, held_out):
        sae.origin.require(source.origin, f"dictionary {sae.hash}: activations")
    quality = measure_quality(sae, held_out, encode=encode)
    stability, again = _stability(sae, others or {}, held_out, params.stability_rows)
    more = {}
    if len(stability):
        scores = [stability_score(part) for _, part in stability.groupby("other", sort=False)]
        live = seed_match_shares(again, ())["seed_match_live"]
        more = {"stability": float(np.mean(scores)), "seed_match_live": np.nan if live is None else live}
    rows = [row("sae", params.split, quality, decoder=decoder_of(sae), **more)]
    if params.baselines:
        # as many codes a base as the dictionary has on average, on the same bases
        for name, baseline in free_baselines(sae, learnt, quality.l0).items():
            rows.append(row(name, params.split, measure_quality(baseline, held_out), decoder=""))
    table = QUALITY.check(pd.concat(rows, ignore_index=True))
    return Report(table, density_table(quality), stability, again)


def decoder_of(sae: Dictionary) -> str:
    """How decoder rows were made, from the dictionary's card: free, archetypal or a consensus; or empty."""
    params, found_by = sae.card.get("params", {}), sae.card.get("found_by")
    if found_by:
        return f"free, from a consensus of {params['consensus']} seeds: {sum(found_by[2:]):,} features of two or more"
    if params.get("decoder") != "archetypal":
        begun = ", begun at centroids" if params.get("beginning") == "centroids" else ""
        return f"{params.get('decoder', '')}{begun}"
    return f"archetypal: {params['archetypes']:,} archetypes, relaxation {params['relaxation']:g}"


def free_baselines(sae: Dictionary, learnt: ActivationSource, l0: float) -> dict[str, Dictionary]:
    """Baselines of as many numbers per base: principal components, neurons, random directions.

    `pca first k` keeps the k largest components for all bases (equal dimension); the others the k largest coordinates
    of each base (equal k), the random dictionary at equal width too. Where the dictionary decides by thresholds, and so
    spends its codes on the bases that need them, they do as well: by one threshold, at which what was learnt from has
    as many codes on average.
    """
    k, pca = max(1, round(l0)), PCA.fit(learnt, rows=_ROWS)
    first = {"pca first k": PCA(pca.basis[:k], pca.offset, None, sae.origin)}
    # a rule needs fewer codes than features
    random = RandomDictionary.fit(learnt, sae.n_features, min(k, sae.n_features - 1))
    if isinstance(sae, SparseAutoencoder) and sae.gate.k is None:
        # all pre-activations of these rows are sorted at once
        x = learnt.sample(max(256, min(8_192, _NUMBERS // sae.n_features)))
        neurons = Neurons.fit(learnt, rows=_ROWS)
        return first | {
            "pca largest k": pca.thresholded(x, l0),
            "neuron largest k": neurons.thresholded(x, l0),
            "random directions": random.thresholded(x, l0),
        }
    return first | {
        "pca largest k": PCA(pca.basis, pca.offset, k, sae.origin),
        "neuron largest k": Neurons.fit(learnt, k=k, rows=_ROWS),
        "random directions": random,
    }


def _stability(
    sae: Dictionary, others: Mapping[str, Dictionary], held_out: HeldOutRows, n: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every pair of nearest features, and each feature over all other seeds, on about `n` held-out rows."""
    if not others:
        return STABILITY.empty(), FOUND_AGAIN.empty()
    size = max(1, n // 8)
    # counted first: the held-out rows of a large genome do not fit in memory
    n_chunks = sum(1 for _ in held_out.chunks(size))
    # chunks come in genome order: eight over all of them, not the first n rows
    keep = set(np.linspace(0, n_chunks - 1, min(8, n_chunks)).round().astype(int).tolist())
    x = np.concatenate([x for i, (_, _, x) in enumerate(held_out.chunks(size)) if i in keep])
    # nearest features by direction, and how their codes go together on these rows
    tables = [compare_dictionaries(sae, other, x).assign(other=name) for name, other in others.items()]
    return STABILITY.check(pd.concat(tables, ignore_index=True)), FOUND_AGAIN.check(found_again(sae, others, x))


def stored_codes(store: CodesStore, sae: Dictionary) -> Encode:
    """Codes as they are stored, instead of computing them.

    Raises
    ------
    InputError
        For codes of another dictionary, naming both.
    """
    if store.meta.sae != sae.hash:
        raise InputError(f"{store.folder}: need codes of dictionary {sae.hash}, got those of {store.meta.sae}")

    def encode(strand: Strand, rows: NDArray[np.int64], _x: NDArray[np.float32]) -> sp.csr_matrix:
        start = int(rows[0])
        # rows of a chunk ascend but need not be contiguous
        return store.matrix(strand, slice(start, int(rows[-1]) + 1))[rows - start]

    return encode


def with_fidelity(table: pd.DataFrame, fidelity: pd.DataFrame) -> pd.DataFrame:
    """Add the recovered cross-entropy (contract `FIDELITY`) to the dictionary's row, the first."""
    recovered = fidelity.set_index("bases")["recovered"]
    table = table.assign(recovered=np.nan)
    if "all" in recovered.index:
        table.loc[table.index[0], "recovered"] = float(recovered["all"])
    return QUALITY.check(table)


def with_others(table: pd.DataFrame, others: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Add the dictionaries of other reports (their first rows), for instance that of the model with random weights."""
    firsts = [other.head(1).assign(dictionary=f"sae {name}") for name, other in others.items()]
    joined = pd.concat([table, *firsts], ignore_index=True)
    if "decoder" in joined:
        joined["decoder"] = joined["decoder"].fillna("")  # reports of before this column
    return QUALITY.check(joined)


def write_quality(report: Report, out: Path, lineage: Provenance, training: pd.DataFrame | None = None) -> None:
    """Write OUT, and next to it `density.parquet` and `quality.svg`, with other seeds `stability.parquet` and
    `found_again.parquet`, which are removed where an earlier report with other seeds left them.
    """
    for table, spec in ((report.stability, STABILITY), (report.found_again, FOUND_AGAIN)):
        path = out.with_name(f"{spec.name}.parquet")
        if len(table):
            write_table(table, path, spec, lineage)
        else:
            path.unlink(missing_ok=True)
    write_table(report.quality, out, QUALITY, lineage)
    write_table(report.density, out.with_name("density.parquet"), DENSITY, lineage)
    draw_quality(quality_picture(report.quality, report.density, training), out.with_name("quality.svg"))


def draw_quality(figure: Figure, path: Path) -> None:
    """Write a figure as SVG, the same bytes every time, and close it."""
    with theme.style(), atomic(path) as partial:
        figure.savefig(partial, format="svg", metadata={"Date": None, "Creator": None})
    theme.close(figure)
