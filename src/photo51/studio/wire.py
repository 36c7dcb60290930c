"""Answers as the page reads them: numbers as packed little-endian arrays, so that they arrive to the bit."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51.report.atlas.files import plain


def packed(values: Any, kind: str = "<f4") -> dict[str, str]:
    """An array as its type and its bytes in base64."""
    array = np.ascontiguousarray(values, dtype=np.dtype(kind))
    return {"kind": array.dtype.str.lstrip("<|"), "b64": base64.b64encode(array.tobytes()).decode()}


def column(matrix: sp.csr_matrix, feature: int) -> dict[str, Any]:
    """A feature's activation along a sequence: the bases where it is active, and how much."""
    one = matrix.tocsc()[:, [feature]] if not sp.isspmatrix_csc(matrix) else matrix[:, [feature]]
    one = one.tocoo()
    order = np.argsort(one.row, kind="stable")
    return {"at": packed(one.row[order], "<u4"), "value": packed(one.data[order])}


def rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """A table as records."""
    return plain(table.to_dict("records"))


def digest(*parts: str | bytes | NDArray[Any]) -> str:
    """Twelve hexadecimal digits of everything given, in order: equal results have equal ones."""
    state = hashlib.sha256()
    for part in parts:
        raw = (
            part.encode()
            if isinstance(part, str)
            else part
            if isinstance(part, bytes)
            else np.ascontiguousarray(part).tobytes()
        )
        state.update(len(raw).to_bytes(8, "little"))
        state.update(raw)
    return state.hexdigest()[:12]
