"""Which tests a run makes: annotation classes, the way each is read, the blocks that turn, and what composition is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from photo51.config.enrichment import EnrichParams
from photo51.enrichment.annotations import AnnotationClass, rotation_units, unit_lengths, with_reasons
from photo51.enrichment.composition import composition_terms
from photo51.genome.workspace import Workspace
from photo51.stats.additive import WIDTH, Terms, residuals
from photo51.stats.covariance import alternate, even_blocks
from photo51.stats.rotation import Orientation, orient
from photo51.stats.sparse_additive import LevelModel

FEATURE_TERMS = (0, 1, 7)
"""Of `composition_terms`, those features are modelled by: GC, and the 6-mers that end at the base and 6 bases before."""
_BYTES = 2 << 30


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

    Attributes
    ----------
    classes
        With the reason where a class cannot be tested.
    readings
        Every class in every way it is read, testable or not.
    masks
        Masks of all classes on the doubled axis, (n_classes, 2 * n_rows).
    breaks
        First rows of the workspace's stretches.
    """

    def __init__(
        self,
        workspace: Workspace,
        classes: Sequence[AnnotationClass],
        params: EnrichParams,
        bases: NDArray[np.uint8] | None = None,
    ):
        self.workspace, self.params = workspace, params
        self.classes = with_reasons(classes, params.min_intervals, params.max_coverage)
        self.readings = [
            Reading(i, o) for i, c in enumerate(self.classes) for o in c.orientations(params.orientations)
        ]
        self.masks = np.array([c.mask for c in self.classes], dtype=bool).reshape(-1, 2 * workspace.n_rows)
        self.breaks: NDArray[np.int64] = workspace.table["offset"].to_numpy()
        self.blocks = even_blocks(workspace.block_bounds, params.adjust_block)
        self.fold = alternate(self.blocks)
        self.terms: Terms | None = None
        self._residuals: dict[tuple[int, ...], NDArray[np.float16]] = {}
        if params.adjust and bases is not None:
            self.terms = composition_terms(bases, np.append(self.breaks, workspace.n_rows))

    def class_of(self, reading: int) -> AnnotationClass:
        """The class of a reading."""
        return self.classes[self.readings[reading].annotation]

    def families(self) -> list[Family]:
        """Testable readings, by the rotation units they need."""
        lengths = unit_lengths(self.classes, self.params.interval_blocks)
        shortest = float(np.diff(self.workspace.block_bounds).min())
        lengths[lengths <= shortest] = 0
        found: dict[bytes, tuple[NDArray[np.int64], list[int]]] = {}
        for length in np.unique(lengths):
            bounds = rotation_units(self.workspace, float(length))
            own = [
                i
                for i, r in enumerate(self.readings)
                if lengths[r.annotation] == length and not self.classes[r.annotation].reason
            ]
            found.setdefault(bounds.tobytes(), (bounds, []))[1].extend(own)
        return [Family(b, np.array(own, dtype=np.int64)) for b, own in found.values() if own]

    def mask(self, reading: int) -> NDArray[np.bool_]:
        """The mask of a reading, oriented, (2 * n_rows,)."""
        r = self.readings[reading]
        return orient(self.masks[r.annotation], r.orientation)

    @cached_property
    def model(self) -> LevelModel:
        """What composition makes of features; masks, which are few, are given all terms."""
        if self.terms is None:
            raise ValueError("design: need bases to adjust for composition, got none")
        some = np.array(FEATURE_TERMS)
        return LevelModel(Terms(self.terms.levels[some], self.terms.sizes[some]), self.fold)

    def residual_masks(self, readings: Sequence[int] | NDArray[np.integer]) -> NDArray[np.float16]:
        """What composition does not explain of some readings' masks, (2 * n_rows, len(readings)); kept while they fit."""
        if self.terms is None:
            raise ValueError("design: need bases to adjust for composition, got none")
        wanted = tuple(int(t) for t in readings)
        if wanted not in self._residuals:
            out = np.empty((2 * self.workspace.n_rows, len(wanted)), dtype=np.float16)
            for first in range(0, len(wanted), WIDTH):
                some = wanted[first : first + WIDTH]
                columns = np.stack([self.mask(t) for t in some], axis=1)
                out[:, first : first + len(some)] = residuals(columns, self.terms, self.fold)
            if sum(kept.nbytes for kept in self._residuals.values()) + out.nbytes > _BYTES:
                return out
            self._residuals[wanted] = out
        return self._residuals[wanted]
