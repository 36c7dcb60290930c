"""A finished run in the hands of its reader: features, tables, groups of features, codes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from photo51.config.report import AtlasParams
from photo51.report.elements import feature_text
from photo51.run.feature import FeatureFacts, feature_facts
from photo51.run.opened import Run
from photo51.run.sources import SOURCES
from photo51.run.summary import feature_summary
from photo51.types import STRANDS, InputError, Interval, feature_number

if TYPE_CHECKING:
    import anndata as ad
    from matplotlib.axes import Axes

    from photo51.genome.axis.genomes import Genomes
    from photo51.model.families.adapters import DnaModel
    from photo51.sae.dictionary import Dictionary

_MARKUP = re.compile(r"\[\[(\w+)(?:\|([^\]]+))?\]\]")


class Results:
    """A run's folder, opened by `photo51.open`.

    Attributes
    ----------
    folder, name
        The folder, and its name.

    Examples
    --------
    >>> run = photo51.open(RUN)
    >>> {"concepts", "enrichment", "names"} <= set(run.tables)
    True
    >>> bool(run.enrichment["q"].between(0, 1).any())
    True
    """

    def __init__(self, folder: Path | str, sae: str = ""):
        self._run = Run(folder, sae)
        self.folder, self.name = self._run.folder, self._run.name
        if not (self.folder / "features.h5ad").is_file():
            raise InputError(
                f"{self.folder}: need a run with features.h5ad, got none; `photo51 run` makes it, and resumes where it"
                " stopped"
            )

    def __repr__(self) -> str:
        """Name, features, scored bases."""
        return (
            f"<photo51 run {self.name}: {len(self.features):,} features, {self._run.places.workspace.n_rows:,} scored"
            " bases>"
        )

    # ---- features

    @cached_property
    def features(self) -> Features:
        """Features by number: `run.features[812]`, `run.features["f812"]`; `run.features.table` is one row a
        feature.
        """
        return Features(self._run)

    # ---- tables

    @property
    def tables(self) -> list[str]:
        """Names of the tables this run has."""
        return sorted(name for name in SOURCES if self._run.paths(name))

    def table(self, name: str) -> pd.DataFrame:
        """A table of the run; what a column means is in `.attrs["columns"]`.

        Parameters
        ----------
        name
            One of `tables`. Tables of several sets of variants, cohorts or experiments have a column `set`.

        Raises
        ------
        InputError
            For a name that is none, listing those there are; and for a table that was not made, saying what makes it.
        """
        if name not in SOURCES:
            raise InputError(f"table: need one of {', '.join(self.tables)}, got {name!r}")
        out = self._run.need(name).copy()
        spec = SOURCES[name].spec
        if spec is not None:
            out.attrs = {
                "about": spec.meaning,
                "columns": {c: column.meaning for c, column in spec.columns.items()},
            }
        return out

    @property
    def enrichment(self) -> pd.DataFrame:
        """Features against annotation classes, a pair a row."""
        return self.table("enrichment")

    @property
    def concepts(self) -> pd.DataFrame:
        """Annotation classes that features mark on held-out blocks, with thresholds, precision, recall, F1 and
        baselines.
        """
        return self.table("concepts")

    @property
    def findings(self) -> pd.DataFrame:
        """What the run claims, a row a claim: `claim`, `verdict` (yes, no, untested, described), `value`, `of`,
        `null`, `n`, `p`.

        Terms of the report's glossary are plain text here.

        Examples
        --------
        >>> findings = photo51.open(RUN).findings
        >>> {"claim", "verdict", "value", "of", "null", "n", "p"} <= set(findings.columns)
        True
        """
        out = self.table("findings")
        texts = ["claim", "value_text", "null_text", "n_text"]
        out[texts] = out[texts].map(_plain)
        return out

    # ---- what lies below

    @property
    def genomes(self) -> Genomes:
        """Contigs, bases, annotations, transcripts and windows."""
        return self._run.genomes

    @cached_property
    def codes(self) -> Codes:
        """Activations of every feature at every scored base."""
        return Codes(self._run)

    @cached_property
    def manifolds(self) -> dict[int, Manifold]:
        """Groups of features that are active together, by number; empty where the run has no geometry."""
        table = self._run.table("manifolds")
        if table is None:
            return {}
        return {int(c): Manifold(self._run, int(c)) for c in table["cluster"]}

    def load(self) -> tuple[DnaModel, Dictionary]:
        """Model and dictionary of the run (imports torch).

        Raises
        ------
        InputError
            Where the run does not say what model it read.
        """
        from photo51.api.reading import load_model, load_sae

        sae = load_sae(self.folder / "sae" / self._run.sae)
        return load_model(sae.origin.model_name), sae


def _plain(text: str) -> str:
    """A text without the marks of the report's glossary."""
    return _MARKUP.sub(lambda m: m[2] or m[1].replace("_", " "), str(text))


class Features:
    """The features of a run, by number."""

    def __init__(self, run: Run):
        self._run = run

    @cached_property
    def table(self) -> pd.DataFrame:
        """Every stage joined, one row a feature: statistics, name, novelty, shape of activation, causality, group.

        Examples
        --------
        >>> table = photo51.open(RUN).features.table
        >>> bool((table["density"] >= 0).all())
        True
        """
        return feature_summary(self._run)

    def __len__(self) -> int:
        return len(self._run.features)

    def __iter__(self) -> Iterator[FeatureView]:
        """Features that are active anywhere, by rising number."""
        return (self[int(i)] for i in self._run.live)

    def __getitem__(self, feature: int | str) -> FeatureView:
        """One feature, by number, as `812` or `"f812"`.

        Raises
        ------
        InputError
            For a number that the dictionary does not have, naming the nearest.
        """
        return FeatureView(self._run, self._run.check(feature_number(feature)))


class FeatureView:
    """One feature of a run.

    Attributes
    ----------
    number
        Its number in the dictionary.

    Examples
    --------
    >>> run = photo51.open(RUN)
    >>> feature = next(iter(run.features))
    >>> feature.loci.columns[:4].tolist()
    ['genome', 'chrom', 'position', 'strand']
    """

    def __init__(self, run: Run, number: int):
        self._run, self.number = run, number

    def __repr__(self) -> str:
        """Number and name."""
        return f"<feature {self.number}: {self.name or 'no name'}>"

    @cached_property
    def _page(self) -> FeatureFacts:
        return feature_facts(self._run, self.number, AtlasParams())

    @property
    def name(self) -> str:
        """What it marks, or `like` what it agrees with no better than composition does; empty where it is like
        nothing.
        """
        return feature_text.feature_label(self._page.known)

    @property
    def sentence(self) -> str:
        """What is known of it, in a sentence or two."""
        return feature_text.sentence(self._page)

    @property
    def statistics(self) -> dict[str, Any]:
        """Density, runs, largest activation, and so on."""
        return {str(k): v for k, v in self._page.statistics.items()}

    @property
    def concepts(self) -> pd.DataFrame:
        """Annotation classes it was scored on, best first."""
        return self._page.known.concepts

    @property
    def enrichment(self) -> pd.DataFrame:
        """Its rows of the enrichment table, whatever their q."""
        return self._run.of("enrichment", self.number)

    @property
    def loci(self) -> pd.DataFrame:
        """Its top-activating windows: `position` is the strongest base, 0-based; `sequence` is read on `strand`."""
        rows = [
            (w.genome, w.chrom, w.position, w.strand, w.activation, w.gene, w.start, w.end, w.sequence)
            for w in self._page.windows
        ]
        columns = ["genome", "chrom", "position", "strand", "activation", "gene", "start", "end", "sequence"]
        return pd.DataFrame(rows, columns=columns)

    @property
    def logo(self) -> pd.DataFrame | None:
        """Letter heights (bits) by offset from the strongest base; None where the logo is not above its null."""
        logo = self._page.known.logo
        if logo is None:
            return None
        offsets = pd.RangeIndex(logo.first, logo.first + len(logo.heights), name="offset")
        return pd.DataFrame(logo.heights, index=offsets, columns=list("ACGT"))

    @property
    def manifold(self) -> int | None:
        """Number of the group of co-active features it belongs to; None where it belongs to none."""
        return self._page.known.manifold.get("manifold")

    @property
    def causality(self) -> dict[str, Any]:
        """What removing it and turning it up does to the model; empty where that was not measured."""
        return dict(self._page.known.causality)

    def at(self, genome: str, chrom: str, start: int, end: int) -> pd.DataFrame:
        """Activation at each base of `[start, end)` (0-based, half-open), on both strands.

        Returns
        -------
        Indexed by `position`, columns `base`, `+` and `-`; NaN where the run did not score the base.

        Raises
        ------
        InputError
            For an unknown contig, or bases outside it.
        """
        interval = Interval(chrom, start, end)
        length = self._run.genomes.length(genome, chrom)
        # positions of the index are of the contig: on a circle too, what lies over its origin is two intervals
        if not 0 <= start <= end <= length:
            raise InputError(f"{genome} {chrom}: need bases within 0..{length:,}, got {start:,}..{end:,}")
        bases = self._run.genomes.sequence(genome, chrom, start, end)
        levels = self._run.places.levels_over(self._page.column, genome, chrom, interval.start, interval.end)
        index = pd.RangeIndex(start, end, name="position")
        columns: dict[str, Any] = {"base": list(bases.tobytes().decode())}
        columns.update({str(strand): levels[strand] for strand in STRANDS})
        return pd.DataFrame(columns, index=index)

    @property
    def plot(self) -> FeaturePlots:
        """Figures of it, each drawn on an axis that is given."""
        return FeaturePlots(self)


class FeaturePlots:
    """Figures of one feature."""

    def __init__(self, feature: FeatureView):
        self._feature = feature

    def logo(self, ax: Axes) -> Axes:
        """Its sequence logo (bits); says so where there is none above its null."""
        heights = self._feature.logo
        if heights is None:
            ax.text(0.5, 0.5, "no logo above its null", ha="center", transform=ax.transAxes)
            return ax
        from matplotlib.patches import PathPatch
        from matplotlib.textpath import TextPath
        from matplotlib.transforms import Affine2D

        from photo51 import theme

        for offset, row in heights.iterrows():
            below = 0.0
            for letter, height in row.sort_values().items():
                if height > 0:
                    path = TextPath((0, 0), str(letter), size=1)
                    box = path.get_extents()
                    place = Affine2D().translate(-box.x0, -box.y0).scale(0.9 / box.width, height / box.height)
                    place = place.translate(float(str(offset)) - 0.45, below)
                    ax.add_patch(PathPatch(place.transform_path(path), fc=theme.BASES[str(letter)], lw=0))
                    below += height
        ax.set(
            xlim=(heights.index[0] - 0.6, heights.index[-1] + 0.6),
            ylim=(0, 2),
            xlabel="offset (bases)",
            ylabel="bits",
        )
        return ax

    def track(self, ax: Axes, genome: str, chrom: str, start: int, end: int) -> Axes:
        """Its activation along an interval, strand + upwards and strand - downwards; gaps are bases that were not
        scored.
        """
        from photo51 import theme

        levels = self._feature.at(genome, chrom, start, end)
        for strand, sign in (("+", 1), ("-", -1)):
            ax.fill_between(levels.index + 0.5, sign * levels[strand], step="mid", color=theme.COLOURS[strand], lw=0)
        ax.set(xlim=(start, end), xlabel=f"{chrom}, 0-based position", ylabel="activation")
        return ax


class Manifold:
    """A group of features that are active together.

    Attributes
    ----------
    number
        Its number in the run.
    """

    def __init__(self, run: Run, number: int):
        self._run, self.number = run, number
        table = run.need("manifolds")
        self._row = table.loc[table["cluster"] == number].iloc[0]

    def __repr__(self) -> str:
        """Number, shape, size."""
        return f"<group {self.number}: {self.shape}, {len(self.features)} features>"

    @property
    def shape(self) -> str:
        """Shape that its points trace, or `cloud`, or why it cannot be told."""
        return str(self._row["shape"])

    @property
    def features(self) -> list[int]:
        """Numbers of its features."""
        return [int(f) for f in str(self._row["features"]).split(",") if f]

    @property
    def points(self) -> pd.DataFrame:
        """Bases on the group, with coordinates (rows of the table `points`)."""
        table = self._run.table("points")
        if table is None:
            return pd.DataFrame()
        return table[table["cluster"] == self.number].reset_index(drop=True)

    @property
    def meaning(self) -> pd.DataFrame:
        """What its coordinates follow, beyond circular shifts or not, with q."""
        table = self._run.table("meaning")
        if table is None:
            return pd.DataFrame()
        return table[table["cluster"] == self.number].reset_index(drop=True)


class Codes:
    """Sparse activations of every feature at every scored base, both strands."""

    def __init__(self, run: Run):
        self._run = run

    def anndata(self, genome: str, chrom: str, start: int, end: int) -> ad.AnnData:
        """Scored bases of `[start, end)` as observations (both strands, one after the other), features as variables.

        Raises
        ------
        InputError
            For an unknown contig, or bases outside it.
        """
        interval, length = Interval(chrom, start, end), self._run.genomes.length(genome, chrom)
        if end > length:
            raise InputError(f"{interval}: need bases within the {length:,} of {chrom}, got some past its end")
        return self._run.codes.anndata((genome, interval), self._run.places.workspace)

    def top(self, genome: str, chrom: str, start: int, end: int, n: int = 10) -> pd.DataFrame:
        """Features with the largest activation in `[start, end)`, relative to their largest anywhere.

        Returns
        -------
        `feature`, `strand`, `position` of the largest, `activation`, `share` (of the feature's maximum);
        largest share first. No row where none of the bases was scored.

        Raises
        ------
        InputError
            For an unknown contig, or bases outside it.
        """
        codes = self.anndata(genome, chrom, start, end)
        if not codes.n_obs:
            return pd.DataFrame(columns=["feature", "strand", "position", "activation", "share"])
        largest = self._run.features["maximum"].to_numpy(dtype=np.float64)
        rows = []
        for strand in STRANDS:
            on_strand = (codes.obs["strand"] == strand).to_numpy()
            if not on_strand.any():
                continue
            matrix = codes.X[on_strand].tocsc()
            positions = codes.obs["pos"].to_numpy()[on_strand]
            for feature in np.flatnonzero(np.diff(matrix.indptr)):
                column = slice(matrix.indptr[feature], matrix.indptr[feature + 1])
                best = int(np.argmax(matrix.data[column]))
                value = float(matrix.data[column][best])
                position = int(positions[matrix.indices[column][best]])
                rows.append((int(feature), strand, position, value, value / largest[feature]))
        table = pd.DataFrame(rows, columns=["feature", "strand", "position", "activation", "share"])
        return table.sort_values(["share", "feature"], ascending=[False, True], ignore_index=True).head(n)
