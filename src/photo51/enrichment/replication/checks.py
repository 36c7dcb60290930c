"""`photo51 replication`: does the name of a feature hold on the other strand, with another seed, elsewhere?

Each check is the exact rotation test on a part of the data: the codes of one strand alone, one genome alone, the
blocks of one split alone, or the most correlated feature of another dictionary in the place of the feature. What
cannot be checked is in the table with the reason, and what fails is in it as failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.codes import CodesStore
from photo51.config.enrichment import ReplicationParams
from photo51.enrichment.annotations.classes import AnnotationClass, rotation_units, unit_lengths
from photo51.enrichment.annotations.inputs import Inputs
from photo51.enrichment.annotations.readout import codes_readout
from photo51.enrichment.concepts.names import by_margin
from photo51.enrichment.replication.matching import Matches, matches
from photo51.genome.axis.workspace import Workspace
from photo51.io.contracts.enrichment import REPLICATION
from photo51.progress import progress
from photo51.stats.correlation import Mask
from photo51.stats.multiple import benjamini_hochberg
from photo51.stats.rotation import Orientation, orient, rotation_test, track

CHECKED = "checked"
_INTERVAL_BLOCKS = 4.0
Columns = dict[int, tuple[NDArray[np.int64], NDArray[np.float32]]]
"""Active rows on the doubled axis and activations of features, by id."""
_NAMES = 64  # names whose columns are read at a time


class Name(NamedTuple):
    """A named feature."""

    feature: int
    annotation: str
    strand: Orientation


class AxisPart(NamedTuple):
    """Part of the axis on which a name is checked.

    Attributes
    ----------
    check, against
        Columns of the table.
    workspace
        The blocks of the part.
    rows
        Its rows on the whole axis, (n,).
    codes
        Strands whose codes count: 0 for +, 1 for -.
    """

    check: str
    against: str
    workspace: Workspace
    rows: NDArray[np.int64]
    codes: tuple[int, ...] = (0, 1)


def names_of(concepts: pd.DataFrame, per_feature: int = 1) -> list[Name]:
    """Names that features carry (contract `CONCEPTS`): of each feature those farthest above their nulls, in order."""
    named = concepts[concepts["named"] & (concepts["readout"] == "sae")]
    named = by_margin(named).groupby("feature").head(per_feature)
    named = named.sort_values(["feature", "annotation", "strand"], kind="stable")
    return [Name(int(f), a, s) for f, a, s in zip(named["feature"], named["annotation"], named["strand"], strict=True)]


def replication_checks(
    store: CodesStore,
    inputs: Inputs,
    concepts: pd.DataFrame,
    seeds: Mapping[str, CodesStore],
    params: ReplicationParams,
) -> pd.DataFrame:
    """Every check of every name (contract `REPLICATION`).

    Parameters
    ----------
    concepts
        Contract `CONCEPTS`: `named` says which features carry which names.
    seeds
        Codes of dictionaries of other seeds, by name.
    """
    names = names_of(concepts, params.per_feature)
    checks = _Checks(inputs, params)
    parts, whole = parts_of(inputs.workspace), _whole(inputs.workspace)
    matched = {seed: matches(store, other) for seed, other in seeds.items()}
    rows = []
    for first in progress(
        range(0, len(names), _NAMES), "replication checks", -(-len(names) // _NAMES), f"chunks of {_NAMES} names"
    ):
        chunk = names[first : first + _NAMES]
        columns = _columns(store, [name.feature for name in chunk])
        twins = {s: _columns(seeds[s], [matched[s].other[name.feature] for name in chunk]) for s in seeds}
        for name in chunk:
            rows += [checks.row(name, part, columns[name.feature], name.feature) for part in parts]
            rows += [
                _seed_row(checks, name, twins[s], matched[s], whole._replace(check="seed", against=s)) for s in seeds
            ]
    if not rows:
        return REPLICATION.empty()
    table = pd.DataFrame(rows)
    # one family over all checks of all names
    table["q"] = benjamini_hochberg(table["p"])
    table["survives"] = (table["q"] < params.alpha).to_numpy()
    return REPLICATION.check(table)


def parts_of(workspace: Workspace) -> list[AxisPart]:
    """Either strand, every genome where there are several, every split where there are several."""
    whole = _whole(workspace)
    out = [whole._replace(check="strand", against=s, codes=(i,)) for i, s in enumerate("+-")]
    blocks = workspace.table.drop_duplicates("block")
    for check, column in (("genome", "genome"), ("split", "split")):
        values: Sequence[str] = sorted(blocks[column].unique())
        for value in values if len(values) > 1 else ():
            part, rows = workspace.subset(blocks.loc[blocks[column] == value, "block"].to_numpy())
            out.append(AxisPart(check, value, part, rows))
    return out


def _whole(workspace: Workspace) -> AxisPart:
    return AxisPart("", "", workspace, np.arange(workspace.n_rows))


def _columns(store: CodesStore, features: Sequence[int]) -> Columns:
    """Active rows of each feature on the doubled axis, and its activations there; features below 0 are none."""
    chosen = np.unique([f for f in features if f >= 0]).astype(np.int64)
    matrix = codes_readout(store, chosen).matrix
    return {
        feature: (matrix.indices[a:b].astype(np.int64), matrix.data[a:b])
        for feature, (a, b) in zip(chosen.tolist(), pairwise(matrix.indptr), strict=True)
    }


def _seed_row(checks: _Checks, name: Name, others: Columns, matched: Matches, part: AxisPart) -> dict[str, object]:
    twin, r = int(matched.other[name.feature]), float(matched.r[name.feature])
    if r < checks.params.min_match:  # a feature that another seed does not have has not survived
        return {**checks.blank(name, part, -1), "match_r": r, "p": 1.0, "reason": CHECKED}
    return {**checks.row(name, part, others[twin], twin), "match_r": r}


class _Checks:
    """Tests of names on parts of the axis; masks are kept, as many names share a class."""

    def __init__(self, inputs: Inputs, params: ReplicationParams):
        self.inputs, self.params = inputs, params
        self.classes = {c.name: c for c in inputs.classes()}
        self._masks: dict[tuple[str, str, str, str], tuple[Mask, int]] = {}

    def blank(self, name: Name, part: AxisPart, other: int) -> dict[str, object]:
        """A row with nothing measured."""
        nothing = dict.fromkeys(("match_r", "z_rot", "log2_fold", "p"), np.nan)
        return {
            **name._asdict(),
            "check": part.check,
            "against": part.against,
            "other": other,
            "n_intervals": 0,
            **nothing,
            "reason": "",
        }

    def row(
        self, name: Name, part: AxisPart, column: tuple[NDArray[np.int64], NDArray[np.float32]], other: int
    ) -> dict[str, object]:
        """Test a column of codes in the place of a named feature, on a part of the axis."""
        mask, n = self._mask(name, part)
        out = {**self.blank(name, part, other), "n_intervals": n}
        if n < self.params.min_intervals:
            min_instances = self.params.min_intervals
            return {
                **out,
                "reason": f"{n} instance{'s' if n != 1 else ''} there, at least {min_instances} are needed",
            }
        rows, values = _within(column, part, self.inputs.workspace.n_rows)
        if not len(rows):
            return {**out, "p": 1.0, "reason": CHECKED}
        result = rotation_test(track(rows, values, self.params.levels), mask)
        if result.sd == 0:
            return {**out, "reason": "no rotation changes the overlap"}
        # ½ in place of nothing observed, as its logarithm is wanted
        fold = np.log2(max(result.observed, 0.5) / result.mean) if result.mean > 0 else np.nan
        return {**out, "z_rot": result.z, "log2_fold": float(fold), "p": result.p_upper, "reason": CHECKED}

    def _mask(self, name: Name, part: AxisPart) -> tuple[Mask, int]:
        """The class as the name reads it, on the part; and its instances there."""
        key = (name.annotation, name.strand, part.check, part.against)
        if key not in self._masks:
            c, n_rows = self.classes[name.annotation], self.inputs.workspace.n_rows
            oriented = orient(c.mask, name.strand).copy()
            # rows of strands whose codes do not count are outside
            for code in {0, 1} - set(part.codes):
                oriented[code * n_rows : (code + 1) * n_rows] = False
            # the part's own doubled axis
            both = np.concatenate([part.rows, n_rows + part.rows])
            bounds = rotation_units(part.workspace, float(unit_lengths([c], _INTERVAL_BLOCKS)[0]))
            count = len(set(_instances(c, name.strand, part, n_rows)))
            self._masks[key] = (Mask(oriented[both], bounds), count)
        return self._masks[key]


def _within(
    column: tuple[NDArray[np.int64], NDArray[np.float32]], part: AxisPart, n_rows: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Rows and activations of a column on the part's own doubled axis."""
    rows, values = column
    code = rows >= n_rows
    # place among the part's rows; whether the row is one of them is asked next
    place = np.searchsorted(part.rows, rows - code * n_rows)
    there = part.rows[np.minimum(place, len(part.rows) - 1)] == rows - code * n_rows
    keep = there & np.isin(code.astype(int), part.codes)
    return (place + code * len(part.rows))[keep].astype(np.int64), values[keep]


def _instances(c: AnnotationClass, orientation: Orientation, part: AxisPart, n_rows: int) -> Iterator[int]:
    """Instances of a class that the part's codes read, one for each of their pieces."""
    inside = np.zeros(n_rows + 1, dtype=np.int64)
    inside[part.rows + 1] = 1
    # rows of the part before each row: an interval has some where the sum grows
    before = np.cumsum(inside)
    for i, (start, end, strand) in zip(c.instances.tolist(), c.intervals.tolist(), strict=True):
        read = strand == 2 or orientation == "either"
        code = strand if orientation == "sense" else 1 - strand
        if before[end] > before[start] and (read or code in part.codes):
            yield i
