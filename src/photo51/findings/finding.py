"""What a claim is: a row of `findings.parquet`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from photo51.io.contracts.findings import FINDINGS

ALPHA = 0.05  # rate at which a claim may pass where there is nothing to find
Verdict = Literal["yes", "no", "untested", "described"]


class Finding(NamedTuple):
    """A claim beside its null.

    Attributes
    ----------
    section
        Part of the run it is about, the anchor of a section of the report.
    finding
        Which claim it is, the same in every run: `concepts_single`, `replication`.
    about
        What of the run it is about where a claim is made several times: a set of variants, a cohort, a check.
    claim
        A sentence.
    verdict
        `yes` where it beats its negative control, `no` where it does not, `untested` where that could not be told,
        `described` for a number without a test that is known to hold its level.
    value
        What was measured: a count of `of`, a share, an AUROC, an inflation.
    of
        What `value` is a count of; NaN for what is no count.
    null
        The same where there is nothing to find.
    n
        What it was measured on: classes, features, groups, variants, pairs.
    p
        Probability of the value or a larger one where there is nothing to find; NaN where the verdict comes from
        q-values or an interval.
    value_text, null_text, n_text
        The same with units, as a page prints it; `[[term]]` is a term of the glossary.
    """

    section: str
    finding: str
    about: str
    claim: str
    verdict: Verdict
    value: float
    of: float
    null: float
    n: int
    p: float
    value_text: str
    null_text: str
    n_text: str


def verdict(*, holds: bool | None) -> Verdict:
    """`yes`, `no`, or `untested` for None.

    What decides `holds` has to pass by chance in at most one of twenty runs in which there is nothing to find.
    """
    return "untested" if holds is None else "yes" if holds else "no"


def table(findings: Iterable[Finding]) -> pd.DataFrame:
    """Findings as a table (contract `FINDINGS`)."""
    rows = pd.DataFrame(list(findings), columns=list(Finding._fields))
    return FINDINGS.check(rows) if len(rows) else FINDINGS.empty()


def finding_rows(frame: pd.DataFrame | None) -> list[Finding]:
    """The findings of a table; none where there is no table."""
    if frame is None:
        return []
    fields = list(Finding._fields)
    return [Finding(*values) for values in frame[fields].itertuples(index=False, name=None)]


def ratio(count: float, total: float) -> float:
    """A share; NaN of nothing."""
    return float(count) / float(total) if total else float(np.nan)
