"""What is painted where: concepts with strengths on intervals of a sequence that is still to be written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photo51.genome.formats.bed import read_bed
from photo51.interventions.edits.bundles import Bundle, parse_bundle
from photo51.types import InputError, Interval

BLEND = " -> "


@dataclass(frozen=True)
class Paint:
    """A concept on an interval of the canvas.

    Attributes
    ----------
    where
        Interval in forward coordinates of the canvas; strand `-` paints what the model says reading the reverse strand.
    concept
        Its name.
    strength
        In units.
    bundle
        Its features.
    towards
        Where set, the concept changes along the interval into this one (see `bundles.interpolate`).
    """

    where: Interval
    concept: str
    strength: float
    bundle: Bundle
    towards: Bundle | None = None

    def share(self, length: int) -> NDArray[np.float64]:
        """(length,): how far the change into `towards` has come at each base of the interval, smooth at both ends."""
        if self.towards is None:
            return np.zeros(length)
        # middles of the bases: the ends are never quite one or the other
        t = (np.arange(length) + 0.5) / length
        # smoothstep 3t² − 2t³: slope 0 at both ends
        return t * t * (3.0 - 2.0 * t)


@dataclass(frozen=True)
class Canvas:
    """A sequence to be written, and what is painted on it.

    Attributes
    ----------
    name
        Name of the sequence.
    length
        Bases.
    paints
        In the order they were painted.

    Raises
    ------
    InputError
        For paint outside the canvas, on both strands, or overlapping paints whose orders conflict.
    """

    name: str
    length: int
    paints: tuple[Paint, ...] = ()

    def __post_init__(self) -> None:
        if self.length < 1:
            raise InputError(f"canvas {self.name!r}: need at least one base, got {self.length}")
        for paint in self.paints:
            if paint.where.chrom != self.name:
                raise InputError(f"paint of {paint.concept!r}: need an interval on {self.name!r}, got {paint.where}")
            if paint.where.end > self.length or not len(paint.where):
                raise InputError(
                    f"paint of {paint.concept!r}: need an interval within the {self.length:,} bases of {self.name!r},"
                    f" got {paint.where}"
                )
            if not np.isfinite(paint.strength):
                raise InputError(f"paint of {paint.concept!r}: need a finite strength, got {paint.strength}")
        if {"+", "-"} <= {p.where.strand for p in self.paints}:
            raise InputError(
                f"canvas {self.name!r}: need one strand for all paint, since a sequence is written in one direction;"
                " got both"
            )
        self._check_orders()

    def _check_orders(self) -> None:
        """Where paints overlap, each feature must be asked for in one way only."""
        for i, a in enumerate(self.paints):
            for b in self.paints[i + 1 :]:
                start, end = max(a.where.start, b.where.start), min(a.where.end, b.where.end)
                # no overlap, or the same paint but for its place
                if start >= end or a == replace(b, where=a.where):
                    continue
                if shared := _conflicts(a, b):
                    raise InputError(
                        f"paints conflict on {Interval(self.name, start, end)}: {a.concept!r} at {a.strength:g} and"
                        f" {b.concept!r} at {b.strength:g} ask different things of feature {shared[0]}; erase one of"
                        " them there"
                    )

    @property
    def strand(self) -> str:
        """Direction in which the sequence is written."""
        return "-" if any(p.where.strand == "-" for p in self.paints) else "+"

    def mirrored(self) -> Canvas:
        """The canvas as read on the other strand, all paint on `+`."""
        paints = [
            # [start, end) counted from the other end
            replace(p, where=Interval(self.name, self.length - p.where.end, self.length - p.where.start, "+"))
            for p in self.paints
        ]
        return Canvas(self.name, self.length, tuple(paints))

    def concepts(self) -> dict[str, Bundle]:
        """Painted concepts by name; a blend is two."""
        by_name: dict[str, Bundle] = {}
        for paint in self.paints:
            by_name[paint.bundle.name] = paint.bundle
            if paint.towards is not None:
                by_name[paint.towards.name] = paint.towards
        return by_name

    def strengths(self, background: float = np.nan) -> dict[str, NDArray[np.float64]]:
        """Concept → (length,) strength at each base of the canvas, `background` where it is not painted."""
        tracks = {name: np.full(self.length, np.nan) for name in self.concepts()}
        for paint in self.paints:
            inside = slice(paint.where.start, paint.where.end)
            share = paint.share(len(paint.where))
            _lay(tracks[paint.bundle.name], inside, paint.strength * (1.0 - share))
            if paint.towards is not None:
                _lay(tracks[paint.towards.name], inside, paint.strength * share)
        return {name: np.where(np.isnan(track), background, track) for name, track in tracks.items()}

    def painted(self, concept: str, margin: int = 0) -> NDArray[np.bool_]:
        """(length,): bases within a concept's intervals and so many bases around them; negative paint does not
        count.
        """
        mask = np.zeros(self.length, dtype=bool)
        for paint in self.paints:
            names = {paint.bundle.name, paint.towards.name if paint.towards else paint.bundle.name}
            if concept in names and paint.strength > 0:
                # Python cuts a slice at the canvas' end, not at its beginning
                mask[max(0, paint.where.start - margin) : paint.where.end + margin] = True
        return mask

    def bed(self) -> str:
        """The paints as BED6 text that `read_canvas` takes: concept in column 4, strength (units) in column 5."""
        return "".join(
            # repr, so that reading it back gives the very number
            f"{self.name}\t{p.where.start}\t{p.where.end}\t{p.concept}\t{p.strength!r}\t{p.where.strand}\n"
            for p in self.paints
        )

    def add(self, paint: Paint) -> Canvas:
        """With one more paint."""
        return replace(self, paints=(*self.paints, paint))

    def erase(self, interval: Interval, concept: str | None = None) -> Canvas:
        """Without what is painted on an interval, of one concept or of all; what sticks out of it stays."""
        paints: list[Paint] = []
        for paint in self.paints:
            if concept is not None and paint.concept != concept:
                paints.append(paint)
                continue
            for a, b in (
                (paint.where.start, min(paint.where.end, interval.start)),
                (max(paint.where.start, interval.end), paint.where.end),
            ):
                # what is left and right of the interval, where it is not empty
                if a < b:
                    paints.append(replace(paint, where=replace(paint.where, start=a, end=b)))
        return replace(self, paints=tuple(paints))

    def move(self, index: int, start: int) -> Canvas:
        """With paint number `index` begun at another base."""
        paint = self._paint(index)
        moved = replace(paint, where=replace(paint.where, start=start, end=start + len(paint.where)))
        return replace(self, paints=(*self.paints[:index], moved, *self.paints[index + 1 :]))

    def repaint(self, index: int, *, strength: float | None = None, bundle: Bundle | None = None) -> Canvas:
        """With paint number `index` changed in strength or concept."""
        old = self._paint(index)
        new = replace(
            old,
            strength=old.strength if strength is None else strength,
            bundle=bundle or old.bundle,
            concept=bundle.name if bundle else old.concept,
        )
        return replace(self, paints=(*self.paints[:index], new, *self.paints[index + 1 :]))

    def _paint(self, index: int) -> Paint:
        if not 0 <= index < len(self.paints):
            raise InputError(f"canvas {self.name!r}: need a paint from 0 to {len(self.paints) - 1}, got {index}")
        return self.paints[index]

    def changes(self, other: Canvas) -> list[tuple[int, int]]:
        """Half-open intervals of bases at which another canvas asks for something else."""
        if (self.name, self.length) != (other.name, other.length):
            raise InputError(
                f"canvas: need the same sequence, got {self.name!r} of {self.length} and {other.name!r} of"
                f" {other.length} bases"
            )
        ours, theirs = self.strengths(0.0), other.strengths(0.0)
        mine, others = self.concepts(), other.concepts()
        differs = np.zeros(self.length, dtype=bool)
        zero = np.zeros(self.length)
        for name in ours.keys() | theirs.keys():
            a, b = ours.get(name, zero), theirs.get(name, zero)
            # a concept of the same name may be another bundle: then wherever it is painted differs
            same = mine.get(name, others.get(name)) == others.get(name, mine.get(name))
            differs |= (a != b) if same else (a != 0) | (b != 0)
        # a run begins where the difference rises and ends where it falls; closed with 0 on both sides
        edges = np.flatnonzero(np.diff(differs.astype(np.int8), prepend=0, append=0))
        return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _lay(track: NDArray[np.float64], inside: slice, strength: NDArray[np.float64]) -> None:
    """Overlapping paint of one concept agrees (see `_check_orders`), so the stronger value is the value."""
    old = track[inside]
    track[inside] = np.where(np.isnan(old), strength, np.where(np.abs(strength) > np.abs(old), strength, old))


def _conflicts(a: Paint, b: Paint) -> list[int]:
    """Features that two paints ask for with different signs, or as the same concept with different strengths."""
    asks = []
    for paint in (a, b):
        demands: dict[int, float] = {}
        for bundle in (paint.bundle, paint.towards):
            if bundle is not None:
                demands |= {f: paint.strength * w for f, w in zip(bundle.features, bundle.weights, strict=True)}
        asks.append(demands)
    shared = sorted(asks[0].keys() & asks[1].keys())
    names = [{p.bundle.name, p.towards.name if p.towards else p.bundle.name} for p in (a, b)]
    # a blend counts under both its names
    if names[0] & names[1]:
        return shared
    # two concepts may share a feature, as long as they do not pull it both ways
    return [f for f in shared if asks[0][f] * asks[1][f] <= 0]


def read_canvas(path: Path, length: int, concepts: Mapping[str, Bundle], n_features: int) -> Canvas:
    """Read a BED file: sequence, start, end, concept (feature, name, sum, or `a -> b`), strength in units, strand.

    Parameters
    ----------
    length
        Bases of the sequence to be written.

    Raises
    ------
    InputError
        Naming file and line: no concept, no strength, an unknown concept, or what `Canvas` refuses.
    """
    paints: list[Paint] = []
    for feature in read_bed(path, "paint"):
        if not feature.name or not np.isfinite(feature.score):
            raise InputError(
                f"{feature.where}: need a concept in column 4 and a strength (units) in column 5, got {feature.name!r}"
                f" and {feature.score}"
            )
        try:
            first, _, last = feature.name.partition(BLEND)
            bundle = parse_bundle(first, concepts, n_features)
            towards = parse_bundle(last, concepts, n_features) if last else None
        except InputError as e:
            raise InputError(f"{feature.where}: {e}") from e
        # a line with blocks (BED12) paints each of them
        paints += [
            Paint(Interval(feature.chrom, p.start, p.end, p.strand), feature.name, feature.score, bundle, towards)
            for p in feature.parts
        ]
    if not paints:
        raise InputError(f"{path}: need at least one interval to paint, got none")
    names = sorted({p.where.chrom for p in paints})
    if len(names) > 1:
        raise InputError(f"{path}: need paint on one sequence, got {', '.join(names)}")
    return Canvas(names[0], length, tuple(paints))
