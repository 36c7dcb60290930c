"""Packs the dictionary of a run for others: half-precision weights, names, replication, seed match, what it was
trained on.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51 import __version__
from photo51.activations.splits import split_rows, training_rows
from photo51.activations.store import ActivationStore
from photo51.config.base import parse
from photo51.config.paths import read_configuration
from photo51.config.run import Config
from photo51.config.sae import SaeParams
from photo51.genome.axis.genomes import Genomes
from photo51.io import Provenance, atomic, read_table, sha256, write_json, write_table
from photo51.io.contracts.enrichment import NAMES, REPLICATION
from photo51.io.contracts.quicklook import SEED_MATCH, TYPICAL
from photo51.io.tensors import write_tensors
from photo51.model.families.adapters import DnaModel
from photo51.quicklook.card import OWN, card
from photo51.quicklook.files import check_replaceable
from photo51.quicklook.reading import CONTEXT, read_piece
from photo51.quicklook.shelf import ABOUT
from photo51.quicklook.source import Piece
from photo51.quicklook.windows import FEWEST, SIZE, summarise, usual
from photo51.sae.dictionary import CARD, WEIGHTS, Dictionary, SparseAutoencoder
from photo51.sae.quality.measures import measure_quality
from photo51.sae.quality.stability import SAME, found_again, seed_match_shares
from photo51.sae.rules import Gate
from photo51.sae.training.train import differing, fit_once
from photo51.shipped import shipped_folder
from photo51.types import InputError

log = logging.getLogger(__name__)
ROWS = 40_000  # held-out bases on which activations of seeds are correlated
LONGEST = 4_096  # bases of each place that is read for the typical windows
LARGEST = 10_000_000  # bytes of all files
WRITTEN = {
    "ledger.parquet",  # as replication.parquet was called before: it is replaced
    ABOUT,
    WEIGHTS,
    CARD,
    "README.md",
    *(f"{n}.parquet" for n in ("names", "replication", "features", "typical")),
}


class Shipped(NamedTuple):
    """What was packed.

    Attributes
    ----------
    folder
        Where it lies.
    about
        What `about.json` holds.
    """

    folder: Path
    about: dict[str, Any]


def ship(run: Path, out: Path, model: DnaModel, *, seeds: int = 2, places: int = 4) -> Shipped:
    """Pack the dictionary of a finished run.

    Parameters
    ----------
    run
        Folder of a run with `names.parquet`, `replication.parquet`, `features.h5ad` and its stored activations.
    out
        Folder to write; replaced as a whole.
    model
        The model of the run.
    seeds
        Dictionaries of further seeds to train on the same bases with the same parameters, beside those the run has.
    places
        Places of each genome read for the typical windows.

    Raises
    ------
    InputError
        Where the run lacks something, naming what makes it, where `out` holds other files than an earlier shipped
        dictionary, and where the files exceed 10 MB.
    """
    out = out.resolve()  # where it is a link, its target is replaced
    check_replaceable(out, ABOUT, '"origin"', WRITTEN, "ship-dictionary")
    _check(run)
    config, genomes = read_configuration(run / "config.yaml"), Genomes.open(run / "genome")
    main = Dictionary.load(run / "sae" / "main")
    if not isinstance(main, SparseAutoencoder):
        raise InputError(f"{run / 'sae' / 'main'}: need a sparse autoencoder, got a dictionary of kind {main.kind}")
    _check_made(run, config, main)
    small = halved(main)
    store = ActivationStore(run / "activations" / "model" / config.activations.sites[0])
    held_out = split_rows(store, run / "genome", "test")
    others = _others(run, config, store, seeds)
    x = held_out.sample(ROWS, seed=config.sae.seed)
    names, replication = read_table(run / "names.parquet", NAMES), read_table(run / "replication.parquet", REPLICATION)
    features = _features(run, found_again(small, others, x))
    quality = measure_quality(small, held_out)
    typical = _typical(model, small, genomes, places, config.seed)
    about = {
        "model": small.origin.model_name,
        "origin": small.origin.dump(),
        "photo51": __version__,
        "run": {
            "name": config.run,
            "config": _configuration(config),
            "before": [_configuration(read_configuration(Path(other) / "config.yaml")) for other in config.train_with],
        },
        "n_features": small.n_features,
        "sae": config.sae.model_dump(mode="json"),
        "quality": {
            "split": "test",
            "rows": held_out.n_rows,
            "variance_explained": quality.variance_explained,
            "rounding": _rounding(main, small, x),
            "l0": quality.l0,
            "dead": float(np.mean(features["density"] == 0)),
        },
        "seed_match": seed_matches(features, names) | {"seeds": sorted(others), "rows": len(x), "same": SAME},
        "names": _named(names, replication),
        "trained_on": _scored(genomes),
        "trained_with": [row for other in config.train_with for row in _scored(Genomes(Path(other) / "genome"))],
        "windows": {"size": SIZE, "n": len(usual(typical))},
    }
    lineage = Provenance(
        stage="ship-dictionary",
        params={"run": config.run, "seeds": seeds, "places": places},
        inputs={"names": sha256(run / "names.parquet")},
    )
    with atomic(out) as partial:
        partial.mkdir()
        _write_weights(small, partial)
        write_table(names, partial / "names.parquet", NAMES, lineage)
        write_table(replication, partial / "replication.parquet", REPLICATION, lineage)
        write_table(features, partial / "features.parquet", SEED_MATCH, lineage)
        write_table(typical, partial / "typical.parquet", TYPICAL, lineage)
        write_json(about, partial / ABOUT)
        (partial / "README.md").write_text(card(about, names, features), encoding="utf-8")
        size = sum(p.stat().st_size for p in partial.iterdir())
        if size > LARGEST:
            raise InputError(f"{out}: need at most {LARGEST / 1e6:.0f} MB, got {size / 1e6:.1f}; use fewer features")
    log.info("%s: %.1f MB", out, size / 1e6)
    return Shipped(out, about)


def _configuration(config: Config) -> str:
    """The shipped configuration that a run of this name and dictionary is by, or the user's `config.yaml`."""
    folder = shipped_folder()
    for path in sorted(folder.glob("config/**/*.yaml")):
        stated = parse(Config, str(path)) if not path.name.startswith("pretrain") else None
        if stated is not None and (stated.run, stated.sae) == (config.run, config.sae):
            return path.relative_to(folder).as_posix()
    return OWN


def _check(run: Path) -> None:
    for name, maker in (
        ("config.yaml", "run"),
        ("names.parquet", "names"),
        ("replication.parquet", "replication"),
        ("features.h5ad", "features"),
        ("sae/main/sae.safetensors", "train-sae"),
        ("activations/model", "activations"),
    ):
        if not (run / name).exists():
            raise InputError(
                f"{run}: need {name} of a finished run (`photo51 {maker}` makes it; `keep_activations: true` keeps"
                " activations), got none"
            )


def _check_made(run: Path, config: Config, main: SparseAutoencoder) -> None:
    """Refuse a dictionary that the run's configuration did not make, and tables that are of another one."""
    if config.pretrained_sae is not None:
        raise InputError(f"{run}: need a dictionary that this run trained, got {config.pretrained_sae}")
    _check_recipe(run / "sae" / "main", main, config, config.sae.seed)
    import anndata as ad

    directions = ad.read_h5ad(run / "features.h5ad").X
    if directions is None or not np.array_equal(np.asarray(directions), main.decoder):
        raise InputError(
            f"{run / 'features.h5ad'}: need the features of {run / 'sae' / 'main'}, got those of another dictionary;"
            " `photo51 run` makes them again, and the names after them"
        )


def _check_recipe(folder: Path, sae: Dictionary, config: Config, seed: int | None = None) -> None:
    """Refuse a dictionary of another recipe than the configuration's; the seed is any where None."""
    made = sae.card.get("params", {})
    params = config.sae.model_copy(update={"seed": made.get("seed") if seed is None else seed})
    if differ := differing(made, params):
        raise InputError(
            f"{folder}: need the dictionary of the run's configuration, got one with {differ[0]}"
            f" {made.get(differ[0])} ({getattr(params, differ[0])} there)"
        )
    asked = [Path(run).resolve() for run in config.train_with]
    if "train_with" not in sae.card and asked:
        log.warning("%s does not say which other runs it learnt from: those of the configuration are stated", folder)
    elif [Path(run).resolve() for run in sae.card.get("train_with", [])] != asked:
        raise InputError(
            f"{folder}: need a dictionary that learnt from the runs of its configuration"
            f" ({', '.join(config.train_with) or 'none'}), got {', '.join(sae.card['train_with'])}"
        )


def halved(sae: SparseAutoencoder) -> SparseAutoencoder:
    """The same dictionary with its weights rounded to half precision; thresholds stay as they are.

    Raises
    ------
    InputError
        For weights that half precision cannot hold.
    """
    weights: dict[str, NDArray[np.float32]] = {}
    for name in ("encoder", "decoder", "bias", "centre", "offset"):
        with np.errstate(over="ignore"):
            rounded = getattr(sae, name).astype(np.float16)
        if not np.isfinite(rounded).all():
            raise InputError(
                f"dictionary {sae.hash}: need {name} within 65,504 for half precision, got"
                f" {np.abs(getattr(sae, name)).max():g}"
            )
        weights[name] = rounded.astype(np.float32)
    return SparseAutoencoder(weights, Gate(sae.gate.k, sae.gate.threshold), sae.origin, sae.card)


def _rounding(whole: Dictionary, small: Dictionary, x: NDArray[np.float32]) -> float:
    """Root mean square change of reconstructions by half precision, as a share of the activations' spread."""
    part = x[:8_192]
    change = whole.decode(whole.encode(part)) - small.decode(small.encode(part))
    return float(np.sqrt(np.square(change).mean(dtype=np.float64) / part.var(axis=0, dtype=np.float64).mean()))


def _write_weights(sae: SparseAutoencoder, folder: Path) -> None:
    arrays = {name: a if name in {"k", "threshold"} else a.astype(np.float16) for name, a in sae.arrays().items()}
    header = {"kind": sae.kind, "hash": sae.hash, **sae.origin.header()}
    write_tensors(folder / WEIGHTS, arrays, header)
    write_json({"kind": sae.kind, "hash": sae.hash, "origin": sae.origin.dump(), **sae.card}, folder / CARD)


def _others(run: Path, config: Config, store: ActivationStore, seeds: int) -> dict[str, Dictionary]:
    """Dictionaries of other seeds: those of the run, and `seeds` more, trained now with the run's parameters."""
    out: dict[str, Dictionary] = {}
    if (run / "sae" / "seed1" / WEIGHTS).is_file():
        out["seed1"] = Dictionary.load(run / "sae" / "seed1")
        _check_recipe(run / "sae" / "seed1", out["seed1"], config)
    held_out = None
    if config.sae.consensus > 1:  # as `train-sae` matches members
        held_out = split_rows(store, run / "genome", "select").shared_sample(config.sae.sample)
    for i in range(2, 2 + seeds):
        folder = run / "sae" / f"seed{i}"
        params: SaeParams = config.sae.model_copy(update={"seed": config.sae.seed + i})
        rows = training_rows(store, run / "genome", config.train_with, seed=params.seed)
        out[f"seed{i}"] = fit_once(rows, params, folder, held_out)
    if not out:
        raise InputError(
            f"{run}: need a dictionary of another seed (`controls: [seed1]`, or --seeds 1 or more), got none"
        )
    return out


def _features(run: Path, match: pd.DataFrame) -> pd.DataFrame:
    import anndata as ad

    obs = ad.read_h5ad(run / "features.h5ad").obs
    by_feature = obs.set_index("feature")
    by_feature = by_feature.reindex(match["feature"])
    table = match.assign(
        density=by_feature["density"].fillna(0.0).to_numpy(np.float64),
        maximum=by_feature["maximum"].fillna(0.0).to_numpy(np.float64),
        q50=by_feature["q50"].to_numpy(np.float64),
        q99=by_feature["q99"].to_numpy(np.float64),
    )
    return SEED_MATCH.check(table[list(SEED_MATCH.columns)])


def seed_matches(features: pd.DataFrame, names: pd.DataFrame) -> dict[str, Any]:
    """Mean share of other seeds in which live features, and named ones, are found again.

    Parameters
    ----------
    features
        Contract `SEED_MATCH`.
    names
        Contract `NAMES`.
    """
    live = features[features["live"]]
    named = features[features["feature"].isin(names.loc[names["named"], "feature"])]

    return {
        **seed_match_shares(features, set(named["feature"])),
        "n_live": len(live),
        "n_named": len(named),
        "found_by_any": float((live["match"] > 0).mean()) if len(live) else None,
    }


def _named(names: pd.DataFrame, replication: pd.DataFrame) -> dict[str, Any]:
    named = names[names["named"]]
    checks = replication[(replication["reason"] == "checked")].merge(named[["feature", "annotation", "strand"]])
    by_check = checks.groupby("check")["survives"].agg(["sum", "size"])
    return {
        "named": len(named),
        "strong": int((named["grade"] == "strong").sum()),
        "annotations": int(named["annotation"].nunique()),
        "checks": {str(c): {"held": int(r["sum"]), "made": int(r["size"])} for c, r in by_check.iterrows()},
    }


def _scored(genomes: Genomes) -> list[dict[str, Any]]:
    """Each contig with what of it was scored, how much of that was for training, and the hash of its sequence."""
    workspace = genomes.workspace()
    table = workspace.table.assign(size=workspace.table["end"] - workspace.table["start"])
    sizes = table.groupby(["genome", "chrom", "split"])["size"].sum()
    rows = []
    for c in genomes.sequences.to_dict("records"):
        of_contig = sizes.loc[c["genome"], c["chrom"]].to_dict() if (c["genome"], c["chrom"]) in sizes.index else {}
        rows.append(
            {
                "genome": c["genome"],
                "contig": c["chrom"],
                "sha256": c["sha256"],
                "scored": int(sum(of_contig.values())),
                "train": int(of_contig.get("train", 0)),
            }
        )
    return rows


def _typical(model: DnaModel, sae: Dictionary, genomes: Genomes, places: int, seed: int) -> pd.DataFrame:
    """Windows of scored intervals of every genome, read as `photo51 read` does, with the bases around them and alone
    (contract `TYPICAL`).
    """
    rng = np.random.default_rng([seed, 17])
    table, codes = genomes.workspace().table, _codes(genomes)
    parts = []
    for genome, rows in table.groupby("genome", sort=True):
        lines = rows.to_dict("records")
        for i in rng.permutation(len(lines))[:places].tolist():
            line: Mapping[str, Any] = lines[i]
            length = min(LONGEST, line["end"] - line["start"])
            start = int(line["start"] + rng.integers(0, line["end"] - line["start"] - length + 1))
            piece = _piece(genomes, str(genome), line["chrom"], start, start + length, codes)
            read = read_piece(model, sae, piece)
            of_place = [summarise(read, start, size) for size in (SIZE, FEWEST)]
            # the same bases as sequences that begin and end there
            nothing = piece.before[:0]
            for size in (SIZE, FEWEST):
                for a in range(0, length - size + 1, SIZE):
                    alone = piece._replace(start=start + a, ids=piece.ids[a : a + size], before=nothing, after=nothing)
                    of_place.append(summarise(read_piece(model, sae, alone), alone.start, size))
            parts += [s.assign(genome=genome, chrom=line["chrom"], split=line["split"]) for s in of_place]
    return TYPICAL.check(pd.concat(parts, ignore_index=True)[list(TYPICAL.columns)])


def _codes(genomes: Genomes) -> dict[tuple[str, str], int]:
    table = genomes.contigs
    return {(g, c): int(k) for g, c, k in zip(table["genome"], table["chrom"], table["genetic_code"], strict=True)}


def _piece(
    genomes: Genomes, genome: str, chrom: str, start: int, end: int, codes: Mapping[tuple[str, str], int]
) -> Piece:
    n, circular = genomes.length(genome, chrom), genomes.is_circular(genome, chrom)
    first, last = max(0, start - CONTEXT), min(n, end + CONTEXT)
    return Piece(
        chrom,
        start,
        genomes.sequence(genome, chrom, start, end),
        genomes.sequence(genome, chrom, first, start),
        genomes.sequence(genome, chrom, end, last),
        n,
        circular,
        codes.get((genome, chrom), 11),
    )
