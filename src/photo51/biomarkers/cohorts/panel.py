"""Tables of individuals as people have them: tab, comma or space between columns, PLINK's `.fam`, `.psam`, `.pheno`,
`.phen`, and `.sample`.

All cells are read as text, so that an individual called `001` stays `001` and a phenotype of `1` and `2` is not taken
for a quantity before its coding is looked at (`photo51.biomarkers.cohorts.phenotype`).
"""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from photo51.config.biomarkers import CohortParams
from photo51.genome.text import open_text
from photo51.types import InputError

log = logging.getLogger(__name__)
FAM = ("FID", "IID", "father", "mother", "sex", "phenotype")
FID, IID = "FID", "IID"
SAMPLE_TYPES = frozenset("0DBPC")
PHENOTYPES = ("phenotype", "pheno", "pheno1", "trait")
INDIVIDUALS = ("individual", "iid", "sample", "sample_id", "isolate", "strain", "name", "id", "id_2")
MISSING = frozenset(("", "na", "n/a", "#n/a", "nan", "<na>", "null", "none", ".", "-", "?", "missing", "unknown"))
_NUMBER = re.compile(r"[+-]?(0|[1-9]\d*)?(\.\d*)?([eE][+-]?\d+)?")  # no leading zeros: 007 is a name


def read_panel(path: Path | str) -> pd.DataFrame:
    """Read a table of individuals; every cell is text without blanks around it.

    Columns are parted by tabs, semicolons or commas where the first line has one, else by blanks. `.fam` files have no
    header; neither have `.phen`, `.pheno` and `.psam` files whose first line does not begin with FID, IID or `#`
    (columns of the first two are called FID, IID, phenotype, phenotype2, …, those of `.psam` as in `.fam`). The second
    line of a `.sample` file says what its columns are, and is no individual.

    Raises
    ------
    InputError
        Naming file and line: no header, columns of one name, a row of another length.
    """
    path = Path(path)
    if path.suffix == ".parquet":
        table = pd.read_parquet(path)
        return pd.DataFrame({str(c): as_text(table[c]) for c in table.columns})
    with open_text(path) as text:
        lines = [(i, line.rstrip("\r\n")) for i, line in enumerate(text, 1) if line.strip()]
    lines = [(i, line) for i, line in lines if not line.startswith("##")]
    if not lines:
        raise InputError(f"{path}: need a table with a header, got no lines")
    rows = _cells(path, lines)
    kind = [s for s in path.suffixes if s not in {".gz", ".bgz"}][-1:] or [""]
    # a header of its own, else the usual columns are meant
    named = rows[0][1][0].startswith("#") or rows[0][1][0].upper() in {FID, IID}
    if kind[0] == ".fam" or (kind[0] == ".psam" and not named):
        header, start = list(FAM), 0
    elif kind[0] in {".phen", ".pheno"} and not named:
        header, start = _unnamed(len(rows[0][1])), 0
    else:
        header, start = [rows[0][1][0].lstrip("#").strip(), *rows[0][1][1:]], 1
    # the second line of `.sample`: types of columns, such as 0 D P
    if kind[0] == ".sample" and len(rows) > 1 and set(rows[1][1]) <= SAMPLE_TYPES:
        del rows[1]
    if len(set(header)) < len(header) or "" in header:
        raise InputError(
            f"{path}, line {rows[0][0]}: need column names that differ, got {', '.join(map(repr, header))}"[:300]
        )
    for number, cells in rows[start:]:
        if len(cells) != len(header):
            raise InputError(
                f"{path}, line {number}: need {len(header)} columns ({', '.join(header)}), got {len(cells)}:"
                f" {' '.join(cells)[:80]!r}"
            )
    if not rows[start:]:
        raise InputError(f"{path}: need at least one individual, got a header alone")
    table = pd.DataFrame([cells for _, cells in rows[start:]], columns=header, dtype=object)
    table.attrs["plink"] = kind[0] in {".fam", ".psam"}
    return table


def _unnamed(n: int) -> list[str]:
    return [FID, IID, *(f"phenotype{i if i > 1 else ''}" for i in range(1, n - 1))][:n]


def _cells(path: Path, lines: Sequence[tuple[int, str]]) -> list[tuple[int, list[str]]]:
    first = lines[0][1]
    mark = next((m for m in ("\t", ";", ",") if m in first), "")
    if not mark:
        return [(i, line.split()) for i, line in lines]
    try:
        parsed = [(i, next(csv.reader([line], delimiter=mark, strict=True), [])) for i, line in lines]
    except csv.Error as e:
        raise InputError(f"{path}: need a table with {mark!r} between its columns, got one that is none ({e})") from e
    return [(i, [c.strip() for c in cells]) for i, cells in parsed]


def as_text(column: pd.Series) -> pd.Series:
    """A column as text: whole numbers without a decimal point, nothing for a missing value."""

    def word(value: object) -> str:
        if value is None or value is pd.NA or (isinstance(value, float) and value != value):  # noqa: PLR0124 - NaN
            return ""
        # floats hold whole numbers exactly to 2⁵³, about 9 × 10¹⁵
        if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        return str(value).strip()

    return pd.Series([word(v) for v in column], index=column.index, dtype=object)


def is_missing(text: str) -> bool:
    """Whether a cell is empty or a word for a missing value."""
    return text.lower() in MISSING


def parsed_number(text: str) -> float:
    """A cell as a number; NaN where it is none, where it has leading zeros (a name) or is not finite."""
    # `+`, `.` and the like pass the pattern without a digit
    if not text or not _NUMBER.fullmatch(text) or not any(c.isdigit() for c in text):
        return float("nan")
    value = float(text)
    return value if abs(value) < float("inf") else float("nan")


def numeric_column(column: pd.Series) -> pd.Series:
    """A column as numbers, missing values NaN; all NaN where one of its words is no number."""
    words = as_text(column)
    stated = words[~words.map(is_missing)]
    values = stated.map(parsed_number).astype(float)
    if values.isna().any():
        return pd.Series(float("nan"), index=column.index)
    return values.reindex(column.index)


def columns_of(panel: pd.DataFrame, params: CohortParams) -> CohortParams:
    """Parameters with the names that the table has for individual and phenotype, where the usual ones are absent.

    Raises
    ------
    InputError
        For a column that is not there.
    """
    columns = [str(c) for c in panel.columns]
    # reversed, so that of two names alike but for case the first wins
    low = {c.lower(): c for c in reversed(columns)}
    change: dict[str, str] = {}
    for key, usual in (("individual", INDIVIDUALS), ("phenotype", PHENOTYPES)):
        name = getattr(params, key)
        if name in columns or (key in params.model_fields_set and name != usual[0]):
            continue
        usual_name = next((low[u] for u in usual if u in low), None)
        if usual_name is None and key == "phenotype" and {FID, IID} < set(columns) and len(columns) == 3:
            usual_name = next(c for c in columns if c not in {FID, IID})
        if usual_name is not None:
            log.info("panel: column %r is taken for the %s", usual_name, key)
            change[key] = usual_name
    column = change.get("phenotype", params.phenotype)
    if panel.attrs.get("plink") and params.coding == "auto" and column in columns:
        words = set(as_text(panel[column]))
        # PLINK codes 1 and 2, with 0 or −9 for missing
        if {"0", "2"} & words and words <= {"0", "1", "2", "-9"}:
            change["coding"] = "1/2"
    params = params.model_copy(update=change)
    required = [params.individual, params.phenotype, *params.covariates, params.clade, params.treatment]
    if missing := [c for c in required if c is not None and c not in columns]:
        raise InputError(f"panel: need columns {missing}, got {columns}")
    return params


def individuals(panel: pd.DataFrame, params: CohortParams, genomes: Sequence[str]) -> list[str]:
    """Names of the panel's rows as the genomes have them: IID, or FID_IID where PLINK wrote the genotypes so."""
    names = as_text(panel[params.individual]).tolist()
    if params.individual == IID and FID in panel.columns:
        both = [f"{f}_{i}" for f, i in zip(as_text(panel[FID]), names, strict=True)]
        genotyped = set(genomes)
        if len(genotyped & set(both)) > len(genotyped & set(names)):
            log.info("panel: individuals are called FID_IID in the genotypes, as %r", both[0])
            return both
    return names
