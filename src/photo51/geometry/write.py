"""Tables and figures of the stage, written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from photo51 import theme
from photo51.config.geometry import GeometryParams
from photo51.geometry.controls.evidence import Bench
from photo51.geometry.controls.positive_controls import run_positive_controls
from photo51.geometry.controls.readout import thinned
from photo51.geometry.meaning.biology import Quantity
from photo51.geometry.shapes import plots
from photo51.geometry.shapes.topology import persistence
from photo51.geometry.stage import GeometryInputs, Made
from photo51.io import Provenance, write_h5ad, write_table
from photo51.io.contracts.geometry import MANIFOLDS, MEANING, POINTS, POSITIVE_CONTROLS
from photo51.io.files import atomic


def write_all(
    result: Made, inputs: GeometryInputs, bench: Bench, params: GeometryParams, out: Path, by: Provenance
) -> None:
    """Tables in `out`, figures in `out/geometry`."""
    if (bench.annotations["kind"] == "CDS").any():
        result.graph.obsm["X_frame"] = bench.frame.plane
    write_tables(result, out, by)
    positive_controls = write_positive_controls(bench, out, by)
    meanings = set(result.manifolds["meaning"])
    quantity_of = {q.name: q for q in inputs.quantities(params) if q.name in meanings}
    write_figures(result, bench, positive_controls, quantity_of, params, out / "geometry")


def write_tables(result: Made, out: Path, by: Provenance) -> None:
    """`geometry.h5ad`, `manifolds.parquet`, `coordinates.parquet`, `manifold_points.parquet`."""
    write_table(result.manifolds, out / "manifolds.parquet", MANIFOLDS, by)
    write_table(result.coordinates, out / "coordinates.parquet", MEANING, by)
    write_table(result.points, out / "manifold_points.parquet", POINTS, by)
    write_h5ad(result.graph, out / "geometry.h5ad", by)


def write_positive_controls(bench: Bench, out: Path, by: Provenance) -> pd.DataFrame:
    """`positive_controls.parquet`."""
    table = run_positive_controls(bench)
    write_table(table, out / "positive_controls.parquet", POSITIVE_CONTROLS, by)
    return table


def write_figures(
    result: Made,
    bench: Bench,
    positive_controls: pd.DataFrame,
    quantity_of: dict[str, Quantity],
    params: GeometryParams,
    out: Path,
) -> None:
    """SVG figures in a folder that holds nothing else: those for which there is something to show."""
    with atomic(out) as folder, theme.style():
        folder.mkdir()
        save = _saver(folder)
        if "X_umap" in result.graph.obsm:
            figure, ax = plt.subplots(figsize=(theme.WIDTH_2 * 0.75, 4.4))
            plots.feature_map_plot(ax, result.graph, result.manifolds)
            save(figure, "map")
        if result.geometry.clusters:
            figure, ax = plt.subplots(figsize=(theme.WIDTH_2 * 0.62, 4.4))
            image = plots.couplings(ax, result.graph, result.geometry)
            figure.colorbar(image, ax=ax, shrink=0.6)
            save(figure, "couplings")
        for place, number in enumerate(convincing(result.manifolds, 3), start=1):
            _manifold(result, quantity_of, number, params, save, place)
        if (positive_controls["verdict"] != "not tested").any():
            n = int((positive_controls["verdict"] != "not tested").sum())
            figure, ax = plt.subplots(figsize=(theme.WIDTH_2 * 0.7, 1.2 + 0.45 * n))
            plots.positive_control_bars(ax, positive_controls)
            save(figure, "positive_controls")
        _frame(bench, positive_controls, save)


def convincing(manifolds: pd.DataFrame, n: int) -> list[int]:
    """Numbers of the manifolds to show: those whose coordinate means most beyond k-mers, then those with the surest
    shape.
    """
    manifolds_found = manifolds[manifolds["manifold"] & (manifolds["coordinate"] != "none")]
    effect = manifolds_found["meaning_effect"].fillna(0.0) - manifolds_found["meaning_kmer"].fillna(0.0).clip(lower=0.0)
    rank = manifolds_found.assign(effect=effect)
    rank = rank.sort_values(["effect", "agreement", "n_features"], ascending=False, kind="stable")
    return [int(c) for c in rank["cluster"].head(n)]


def _manifold(
    result: Made,
    quantity_of: dict[str, Quantity],
    number: int,
    params: GeometryParams,
    save: Callable[[Figure, str], None],
    place: int,
) -> None:
    row = result.manifolds[result.manifolds["cluster"] == number].iloc[0]
    cluster = result.geometry.clusters[number]
    points = result.points[result.points["cluster"] == number]
    figure, axes = plt.subplots(1, 3, figsize=(theme.WIDTH_2 * 1.25, 2.9), width_ratios=(1.25, 1, 0.9))
    strand = (points["strand"] == "-").to_numpy().astype(int)
    quantity = quantity_of.get(str(row["meaning"]))
    values = np.full(len(points), np.nan)
    if quantity is not None:
        values = quantity.values[strand, points["row"].to_numpy()]
    plots.embedded(
        axes[0], points, values, quantity.kind if quantity else "linear", plots.quantity_words(str(row["meaning"]))
    )
    axes[0].set_title(f"Manifold {number}: {row['shape']} of {row['n_features']} features")
    plots.place_fields(axes[1], cluster, result.geometry.usable.features)
    axes[1].set_title(_meaning(row))
    rng = np.random.default_rng([params.seed, 9, number])
    h = persistence(cluster.cloud.x, rng, n_landmarks=params.landmarks, cavities=cluster.cloud.x.shape[1] >= 3)
    plots.barcode(axes[2], cluster, h.bars)
    axes[2].set_title(str(row["why"]), fontsize=7)
    save(figure, f"manifold_{place}")


def _meaning(row: pd.Series) -> str:
    if not row["meaning"] or not row["meaning_effect"] > 0:
        return "follows nothing that was chosen"
    return (
        f"{plots.quantity_words(row['meaning'])}: R² {row['meaning_effect']:.2f}\n(6-mers {row['meaning_kmer']:.2f}),"
        " held out"
    )


def _frame(bench: Bench, positive_controls: pd.DataFrame, save: Callable[[Figure, str], None]) -> None:
    row = positive_controls.set_index("control").loc["codon_phase"]
    if row["verdict"] == "not tested":
        return
    phase = bench.phase
    scored = np.flatnonzero(~bench.find & np.isfinite(phase))
    sample = thinned(scored, 4000)
    figure, ax = plt.subplots(figsize=(3.8, 3.8))
    plots.frame_plane(ax, bench.frame.place[sample], phase[sample])
    ax.set_title(
        f"Codon phase: accuracy {row['score']:.2f}, 6-mers {row['baseline']:.2f}\n({row['verdict']}; {len(scored):,}"
        " held-out bases)"
    )
    save(figure, "codon_phase")


def _saver(folder: Path) -> Callable[[Figure, str], None]:
    def save(figure: Figure, name: str) -> None:
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        theme.close(figure)

    return save
