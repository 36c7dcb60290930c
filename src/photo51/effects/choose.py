"""Rows of a table of variants, by an expression over its columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.types import InputError


def chosen(variants: pd.DataFrame, expression: str, which: str) -> NDArray[np.bool_]:
    """Which rows an expression holds for, (n,); `which` names the parameter in messages.

    Raises
    ------
    InputError
        For an expression that cannot be evaluated, that is no yes or no, or that holds for no row.
    """
    try:
        found = np.asarray(variants.eval(expression, engine="python"))
    except Exception as e:
        raise InputError(
            f"{which}: need an expression over the columns {list(variants.columns)}, got {expression!r} ({e})"
        ) from e
    if found.dtype != bool or found.shape != (len(variants),):
        raise InputError(f"{which}: need true or false for each variant, got {expression!r}")
    if not found.any():
        raise InputError(f"{which}: need at least one variant, got none for {expression!r}")
    return found


def numbers(column: pd.Series) -> pd.Series:
    """A column of text as numbers, where every value that is not empty is one; else as it was."""
    if column.dtype != object:
        return column
    found = pd.to_numeric(column, errors="coerce")
    every = found.notna() | (column == "")
    return found if every.all() and found.notna().any() else column
