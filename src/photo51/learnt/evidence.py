"""Rows of evidence: one number beside its control, its baseline and its probability where there is nothing to find."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from photo51.io.contracts.learnt import EVIDENCE
from photo51.stats.multiple import benjamini_hochberg


class EvidenceRow(NamedTuple):
    """One quantity of one subject; columns of the contract `EVIDENCE`, numbers that do not apply are NaN."""

    subject: str
    quantity: str
    estimate: float
    low: float = np.nan
    high: float = np.nan
    null: float = np.nan
    p: float = np.nan
    n: int = 0
    twin: float = np.nan
    naive: float = np.nan


def evidence_table(rows: Iterable[EvidenceRow], digests: Mapping[str, str], seed: int) -> pd.DataFrame:
    """Rows with q-values over all that have a p-value (contract `EVIDENCE`).

    Parameters
    ----------
    digests
        Any of `model`, `dictionary`, `corpus`; the others stay empty.
    """
    table = pd.DataFrame(list(rows), columns=list(EvidenceRow._fields))
    if table.empty:
        return EVIDENCE.empty()
    table["q"] = benjamini_hochberg(table["p"].astype(float))
    for name in ("model", "dictionary", "corpus"):
        table[f"{name}_digest"] = digests.get(name, "")
    numbers = [name for name, column in EVIDENCE.columns.items() if column.kind == "float"]
    table[numbers] = table[numbers].astype(float)
    return EVIDENCE.check(table.assign(seed=seed)[list(EVIDENCE.columns)])
