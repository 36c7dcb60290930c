"""The reference of `import photo51`, written from its docstrings: `python docs/make_reference.py [FILE]`.

Sources are parsed, not imported: nothing has to be installed. What is described are the names of `photo51.__all__`, and
the classes that these return, with their public methods, and so on.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src"
HEADER = """# Reference of `import photo51`

Made from the docstrings by `make docs`; do not edit. Examples run on the results of
`photo51 run config/examples/nano.yaml`, whose folder they call `RUN`. A wrong argument raises `InputError`: its message
says what was found and what is needed. `photo51.widgets` shows the same in a notebook.
"""
SHOWN = frozenset(["__getitem__"])  # of the methods with underscores
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Home(NamedTuple):
    """Something that is defined: in which module, under which name, and its syntax."""

    module: str
    name: str
    node: Function | ast.ClassDef


@cache
def parsed(module: str) -> tuple[ast.Module, dict[str, tuple[str, str]]]:
    """A module of the package, and its imported names: name → (module, name there)."""
    path = SOURCES.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    tree = ast.parse(file.read_text(encoding="utf-8"))
    imported = {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return tree, imported


def home(module: str, name: str) -> Home | None:
    """Where a name of a module is defined; None where that is outside the package, or no function or class."""
    if not module.startswith("photo51"):
        return None
    tree, imported = parsed(module)
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef) and node.name == name:
            return Home(module, name, node)
    return home(*imported[name]) if name in imported else None


def documented() -> tuple[list[Home], list[Home]]:
    """Functions of the public face; and its classes, those that are returned after those that return them."""
    tree, _ = parsed("photo51")
    names = next(ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign) and _is_all(n))
    homes = [h for h in (home("photo51", name) for name in names) if h]
    functions = [h for h in homes if not isinstance(h.node, ast.ClassDef)]
    classes = {(h.module, h.name): h for h in homes if isinstance(h.node, ast.ClassDef)}
    waiting = [h for f in functions for h in returned(f.module, f.node)]
    while waiting:
        one = waiting.pop(0)
        if (one.module, one.name) in classes or one.name.startswith("_") or one.module.startswith("photo51.config"):
            continue
        classes[one.module, one.name] = one
        waiting += [h for where, m in members(one) for h in returned(where, m)]
    return functions, list(classes.values())


def _is_all(node: ast.Assign) -> bool:
    return any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets)


def returned(module: str, node: ast.AST) -> Iterator[Home]:
    """Documented classes that the annotation of what a function returns, or of a field, names."""
    annotation = node.annotation if isinstance(node, ast.AnnAssign) else getattr(node, "returns", None)
    for part in ast.walk(annotation) if annotation else ():
        found = home(module, part.id) if isinstance(part, ast.Name) else None
        if found and isinstance(found.node, ast.ClassDef) and ast.get_docstring(found.node):
            yield found


def members(one: Home) -> Iterator[tuple[str, Function]]:
    """Public methods and properties of a class with the module of each, its own first, then those of its bases."""
    assert isinstance(one.node, ast.ClassDef)
    seen = set()
    for node in one.node.body:
        if isinstance(node, Function) and (node.name in SHOWN or not node.name.startswith("_")):
            seen.add(node.name)
            yield one.module, node
    for base in one.node.bases:
        parent = home(one.module, base.id) if isinstance(base, ast.Name) else None
        if parent:
            yield from ((where, m) for where, m in members(parent) if m.name not in seen)


def signature(node: Function, name: str) -> str:
    """As it is called: `name(a, *, b=1) -> c`; a property as `name: c`."""
    arguments = ast.arguments(**{f: getattr(node.args, f) for f in ast.arguments._fields})
    if arguments.args and arguments.args[0].arg in {"self", "cls"}:
        arguments.args = arguments.args[1:]
    result = ast.unparse(node.returns) if node.returns else ""
    if any("property" in ast.unparse(d) for d in node.decorator_list):
        return f"{name}: {result}"
    text = f"{name}({ast.unparse(arguments)})"
    return text + (f" -> {result}" if result not in {"", "None"} else "")


def construction(node: ast.ClassDef) -> str:
    """How a class is made: from the arguments of `__init__`, else from its fields; nothing where it has neither."""
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and method.name == "__init__":
            return signature(method, node.name).removesuffix(" -> None")
    stated = [ast.unparse(f) for f in node.body if isinstance(f, ast.AnnAssign)]
    fields = [f for f in stated if not f.startswith("_") and "ClassVar" not in f]
    return f"{node.name}({', '.join(fields)})" if fields else node.name


def markdown(docstring: str) -> str:
    """A numpy-style docstring as Markdown: sections become bold words, entries a list, examples a block of code."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", inspect.cleandoc(docstring), flags=re.MULTILINE)
    out = [parts[0].strip()]
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        text = body.strip("\n")
        if title == "Examples":
            shown = f"```pycon\n{text.strip()}\n```"
        elif title in {"Returns", "Yields"} and not re.search(r"^\S.*\n {4}", text, flags=re.MULTILINE):
            shown = " ".join(text.split())
        elif title in {"Notes", "References"}:
            shown = text.strip()
        else:
            entries = re.findall(r"^(\S.*)\n((?: {4}.*(?:\n|$)|\n(?= {4}))*)", text + "\n", flags=re.MULTILINE)
            shown = "\n".join(f"- `{n.strip()}`: {' '.join(d.split())}" if d else f"- {n}" for n, d in entries)
        out.append(f"**{title}**" + ("\n\n" if shown[0] in "-`" else ": ") + shown)
    return "\n\n".join(out)


def reference() -> str:
    """The whole page."""
    functions, classes = documented()
    contents = [f"- [`photo51.{f.name}`](#photo51{f.name.lower()})" for f in functions]
    contents += [f"- [`{c.name}`](#{c.name.lower()})" for c in classes]
    out = [HEADER, *contents]
    for f in functions:
        out += [f"\n## photo51.{f.name}\n", f"```python\n{signature(f.node, f'photo51.{f.name}')}\n```\n"]  # type: ignore[arg-type]
        out.append(markdown(ast.get_docstring(f.node) or ""))
    for c in classes:
        public = f"photo51.{c.name}" if c.module == "photo51.types" else f"{c.module}.{c.name}"
        out += [f"\n## {c.name}\n", f"`{public}`\n", f"```python\n{construction(c.node)}\n```\n"]  # type: ignore[arg-type]
        out.append(markdown(ast.get_docstring(c.node) or ""))
        for _, method in members(c):
            out.append(f"\n### {c.name}.{method.name}\n\n```python\n{signature(method, method.name)}\n```\n")
            out.append(markdown(ast.get_docstring(method) or ""))
    return "\n".join(out).rstrip() + "\n"


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "reference.md"
    target.write_text(reference(), encoding="utf-8")
