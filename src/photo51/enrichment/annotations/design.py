"""Which tests a run makes: annotation classes, the way each is read, the blocks that turn, and what composition is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from photo51.config.enrichment import EnrichParams
from photo51.enrichment.annotations.classes import AnnotationClass, rotation_units, unit_lengths, with_reasons
from photo51.enrichment.annotations.composition import composition_terms, kmer_length
from photo51.enrichment.annotations.residuals import residual_digest, shared_groups
from photo51.genome.axis.workspace import Workspace
from photo51.stats.additive import Terms, level_counts, project_group
from photo51.stats.covariance import even_blocks
from photo51.stats.lanes import WIDTH
from photo51.stats.rotation import Orientation, orient
from photo51.stats.shifted import Residuals, Shifts, fixed_point, shifts_needed

_BYTES = 3 << 30
_LEAST_BLOCKS = 32


class Reading(NamedTuple):
    """A class (index into `Design.classes`) with the way it is read: one test of every feature."""

    annotation: int
    orientation: Orientation


class Family(NamedTuple):
    """Readings that share rotation units: row bounds, and indices into `Design.readings`."""

    bounds: NDArray[np.int64]
    readings: NDArray[np.int64]


class Design:
    """Everything about the tests that does not depend on features.

    Parameters
    ----------
    workspace
        The axis.
    classes
        From `annotation_classes`.
    params
        Parameters of the stage.
    bases
        Forward-strand codes 0..3, 4 for anything else, (n_rows,); None leaves composition adjustment out.
    shared
        Folder in which residuals of masks are kept for all processes of the run; None keeps them in memory alone.

    Attributes
    ----------
    classes
        With the reason where a class cannot be tested.
    readings
        Every class in every way it is read, testable or not.
    masks
        Masks of all classes on the doubled axis, (n_classes, 2 * n_rows).
    breaks
        First rows of the workspace's segments.
    adjusts
        Whether the tests beyond composition are made.
    """

    def __init__(
        self,
        workspace: Workspace,
        classes: Sequence[AnnotationClass],
        params: EnrichParams,
        bases: NDArray[np.uint8] | None = None,
        shared: Path | None = None,
    ):
        self.workspace, self.params = workspace, params
        self.classes = with_reasons(classes, params.min_intervals, params.max_coverage)
        self.readings = [Reading(i, o) for i, c in enumerate(self.classes) for o in c.orientations(params.orientations)]
        self.masks = np.array([c.mask for c in self.classes], dtype=bool).reshape(-1, 2 * workspace.n_rows)
        self.breaks: NDArray[np.int64] = workspace.table["offset"].to_numpy()
        self.adjusts = bool(params.adjust and bases is not None)
        self._bases, self._shared = bases, shared
        self._terms: tuple[Terms, NDArray[np.float32]] | None = None
        self._residuals: dict[bytes, Residuals] = {}

    def class_of(self, reading: int) -> AnnotationClass:
        """The class of a reading."""
        return self.classes[self.readings[reading].annotation]

    def families(self) -> list[Family]:
        """Testable readings, by the rotation units they need."""
        lengths = unit_lengths(self.classes, self.params.interval_blocks)
        shortest = float(np.diff(self.workspace.block_bounds).min())
        # blocks as they are will do
        lengths[lengths <= shortest] = 0
        by_bounds: dict[bytes, tuple[NDArray[np.int64], list[int]]] = {}
        for length in np.unique(lengths):
            bounds = rotation_units(self.workspace, float(length))
            testable = [
                i
                for i, r in enumerate(self.readings)
                if lengths[r.annotation] == length and not self.classes[r.annotation].reason
            ]
            by_bounds.setdefault(bounds.tobytes(), (bounds, []))[1].extend(testable)
        # readings in families, each with units of its own; none without a testable reading
        return [Family(b, np.array(testable, dtype=np.int64)) for b, testable in by_bounds.values() if testable]

    def mask(self, reading: int) -> NDArray[np.bool_]:
        """The mask of a reading, oriented, (2 * n_rows,)."""
        r = self.readings[reading]
        return orient(self.masks[r.annotation], r.orientation)

    def shifts(self, family: Family) -> Shifts:
        """Circular shifts of the adjusted test, and the blocks its statistic is studentised over."""
        # at least 32 blocks, else the statistic cannot be studentised
        size = min(self.params.adjust_block, max(self.workspace.n_rows // _LEAST_BLOCKS, 1))
        blocks = even_blocks(family.bounds, size)
        return Shifts.of(family.bounds, blocks, shifts_needed(len(family.bounds) - 1), self.params.seed)

    def composition(self) -> tuple[Terms, NDArray[np.float32]]:
        """What composition is at every row, and how many rows each of its levels has."""
        if self._bases is None:
            raise ValueError("design: need bases to adjust for composition, got none")
        if self._terms is None:
            k = kmer_length(self.workspace.n_rows)
            terms = composition_terms(self._bases, np.append(self.breaks, self.workspace.n_rows), k=k)
            self._terms = terms, level_counts(terms)
        return self._terms

    def residual_masks(self, family: Family) -> Residuals:
        """What composition, strand and unit do not explain of the family's masks, in its order; kept while they fit."""
        key = family.bounds.tobytes()
        if key not in self._residuals:
            parts = [family.readings[i : i + WIDTH] for i in range(0, len(family.readings), WIDTH)]
            if self._shared is None:
                groups = [self._residual_group(family, members) for members in parts]
            else:
                names = [self._name(family, members) for members in parts]
                groups = shared_groups(self._shared, names, lambda i: self._residual_group(family, parts[i]))
            out = Residuals(groups, len(family.readings))
            n_bytes = sum(r.nbytes for r in (*self._residuals.values(), out))
            if self._shared is None and n_bytes > _BYTES:
                return out
            self._residuals[key] = out
        return self._residuals[key]

    def _name(self, family: Family, members: NDArray[np.int64]) -> str:
        """What decides residuals of some readings."""
        masks = [np.packbits(self.mask(t)) for t in members.tolist()]
        return residual_digest(np.zeros(0) if self._bases is None else self._bases, self.breaks, family.bounds, *masks)

    def _residual_group(self, family: Family, members: NDArray[np.int64]) -> NDArray[np.int16]:
        """Residuals of at most `WIDTH` readings, (2 * n_rows, WIDTH)."""
        terms, counts = self.composition()
        # number of the unit of each row of strand +
        unit = np.repeat(np.arange(len(family.bounds) - 1), np.diff(family.bounds))
        columns = np.zeros((2 * self.workspace.n_rows, WIDTH), dtype=np.float32)
        for i, t in enumerate(members.tolist()):
            columns[:, i] = self.mask(t)
        # units of strand − are other units: composition is adjusted for strand too
        project_group(columns, terms, counts, np.concatenate([unit, unit + unit[-1] + 1]))
        # int16 instead of float32: half the memory
        return fixed_point(columns)
