"""Tables keep their contracts."""

import pandas as pd
import pytest

from photo51.io import Column, TableSpec, provenance, read_table, sha256, write_json, write_table
from photo51.types import InputError

SPEC = TableSpec(
    "genes",
    "one gene",
    {
        "name": Column("str", "symbol"),
        "length": Column("int", "bases"),
        "gc": Column("float", "share", required=False),
    },
)


def test_a_table_comes_back_as_it_was_with_its_provenance(tmp_path):
    table = pd.DataFrame({"length": [3, 6], "name": ["thrA", "lacZ"]})
    write_table(table, tmp_path / "t.parquet", SPEC, provenance("prepare", {"k": 1}))
    back = read_table(tmp_path / "t.parquet", SPEC)
    assert list(back.columns) == ["name", "length"]
    assert back["name"].tolist() == ["thrA", "lacZ"]
    assert back.attrs["provenance"]["params"] == {"k": 1}


def test_the_same_table_is_the_same_bytes(tmp_path):
    table = pd.DataFrame({"name": ["a"], "length": [1]})
    for name in ("one", "two"):
        write_table(table, tmp_path / name, SPEC, provenance("prepare"))
    assert sha256(tmp_path / "one") == sha256(tmp_path / "two")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"name": ["a"]}, "needs columns ['length']"),
        ({"name": ["a"], "length": ["three"]}, "column 'length': need int, got"),
    ],
)
def test_a_broken_table_is_refused_by_name(table, said, tmp_path):
    with pytest.raises(InputError) as e:
        write_table(pd.DataFrame(table), tmp_path / "t.parquet", SPEC, provenance("prepare"))
    assert said in str(e.value)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_parquet_is_named(tmp_path):
    (tmp_path / "t.parquet").write_text("not parquet")
    with pytest.raises(InputError, match=r"t\.parquet: need a parquet table"):
        read_table(tmp_path / "t.parquet", SPEC)
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "absent.parquet", SPEC)


def test_an_empty_table_fits_its_contract(tmp_path):
    write_table(SPEC.empty(), tmp_path / "t.parquet", SPEC, provenance("prepare"))
    assert len(read_table(tmp_path / "t.parquet", SPEC)) == 0


def test_json_has_null_for_what_is_not_a_number(tmp_path):
    write_json({"b": float("nan"), "a": [1, 2.5]}, tmp_path / "x.json")
    assert (tmp_path / "x.json").read_text() == '{\n "a": [\n  1,\n  2.5\n ],\n "b": null\n}\n'
