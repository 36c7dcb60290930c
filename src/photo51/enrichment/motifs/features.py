"""Shapes, logos and boundary profiles of features."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.config.enrichment import MotifParams
from photo51.enrichment.annotations.classes import AnnotationClass
from photo51.enrichment.annotations.profiles import boundary_rows, profile
from photo51.enrichment.annotations.readout import Readout
from photo51.enrichment.motifs.logos import Logo, background, best_shifts, consensus, logo_of
from photo51.enrichment.motifs.shapes import shape_of
from photo51.enrichment.motifs.windows import Peaks, distinct, sequences, strongest_rows
from photo51.io.contracts.enrichment import LOGOS, PROFILES, SHAPES
from photo51.stats.rotation import Orientation

_MIN_WINDOWS = 10


class Aligned(NamedTuple):
    """A feature's logo, and of how many windows it was not made because they are copies."""

    logo: Logo
    n_redundant: int


class Gallery:
    """What features look like, over one sequence.

    Parameters
    ----------
    bases
        Forward-strand codes 0..3, 4 for anything else, (n_rows,).
    segments
        Row bounds of the workspace's segments.
    genes
        row_start, row_end, strand of genes, (n, 3).
    params
        Parameters of the stage.
    """

    def __init__(
        self,
        bases: NDArray[np.uint8],
        segments: NDArray[np.int64],
        genes: NDArray[np.int64],
        params: MotifParams,
    ):
        self.bases, self.segments, self.genes, self.params = bases, segments, genes, params
        self.background = background(bases)
        self._null: dict[int, float] = {}

    def peaks(self, rows: NDArray[np.integer], values: NDArray[np.floating]) -> Peaks:
        """The strongest places of a column."""
        p = self.params
        return strongest_rows(rows, values, len(self.bases), count=p.windows, apart=p.apart)

    def logo(self, rows: NDArray[np.int64]) -> Aligned:
        """Logo of the windows at rows: copies counted once, the rest lined up."""
        p = self.params
        # `shift` bases more on either side, for lining up
        wide = sequences(self.bases, self.segments, rows, p.upstream + p.shift, p.downstream + p.shift)
        unlike = wide[distinct(wide, p.same)]
        shifts = best_shifts(unlike, self.background, p.shift)
        width = p.upstream + 1 + p.downstream
        # the window moves over the wider one
        lined = [w[p.shift + s : p.shift + s + width] for w, s in zip(unlike, shifts, strict=True)]
        return Aligned(logo_of(np.array(lined).reshape(-1, width), self.background), len(wide) - len(unlike))

    def null_information(self, n: int) -> float:
        """95th percentile of the information of logos of `n` random windows, lined up in the same way (bits)."""
        # to tens: nulls of a few sizes serve all features
        size = max(_MIN_WINDOWS, int(10 * round(n / 10)))
        if size not in self._null:
            rng = np.random.default_rng([self.params.seed, size])
            draws = [
                # anywhere on either strand
                self.logo(rng.integers(0, 2 * len(self.bases), size)).logo.information
                for _ in range(self.params.null_logos)
            ]
            self._null[size] = float(np.quantile(draws, 0.95))
        return self._null[size]


class Portraits(NamedTuple):
    """Tables of a chunk of features (contracts `SHAPES`, `LOGOS`)."""

    shapes: pd.DataFrame
    logos: pd.DataFrame


def portraits(gallery: Gallery, readout: Readout) -> Portraits:
    """Shape and logo of each feature."""
    shapes, logos = [], []
    n_rows = len(gallery.bases)
    for j, feature in enumerate(readout.ids.tolist()):
        entries = slice(readout.matrix.indptr[j], readout.matrix.indptr[j + 1])
        rows, values = readout.matrix.indices[entries].astype(np.int64), readout.matrix.data[entries]
        shape = shape_of(rows, n_rows, gallery.genes, segments=gallery.segments)
        aligned_windows = gallery.logo(gallery.peaks(rows, values).rows)
        enough = aligned_windows.logo.n >= _MIN_WINDOWS
        null = gallery.null_information(aligned_windows.logo.n) if enough else np.nan
        shown = enough and aligned_windows.logo.information > null
        shapes.append(
            {
                "feature": feature,
                **shape._asdict(),
                "n_windows": aligned_windows.logo.n,
                "n_redundant": aligned_windows.n_redundant,
                "information": aligned_windows.logo.information if enough else np.nan,
                "information_null": null,
                "consensus": consensus(aligned_windows.logo) if shown else "",
                "peak_offset": gallery.params.upstream,
            }
        )
        if enough:
            logos.append(_logo_rows(feature, aligned_windows.logo, gallery.params.upstream))
    return Portraits(
        SHAPES.check(pd.DataFrame(shapes)) if shapes else SHAPES.empty(),
        LOGOS.check(pd.concat(logos, ignore_index=True)) if logos else LOGOS.empty(),
    )


def _logo_rows(feature: int, drawn_logo: Logo, upstream: int) -> pd.DataFrame:
    table = pd.DataFrame(drawn_logo.shares, columns=list("ACGT"))
    offset = np.arange(len(table), dtype=np.int64) - upstream
    return table.assign(feature=feature, offset=offset, bits=drawn_logo.bits, n=drawn_logo.n)


def informative(logos: pd.DataFrame, shapes: pd.DataFrame, least_bits: float = 0.25) -> dict[int, NDArray[np.float64]]:
    """Shares of the informative segment of each logo that is above its null, for comparison with known motifs."""
    above = set(shapes.loc[shapes["consensus"] != "", "feature"].tolist())
    out = {}
    for feature, group in logos[logos["feature"].isin(above)].groupby("feature", sort=True):
        by_offset = group.sort_values("offset")
        columns = np.flatnonzero(by_offset["bits"].to_numpy() >= least_bits)
        if len(columns):
            # from the first informative column to the last, what lies between included
            shares = by_offset[list("ACGT")].to_numpy(dtype=np.float64)
            out[int(str(feature))] = shares[columns[0] : columns[-1] + 1]
    return out


def profiles(
    readout: Readout,
    boundaries: dict[int, list[tuple[AnnotationClass, Orientation]]],
    segments: NDArray[np.int64],
    reach: int,
) -> pd.DataFrame:
    """Mean activation around the starts and ends of intervals (contract `PROFILES`).

    Parameters
    ----------
    boundaries
        Feature → classes with the way they are read.
    """
    n_rows = int(segments[-1])
    parts = []
    for j, feature in enumerate(readout.ids.tolist()):
        entries = slice(readout.matrix.indptr[j], readout.matrix.indptr[j + 1])
        rows, values = readout.matrix.indices[entries].astype(np.int64), readout.matrix.data[entries]
        for c, orientation in boundaries.get(feature, []):
            for boundary in ("start", "end"):
                places = boundary_rows(c.intervals, orientation, n_rows, boundary)
                parts.append(
                    pd.DataFrame(
                        {
                            "feature": feature,
                            "annotation": c.name,
                            "strand": orientation,
                            "boundary": boundary,
                            "offset": np.arange(-reach, reach + 1),
                            "activation": profile(rows, values, places, segments, reach),
                            "expected": float(values.sum() / (2 * n_rows)),
                            "n": len(places),
                        }
                    )
                )
    return PROFILES.check(pd.concat(parts, ignore_index=True)) if parts else PROFILES.empty()
