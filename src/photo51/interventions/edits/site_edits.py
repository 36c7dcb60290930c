"""Edits at a site: add, clamp, scale and ablate by the delta method.

`x + decode(new codes) − decode(old codes)`: the part of `x` that the dictionary does not explain stays as it is, and
only the edited features are computed, since the change is a few decoder rows. Each base is edited by itself, so a full
forward pass, reading in chunks and cached generation give the same numbers, and gradients run through.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from photo51.interventions.edits.bundles import Bundle, Direction
from photo51.interventions.edits.dictionary import LinearDictionary, Units, check_features
from photo51.types import InputError, Strand

Op = Literal["add", "clamp", "scale", "ablate"]
OPS: tuple[Op, ...] = ("add", "clamp", "scale", "ablate")


@dataclass(frozen=True)
class ReadingDirection:
    """How a sequence is read: its direction, and the length over which positions of the reverse strand are mirrored."""

    strand: Literal["+", "-"] = "+"
    length: int | None = None


FORWARD = ReadingDirection()


@dataclass(frozen=True)
class EditGate:
    """Where and when an order holds.

    Attributes
    ----------
    intervals
        Half-open intervals of bases whose state is edited, in forward coordinates of the sequence; None is everywhere.
        The state at base t decides what follows it, so base p is written by the state at p − 1.
    strand
        Reading direction in which the order holds; `.` is both.
    watch, condition
        Features whose codes (batch, length, len(watch)) `condition` gets; it returns where the order holds,
        (batch, length).
    """

    intervals: tuple[tuple[int, int], ...] | None = None
    strand: Strand = "."
    watch: tuple[int, ...] = ()
    condition: Callable[[Tensor], Tensor] | None = None

    def __post_init__(self) -> None:
        if bad := [(a, b) for a, b in self.intervals or () if not 0 <= a < b]:
            raise InputError(f"gate: need intervals with 0 <= start < end, got {bad}")
        if self.condition is not None and not self.watch:
            raise InputError("gate: need features to watch for a condition, got none")

    def spans(self, reading: ReadingDirection) -> tuple[tuple[int, int], ...] | None:
        """The intervals in the order the model reads.

        Raises
        ------
        InputError
            Where the reverse strand is read and the sequence's length is unknown.
        """
        if self.intervals is None or reading.strand == "+":
            return self.intervals
        if reading.length is None:
            raise InputError("gate: need the sequence's length to place intervals on the reverse strand")
        # [a, b) counted from the other end; sorted, as mirroring turns the order
        return tuple(sorted((reading.length - b, reading.length - a) for a, b in self.intervals))


EVERYWHERE = EditGate()


def above(feature: int, level: float) -> EditGate:
    """A gate that holds at bases where a feature's code is above `level`."""
    return EditGate(watch=(feature,), condition=lambda codes: codes[..., 0] > level)


@dataclass(frozen=True, eq=False)
class Order:
    """One thing to do.

    Attributes
    ----------
    op
        `add` strength to the codes (never below 0), `clamp` them to strength, `scale` them by strength, `ablate` them.
    target
        Features, or a direction; a direction is a feature whose code is the projection on it, and may be negative.
    strength
        In units (a factor for `scale`). A number, or a tensor (batch or 1, positions or 1): each sequence and each
        position, in reading order, its own; where it is NaN, and past its end, nothing is edited.
    gate
        Where and when.
    """

    op: Op
    target: Bundle | Direction
    strength: float | Tensor = 1.0
    gate: EditGate = EVERYWHERE

    def __post_init__(self) -> None:
        if self.op not in OPS:
            raise InputError(f"edit: need one of {', '.join(OPS)}, got {self.op!r}")
        if isinstance(self.strength, Tensor) and self.strength.ndim != 2:
            raise InputError(f"edit: need a strength (batch, positions), got one of shape {tuple(self.strength.shape)}")
        strength = torch.as_tensor(self.strength)
        # NaN is allowed in a tensor (not edited there), never as the one strength
        if torch.isinf(strength).any() or (strength.ndim == 0 and torch.isnan(strength)):
            raise InputError(f"edit of {self.target.name!r}: need a finite strength, got {self.strength}")


class SiteEdit:
    """Orders for one site, as an edit of `photo51.model.sites.Sites`.

    Orders act one after the other on the codes; the site's tensor is changed once, by the codes' total change.

    Parameters
    ----------
    dictionary
        LinearDictionary of the site.
    orders
        What to do.
    units
        One unit of each feature.
    reading
        Direction in which the sequence is read.

    Raises
    ------
    InputError
        For an unknown or silent feature, or intervals that cannot be placed.
    """

    def __init__(
        self,
        dictionary: LinearDictionary,
        orders: Sequence[Order],
        units: Units,
        reading: ReadingDirection = FORWARD,
    ):
        self.dictionary = dictionary
        # orders of the other direction are left out here, once, and cost nothing at each base
        in_direction = [o for o in orders if o.gate.strand in {".", reading.strand}]
        # each feature once, however many orders name or watch it
        self.features = _union([[*_features(o), *o.gate.watch] for o in in_direction])
        check_features(self.features, len(units.unit))
        directions = [o.target for o in in_direction if isinstance(o.target, Direction)]
        rows = dictionary.decoder
        self.directions = torch.stack([d.unit_vector.to(rows) for d in directions]) if directions else None
        self.rows = rows[self.features]
        if self.directions is not None:
            self.rows = torch.cat([self.rows, self.directions])
        # codes cannot fall below 0; projections on a direction can
        self.floor = torch.full((len(self.rows),), -torch.inf).to(rows)
        self.floor[: len(self.features)] = 0.0
        column = {f: i for i, f in enumerate(self.features)}
        # columns of directions come after those of features, in the order of their orders
        extra = iter(range(len(self.features), len(self.rows)))
        self.steps = [
            _Step(
                o,
                [column[f] for f in _features(o)] or [next(extra)],
                column,
                _per_unit(o, units).to(rows),
                reading,
            )
            for o in in_direction
        ]

    def __call__(self, x: Tensor, start: int) -> Tensor:
        """Edit (batch, length, d_model), whose first base has index `start`."""
        delta = self.delta(x, start)
        return x if delta is None else x + delta.to(x.dtype)

    def delta(self, x: Tensor, start: int) -> Tensor | None:
        """What the edit adds, (batch, length, d_model); None where no order holds anywhere."""
        steps = [step for step in self.steps if step.touches(start, start + x.shape[1])]
        if not steps:
            return None
        # only differences of codes matter: where none depends on the codes, zeros stand in and nothing is encoded
        unread = all(step.only_adds for step in steps)
        old = self.rows.new_zeros(*x.shape[:2], len(self.rows)) if unread else self.codes(x)
        new = old
        for step in steps:
            # later orders see what earlier ones have done
            new = step.apply(new, start, self.floor)
        # (batch, length, columns) @ (columns, d_model): the dictionary's error is in neither and so untouched
        return (new - old) @ self.rows

    def codes(self, x: Tensor) -> Tensor:
        """Codes of the features the edit knows, then projections on its directions, (batch, length, columns)."""
        codes = self.dictionary.encode(x, self.features)
        # the tensor itself is projected, not its distance from a mean
        return codes if self.directions is None else torch.cat([codes, x.to(codes.dtype) @ self.directions.T], dim=-1)


class _Step:
    """An order with its columns, units and positions worked out."""

    def __init__(
        self, order: Order, columns: list[int], column: dict[int, int], per_unit: Tensor, reading: ReadingDirection
    ):
        self.op, self.strength, self.per_unit = order.op, order.strength, per_unit
        self.columns = columns
        self.watch = [column[f] for f in order.gate.watch]
        self.condition = order.gate.condition
        self.spans = order.gate.spans(reading)
        # a profile has an end; one number for all positions has none
        self.profile_end = (
            order.strength.shape[1] if isinstance(order.strength, Tensor) and order.strength.shape[1] > 1 else None
        )

        amount = torch.as_tensor(order.strength)
        # adding what is not negative never meets the floor, so the change is the same whatever the codes are
        self.only_adds = self.op == "add" and self.condition is None
        self.only_adds &= not bool((amount < 0).any()) and not bool((per_unit < 0).any())

    def touches(self, start: int, end: int) -> bool:
        """Whether any base of [start, end) can be edited."""
        if self.profile_end is not None and start >= self.profile_end:
            return False
        return self.spans is None or any(a < end and b > start for a, b in self.spans)

    def apply(self, codes: Tensor, start: int, floor: Tensor) -> Tensor:
        """Codes after this order, (batch, length, columns)."""
        old = codes[..., self.columns]
        raw = self._strength(start, codes)
        # NaN marks where nothing is edited: those bases are put back below, but must not spread NaN here
        strength = torch.nan_to_num(raw)
        if self.op == "add":
            new = torch.maximum(old + strength * self.per_unit, floor[self.columns])
        elif self.op == "clamp":
            new = torch.maximum((strength * self.per_unit).expand_as(old), floor[self.columns])
        elif self.op == "scale":
            new = old * strength
        else:
            new = torch.zeros_like(old)
        holds = self._holds(codes, raw, start)
        if holds is not None:
            new = torch.where(holds[..., None], new, old)
        # not in place: `old` of the edit is still needed for the difference
        out = codes.clone()
        out[..., self.columns] = new.to(out.dtype)
        return out

    def _strength(self, start: int, codes: Tensor) -> Tensor:
        """(batch or 1, length or 1, 1)."""
        if not isinstance(self.strength, Tensor):
            return torch.full((1, 1, 1), float(self.strength)).to(codes)
        s = self.strength.to(codes)
        if self.profile_end is not None:
            # the chunk's part of the profile
            s = s[:, start : start + codes.shape[1]]
            # past the profile's end nothing is edited
            s = torch.nn.functional.pad(s, (0, codes.shape[1] - s.shape[1]), value=torch.nan)
        return s[..., None]

    def _holds(self, codes: Tensor, strength: Tensor, start: int) -> Tensor | None:
        """Where the order holds, (batch or 1, length); None is everywhere."""
        masks = []
        # absolute place of each base of the chunk
        token = np.arange(start, start + codes.shape[1])
        if self.spans is not None:
            inside = np.any([(token >= a) & (token < b) for a, b in self.spans], axis=0)
            masks.append(torch.from_numpy(inside[None]).to(codes.device))
        if isinstance(self.strength, Tensor):
            masks.append(~torch.isnan(strength[..., 0]))
        if self.condition is not None:
            masks.append(self.condition(codes[..., self.watch]))
        if not masks:
            return None
        holding = masks[0]
        for mask in masks[1:]:
            holding = holding & mask
        return holding


def _features(order: Order) -> tuple[int, ...]:
    return order.target.features if isinstance(order.target, Bundle) else ()


def _per_unit(order: Order, units: Units) -> Tensor:
    """What one unit of strength is in each column of the order."""
    if isinstance(order.target, Direction):
        return torch.tensor([order.target.unit])
    if order.op in {"scale", "ablate"}:
        # factors have no unit
        return torch.ones(len(order.target.features))
    return torch.as_tensor(units.of(order.target.features) * np.array(order.target.weights))


def _union(lists: list[list[int]]) -> list[int]:
    return list(dict.fromkeys(int(f) for features in lists for f in features))
