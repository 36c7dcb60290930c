import re
from pathlib import Path

import jupytext
import pytest

from photo51.report.elements.blocks import Block
from photo51.report.notebooks import parse_parameters, run_notebook
from photo51.types import InputError

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9]*.py"))
TOY = """# %% [markdown]
# # How many bases?

# %% tags=["parameters"]
n = 3

# %%
from photo51.report.elements.blocks import Note
from photo51.report.notebooks import setup
setup()

# %%
Note(f"There are {n} bases.")

# %%
assert n < 10, "too many bases"
"""


def shown(cell, names):
    """Run a cell as Jupyter would, and return the value of its last expression."""
    import ast

    tree = ast.parse(cell.source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last is not None else None


def test_the_six_notebooks_are_there():
    assert [p.stem for p in NOTEBOOKS] == [
        "01_run_at_a_glance",
        "02_feature_dossier",
        "03_manifolds",
        "04_variants_and_biomarkers",
        "05_interventions",
        "06_what_the_model_learnt",
    ]


@pytest.mark.parametrize("made", ["whole", "poor"])
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_every_notebook_runs_and_ends_with_an_answer(path, made, request):
    """Against a run with every stage, and against one with genomes, codes and features alone."""
    folder = request.getfixturevalue(made)
    notebook = jupytext.read(path)
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")
    assert notebook.cells[0].source.splitlines()[0].endswith("?")
    names, values = {"__name__": "notebook"}, []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        if "parameters" in cell.metadata.get("tags", []):
            exec(cell.source, names)
            names["results"] = str(folder)
            continue
        value = shown(cell, names)
        if isinstance(value, Block):
            values.append(value._repr_html_())
    assert len(values) >= (3 if made == "whole" else 2)
    assert "setup()" in next(c.source for c in notebook.cells if c.cell_type == "code" and "assert" in c.source)
    text = re.sub(r"<[^>]+>", " ", values[-1])
    assert len(text.split()) > 12
    assert not [
        c
        for c in notebook.cells
        if c.cell_type == "code" and re.search(r"^\s*(def|class|for|while) ", c.source, re.MULTILINE)
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_the_first_cell_refuses_a_folder_that_is_no_run(path, tmp_path):
    notebook = jupytext.read(path)
    names = {}
    code = [c for c in notebook.cells if c.cell_type == "code"]
    exec(code[0].source, names)
    names["results"] = str(tmp_path)
    with pytest.raises(AssertionError, match="is not the folder of a finished run"):
        exec(code[1].source, names)


@pytest.fixture
def toy(tmp_path):
    (tmp_path / "toy.py").write_text(TOY)
    return tmp_path / "toy.py"


@pytest.mark.slow
def test_a_notebook_is_run_with_parameters_and_kept_where_it_fails(toy, tmp_path):
    page = run_notebook(toy, tmp_path / "out", {"n": 5})
    text = page.read_text(encoding="utf-8")
    assert "There are 5 bases." in text
    assert "<title>How many bases?" in text
    assert "assert n" not in text
    first = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    assert set(first) == {"toy.html", "toy.ipynb"}
    run_notebook(toy, tmp_path / "out", {"n": 5})
    assert first == {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    with pytest.raises(InputError, match="AssertionError: too many bases; what it showed until then is in"):
        run_notebook(toy, tmp_path / "out", {"n": 50})
    text = page.read_text(encoding="utf-8")
    assert "There are 50 bases." in text
    assert "This notebook did not finish" in text
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"toy.html", "toy.ipynb"}


def test_unknown_parameters_and_files_are_told(toy, tmp_path):
    with pytest.raises(InputError, match="need parameters among n, got m"):
        run_notebook(toy, tmp_path / "out", {"m": 5})
    with pytest.raises(InputError, match="no such file"):
        run_notebook(tmp_path / "none.py", tmp_path / "out", {})
    (tmp_path / "plain.py").write_text("# %%\nx = 1\n")
    with pytest.raises(InputError, match="need one cell tagged `parameters`, got 0"):
        run_notebook(tmp_path / "plain.py", tmp_path / "out", {})


def test_values_of_parameters_are_read_as_yaml():
    assert parse_parameters(["a=3", "b=x y", "c=[1, 2]", "d="]) == {
        "a": 3,
        "b": "x y",
        "c": [1, 2],
        "d": None,
    }
    with pytest.raises(InputError, match="need KEY=VALUE, got 'novalue'"):
        parse_parameters(["novalue"])
