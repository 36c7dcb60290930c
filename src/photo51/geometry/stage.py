"""The geometry of a run: manifolds, what their coordinates mean, the feature graph."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import NamedTuple

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.codes import CodesStore
from photo51.config.geometry import GeometryParams
from photo51.genome.axis.genomes import Genomes
from photo51.genome.axis.workspace import Workspace
from photo51.geometry.controls.evidence import Bench
from photo51.geometry.meaning.biology import Quantity, quantities, read_kmers
from photo51.geometry.meaning.correlates import Baselines, Placing, meaning_table
from photo51.geometry.meaning.direct import RawActivations, at_same_tokens, in_subspaces, of_baseline, raw_activations
from photo51.geometry.relations.tokens import Tokens
from photo51.geometry.shapes.embed import feature_graph
from photo51.geometry.shapes.manifolds import Geometry, find_manifolds, first_half, held_out_tokens
from photo51.geometry.shapes.points import Missed
from photo51.geometry.shapes.tables import manifold_table, points_table
from photo51.types import InputError

log = logging.getLogger(__name__)
KMER = 6


class GeometryInputs(NamedTuple):
    """What the stage reads: genomes, the axis, codes, and `features.h5ad`, whose `X` is the decoder."""

    genomes: Genomes
    workspace: Workspace
    store: CodesStore
    features: ad.AnnData

    @property
    def decoder(self) -> NDArray[np.float32]:
        """(features, d_model)."""
        return np.asarray(self.features.X, np.float32)

    def check(self) -> None:
        """Make sure that codes and features are of one dictionary.

        Raises
        ------
        InputError
            Naming both widths.
        """
        if self.features.n_obs != self.store.n_features:
            raise InputError(
                f"features: need the {self.store.n_features} features of {self.store.folder}, got {self.features.n_obs}"
            )

    def quantities(self, params: GeometryParams) -> Iterator[Quantity]:
        """What coordinates are tested against."""
        annotations = self.genomes.annotations()
        return quantities(self.genomes, self.workspace, annotations, params.gc_windows, params.annotations)


class Made(NamedTuple):
    """What the stage makes: the geometry, the feature graph, and tables."""

    geometry: Geometry
    graph: ad.AnnData
    manifolds: pd.DataFrame
    points: pd.DataFrame
    coordinates: pd.DataFrame


class Random(NamedTuple):
    """The random-weight model: its codes at the same tokens, and its decoder (None: only the controls use it)."""

    tokens: Tokens
    decoder: NDArray[np.float32] | None = None


def run_geometry(
    inputs: GeometryInputs,
    tokens: Tokens,
    params: GeometryParams,
    missed: Missed | None = None,
    random: Random | None = None,
) -> Made:
    """Everything but the positive controls.

    Parameters
    ----------
    tokens
        From `read_tokens` of the same store.
    missed
        What the dictionary missed of some of the tokens (activation − reconstruction).
    random
        Its manifolds are held against those of the model.
    """
    g = find_manifolds(tokens, inputs.decoder, params, missed)
    log.info("geometry: %s, %d clusters, %d manifolds", g.result, len(g.clusters), g.n_manifolds)
    meanings = coordinate_table(inputs, g, params, baselines_of(inputs, g, (tokens, missed), random, params))
    graph = feature_graph(inputs.features, g, params.seed)
    table = named_quantities(manifold_table(g), meanings)
    return Made(g, graph, table, with_positions(points_table(g, params.shown), inputs.workspace), meanings)


def baselines_of(
    inputs: GeometryInputs,
    g: Geometry,
    read: tuple[Tokens, Missed | None],
    random: Random | None,
    params: GeometryParams,
) -> Baselines:
    """Manifolds of the random-weight model, and direct recovery from raw activations, where they are at hand."""
    tokens, missed = read
    other = None
    if random is not None and random.decoder is not None:
        other = of_baseline(random.tokens, random.decoder, params)
        log.info("random weights: %d clusters as baselines", len(other))
    if missed is None or not g.clusters:
        return Baselines(other)
    raw = raw_activations(tokens, inputs.decoder, missed)
    if params.held_out:
        raw = RawActivations(*held_out_tokens(tokens, *raw))
    # as many dimensions as a cluster typically has
    k = int(np.median([len(c.cloud.axes) for c in g.clusters]))
    groups = in_subspaces(g.tokens, raw, len(g.clusters), max(1, k), params.seed)
    return Baselines(other, at_same_tokens(g, raw, params.seed), groups)


def bench_of(
    inputs: GeometryInputs,
    tokens: Tokens,
    random: Random | None,
    params: GeometryParams,
    panel: ad.AnnData | None = None,
) -> Bench:
    """What the positive controls see; codes of the random-weight model are of the same tokens."""
    w = inputs.workspace
    other = None if random is None else random.tokens.codes
    kmers = read_kmers(inputs.genomes, w, params.positive_controls.k)[tokens.strand, tokens.row]
    annotations = inputs.genomes.annotations()
    # every other block, as candidates are found
    find = first_half(tokens.block)
    return Bench(inputs.genomes, w, annotations, tokens, other, kmers, find, params.positive_controls, panel)


def placings(g: Geometry) -> list[Placing]:
    """Tokens of every cluster that has a coordinate."""
    out = []
    for number, c in enumerate(g.clusters):
        t = c.coordinate()
        ok = np.isfinite(t)
        token = c.activity.token[ok]
        if len(token):
            block, strand = g.tokens.block[token], g.tokens.strand[token].astype(np.int64)
            out.append(Placing(number, c.verdict.shape, g.tokens.row[token], strand, block, t[ok]))
    return out


def coordinate_table(
    inputs: GeometryInputs, g: Geometry, params: GeometryParams, baselines: Baselines | None = None
) -> pd.DataFrame:
    """`MEANING` table: every coordinate against everything that is known of the genomes."""
    w = inputs.workspace
    settings = (params.rotations, params.seed, KMER, params.meaning_tokens, params.alpha)
    kmers = read_kmers(inputs.genomes, w, KMER)
    return meaning_table(placings(g), inputs.quantities(params), kmers, w.block_bounds, settings, baselines)


def named_quantities(table: pd.DataFrame, meanings: pd.DataFrame) -> pd.DataFrame:
    """The manifolds table with `label`, and the quantity that each coordinate follows."""
    out = table.copy()
    out["label"] = ["manifold" if m else str(s) for m, s in zip(table["manifold"], table["shape"], strict=True)]
    best = meanings[meanings["followed"]].set_index("cluster")
    out["meaning"] = [str(best["quantity"].get(c, "")) for c in table["cluster"]]
    out["meaning_effect"] = [float(best["effect"].get(c, np.nan)) for c in table["cluster"]]
    out["meaning_kmer"] = [float(best["effect_kmer"].get(c, np.nan)) for c in table["cluster"]]
    out["meaning_q"] = [float(best["q"].get(c, np.nan)) for c in table["cluster"]]
    return out


def with_positions(points: pd.DataFrame, workspace: Workspace) -> pd.DataFrame:
    """Points with genome, contig and position."""
    if points.empty:
        return points
    spots = workspace.locate(points["row"].to_numpy())
    segment = workspace.table.iloc[spots.segment]
    out = points.copy()
    out["genome"], out["chrom"] = segment["genome"].to_numpy(), segment["chrom"].to_numpy()
    out["position"] = spots.position
    return out
