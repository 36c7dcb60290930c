"""The reference of `import photo51`, written from its docstrings: `python docs/make_reference.py [FILE]`.

Griffe reads the sources without importing them: the package need not be installed. What is described are the names of
`photo51.__all__`, and the classes that these return, with their public methods, and so on.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import griffe

ROOT = Path(__file__).parents[1]
HEADER = """# Reference of `import photo51`

Made from the docstrings by `make docs`; do not edit. Examples run on the results of
`photo51 run config/examples/nano.yaml`, whose folder they call `RUN`. A wrong argument raises `InputError`: its message
says what was found and what is needed. `photo51.widgets` shows the same in a notebook.
"""
SHOWN = frozenset(["__getitem__"])  # of the methods with underscores
Method = griffe.Function | griffe.Attribute
"""A method; griffe holds properties among the attributes."""


def documented(package: griffe.Module) -> tuple[list[griffe.Function], list[griffe.Class]]:
    """Functions of the public face; and its classes, those that are returned after those that return them."""
    public = [defined(package[str(name)]) for name in package.exports or ()]
    functions = [f for f in public if isinstance(f, griffe.Function)]
    classes = {c.path: c for c in public if isinstance(c, griffe.Class)}
    waiting = [c for f in functions for c in returned(f)]
    while waiting:
        one = waiting.pop(0)
        if one.path in classes or one.name.startswith("_") or one.path.startswith("photo51.config"):
            continue
        classes[one.path] = one
        waiting += [c for m in members(one) for c in returned(m)]
    return functions, list(classes.values())


def defined(item: griffe.Object | griffe.Alias) -> griffe.Object:
    """What a name stands for, where it is defined."""
    return item.final_target if isinstance(item, griffe.Alias) else item


def returned(item: Method) -> Iterator[griffe.Class]:
    """Documented classes of the package that the annotation of what a function returns, or of a property, names."""
    annotation = item.returns if isinstance(item, griffe.Function) else item.annotation
    for part in annotation.iterate() if isinstance(annotation, griffe.Expr) else ():
        path = part.canonical_path if isinstance(part, griffe.ExprName) else ""
        found = defined(item.modules_collection[path]) if path.startswith("photo51.") else None
        if isinstance(found, griffe.Class) and found.docstring:
            yield found


def members(one: griffe.Class) -> Iterator[Method]:
    """Public methods and properties of a class, its own first, then those of its bases."""
    for name, member in {**one.members, **one.inherited_members, **one.members}.items():
        item = defined(member)
        if isinstance(item, griffe.Attribute) and "property" not in item.labels:
            continue
        if isinstance(item, Method) and (name in SHOWN or not name.startswith("_")):
            yield item


def signature(item: Method, name: str) -> str:
    """As it is called: `name(a, *, b=1) -> c`; a property as `name: c`."""
    if isinstance(item, griffe.Attribute):
        return f"{name}: {item.annotation}"
    text = item.signature(return_type=str(item.returns) != "None", name=name)
    return re.sub(r"\((?:self|cls)(?:, )?", "(", text, count=1)


def construction(one: griffe.Class) -> str:
    """How a class is made: from the arguments of `__init__`, else from its fields; nothing where it has neither."""
    if isinstance(made := one.members.get("__init__"), griffe.Function):
        return signature(made, one.name)
    fields = [
        f"{a.name}: {a.annotation}" + (f" = {a.value}" if a.value else "")
        for a in one.members.values()
        if isinstance(a, griffe.Attribute) and a.annotation and not a.name.startswith("_")
        if "property" not in a.labels and "ClassVar" not in str(a.annotation)
    ]
    return f"{one.name}({', '.join(fields)})" if fields else one.name


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


def described(item: griffe.Object, call: str) -> str:
    """How something is called, and its docstring."""
    return f"```python\n{call}\n```\n\n{markdown(item.docstring.value if item.docstring else '')}"


def reference() -> str:
    """The whole page."""
    package = griffe.load("photo51", search_paths=[ROOT / "src"], allow_inspection=False)
    assert isinstance(package, griffe.Module)
    functions, classes = documented(package)
    out = [HEADER]
    out += [f"- [`photo51.{f.name}`](#photo51{f.name.lower()})" for f in functions]
    out += [f"- [`{c.name}`](#{c.name.lower()})" for c in classes]
    for f in functions:
        out.append(f"\n## photo51.{f.name}\n\n" + described(f, signature(f, f"photo51.{f.name}")))
    for c in classes:
        public = f"photo51.{c.name}" if c.module.path == "photo51.types" else c.path
        out.append(f"\n## {c.name}\n\n`{public}`\n\n" + described(c, construction(c)))
        out += [f"\n### {c.name}.{m.name}\n\n" + described(m, signature(m, m.name)) for m in members(c)]
    return "\n".join(out).rstrip() + "\n"


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "reference.md"
    target.write_text(reference(), encoding="utf-8")
