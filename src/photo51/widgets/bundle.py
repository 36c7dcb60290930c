"""The studio's front-end modules as one module without imports, as a notebook loads a widget."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from photo51.studio.modules import parts
from photo51.types import InputError

STATIC = Path(__file__).parent / "static"
STYLES = ("theme.css", "page.css", "studio.css")
# what the page sets on its body, which a widget has none of
OWN = ".widget { font: .94rem/1.5 var(--sans); color: var(--ink); background: var(--paper) }"
_IMPORT = re.compile(r'^import\s*\{([^}]*)\}\s*from\s*"\./([\w.-]+)";[ \t]*\n', re.MULTILINE)
_DECLARED = re.compile(r"^export\s+(?:const|let|class|function\*?|async function\*?)\s+(\w+)", re.MULTILINE)
_LISTED = re.compile(r"^export\s*\{([^}]*)\};[ \t]*\n?", re.MULTILINE)


@cache
def bundle(entry: str) -> str:
    """A widget's module with all it imports, in order, each in a scope of its own; its default export has `render`.

    Parameters
    ----------
    entry
        Name of a module of this folder, which exports `render`.

    Raises
    ------
    InputError
        For a module that imports what is no module of the studio.
    """
    widget: dict[str, str] = {}
    _add(entry, widget, ())
    css = "".join(parts()[name].decode() for name in STYLES).replace(":root", ":host") + OWN
    body = "".join(f"const {_scope(name)} = (() => {{\n{text}}})();\n" for name, text in widget.items())
    return f"const CSS = {json.dumps(css)};\n{body}export default {{ render: {_scope(entry)}.render }};\n"


def _scope(name: str) -> str:
    return "module_" + re.sub(r"\W", "_", name)


def _source(name: str) -> str:
    own_file = STATIC / name
    if own_file.is_file():
        return own_file.read_text(encoding="utf-8")
    if name not in parts():
        raise InputError(f"widget: need a module of the studio, got {name!r}")
    return parts()[name].decode()


def _add(name: str, widget: dict[str, str], above: tuple[str, ...]) -> None:
    if name in widget:
        return
    if name in above:
        raise InputError(
            f"widget: need modules that do not import each other in a circle, got {' → '.join((*above, name))}"
        )
    text = _source(name)
    for match in _IMPORT.finditer(text):
        _add(match[2], widget, (*above, name))
    text = _IMPORT.sub(lambda m: f"const {{{_renamed(m[1])}}} = {_scope(m[2])};\n", text)
    exported = _DECLARED.findall(text)
    exported += [n.strip() for m in _LISTED.finditer(text) for n in m[1].split(",") if n.strip()]
    text = _LISTED.sub("", text)
    text = re.sub(r"^export\s+", "", text, flags=re.MULTILINE)
    widget[name] = f"{text}return {{ {', '.join(dict.fromkeys(exported))} }};\n"


def _renamed(names: str) -> str:
    """`a as b` of an import as `a: b` of a destructuring."""
    return re.sub(r"(\w+)\s+as\s+(\w+)", r"\1: \2", names)
