"""Codings of phenotypes and tables of individuals, by hand: recognised and said, or refused, never a quantity by accident."""

import gzip

import numpy as np
import pandas as pd
import pytest

from photo51.biomarkers.cohorts.cohort import roster
from photo51.biomarkers.cohorts.panel import columns_of, individuals, numeric_column, read_panel
from photo51.biomarkers.cohorts.phenotype import phenotype
from photo51.config.biomarkers import CohortParams
from photo51.types import InputError

NAN = float("nan")


def code(values, **params):
    names = [f"i{k}" for k in range(len(values))]
    return phenotype(pd.Series(values, dtype=object), names, CohortParams(**params))


@pytest.mark.parametrize(
    ("values", "expected", "said"),
    [
        (["1", "2", "-9", "2"], [0, 1, NAN, 1], "1 × -9"),
        (["2", "-9"], [1, NAN], "PLINK"),
        (["1", "1", "-9"], [0, 0, NAN], "PLINK"),
        (["0", "1", "-9", "0.0"], [0, 1, NAN, 0], "0 control, 1 case"),
        ([0, 1.0, np.nan], [0, 1, NAN], "1 × empty"),
        (["-1", "1", ""], [0, 1, NAN], "-1 control"),
        (["R", "S", "I", "NA"], [1, 0, NAN, NAN], "intermediate left out"),
        (["resistant", "Susceptible"], [1, 0], "resistant case"),
        (["case", "CONTROL", "."], [1, 0, NAN], "case case"),
        (["yes", "no", "?"], [1, 0, NAN], "yes case"),
        (["TRUE", "FALSE", "nan"], [1, 0, NAN], "true case"),
        ([True, False], [1, 0], "true case"),
        (["affected", "unaffected"], [1, 0], "unaffected control"),
    ],
)
def test_usual_codings_are_cases_and_controls(values, expected, said):
    found = code(values)
    assert found.is_binary
    np.testing.assert_equal(found.values, np.array(expected, dtype=float))
    assert said in found.said
    assert "binary" in found.said


@pytest.mark.parametrize(
    ("params", "values", "expected"),
    [
        ({"coding": "-1/0/1"}, ["-1", "0", "1"], [0, NAN, 1]),
        ({"coding": "1/2"}, ["0", "1", "2"], [NAN, 0, 1]),
        ({"missing": ("-1",)}, ["-1", "0", "1"], [NAN, 0, 1]),
        ({"cases": ("mut",), "controls": ("wt",)}, ["wt", "mut", "NA"], [0, 1, NAN]),
        ({"intermediate": "case"}, ["R", "S", "I"], [1, 0, 1]),
        ({"intermediate": "control"}, ["R", "S", "I"], [1, 0, 0]),
    ],
)
def test_what_is_stated_counts(params, values, expected):
    np.testing.assert_equal(code(values, **params).values, np.array(expected, dtype=float))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["0", "1", "2"], "'0', '1', '2'"),
        (["-1", "0", "1"], "'-1'"),
        (["3", "7"], "'3', '7'"),
        (["0", "1", "-99"], "'-99'"),
        (["1", "2", "3", "4", "5"], "`coding`"),
        (["R", "S", "1"], "got 'r' for 'i0'"),
        (["R", "no"], "got 'r' for 'i0'"),
        (["0,5", "0,7"], "got '0,5' for 'i0'"),
        (["0", "1", "ill"], "got 'ill' for 'i2'"),
        (["NA", "-9", ""], "got none among 3"),
        ([1.5, -2, 3, 4, 5, 6, 7, -9], "-9 is missing or a value"),
        (["inf", 1, 2, 3, 4, 5, 6], "got 'inf'"),
    ],
)
def test_what_may_mean_two_things_is_refused_by_name(values, said):
    with pytest.raises(InputError, match="phenotype 'phenotype'") as caught:
        code(values)
    assert said in str(caught.value)


def test_quantities_are_said_and_minus_nine_is_missing_among_them():
    found = code([0.5, 1, 2, 3.25, 4, 5, 6, -9, "NA"])
    assert not found.is_binary
    np.testing.assert_equal(found.values, [0.5, 1, 2, 3.25, 4, 5, 6, NAN, NAN])
    assert "a quantity of 7 different numbers from 0.5 to 6" in found.said
    assert code([1.5, -2, 3, 4, 5, 6, 7, -9], coding="quantitative").values[-1] == -9


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.tsv", "individual\tphenotype\n001\t0\n002\t1\n"),
        ("p.csv", "individual,phenotype\r\n001,0\r\n002,1\r\n"),
        ("p.csv", "individual;phenotype\n001;0\n002;1\n"),
        ("p.csv", '"individual","phenotype"\n"001","0"\n"002","1"\n'),
        ("p.txt", "\ufeffindividual   phenotype\n001  0\n002 1\n"),
        ("p.fam", "f 001 0 0 1 1\nf 002 0 0 2 2\n"),
        ("p.phen", "f 001 1\nf 002 2\n"),
        ("p.pheno", "#FID IID PHENO1\nf 001 1\nf 002 2\n"),
        ("p.pheno", "#IID\tPHENO1\n001\t1\n002\t2\n"),
        ("p.pheno", "IID PHENO1\n001 1\n002 2\n"),
        ("p.psam", "##x\n#FID\tIID\tSEX\tPHENO1\nf\t001\t1\t1\nf\t002\tNA\t2\n"),
        ("p.psam", "f 001 0 0 1 1\nf 002 0 0 2 2\n"),
        ("p.sample", "ID_1 ID_2 missing sex phenotype\n0 0 0 D B\nf 001 0 1 0\nf 002 0 2 1\n"),
        ("p.txt", "FID IID height\nf 001 0\nf 002 1\n"),
    ],
)
def test_tables_of_every_kind_keep_names_as_text(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    people = roster(["002", "001"], read_panel(path), CohortParams())
    assert people.individuals.tolist() == ["002", "001"]
    assert people.phenotype.tolist() == [1, 0]
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    assert read_panel(packed).equals(read_panel(path))


@pytest.mark.parametrize("name", ["p.fam", "p.psam"])
def test_plink_zero_is_missing_in_a_fam_file_alone(tmp_path, name):
    rows = "f a 0 0 1 0\nf b 0 0 1 1\nf c 0 0 1 2\n"
    (tmp_path / name).write_text(rows)
    people = roster(["a", "b", "c"], read_panel(tmp_path / name), CohortParams(max_unmatched=1))
    assert people.individuals.tolist() == ["b", "c"]
    assert people.unmatched.to_numpy().tolist() == [["a", "no phenotype"]]


def test_names_that_plink_doubled_are_found(tmp_path):
    (tmp_path / "p.txt").write_text("FID IID phenotype\nx 1 0\ny 2 1\n")
    panel = read_panel(tmp_path / "p.txt")
    params = columns_of(panel, CohortParams())
    assert individuals(panel, params, ["x_1", "y_2"]) == ["x_1", "y_2"]
    assert individuals(panel, params, ["1", "2"]) == ["1", "2"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\tb\n1\n", "line 2: need 2 columns"),
        ("a\ta\n1\t2\n", "need column names that differ"),
        ("individual\tphenotype\n", "header alone"),
        ("name\tvalue\nx\t1\n", "need columns"),
    ],
)
def test_broken_tables_are_one_sentence(tmp_path, text, said):
    (tmp_path / "p.tsv").write_text(text)
    with pytest.raises(InputError, match=said):
        columns_of(read_panel(tmp_path / "p.tsv"), CohortParams(individual="individual"))


def test_names_that_look_alike_are_a_hint_and_never_joined():
    panel = pd.DataFrame({"individual": ["1", "2"], "phenotype": ["0", "1"]})
    with pytest.raises(InputError, match="'001' and '1' look alike"):
        roster(["001", "002"], panel, CohortParams())


def test_a_panel_of_part_of_the_genomes_is_used_and_the_rest_listed():
    panel = pd.DataFrame({"individual": ["c", "a", "b"], "phenotype": ["S", "R", "NA"]})
    people = roster(["a", "b", "c", "d", "e"], panel, CohortParams())
    assert people.rows.tolist() == [0, 2]
    assert people.phenotype.tolist() == [1, 0]
    assert dict(people.unmatched.to_numpy().tolist()) == {
        "d": "no row in the panel", "e": "no row in the panel", "b": "no phenotype",
    }  # fmt: skip


def test_a_column_of_names_is_no_column_of_numbers():
    assert numeric_column(pd.Series(["01", "02"])).isna().all()
    assert numeric_column(pd.Series(["1", "", "2.5"])).tolist()[::2] == [1.0, 2.5]
