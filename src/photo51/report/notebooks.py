"""Run a notebook and keep what it shows: percent script → executed `.ipynb` → HTML page in the report's looks, offline.

Notebooks are percent scripts (jupytext), so that they can be reviewed and linted as code; papermill puts in parameters
and runs them; nbconvert turns the result into HTML without the code.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from markupsafe import Markup

from photo51 import __version__, theme
from photo51.io import atomic
from photo51.report.elements.blocks import TEMPLATES, Raw, environment, used_terms
from photo51.report.elements.svg import glyphs
from photo51.types import InputError

if TYPE_CHECKING:
    from nbformat import NotebookNode

log = logging.getLogger(__name__)
_MARKERS = {"papermill-error-cell-tag"}
_NOT_KEPT = ("papermill", "execution", "widgets")


def setup() -> Raw:
    """What a notebook shows first, so that tables, figures and logos look in Jupyter as they do in the report."""
    page = (TEMPLATES / "page.css").read_text(encoding="utf-8").replace(":root", "&")
    return Raw(Markup(f"<style>{theme.css()}\n.block{{\n{page}\n}}</style>{glyphs()}"))


def run_notebook(notebook: Path, out: Path, parameters: Mapping[str, Any]) -> Path:
    """Run a notebook with parameters and write `OUT/<name>.ipynb` and `OUT/<name>.html`.

    Parameters
    ----------
    notebook
        A percent script whose cell tagged `parameters` sets every parameter.
    out
        Folder of the results.
    parameters
        Values that replace those of the parameters cell.

    Returns
    -------
    Path of the HTML page.

    Raises
    ------
    InputError
        For a file that is no notebook, a parameter it does not have, or a cell that failed; in the last case both files
        are kept as far as they got.
    """
    import jupytext
    import nbformat
    import papermill

    if not notebook.is_file():
        raise InputError(f"{notebook}: need a notebook (percent script), got no such file")
    source = jupytext.read(notebook)
    declared = _parameter_names(source, notebook)
    if unknown := sorted(set(parameters) - set(declared)):
        raise InputError(f"{notebook}: need parameters among {', '.join(declared)}, got {', '.join(unknown)}")
    for number, cell in enumerate(source.cells):
        cell["id"] = f"cell-{number:02d}"
    source.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    out.mkdir(parents=True, exist_ok=True)
    executed, failure = out / f"{notebook.stem}.ipynb", ""
    with atomic(executed) as partial:
        parameterised = partial.with_suffix(".in.ipynb")
        nbformat.write(source, parameterised)
        try:
            papermill.execute_notebook(
                str(parameterised),
                str(partial),
                parameters=dict(parameters),
                kernel_name="python3",
                progress_bar=False,
                log_output=False,
                request_save_on_cell_execute=False,
            )
        except papermill.PapermillExecutionError as e:
            failure = f"cell {e.cell_index} failed: {e.ename}: {e.evalue}"
        finally:
            parameterised.unlink(missing_ok=True)
        result = _forget_times(nbformat.read(partial, as_version=4))
        nbformat.write(result, partial)
    page = executed.with_suffix(".html")
    with atomic(page) as partial:
        partial.write_text(_page(result, notebook, parameters, failure), encoding="utf-8")
    if failure:
        raise InputError(f"{notebook}: {failure}; what it showed until then is in {page}")
    log.info("%s: written %s and %s", notebook.name, executed, page)
    return page


def parse_parameters(assignments: list[str]) -> dict[str, Any]:
    """`key=value` words as parameters; values are read as YAML, so that numbers are numbers.

    Raises
    ------
    InputError
        For a word without `=`.
    """
    out = {}
    for word in assignments:
        key, equals, value = word.partition("=")
        if not equals or not key.isidentifier():
            raise InputError(f"-p: need KEY=VALUE, got {word!r}")
        out[key] = yaml.safe_load(value)
    return out


def _parameter_names(notebook: NotebookNode, path: Path) -> list[str]:
    import ast

    cells = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    if len(cells) != 1:
        raise InputError(f"{path}: need one cell tagged `parameters`, got {len(cells)}")
    tree = ast.parse(cells[0].source)
    return [t.id for node in tree.body if isinstance(node, ast.Assign) for t in node.targets if isinstance(t, ast.Name)]


def _forget_times(notebook: NotebookNode) -> NotebookNode:
    """Without run times and the running machine's paths, so that the same run gives the same bytes."""
    notebook.cells = [c for c in notebook.cells if not set(c.metadata.get("tags", [])) & _MARKERS]
    for key in _NOT_KEPT:
        notebook.metadata.pop(key, None)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02d}"
        for key in _NOT_KEPT:
            cell.metadata.pop(key, None)
    return notebook


def _page(notebook: NotebookNode, path: Path, parameters: Mapping[str, Any], failure: str) -> str:
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(
        template_name="basic",
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    body, _ = exporter.from_notebook_node(notebook)
    title = next(
        (
            line.removeprefix("# ").strip()
            for c in notebook.cells
            if c.cell_type == "markdown"
            for line in c.source.splitlines()
            if line.startswith("# ")
        ),
        path.stem,
    )
    return (
        environment()
        .get_template("notebook.html.j2")
        .render(
            title=title,
            name=path.stem,
            body=Markup(body),
            parameters=parameters,
            failure=failure,
            version=__version__,
            keys=used_terms(body),
        )
    )
