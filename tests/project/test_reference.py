"""`docs/reference.md` is what the docstrings say today, and says all of it; made without importing the package."""

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

import photo51

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "reference.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def generator():
    spec = spec_from_file_location("make_reference", DOCS / "make_reference.py")
    module = module_from_spec(spec)
    sys.modules["make_reference"] = module
    spec.loader.exec_module(module)
    return module


def test_the_page_is_made_without_importing_the_package_and_is_the_one_that_is_there(tmp_path):
    made = tmp_path / "reference.md"
    run = f"sys.argv = ['make', {str(made)!r}]; runpy.run_path({str(DOCS / 'make_reference.py')!r}, run_name='__main__'); "
    seen = "assert not {'photo51', 'torch', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-I", "-c", "import runpy, sys; " + run + seen], check=True, cwd=tmp_path)
    assert made.read_text(encoding="utf-8") == PAGE, "run `make docs`"


@pytest.mark.parametrize("name", sorted(photo51.__all__))
def test_every_public_name_has_its_heading(name):
    assert f"\n## photo51.{name}\n" in PAGE or f"\n## {name}\n\n`photo51.{name}`" in PAGE


@pytest.mark.parametrize("name", sorted({*photo51.__all__} - {"InputError", "Interval", "Variant"}))
def test_every_function_says_what_it_takes_gives_and_refuses_with_an_example(name):
    section = PAGE.split(f"\n## photo51.{name}\n", 1)[1].split("\n## ", 1)[0]
    for part in ("```python\nphoto51.", "**Parameters**", "**Returns**", "**Raises**", "**Examples**", "\n>>> "):
        assert part in section, part


def test_links_lead_to_headings():
    headings = {h[3:].lower().replace(".", "") for h in PAGE.splitlines() if h.startswith("## ")}
    links = [line.rsplit("(#", 1)[1].removesuffix(")") for line in PAGE.splitlines() if line.startswith("- [`")]
    assert len(links) > 30
    assert set(links) <= headings


def test_sections_of_a_docstring_become_lists_and_code(generator):
    text = """First.

    Parameters
    ----------
    a, b
        Two
        lines.

    Returns
    -------
    A thing.

    Examples
    --------
    >>> 1
    1
    """
    assert generator.markdown(text) == (
        "First.\n\n**Parameters**\n\n- `a, b`: Two lines.\n\n**Returns**: A thing.\n\n"
        "**Examples**\n\n```pycon\n>>> 1\n1\n```"
    )
