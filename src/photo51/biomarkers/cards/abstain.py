"""When a score should say nothing: conformal sets of classes, and consequences that it cannot rank.

References
----------
Vovk, Gammerman & Shafer 2005, doi:10.1007/b106715 (Mondrian conformal prediction: the promise holds in each
class, however unequal they are).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.io.contracts.biomarkers import CONFORMAL, REACH

SCORED, TOLD_APART = 0.9, 0.5  # shares: of variants scored, and of pairs of a case and a control with two scores
NAMES = {(True, False): "case", (False, True): "control", (True, True): "both", (False, False): "neither"}


class ConformalSet(NamedTuple):
    """p-value of each class: how many variants of the class, the one at hand among them, score as far on the other
    side.
    """

    case: float
    control: float

    def classes(self, alpha: float) -> str:
        """The classes that cannot be ruled out: case, control, both or neither."""
        return NAMES[self.case > alpha, self.control > alpha]


class Conformal:
    """Class-wise conformal sets from held-out scores; a variant is compared with those of the other folds.

    Parameters
    ----------
    score, label, fold
        (n,) held-out score, 1 case or 0 control, and the fold in which it was held out.
    """

    def __init__(self, score: NDArray[np.float64], label: NDArray[np.int64], fold: NDArray[np.int64]):
        self._score, self._label, self._fold = score, label, fold
        self._sorted = {
            # fold −1 stands for a variant outside the set: all folds compare with it
            f: tuple(np.sort(score[(fold != f) & (label == c)]) for c in (1, 0))
            for f in {*fold.tolist(), -1}
        }

    def of(self, score: float, fold: int) -> ConformalSet:
        """The set of a score of a fold; -1 is a variant outside the set."""
        cases, controls = self._sorted[fold]
        # cases that score as low or lower: a low share rules out a case
        lower = np.searchsorted(cases, score, side="right")
        higher = len(controls) - np.searchsorted(controls, score, side="left")
        # the variant itself counts in numerator and denominator: p is never 0, and valid at any size
        return ConformalSet(float((lower + 1) / (len(cases) + 1)), float((higher + 1) / (len(controls) + 1)))

    def table(self, method: str, alpha: float) -> list[dict[str, object]]:
        """Rows of contract `CONFORMAL`: each variant held out."""
        classes = np.array(
            [self.of(s, f).classes(alpha) for s, f in zip(self._score, self._fold.tolist(), strict=True)]
        )
        rows = []
        for label, label_name in ((1, "case"), (0, "control")):
            sets = classes[self._label == label]
            rows.append(
                {
                    "method": method,
                    "label": label,
                    "n": len(sets),
                    "alpha": alpha,
                    # `both` covers either class; `neither` covers none
                    "covered": float(np.isin(sets, [label_name, "both"]).mean()),
                    "decided": float(np.isin(sets, ["case", "control"]).mean()),
                    "right": float((sets == label_name).mean()),
                    "abstained": float(np.isin(sets, ["both", "neither"]).mean()),
                }
            )
        return rows


def conformal_table(scores: pd.DataFrame, methods: list[str], alpha: float = 0.1) -> pd.DataFrame:
    """Conformal sets of every method of a scores table (contract `SCORES`)."""
    rows: list[dict[str, object]] = []
    for method in methods:
        finite = scores[np.isfinite(scores[method].to_numpy(dtype=float))]
        columns = (finite[method].to_numpy(dtype=float), finite["label"].to_numpy(), finite["fold"].to_numpy())
        rows += Conformal(*columns).table(method, alpha)
    return CONFORMAL.check(pd.DataFrame(rows))


def reach_table(scores: pd.DataFrame, consequence: NDArray, methods: list[str]) -> pd.DataFrame:
    """Which consequences each method can rank: `consequence` (n,) of the rows of a scores table."""
    label = scores["label"].to_numpy()
    rows = []
    for method in methods:
        score = scores[method].to_numpy(dtype=float)
        for kind in sorted(set(consequence.tolist())):
            of_kind = consequence == kind
            measured = of_kind & np.isfinite(score)
            separation = _told_apart(score[measured & (label == 1)], score[measured & (label == 0)])
            scored = float(measured.sum() / of_kind.sum())
            rows.append(
                {
                    "method": method,
                    "consequence": str(kind),
                    "n_case": int((of_kind & (label == 1)).sum()),
                    "n_control": int((of_kind & (label == 0)).sum()),
                    "scored": scored,
                    "told_apart": separation,
                    "reaches": bool(scored >= SCORED and separation >= TOLD_APART),
                }
            )
    return REACH.check(pd.DataFrame(rows))


def _told_apart(cases: NDArray[np.float64], controls: NDArray[np.float64]) -> float:
    """Share of pairs with two different scores."""
    if not len(cases) or not len(controls):
        return float("nan")
    ordered = np.sort(controls)
    # equal scores: between the left and the right end of a run of ties
    tied = np.searchsorted(ordered, cases, side="right") - np.searchsorted(ordered, cases, side="left")
    return float(1 - tied.sum() / (len(cases) * len(controls)))
