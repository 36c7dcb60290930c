"""Variant effects of a set: scored in shards, each on its own machine if need be, then gathered into one table.

A shard is a run of neighbouring windows. Its file is named by its number and holds the hash of all that decides its
content; a shard that is there with the right hash is not scored again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from photo51.config.biomarkers import VariantsParams
from photo51.effects.length_null import classify_change, gc_around, nulls
from photo51.effects.scoring import STATISTICS, AlleleEffect, AlleleScorer, PlainScorer
from photo51.effects.windows import ScoringPlace, batches, places, readings
from photo51.genome.axis.genomes import Genomes
from photo51.io import Provenance, content_hash, read_h5ad, write_h5ad, write_table
from photo51.io.contracts.biomarkers import VARIANT_EFFECTS
from photo51.progress import progress
from photo51.types import STRANDS, InputError

log = logging.getLogger(__name__)
NAMES = {"+": "plus", "-": "minus"}
NOISE = 1e-5  # changes below 1e-5 of the largest (or of 1) are rounding in float32
PLACES_AT_ONCE = 64  # windows in memory at once, between progress steps


def variant_effects(
    scorer: AlleleScorer | PlainScorer,
    genomes: Genomes,
    variants: pd.DataFrame,
    params: VariantsParams,
    chosen_places: Sequence[ScoringPlace] | None = None,
) -> ad.AnnData:
    """Score variants, both strands.

    Parameters
    ----------
    scorer
        Model and dictionary.
    genomes
        Prepared genomes.
    variants
        genome, chrom, pos, ref, alt, variant; reference alleles checked.
    params
        Windows.
    chosen_places
        Windows to score; None is all.

    Returns
    -------
    Observations are the variants, by row; `row` and the log-likelihood ratios in `obs`, Δ of `focal`, `near`
    and `window` on each strand in `layers` (the largest changes of each, `keep` at most), change of the activations at
    the focal base in `obsm`.
    """
    kept_of: dict[str, dict[int, _Kept]] = {strand: {} for strand in STRANDS}
    chosen_places = places(variants, genomes, params) if chosen_places is None else chosen_places
    chunks = [chosen_places[i : i + PLACES_AT_ONCE] for i in range(0, len(chosen_places), PLACES_AT_ONCE)]
    for chunk in progress(chunks, "variants", unit=f"times {PLACES_AT_ONCE} windows"):
        batch_readings = [reading for place in chunk for reading in readings(place, variants, genomes)]
        for strand in STRANDS:
            same = [r for r in batch_readings if r.strand == strand]
            for batch in batches(same, params.batch_tokens):
                kept_of[strand].update({e.row: _trimmed(e, params.keep) for e in scorer.score(batch)})
    rows = sorted(kept_of["+"])
    return _assembled(rows, kept_of, variants, scorer.dictionary.n_features)


class _Kept(NamedTuple):
    """What is kept of an effect: of each statistic the largest changes, as a sparse row."""

    llr: float
    llr_flank: float
    embedding: NDArray[np.float32]
    deltas: dict[str, sparse.csr_matrix]


def _trimmed(effect: AlleleEffect, keep: int) -> _Kept:
    deltas = {name: _largest(getattr(effect, name), keep) for name in STATISTICS}
    return _Kept(effect.llr, effect.llr_flank, effect.embedding, deltas)


def _largest(values: NDArray[np.float32], keep: int) -> sparse.csr_matrix:
    size = np.abs(values)
    # relative to the largest change, absolute where that is below 1
    columns = np.flatnonzero(size > NOISE * max(1.0, float(size.max(initial=0.0))))
    if len(columns) > keep:
        # back in order of features, as a sparse row wants it
        columns = np.sort(columns[np.argsort(-size[columns], kind="stable")[:keep]])
    return sparse.csr_matrix(
        (values[columns], columns, np.array([0, len(columns)])), shape=(1, len(values)), dtype=np.float32
    )


def _assembled(
    rows: list[int], kept_of: dict[str, dict[int, _Kept]], variants: pd.DataFrame, n_features: int
) -> ad.AnnData:
    obs = pd.DataFrame({"variant": variants["variant"].to_numpy()[rows], "row": rows})
    layers: dict[str, sparse.csr_matrix] = {}
    obsm: dict[str, NDArray[np.float32]] = {}
    for strand, name in NAMES.items():
        effects = [kept_of[strand][row] for row in rows]
        obs[f"llr_{name}"] = np.array([e.llr for e in effects], dtype=float)
        obs[f"llr_flank_{name}"] = np.array([e.llr_flank for e in effects], dtype=float)
        for statistic in STATISTICS:
            layers[f"{statistic}_{name}"] = _stacked([e.deltas[statistic] for e in effects], n_features)
        obsm[f"embedding_{name}"] = np.array([e.embedding for e in effects], dtype=np.float32)
    obs.index = obs["row"].astype(str)
    obs.index.name = None
    var = pd.DataFrame(index=[str(i) for i in range(n_features)])
    return ad.AnnData(
        sparse.csr_matrix((len(rows), n_features), dtype=np.float32),
        obs=obs,
        var=var,
        layers=layers,
        obsm=obsm,
    )


def _stacked(rows: list[sparse.csr_matrix], n_features: int) -> sparse.csr_matrix:
    return sparse.csr_matrix(sparse.vstack(rows)) if rows else sparse.csr_matrix((0, n_features), dtype=np.float32)


def shard_of(all_places: Sequence[ScoringPlace], shard: int, n_shards: int) -> list[ScoringPlace]:
    """Windows of a shard: a run of neighbours with about its share of the variants."""
    if not 0 <= shard < n_shards:
        raise InputError(f"shard: need 0 <= shard < {n_shards}, got {shard}")
    before = np.cumsum([0, *(len(p.rows) for p in all_places)])
    # the share of variants before a window decides its shard: neighbours stay together, shards are of like size
    owner = np.minimum(before[:-1] * n_shards // max(before[-1], 1), n_shards - 1)
    return [p for p, o in zip(all_places, owner, strict=True) if o == shard]


def effects_path(out: Path, shard: int, n_shards: int) -> Path:
    """File of a shard of the set whose table is `out`."""
    return out.parent / f"{out.stem}.shards" / f"{shard:04d}-of-{n_shards:04d}.h5ad"


def score_shard(
    scorer: AlleleScorer | PlainScorer,
    genomes: Genomes,
    variants: pd.DataFrame,
    params: VariantsParams,
    *,
    path: Path,
    chosen_places: Sequence[ScoringPlace],
    lineage: Provenance,
) -> bool:
    """Score the windows of a shard and write it; return whether there was anything to do.

    `lineage` must name model, dictionary and genome by hash: with the variants and parameters they decide the content.
    """
    rows = np.concatenate([p.rows for p in chosen_places]) if chosen_places else np.zeros(0, dtype=np.int64)
    scored_variants = variants.iloc[np.sort(rows)][["genome", "chrom", "pos", "ref", "alt"]]
    # rows too: two shards of the same variants at other rows would not join
    key = content_hash(lineage.model_dump(), scored_variants.to_numpy().tolist(), np.sort(rows).tolist())
    if path.is_file() and _hash_of(path) == key:
        log.info("%s is there already", path)
        return False
    effects = variant_effects(scorer, genomes, variants, params, chosen_places)
    add_nulls(effects, scorer, genomes, variants, params)
    effects.uns["content"] = key
    write_h5ad(effects, path, lineage)
    return True


def add_nulls(
    effects: ad.AnnData,
    scorer: AlleleScorer | PlainScorer,
    genomes: Genomes,
    variants: pd.DataFrame,
    params: VariantsParams,
) -> None:
    """Put each variant beside random changes of its kind and length, where any variant of the set changes the
    length.
    """
    # columns are there, empty, in every shard, so that shards can be joined
    names = ["null_mean", "null_sd", "null_n"]
    for name in names:
        effects.obs[name] = 0 if name == "null_n" else np.nan
    columns = ("genome", "chrom", "pos", "ref", "alt")
    lengths = [variants[c].str.len() for c in ("ref", "alt")]
    # without a change of length nothing needs a null
    if not params.null_variants or not effects.n_obs or (lengths[0] == lengths[1]).all():
        return
    own_rows = variants.iloc[effects.obs["row"].to_numpy()]
    changes = [
        classify_change(genomes, str(g), str(c), int(p), str(r), str(a))
        for g, c, p, r, a in zip(*(own_rows[n] for n in columns), strict=True)
    ]

    def score(drawn: pd.DataFrame) -> NDArray[np.float64]:
        # one feature is enough: only likelihoods are wanted
        null_of = variant_effects(scorer, genomes, drawn, params.model_copy(update={"keep": 1}))
        return comparable(null_of.obs, drawn)

    genome = str(own_rows["genome"].iloc[0])
    chroms = sorted(set(variants["chrom"].astype(str)))
    null_of = nulls(genomes, genome, chroms, set(changes), score, n=params.null_variants, seed=params.null_seed)
    mean = [
        null_of[c].at(gc_around(genomes, genome, str(chrom), int(pos)))
        for c, chrom, pos in zip(changes, own_rows["chrom"], own_rows["pos"], strict=True)
    ]
    for name, values in zip(
        names, (mean, [null_of[c].sd for c in changes], [null_of[c].n for c in changes]), strict=True
    ):
        effects.obs[name] = values


def comparable(obs: pd.DataFrame, variants: pd.DataFrame) -> NDArray[np.float64]:
    """The likelihood ratio by which changes of one length are compared, (n,): of the flanks where the length
    changes.
    """
    same = (variants["ref"].str.len() == variants["alt"].str.len()).to_numpy()
    # a model need not say the same of both strands: their mean is what does not depend on the choice
    whole = (obs["llr_plus"].to_numpy() + obs["llr_minus"].to_numpy()) / 2
    flank = (obs["llr_flank_plus"].to_numpy() + obs["llr_flank_minus"].to_numpy()) / 2
    return np.where(same, whole, flank)


def _hash_of(path: Path) -> str:
    try:
        return str(read_h5ad(path).uns.get("content", ""))
    except InputError:
        return ""


def one_origin(shards: Sequence[Path]) -> Provenance:
    """Provenance of shards, which must be of one model, dictionary, genome and set of parameters.

    Raises
    ------
    InputError
        Naming a shard that is of others.
    """
    provenances = [str(read_h5ad(path).uns["photo51"]) for path in shards]
    for path, other in zip(shards, provenances, strict=True):
        if other != provenances[0]:
            raise InputError(
                f"{path}: need a shard made like {shards[0].name}, got one of another model or set; score it again"
            )
    return Provenance.model_validate_json(provenances[0])


def gather_effects(described: pd.DataFrame, shards: Iterable[Path], out: Path, lineage: Provenance) -> pd.DataFrame:
    """Join shards to `out` (parquet) and the Δ beside it (`.h5ad`), rows in the order of `described`.

    Raises
    ------
    InputError
        Where a variant is in no shard, or in two, and for shards of other variants.
    """
    parts = [read_h5ad(path) for path in shards]
    effects = ad.concat([p for p in parts if p.n_obs] or parts[:1], merge="same", uns_merge=None)
    row = effects.obs["row"].to_numpy()
    if len(np.unique(row)) != len(row) or len(row) != len(described):
        # a variant in two shards, or in none
        missing = sorted(set(range(len(described))) - set(row.tolist()))
        raise InputError(
            f"{out}: need each of {len(described)} variants in one shard, got {len(row)} rows, "
            f"{len(missing)} variants missing; score the missing shards first"
        )
    # shards may have been joined in any order
    effects = effects[np.argsort(row)].copy()
    scored, asked = effects.obs["variant"].astype(str).tolist(), described["variant"].astype(str).tolist()
    if changed := [i for i, (a, b) in enumerate(zip(scored, asked, strict=True)) if a != b]:
        raise InputError(
            f"{out}: need shards of the variants that are asked for, got {scored[changed[0]]} in place of"
            f" {asked[changed[0]]} ({len(changed):,} differ); score the shards again"
        )
    effects.obs_names = [str(i) for i in range(effects.n_obs)]
    effects.uns.clear()
    write_h5ad(effects, out.with_suffix(".h5ad"), lineage)
    table = pd.concat([described.reset_index(drop=True), summary(effects, described)], axis=1)
    write_table(table, out, VARIANT_EFFECTS, lineage)
    return table


def summary(effects: ad.AnnData, described: pd.DataFrame) -> pd.DataFrame:
    """Scores of variants on both strands, one row each, in the order of `effects`; `described` has their alleles."""
    obs: dict[str, Any] = {name: effects.obs[f"llr_{name}"].to_numpy() for name in NAMES.values()}
    flank = [effects.obs[f"llr_flank_{name}"].to_numpy() for name in NAMES.values()]
    norms = [np.linalg.norm(effects.obsm[f"embedding_{name}"], axis=1) for name in NAMES.values()]
    # stored entries of a sparse row: features whose change is above the noise
    changed = sum(np.diff(sparse.csr_matrix(effects.layers[f"near_{name}"]).indptr) for name in NAMES.values())
    return pd.DataFrame(
        {
            "llr_plus": obs["plus"],
            "llr_minus": obs["minus"],
            "llr": (obs["plus"] + obs["minus"]) / 2,
            "llr_flank": sum(flank) / 2,
            # in standard deviations of random changes of its kind, length and GC
            "llr_fair": (
                (comparable(effects.obs, described) - effects.obs["null_mean"].to_numpy())
                / effects.obs["null_sd"].to_numpy()
            ),
            **{n: effects.obs[n].to_numpy() for n in ("null_mean", "null_sd")},
            "null_n": effects.obs["null_n"].to_numpy().astype(np.int64),
            "delta_norm": (sum(norms) / 2).astype(float),
            "n_changed": np.asarray(changed, dtype=np.int64),
        }
    )
