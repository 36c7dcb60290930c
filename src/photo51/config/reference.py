"""The config reference: every key with its default and its meaning, as Markdown, from the models that hold them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

_HEAD = """# What a configuration may say

`config/config.yaml` is the demo, `config/examples/` holds others; `photo51 run FILE` runs one. A key that is left out
has the default given here, and a key that is not listed is refused by name. The table of genomes (`genomes.tsv`) is
described in `src/photo51/genome/preparation/samples.py` and in the README. This page is made by
`photo51 schema config/README.md`.
"""


def reference(model: type[BaseModel]) -> str:
    """Markdown with one table for the top level and one for each stage.

    Parameters
    ----------
    model
        The configuration of a run.
    """
    parts = [_HEAD, _table(model)]
    for path, inner in _sections(model, ""):
        doc = (inner.__doc__ or "").strip().splitlines()[0]
        parts.append(f"\n## `{path}`\n\n{doc}\n\n{_table(inner)}")
    return "\n".join(parts)


def _sections(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in model.model_fields.items():
        inner = _model(field.annotation)
        if inner is not None:
            path = f"{prefix}{name}" + ("" if isinstance(field.annotation, type) else ".NAME")
            yield path, inner
            yield from _sections(inner, f"{path}.")


def _model(annotation: Any) -> type[BaseModel] | None:
    """The model a field holds, or each value of its mapping; None for a plain value."""
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _table(model: type[BaseModel]) -> str:
    rows = [f"| `{name}` | {_default(field)} | {_said(field)} |" for name, field in model.model_fields.items()]
    return "\n".join(["| key | default | meaning |", "|---|---|---|", *rows, ""])


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    if _model(field.annotation) is not None:
        return "see below"
    value = json.loads(json.dumps(field.get_default(call_default_factory=True)))
    return f"`{json.dumps(value)}`".replace("|", "\\|")


def _said(field: FieldInfo) -> str:
    return (field.description or "").replace("|", "\\|")
