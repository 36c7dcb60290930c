"""Rows of a table of variants, by an expression over its columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.types import InputError


def chosen(variants: pd.DataFrame, expression: str, parameter: str) -> NDArray[np.bool_]:
    """Which rows an expression holds for, (n,); `parameter` names the parameter in messages.

    Raises
    ------
    InputError
        For an expression that cannot be evaluated, that is no yes or no, or that holds for no row.
    """
    try:
        # the engine of Python itself: numexpr knows no text methods and may be missing
        mask = np.asarray(variants.eval(expression, engine="python"))
    except Exception as e:
        raise InputError(
            f"{parameter}: need an expression over the columns {list(variants.columns)}, got {expression!r} ({e})"
        ) from e
    # a sum such as `pos + 1` evaluates too, but chooses nothing
    if mask.dtype != bool or mask.shape != (len(variants),):
        raise InputError(f"{parameter}: need true or false for each variant, got {expression!r}")
    if not mask.any():
        raise InputError(f"{parameter}: need at least one variant, got none for {expression!r}")
    return mask


def numbers(column: pd.Series) -> pd.Series:
    """A column of text as numbers, where every value that is not empty is one; else as it was."""
    if column.dtype != object:
        return column
    parsed = pd.to_numeric(column, errors="coerce")
    # an empty cell is a missing number, any other text makes the column text
    every = parsed.notna() | (column == "")
    return parsed if every.all() and parsed.notna().any() else column
