"""The house: arrows inside its six largest rooms, circles of imports, grammar of commands, words, seconds to start.

- `internal_arrows_six_rooms`: arrows between the direct members (modules, or rooms within) of `genome`, `model`, `enrichment`,
  `geometry`, `interventions` and `report`; an arrow is a member that imports another, however often and wherever.
- `circles`: groups of two and more modules that import each other in a circle, imports inside functions included, those for
  types alone left out.
- `argument_orders`: how many different orders the positional arguments have that name something of a run (its folder, or the
  activations, dictionary, codes, genomes, tables in it), over all commands that take any.
- `forbidden_words`: bound names and words of names of `FORBIDDEN`, for which the field has another word.
- `import_seconds`: until `photo51 --version` has answered, best of five, with modules compiled.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from typer.main import get_command

import photo51
from photo51.cli import app

ROOMS = ("genome", "model", "enrichment", "geometry", "interventions", "report")
OF_A_RUN = frozenset(
    [
        "run",
        "results",
        "codes",
        "activations",
        "genomes",
        "features",
        "losses",
        "tables",
        "folder",
        "places",
        "where",
    ]
)
FORBIDDEN = frozenset(
    [
        "turned",
        "rival",
        "rivals",
        "exam",
        "examine",
        "examined",
        "ledger",
        "battery",
        "retile",
        "retiled",
        "dossier",
        "storey",
        "reckon",
        "dealt",
        "stretch",
        "stretches",
        "anew",
        "beside",
        "clumping",
        "oracle",
        "oracles",
    ]
)


def measure(*, quick: bool) -> dict[str, float | int | None]:
    """Figures of the package as it is imported."""
    package = Path(photo51.__file__).parent
    graph = imports(package)
    return {
        "internal_arrows_six_rooms": sum(len(arrows(graph, room)) for room in ROOMS),
        "circles": len(circles(graph)),
        "argument_orders": len(orders()),
        "forbidden_words": sum(1 for _ in forbidden(package)),
        "import_seconds": min(_seconds() for _ in range(1 if quick else 5)),
    }


def imports(package: Path) -> dict[str, set[str]]:
    """Module → modules of the package that it imports when it runs, by dotted names below the package."""
    files = {_name(path, package): path for path in sorted(package.rglob("*.py"))}
    files.pop("")  # the package's face imports what it is asked for, when it is asked
    graph: dict[str, set[str]] = {}
    for name, path in files.items():
        graph[name] = set()
        for node in _running(ast.parse(path.read_text(encoding="utf-8"))):
            for target in _targets(node, name, package.name, is_package=path.name == "__init__.py"):
                known = target if target in files else target.rpartition(".")[0]
                if known in files and known != name:
                    graph[name].add(known)
    return graph


def _name(path: Path, package: Path) -> str:
    parts = path.relative_to(package).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Nodes, without what is only there for types."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _running(child)


def _targets(node: ast.AST, name: str, package: str, *, is_package: bool) -> Iterator[str]:
    """Dotted names below the package that a statement imports."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name.startswith(f"{package}."):
                yield alias.name.removeprefix(f"{package}.")
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            above = name.split(".") if is_package else name.split(".")[:-1]
            base = ".".join([package, *above[: len(above) - node.level + 1], *filter(None, [base])])
        if base == package or base.startswith(f"{package}."):
            inner = base.removeprefix(package).removeprefix(".")
            for alias in node.names:
                yield f"{inner}.{alias.name}".removeprefix(".")


def arrows(graph: dict[str, set[str]], room: str) -> set[tuple[str, str]]:
    """Pairs of direct members of a room of which the first imports the second."""

    def member(module: str) -> str | None:
        parts = module.split(".")
        return parts[1] if parts[0] == room and len(parts) > 1 else None

    pairs = {(member(a), member(b)) for a, targets in graph.items() for b in targets}
    return {(a, b) for a, b in pairs if a is not None and b is not None and a != b}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other in a circle."""
    names = sorted(graph)
    number = {name: i for i, name in enumerate(names)}
    pairs = [(number[a], number[b]) for a, targets in graph.items() for b in targets]
    rows, columns = zip(*pairs, strict=True) if pairs else ((), ())
    matrix = csr_array(([1] * len(pairs), (rows, columns)), shape=(len(names), len(names)))
    _, group = connected_components(matrix, directed=True, connection="strong")
    members = defaultdict(list)
    for name, g in zip(names, group.tolist(), strict=True):
        members[g].append(name)
    return [found for found in members.values() if len(found) > 1]


def orders() -> set[tuple[str, ...]]:
    """Orders of the positional arguments that name something of a run."""
    commands = get_command(app).commands  # type: ignore[attr-defined]
    stated = (
        tuple(str(p.name) for p in c.params if p.param_type_name == "argument" and p.name in OF_A_RUN)
        for name, c in commands.items()
        if name != "prepare"  # whose genomes are a table of files, before there is a run
    )
    return {order for order in stated if order}


def forbidden(package: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of every binding one of whose words the field has another word for."""
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(node, "name", None) or getattr(node, "arg", None)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                name = node.id
            words = re.split(r"_|(?<=[a-z])(?=[A-Z])", name) if isinstance(name, str) else []
            if FORBIDDEN & {w.lower() for w in words}:
                yield _name(path, package), str(name)


def _seconds() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "photo51.cli", "--version"], check=True, capture_output=True)
    return time.perf_counter() - started
